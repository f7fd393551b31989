"""The Python blocks of docs/client.md are run, each against a Tap of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import SERVE, serving
from tests.test_docs import ROOT, SHOWN_URLS, blocks

GUIDE = ROOT / "docs" / "client.md"
SHOWN = [
    ["IoTize00410000009B", "admin"],
    ["0x86 login as 'admin': wrong user name or password: NOT_ACCEPTABLE (0x86)", "65535 300 True"],
    ["IoTize00410000009B", "True"],
    [
        "Climate ['temperature', 'humidity']",
        "Controls ['setpoint', 'lamp', 'message']",
        "{'setpoint': 21.0, 'lamp': False, 'message': ''}",
        "0 0",
        "0",
    ],
    ["Kitchen"],
    [
        "OK (0x00) 496f54697a65303034313030303030303942",
        "b'IoTize00410000009B'",
        "False",
        "OK (0x00) 494f54495a45",
        "OK (0x00) 496f54697a65303034313030303030303942",
        "NOT_FOUND (0x84)",
    ],
    ["['supervisor', 'admin']"],
    ["admin"],
]
"""What each block prints."""


@pytest.mark.parametrize(("code", "shown"), list(zip(blocks(GUIDE, "python"), SHOWN, strict=True)))
def test_examples(code: str, shown: list[str], tmp_path: Path) -> None:
    with serving(SERVE, tmp_path / "log") as server:
        example = code.replace(SHOWN_URLS["tcp"], server.urls[0])
        result = subprocess.run([sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == shown
