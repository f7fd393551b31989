"""The plugin, as the tests of a user meet it: small test files are run, and their reports are read."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import entry_points

import pytest

from tests.emulator.control.steered import TOKEN, steered

pytest_plugins = ["pytester"]

TALKS = """
def talks(tap):
    with tap.client("admin", "admin") as client:
        return client.service.device.get_serial_number()
"""


def run(pytester: pytest.Pytester, text: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(f"import pytest\n{TALKS}\n{text}")
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--strict-markers", "-W", "error", *arguments)


def test_it_is_installed() -> None:
    # A set, because the sources may have their own copy of the metadata beside the installed one.
    found = {(each.name, each.value) for each in entry_points(group="pytest11")}
    assert ("tap-emulator", "emulator.testing.plugin") in found


def test_it_is_light() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import emulator.testing.plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == ["emulator", "emulator.testing", "emulator.testing.plugin"]


def test_green(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_one(tap):
            assert talks(tap) == tap.serial_number

        def test_another_tap(tap):
            assert len(tap.journal) == 0

        def test_two(tap_factory):
            old, new = tap_factory(firmware="1.85"), tap_factory(firmware="1.86", clock="virtual")
            assert (old.firmware, new.firmware) == ("1.85.0", "1.86.0")
            assert (old.clock.rate, new.clock.rate) == (1, 0)
        """.replace("\n        ", "\n"),
    )
    result.assert_outcomes(passed=3)


def test_red_shows_the_journal_and_the_seed(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_one(tap):\n    talks(tap)\n    assert tap.url == ''\n", "--tap-seed", "99")
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r".* journal of <VirtualTap tcp://127.0.0.1:\d+, firmware [\d.]+, seed 99> -+",
            r" .* connection 1  admin encrypted: device.get_serial_number \(GET /3//2\) -> OK \"IoTize00410000009B\"",
        ]
    )


def test_a_test_runs_for_each_firmware(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        "@pytest.mark.tap(firmware=['1.85', '1.86'])\n"
        "def test_one(tap, tap_factory):\n"
        "    assert tap.firmware == tap_factory().firmware\n",
        "-v",
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*::test_one[[]firmware-1.85[]] PASSED*", "*::test_one[[]firmware-1.86[]] PASSED*"])


def test_markers_of_class_and_module_are_defaults(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        "pytestmark = pytest.mark.tap(firmware='1.85', clock='virtual')\n"
        "@pytest.mark.tap(firmware='1.86')\n"
        "def test_one(tap):\n"
        "    assert (tap.firmware, tap.clock.rate) == ('1.86.0', 0)\n",
    )
    result.assert_outcomes(passed=1)


SCENARIO = """\
scenario: 1
device: {firmware: "1.86", config: {settings: {interface: {app_name: Oven}}}}
script:
  rules:
    - {name: not there, when: {request: device.get_serial_number}, then: {answer: NOT_FOUND}, times: 1}
verify:
  - {request: device.get_serial_number, status: ok}
"""


@pytest.mark.parametrize(("times", "outcome"), [(1, "failed"), (2, "passed")])
def test_a_scenario_is_armed_and_verified(pytester: pytest.Pytester, times: int, outcome: str) -> None:
    pytester.path.joinpath("oven.yaml").write_text(SCENARIO, encoding="utf-8")
    result = run(
        pytester,
        "@pytest.mark.tap(scenario='oven.yaml')\n"
        "def test_one(tap):\n"
        "    assert (tap.firmware, tap.settings['interface.app_name']) == ('1.86.0', 'Oven')\n"
        "    with tap.client() as client:\n"
        f"        codes = [client.request('GET', '/3//2').success for _ in range({times})]\n"
        "    assert codes[0] is False\n",
    )
    result.assert_outcomes(**{outcome: 1})
    if outcome == "failed":
        result.stdout.fnmatch_lines(
            ["*oven.yaml:7:5: device.get_serial_number*did not happen*", "*status: expected ok*"]
        )


def test_messages_of_a_fault_and_of_verify(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        "def test_fault(tap):\n"
        "    tap.fault(when={'request': 'device.get_serial_numbr'}, then={'drop': 'answer'})\n"
        "def test_verify(tap):\n"
        "    talks(tap)\n"
        "    tap.verify({'request': 'device.get_serial_number', 'user': 'anonymous'})\n",
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*get_serial_numbr*expected*", "*user: expected anonymous, got admin*"])
    result.stdout.no_fnmatch_line("*handle.py*verdicts*")


LEAK = """
import socket
{mark}
def test_one(tap, left):
    left.append(socket.create_connection(tap.url.removeprefix("tcp://").split(":")))
    tap.wait_for("connected")
{end}
"""


class KeepsOpen:
    """What a test leaves open lives longer than the test."""

    def __init__(self) -> None:
        self.connections: list[socket.socket] = []

    @pytest.fixture
    def left(self) -> list[socket.socket]:
        return self.connections


@pytest.mark.parametrize(
    ("mark", "end", "outcomes"),
    [
        ("", "", {"passed": 1, "errors": 1}),
        ("", "    left.pop().close()", {"passed": 1}),
        ("@pytest.mark.tap(check_leaks=False)", "", {"passed": 1}),
        ("", "    assert 0", {"failed": 1}),
    ],
)
def test_connections_that_are_left_open(
    pytester: pytest.Pytester, mark: str, end: str, outcomes: dict[str, int]
) -> None:
    keeps = KeepsOpen()
    pytester.makepyfile("import pytest\n" + LEAK.format(mark=mark, end=end))
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", plugins=[keeps])
    for connection in keeps.connections:
        connection.close()
    result.assert_outcomes(**outcomes)
    if "errors" in outcomes:
        result.stdout.fnmatch_lines(["*connection 1 over tcp://127.0.0.1:* was left open*"])


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("firmwares='1.86'", "*a Tap has no option 'firmwares', expected one of: firmware, config*"),
        ("firmware='new'", "*no Tap can be made as the test asks for: *new*"),
        ("config='nowhere.yaml'", "*no Tap can be made as the test asks for: *nowhere.yaml*"),
        ("scenario={'scrip': {}}", "*no Tap can be made as the test asks for: *scrip is an unknown key*script*"),
    ],
)
def test_a_marker_that_cannot_be_understood(pytester: pytest.Pytester, mark: str, message: str) -> None:
    result = run(pytester, f"@pytest.mark.tap({mark})\ndef test_one(tap): pass\n")
    assert result.ret != 0
    assert any(_matches(lines, message) for lines in (result.outlines, result.errlines)), result.outlines


def _matches(lines: list[str], message: str) -> bool:
    return any(fnmatch(line, message) for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tap-url", "tcp://h:1", "--tap-image", "tap"), "--tap-url and --tap-image: expected only one of them"),
        (("--tap-control", "http://h:1"), "--tap-control: expected --tap-url too, the link of that Tap"),
        (
            ("--tap-url", "tcp://h:1", "--tap-control", "http://h:1"),
            "--tap-control: expected --tap-token too, or TAP_CONTROL_TOKEN",
        ),
    ],
)
def test_options_that_do_not_fit_together(pytester: pytest.Pytester, arguments: tuple[str, ...], message: str) -> None:
    result = run(pytester, "def test_one(): pass", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{message}"])


REMOTE = """
def test_first(tap):
    assert talks(tap) == tap.serial_number
    tap.settings["interface.app_name"] = "Oven"
    tap.fault(when={"request": "*"}, then={"drop": "request"})
    tap.clock.advance(60)

@pytest.mark.tap(clock="virtual", firmware="1.85")
def test_it_is_as_it_was_at_first(tap):
    assert (tap.settings["interface.app_name"], tap.firmware) == ("Virtual Tap", "1.85.0")
    assert tap.clock.rate == 0
    talks(tap)
    tap.verify({"request": "device.get_serial_number", "count": 1})

def test_the_journal_is_in_the_report(tap):
    talks(tap)
    assert tap.clock.rate == 0

@pytest.mark.tap(config="oven.yaml")
def test_own(tap): pass

def test_two(tap, tap_factory):
    tap_factory()
"""


@pytest.fixture
def remote() -> Iterator[tuple[str, str]]:
    with steered() as running:
        yield running.url, running.control_url


def test_an_emulator_elsewhere(pytester: pytest.Pytester, remote: tuple[str, str]) -> None:
    url, control = remote
    arguments = ("--tap-url", url, "--tap-control", control, "--tap-token", TOKEN, "-rs")
    result = run(pytester, REMOTE, *arguments)
    result.assert_outcomes(passed=2, failed=1, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "*journal of <RemoteTap tcp://127.0.0.1:*",
            "*device.get_serial_number (GET /3//2) -> OK*",
            "SKIPPED*needs a Tap of its own: config",
            "SKIPPED*needs more than one Tap",
        ]
    )


def test_a_real_tap(pytester: pytest.Pytester, remote: tuple[str, str]) -> None:
    result = run(
        pytester,
        "def test_talk(tap):\n    assert talks(tap) == tap.serial_number\n"
        "def test_fault(tap):\n    tap.fault(when={'request': '*'}, then={'drop': 'answer'})\n"
        "@pytest.mark.tap(clock='virtual')\ndef test_clock(tap): pass\n"
        "@pytest.mark.tap(firmware=['1.2', '1.113'])\ndef test_firmware(tap): pass\n",
        *("--tap-url", remote[0], "-rs"),
    )
    result.assert_outcomes(passed=2, skipped=3)
    result.stdout.fnmatch_lines(
        ["SKIPPED*needs an emulator with a control API", "SKIPPED*needs firmware 1.2, this Tap has 1.113.0"],
        consecutive=False,
    )


def test_workers_have_taps_of_their_own(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_PLUGINS", "emulator.testing.plugin,xdist.plugin")
    pytester.makepyfile(
        f"import pytest\n{TALKS}\n@pytest.mark.parametrize('n', range(2))\ndef test_one(tap, n): talks(tap)\n"
    )
    pytester.runpytest_subprocess("-n", "1", "-p", "no:cacheprovider").assert_outcomes(passed=2)
    refused = pytester.runpytest_inprocess("-n", "2", "--tap-url", "tcp://127.0.0.1:1")
    refused.stderr.fnmatch_lines(["*one Tap cannot serve several workers at a time*"])
