"""The plugin of pytest: fixtures `tap` and `tap_factory`, the marker `tap`, Taps that are somewhere else.

It is part of every run where the emulator is installed; so it imports nothing but pytest until a test wants a Tap.
"""

import os
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from emulator.testing.elsewhere import Elsewhere
    from emulator.testing.handle import TapHandle

_TAPS = pytest.StashKey["list[TapHandle]"]()
"""Taps of a test, for its report."""
_FAILED = pytest.StashKey[bool]()
"""The test has failed: what it has left behind is no news."""

MARKER = (
    "tap(firmware=..., config=..., scenario=..., inputs=..., links=..., seed=..., clock=..., check_leaks=True): "
    "what the Taps of the test are like; with a list of firmware versions the test is run once for each"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the Taps of the tests are, if they are not made in the process of the tests."""
    group = parser.getgroup("tap", "virtual IoTize Taps")
    group.addoption("--tap-url", metavar="URL", help="Use the Tap at URL, be it real, instead of virtual ones.")
    group.addoption("--tap-control", metavar="URL", help="Control API of the emulator at --tap-url.")
    group.addoption(
        "--tap-token",
        metavar="TOKEN",
        default=os.environ.get("TAP_CONTROL_TOKEN"),
        help="Token of its control API [TAP_CONTROL_TOKEN].",
    )
    group.addoption("--tap-image", metavar="IMAGE", help="Use a Tap in a container of IMAGE (podman or docker).")
    group.addoption("--tap-seed", metavar="N", type=int, help="Seed of all Taps, to repeat a run that has failed.")


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker, and refuses options that do not fit together."""
    config.addinivalue_line("markers", MARKER)
    url, control, image = (config.getoption(f"tap_{name}") for name in ("url", "control", "image"))
    if url and image:
        raise pytest.UsageError("--tap-url and --tap-image: expected only one of them")
    if control and not url:
        raise pytest.UsageError("--tap-control: expected --tap-url too, the link of that Tap")
    if control and not config.getoption("tap_token"):
        raise pytest.UsageError("--tap-control: expected --tap-token too, or TAP_CONTROL_TOKEN")
    if url and (config.getoption("numprocesses", 0) or 0) > 1:
        raise pytest.UsageError("--tap-url: one Tap cannot serve several workers at a time, expected -n 0 or -n 1")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test whose marker names several versions of the firmware is run once for each."""
    from emulator.testing.options import versions

    asked = versions(_marked(metafunc.definition).get("firmware"))
    if asked and "tap_firmware" in metafunc.fixturenames:
        metafunc.parametrize("tap_firmware", asked, ids=[f"firmware-{version}" for version in asked], indirect=True)


@pytest.fixture
def tap_firmware(request: pytest.FixtureRequest) -> str | None:
    """Version of the firmware that the marker asks for; None if it asks for none."""
    asked = getattr(request, "param", None) or _marked(request.node).get("firmware")
    return None if asked is None else str(asked)


@pytest.fixture(scope="session")
def tap_elsewhere(request: pytest.FixtureRequest) -> "Iterator[Elsewhere | None]":
    """The one Tap of --tap-url or --tap-image; None if each test makes its own."""
    url, image = request.config.getoption("tap_url"), request.config.getoption("tap_image")
    if not url and not image:
        yield None
        return
    from emulator.testing.elsewhere import at_url, in_container

    control, token = request.config.getoption("tap_control"), request.config.getoption("tap_token")
    with in_container(image) if image else at_url(url, control, token) as elsewhere:
        yield elsewhere


@pytest.fixture
def tap_factory(
    request: pytest.FixtureRequest, tap_firmware: str | None, tap_elsewhere: "Elsewhere | None"
) -> "Iterator[Callable[..., TapHandle]]":
    """Makes Taps: ``tap_factory(firmware="1.86", config="thermostat.yaml", clock="virtual")``.

    The options are those of the marker, and of `emulator.testing.VirtualTap`; what the marker says holds for all Taps
    of the test that are not told otherwise. They are closed at the end of the test.
    """
    from emulator.testing.making import Maker

    marked = {**_marked(request.node), "firmware": tap_firmware}
    folders = [request.path.parent, request.config.rootpath]
    maker = Maker(marked, folders, request.config.getoption("tap_seed"), tap_elsewhere)
    request.node.stash[_TAPS] = maker.taps
    yield maker.make
    problems = maker.close(check=not request.node.stash.get(_FAILED, False))
    if problems:
        problems.append("@pytest.mark.tap(check_leaks=False) allows a test to leave connections open")
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.fixture
def tap(tap_factory: "Callable[..., TapHandle]") -> "TapHandle":
    """A fresh Tap on a free port, as the marker says."""
    from emulator.testing.making import MISTAKES

    try:
        return tap_factory()
    except MISTAKES as error:
        pytest.fail(f"no Tap can be made as the test asks for: {error}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """What scenarios of the test say that must have happened is checked as a part of the test."""
    result = yield
    misses = []
    for each in item.stash.get(_TAPS, []):
        try:
            each.verify_scenarios()
        except AssertionError as error:
            misses.append(str(error))
    if misses:
        pytest.fail("\n".join(misses), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The report of a test that has failed shows what its Taps have seen."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
        report.sections += [section for each in item.stash.get(_TAPS, []) for section in each.report()]
    return report


def _marked(node: Any) -> dict[str, Any]:
    from emulator.testing.options import merged

    markers = list(node.iter_markers("tap"))
    try:
        return merged([marker.kwargs for marker in markers])
    except ValueError as error:
        raise pytest.UsageError(f"{node.nodeid}: {error}") from error
