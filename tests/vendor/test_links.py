"""The vendor's clients over every link of a Tap: the same cases as over TCP, and all links at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.links import ALL, INTERFACES, available, missing, serving_on
from tests.serving import Serving
from tests.vendor.conftest import Clients
from tests.vendor.test_vendor_clients import ALL_LINKS, NEW, NEWEST, OLD, TAPS

pytestmark = pytest.mark.slow

CASES: Final = (
    "readsIdentityInClear",
    "multiRequestInClear",
    "multiRequestEncrypted",
    "encryptionGoesOnAndOffAndOn",
    "scramLoginTurnsEncryptionOn",
    "loginSurvivesARenewedKey",
    "wrongPasswordIsRefused",
    "periodOneCarriesIvsInEachFrame",
    "periodThreeCostsOneRequestInThree",
    "defaultPeriodIsAHundred",
)
_ONLY_NEW: Final = ("defaultPeriodIsAHundred",)
_LINKS_OF: Final = {NEW: ALL, OLD: tuple(link for link in ALL if link not in ("ws", "mqtt"))}
"""The vendor's transports for WebSocket and MQTT are made for the new client."""


Tap = tuple[Serving, dict[str, str]]


@contextmanager
def scram_tap(links: Sequence[str], folder: Path) -> Iterator[Tap]:
    file = folder / "device.yaml"
    file.write_text(TAPS["scram"], encoding="utf-8")
    with serving_on(links, folder, str(file)) as serving:
        yield serving


_ONE_HOST: Final = ("mqtt", "serial")
"""The vendor's client is always sender 1 at a broker, and nobody hangs up a serial port."""


@pytest.fixture(scope="module")
def all_links(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tap]:
    with scram_tap(available(), tmp_path_factory.mktemp("links")) as tap:
        yield tap


@pytest.fixture
def tap(link: str, all_links: Tap, tmp_path: Path) -> Iterator[Tap]:
    """A fresh one, where the next client would go on with the session of the one before."""
    if reason := missing(link):
        pytest.skip(reason)
    if link not in _ONE_HOST:
        yield all_links
        return
    with scram_tap((link,), tmp_path) as fresh:
        yield fresh


@pytest.mark.parametrize(
    ("case", "client", "link"),
    [
        pytest.param(case, client, link, id=f"{case}-{client}-{link}")
        for client in (NEW, OLD)
        for link in _LINKS_OF[client]
        for case in CASES
        if link != "tcp" and (client == NEW or case not in _ONLY_NEW)
    ],
)
def test_case(clients: Clients, tap: Tap, case: str, client: str, link: str) -> None:
    serving, urls = tap
    result = clients.ask(name=case, client=client, url=urls[link], firmware=NEWEST, security="scram")
    if "error" in result:
        pytest.fail(f"{result['error']}\n\n{serving.log.read_text(encoding='utf-8')[-4000:]}", pytrace=False)
    assert result["exchanges"] > 0


def test_all_links_at_once(clients: Clients, all_links: Tap) -> None:
    """Each session has a key of its own, so that an answer to somebody else could not even be read."""
    serving, urls = all_links
    result = clients.ask(name=ALL_LINKS, client=NEW, url=urls["tcp"], urls=urls, firmware=NEWEST)
    if "error" in result:
        pytest.fail(f"{result['error']}\n\n{serving.log.read_text(encoding='utf-8')[-4000:]}", pytrace=False)
    assert result["observed"] == {link: {"protocol": INTERFACES[link], "rounds": 30} for link in urls}
