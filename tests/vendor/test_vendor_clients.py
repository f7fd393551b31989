"""The vendor's own clients, unmodified, against a Tap that serves over TCP; what they do is counted at the socket.

A case is a function in `cases/*.mjs`; this table says for which clients, configurations and firmware it runs.
"""

import re
import subprocess
from dataclasses import dataclass
from itertools import product
from typing import Final

import pytest

from tests.vendor import sweeps, tools
from tests.vendor.conftest import HERE, Clients, Taps, url_of

NEW: Final = "2.7.0"
OLD: Final = "alpha.105"
BOTH: Final = (NEW, OLD)
ALL_LINKS: Final = "allLinksAtOnce"

BEFORE_IV: Final = "1.85"
FIRST_WITH_IV: Final = "1.86"
NEWEST: Final = "1.113"
BORDER: Final = (BEFORE_IV, FIRST_WITH_IV)
WITH_IV: Final = (FIRST_WITH_IV, NEWEST)

# Short times, so that the tests can wait for them.
RULES: Final = "rules: {lockout_time: 1, reboot_time: 1}"
ITERATIONS: Final = 1000


def _tap(*, scram: bool, hashed: bool, more: str = "") -> str:
    options = f"{{scram_activated: {scram}, hash_password: {hashed}}}".lower()
    return f"tap: 1\n{RULES}\nsettings:\n  interface:\n    security_options: {options}\n{more}"


TAPS: Final = {
    "scram": _tap(scram=True, hashed=True),
    "hashed": _tap(scram=False, hashed=True),
    "plain": _tap(scram=False, hashed=False),
    "iterations": _tap(scram=True, hashed=True, more=f"  scram: {{hash_iteration: {ITERATIONS}}}\n"),
    "short-session": _tap(scram=True, hashed=True, more="users:\n  admin: {password: admin, lifetime: 1}\n"),
}
SCRAM: Final = ("scram",)
SHORT_SESSION: Final = ("short-session",)
ALL_LOGINS: Final = ("scram", "hashed", "plain")


@dataclass(frozen=True)
class Case:
    """A function of `cases/*.mjs`, and where it holds."""

    name: str
    taps: tuple[str, ...] = SCRAM
    firmware: tuple[str, ...] = BORDER
    clients: tuple[str, ...] = BOTH
    alters: bool = False  # leaves a Tap behind that no other test can use


