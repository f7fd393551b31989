"""The shape of the project, as tests: who may import whom, how long a module may be, what a file may not say."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.fidelity import RULES

ROOT = Path(__file__).parent.parent
PACKAGES = ("protocol", "emulator", "scenarios")
MODULES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
LONGEST = 450

MAY_IMPORT = {
    "protocol": {"protocol", "construct", "cryptography"},
    "emulator": {"emulator", "protocol", "click", "pydantic", "pydantic_core", "structlog", "yaml"},
    "scenarios": {"scenarios", "emulator", "protocol"},
}
"""Beside the standard library. Dependencies point one way: protocol <- emulator <- scenarios."""

IO_MODULES = {"asyncio", "socket", "selectors", "threading", "time", "random", "secrets", "os", "pathlib", "subprocess"}
PURE = [
    file
    for file in MODULES
    if (file.is_relative_to(ROOT / "protocol") and not file.is_relative_to(ROOT / "protocol" / "client"))
    or file.parent == ROOT / "emulator" / "services"
    or file.name in {"core.py", "device.py", "gate.py", "sessions.py", "state.py", "exchange.py", "journal.py"}
    or file.name in {"blueprint.py", "effects.py", "lockout.py", "credentials.py"}
]
"""No I/O, clock or randomness in the protocol, the core of the client and the device."""


def imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names.add(node.module or "")
    return names


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", MODULES, ids=name)
def test_dependencies_point_one_way(file: Path) -> None:
    package = file.relative_to(ROOT).parts[0]
    roots = {module.split(".")[0] for module in imports(file)}
    assert roots - set(sys.stdlib_module_names) <= MAY_IMPORT[package]


@pytest.mark.parametrize("file", PURE, ids=name)
def test_core_does_no_io(file: Path) -> None:
    assert not {module.split(".")[0] for module in imports(file)} & IO_MODULES


@pytest.mark.parametrize("file", MODULES, ids=name)
def test_module_is_short_enough_to_live_in(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_only_two_modules_know_a_crypto_library() -> None:
    users = {name(file) for file in MODULES if any(module.startswith("cryptography") for module in imports(file))}
    assert users == {"protocol/crypto.py"}


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / text for text in listed.stdout.decode().split("\0") if text]


REGISTRY = re.compile(r"registry\.npm" + r"js|npmjs\.o" + r"rg|pypi\.o" + r"rg|pythonhos" + r"ted|debian\.o" + r"rg")
MACHINE_PATH = re.compile(r"(?:^|[^.\w-])/(?:work|farm|home|root)/")


def test_no_file_names_a_registry_or_a_path_of_a_machine() -> None:
    for file in tracked_files():
        if not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            assert not REGISTRY.search(line), f"{name(file)}:{number}: {line}"
            assert not MACHINE_PATH.search(line), f"{name(file)}:{number}: {line}"


REFERENCE = re.compile(r"\b(?:D\d{1,2}|S\d|OQ\d{1,2})\b")
PAGES_WITH_REFERENCES = [*MODULES, *sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


@pytest.mark.parametrize("file", PAGES_WITH_REFERENCES, ids=name)
def test_every_rule_that_is_referred_to_is_on_the_fidelity_page(file: Path) -> None:
    known = {rule.number for rule in RULES}
    assert set(REFERENCE.findall(file.read_text(encoding="utf-8"))) <= known


def test_generated_pages_are_up_to_date() -> None:
    for command in ("emulator.docs", "protocol.client.generate"):
        assert subprocess.run([sys.executable, "-m", command, "--check"], cwd=ROOT, check=False).returncode == 0