CASES: Final = (
    # 1, 8, 9: plain reads, multi-requests, pairing
    Case("readsIdentityInClear", firmware=(BEFORE_IV, FIRST_WITH_IV, NEWEST)),
    Case("multiRequestInClear"),
    Case("multiRequestEncrypted"),
    Case("multiRequestStopsAtTheUnexpected"),
    Case("pairsOverNfc"),
    # 2: encryption
    Case("encryptionGoesOnAndOffAndOn"),
    Case("sessionKeyIsRenewedInsideTheSession"),
    Case("loginSurvivesEncryptionOffAndOn"),
    Case("loginSurvivesARenewedKey"),
    # 3: login and lock-out
    Case("scramLoginTurnsEncryptionOn"),
    Case("otherLoginsStayInClear", taps=("hashed", "plain")),
    Case("supervisorLogsIn", taps=ALL_LOGINS),
    Case("iterationsOfTheTapHold", taps=("iterations",)),
    Case("wrongPasswordIsRefused", taps=ALL_LOGINS),
    Case("unknownUserIsRefused", taps=ALL_LOGINS),
    Case("unknownUserLooksLikeAKnownOne"),
    Case("threeFailuresLockTheTapAndItRecovers"),
    Case("threeFailuresLockTheTapAndItRecovers", taps=("hashed", "plain"), firmware=(FIRST_WITH_IV,)),
    Case("successForgetsFailures", taps=ALL_LOGINS),
    Case("secondLoginReplacesTheFirst", taps=ALL_LOGINS),
    Case("sessionBelongsToItsConnection"),
    # 4: initialization vectors
    Case("periodZeroExchangesNothing"),
    Case("periodOneCarriesIvsInEachFrame", firmware=WITH_IV),
    Case("ivsOfTheLastFrameStayWhenThePeriodEnds", firmware=WITH_IV),
    Case("periodTwoCostsOneRequestInTwo", firmware=WITH_IV),
    Case("periodThreeCostsOneRequestInThree", firmware=WITH_IV),
    Case("periodSevenCostsOneRequestInSeven", firmware=WITH_IV),
    Case("defaultPeriodIsAHundred", firmware=WITH_IV, clients=(NEW,)),
    Case("defaultPeriodCountsFromTheLogin", firmware=WITH_IV, clients=(NEW,)),
    Case("nothingIsExchangedByDefault", firmware=WITH_IV, clients=(OLD,)),
    Case("forcedExchangeHoldsFromTheNextFrame", firmware=WITH_IV),
    Case("ivsSurviveEncryptionOffAndOn", firmware=WITH_IV),
    Case("renewedKeyKeepsOrResetsIvsAsTheClientWants", firmware=WITH_IV),
    Case("loginInsideTheSessionKeepsIvs", firmware=WITH_IV),
    Case("loginInClearStartsWithZeroIvs"),
    Case("loginAgainAfterALogout", firmware=WITH_IV),
    # 5: the firmware before them
    Case("oldFirmwareHasNoIvs", firmware=(BEFORE_IV,)),
    Case("newFirmwareHasIvs", firmware=WITH_IV),
    Case("oldFirmwareStartsWithoutIvs", firmware=(BEFORE_IV,)),
    Case("oldFirmwareRefusesAForcedExchange", firmware=(BEFORE_IV,)),
    Case("oldFirmwareRefusesThePeriodicExchange", firmware=(BEFORE_IV,)),
    Case("oldFirmwareRefusesFramesWithIv", firmware=(BEFORE_IV,)),
    # 6: passwords
    Case("adminChangesPassword", taps=ALL_LOGINS, alters=True),
    Case("supervisorChangesOwnPassword", taps=ALL_LOGINS, alters=True),
    Case("adminChangesPasswordOfAnother", taps=ALL_LOGINS, alters=True),
    Case("anonymousMayNotChangePasswords", taps=ALL_LOGINS),
    # 7: end of sessions
    Case("logoutEndsTheSession", taps=ALL_LOGINS),
    Case("logoutWithIvInEachFrame", firmware=WITH_IV),
    Case("sessionEndsWithItsLifetime", taps=SHORT_SESSION),
    Case("keepAliveProlongsTheSession", taps=SHORT_SESSION),
    Case("keepAliveEngineProlongsTheSession", taps=SHORT_SESSION, clients=(NEW,)),
    # 10: reboot
    Case("tapRebootsAndIsThereAgain"),
)

RUNS: Final = [
    pytest.param(
        case,
        client,
        tap,
        firmware,
        id=f"{case.name}-{client}-{tap}-fw{firmware}",
        marks=() if (tap, firmware) == (case.taps[0], case.firmware[-1]) else pytest.mark.slow,
    )
    for case in CASES
    for client, tap, firmware in product(case.clients, case.taps, case.firmware)
]


@pytest.mark.parametrize(("case", "client", "tap", "firmware"), RUNS)
def test_client(clients: Clients, taps: Taps, case: Case, client: str, tap: str, firmware: str) -> None:
    with taps.borrow(TAPS[tap], firmware, keep=not case.alters) as server:
        result = clients.ask(
            name=case.name, client=client, url=url_of(server), firmware=firmware, security=tap, iterations=ITERATIONS
        )
        if "error" in result:
            pytest.fail(f"{result['error']}\n\n{server.log.read_text(encoding='utf-8')}", pytrace=False)
    assert result["exchanges"] > 0


def test_each_case_is_in_a_table(clients: Clients) -> None:
    run = {case.name for case in CASES} | {run.case for run in tools.RUNS} | {sweeps.CASE, ALL_LINKS}
    assert sorted(clients.ask()["cases"]) == sorted(run)


def test_smoke(taps: Taps) -> None:
    serial_number = r"IoTize0041[0-9A-F]{8}\n"
    expected = f"@iotize/tap 2[.]7[.]0 {serial_number}@iotize/device-client[.]js 0[.]0[.]1-alpha[.]105 {serial_number}"
    assert re.fullmatch(expected, node_output("smoke.mjs", taps))


def test_example_of_the_readme(taps: Taps) -> None:
    assert re.fullmatch(r"IoTize0041[0-9A-F]{8}\n", node_output("example.mjs", taps))


def node_output(script: str, taps: Taps) -> str:
    with taps.borrow("tap: 1", NEWEST) as server:
        command = ["node", str(HERE / script), url_of(server)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout
