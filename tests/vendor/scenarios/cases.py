"""What @iotize/tap 2.7.0 does in scenarios of the library: which steps it takes there, and what each comes to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from protocol.firmware import Version
from protocol.update import new_image, pack_update

Verdict = Literal[
    "wrong data accepted",
    "data lost",
    "needs a new session",
    "needs a new connection",
    "error, then goes on",
    "goes on",
]
"""What a program around the client has to reckon with."""
Step = list[Any]


@dataclass(frozen=True, slots=True)
class Fails:
    """A step ends with an error of the client.

    Args:
        error: its code, or its name where it has none.
        message: a part of its text.
        code: result code of the Tap behind it, if there is one.
        packets: what a download had got before.
    """

    error: str
    message: str
    code: int | None = None
    packets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """The client in one scenario.

    Args:
        scenario: file of the library.
        doing, does: what it was doing, and what it then does, for the documentation.
        verdict: the same in a few words.
        steps: what it is made to do, each with its value or error. What comes of a rule of the script is checked by
            the value.
        link: TCP with a transport of ours, or the vendor's own transport for WebSocket.
        rate: how many times as fast the Tap's clock goes.
        ahead: seconds that have gone by for the Tap before.
    """

    scenario: str
    doing: str
    does: str
    verdict: Verdict
    steps: Sequence[tuple[Step, Any]]
    link: Literal["tcp", "ws"] = "tcp"
    rate: float = 1.0
    ahead: float = 0.0


_ANY_SERIAL: Final = "IoTize00410000009B"
_REQUEST: Final = "TapErrorTapExecuteRequestError"
_STATUS: Final = "TapErrorTapResponseStatusError"
_TIMEOUT: Final = Fails(_REQUEST, "Communication timeout. Read response from device timeout")
_CLOSED: Final = Fails(_REQUEST, "the Tap closed the link")
_OFFLINE: Final = Fails(_REQUEST, "Trying to execute command but device is not connected")
_UNREADABLE: Final = "Received from device an unexpected response that cannot be decoded"
_WRONG_PASSWORD: Final = Fails("TapAuthErrorInvalidCredentials", "Given username or password is not valid", 0x86)
_STALE_KEY: Final = Fails(_REQUEST, "status code 0x81", 0x81)

_SERIAL: Final[Step] = ["call", "device.getSerialNumber"]
_NAME: Final[Step] = ["call", "interface.getAppName"]
_VERSION: Final[Step] = ["call", "device.getFirmwareVersion"]
_GROUP: Final[Step] = ["call", "interface.getCurrentGroupId"]
_ENCRYPT: Final[tuple[Step, None]] = (["encrypt"], None)
_LOGIN: Final[tuple[Step, None]] = (["login", "admin", "admin"], None)
_RECONNECT: Final[tuple[Step, None]] = (["reconnect"], None)
_FORGET: Final[tuple[Step, None]] = (["forgetSession"], None)


def _wait(ms: int) -> tuple[Step, None]:
    return ["wait", ms], None


def _read(variable: int) -> Step:
    return ["call", "variable.getValue", variable]


def _write(variable: int, value: str) -> Step:
    return ["call", "variable.setValue", variable, f"hex:{value}"]


def _update() -> str:
    return pack_update(new_image(Version(1, 86, 0), 500)).hex()


CASES: Final = (
    Case(
        "wrong-crc",
        "reads the serial number, encrypted",
        "does not look at the CRC of an answer; the value is given to the program",
        "wrong data accepted",
        [_ENCRYPT, (_SERIAL, _ANY_SERIAL), (_SERIAL, _ANY_SERIAL), (_SERIAL, _ANY_SERIAL)],
    ),
    Case(
        "damaged-answer",
        "reads the serial number, encrypted",
        "gives `IoTize004100000009` to the program in place of `IoTize004100000001`; the wrong CRC is not noticed",
        "wrong data accepted",
        [
            _ENCRYPT,
            (_SERIAL, "IoTize004100000001"),
            (_SERIAL, "IoTize004100000009"),
            (_SERIAL, "IoTize004100000001"),
        ],
    ),
    Case(
        "wrong-id",
        "reads the serial number, encrypted",
        "does not compare the id of the answer with that of its request",
        "wrong data accepted",
        [_ENCRYPT, (_SERIAL, _ANY_SERIAL), (_SERIAL, _ANY_SERIAL), (_SERIAL, _ANY_SERIAL)],
    ),
    Case(
        "replayed-answer",
        "switches a lamp on and reads it, encrypted",
        "is told that the lamp is off, by an answer from before, and believes it",
        "wrong data accepted",
        [
            _ENCRYPT,
            (_write(4, "00"), ""),
            (_read(4), "00"),
            (_write(4, "01"), ""),
            (_read(4), "00"),
            (_read(4), "01"),
        ],
    ),
    Case(
        "wrong-key",
        "reads the serial number, encrypted",
        "takes two bytes of noise for a length, and says that there are fewer bytes, as nearly any noise would have it",
        "error, then goes on",
        [
            _ENCRYPT,
            (_SERIAL, _ANY_SERIAL),
            (_SERIAL, Fails(_REQUEST, "bytes, but only 28 bytes available")),
            (_SERIAL, _ANY_SERIAL),
        ],
    ),
    Case(
        "stale-iv",
        "reads the serial number after an exchange of vectors",
        "takes two bytes of noise for a length, and says that there are fewer bytes, as nearly any noise would have it",
        "error, then goes on",
        [
            _ENCRYPT,
            (_SERIAL, _ANY_SERIAL),
            (["exchangeIvs"], None),
            (_SERIAL, Fails(_REQUEST, "bytes, but only 28 bytes available")),
            (_SERIAL, _ANY_SERIAL),
        ],
    ),
    Case(
        "iv-refresh-answer-lost",
        "exchanges vectors",
        "reports no error for the exchange (in Node), then each request is refused with 80, until the program "
        "drops the session and makes a new key",
        "needs a new session",
        [
            _ENCRYPT,
            (["exchangeIvs"], None),
            (_SERIAL, Fails(_REQUEST, "status code 0x80", 0x80)),
            (_SERIAL, Fails(_REQUEST, "status code 0x80", 0x80)),
            _FORGET,
            _ENCRYPT,
            (_SERIAL, _ANY_SERIAL),
        ],
    ),
    Case(
        "firmware-without-iv",
        "starts encryption and asks for new vectors",
        "goes on without vectors, and does not say so (in Node)",
        "goes on",
        [_ENCRYPT, (["exchangeIvs"], None), (_SERIAL, _ANY_SERIAL), (["ivs"], None)],
    ),
    Case(
        "late-answer",
        "reads the name, then the firmware version",
        "gives up on the name after 500 ms, and then takes the late name for the firmware version",
        "wrong data accepted",
        [(_NAME, _TIMEOUT), (_VERSION, "Virtual Tap"), _wait(500), (_VERSION, "1.113.0")],
        link="ws",
    ),
    Case(
        "silent-for-a-moment",
        "reads the name",
        "gives up after 500 ms; asking again on the same connection works",
        "error, then goes on",
        [(_NAME, _TIMEOUT), (_NAME, "Virtual Tap")],
    ),
    Case(
        "answer-to-another-request",
        "reads the name, in clear",
        "gives the serial number to the program as the name; an answer in clear does not say what it answers",
        "wrong data accepted",
        [(_NAME, "IoTize004100000001"), (_NAME, "Virtual Tap")],
    ),
    Case(
        "two-answers-in-one-segment",
        "reads the serial number, then the name",
        "gives up on the first, and then takes both answers together for the name: the serial number and what follows "
        "it up to the first zero byte",
        "wrong data accepted",
        [(_SERIAL, _TIMEOUT), (_NAME, f"{_ANY_SERIAL}\x10"), (_NAME, "Virtual Tap")],
        link="ws",
    ),
    Case(
        "duplicated-answer",
        "reads the serial number, then the name",
        "drops the second copy when it comes while no request waits",
        "goes on",
        [(_SERIAL, _ANY_SERIAL), _wait(100), (_NAME, "Virtual Tap")],
        link="ws",
    ),
    Case(
        "answer-byte-by-byte",
        "reads the serial number",
        "takes the first message for the whole answer, does not wait for the rest, and says that it cannot be decoded",
        "error, then goes on",
        [(_SERIAL, Fails(_REQUEST, _UNREADABLE)), _wait(700), (_NAME, "Virtual Tap")],
        link="ws",
    ),
    Case(
        "truncated-answer",
        "reads the serial number",
        "takes the last two bytes for the status word and refuses the answer; it does not wait for the rest",
        "error, then goes on",
        [(_SERIAL, _ANY_SERIAL), (_SERIAL, Fails(_REQUEST, "invalid APDU status code 0x3030")), (_SERIAL, _ANY_SERIAL)],
    ),
    Case(
        "shortened-value",
        "reads the number of its group",
        "says that a byte is missing, once the program asks for the value",
        "error, then goes on",
        [
            (_GROUP, 0),
            (_GROUP, Fails("UnexpectedBufferSizeError", "Expected buffer of 2 byte(s) but found only 1")),
            (_GROUP, 0),
        ],
    ),
    Case(
        "wrong-status-word",
        "reads the serial number",
        "refuses the answer and names the status word",
        "error, then goes on",
        [(_SERIAL, _ANY_SERIAL), (_SERIAL, Fails(_REQUEST, "invalid APDU status code 0x6f00")), (_SERIAL, _ANY_SERIAL)],
    ),
    Case(
        "reset-in-mid-answer",
        "reads the serial number",
        "refuses the half answer; the program has to connect again",
        "needs a new connection",
        [
            (_SERIAL, _ANY_SERIAL),
            (_SERIAL, Fails(_REQUEST, _UNREADABLE)),
            _wait(50),
            (_SERIAL, _OFFLINE),
            _RECONNECT,
            (_SERIAL, _ANY_SERIAL),
        ],
    ),
    Case(
        "busy",
        "reads a variable, then the serial number",
        "takes code 46, BUSY, for a success, and gives an empty value to the program",
        "wrong data accepted",
        [(_read(4), "00"), (_read(4), ""), (_SERIAL, "")],
    ),
    Case(
        "target-error",
        "reads variables on the target and in the Tap",
        "names the refusal (B7, lost communication); goes on when the target is back",
        "error, then goes on",
        [
            (_read(1), "0000"),
            (_read(1), Fails(_STATUS, "Target protocol lost communication", 0xB7)),
            (_read(2), "0384"),
            _wait(300),
            (_read(1), "0000"),
        ],
        rate=20,
    ),
    Case(
        "login-works-at-third-try",
        "logs in",
        "says twice that user name or password is wrong, and can try again on the same connection",
        "error, then goes on",
        [
            (["login", "admin", "admin"], _WRONG_PASSWORD),
            (["login", "admin", "admin"], _WRONG_PASSWORD),
            _LOGIN,
            (_GROUP, 0xFFFF),
        ],
    ),
    Case(
        "lock-out-and-recovery",
        "logs in with a wrong password",
        "says that the password is wrong; after the third time the program has to connect again, and is told that "
        "there were too many attempts; a minute later the login works",
        "needs a new connection",
        [
            (["login", "admin", "wrong"], _WRONG_PASSWORD),
            (["login", "admin", "wrong"], _WRONG_PASSWORD),
            (["login", "admin", "wrong"], _WRONG_PASSWORD),
            _RECONNECT,
            (["login", "admin", "admin"], Fails("TapAuthErrorTooManyLoginAttempt", "You must wait", 0xA3)),
            _wait(700),
            _LOGIN,
            (_GROUP, 0xFFFF),
        ],
        rate=100,
    ),
    Case(
        "session-expires-during-download",
        "downloads the data log",
        "the download ends with a refusal (81); after another login a new download gets the rest, and none is lost",
        "error, then goes on",
        [
            _LOGIN,
            (["call", "dataLog.stop"], ""),
            (["download", 5, {"period": 30}], Fails(_STATUS, "status code 0x81", 0x81, packets=(0, 1))),
            _LOGIN,
            (["download", 3, {"period": 30}], [2, 3, 4]),
        ],
        ahead=55,
    ),
    Case(
        "slow-download",
        "downloads the data log",
        "asks every 400 ms and forgets the request before; packets that come after 450 ms leave the Tap and reach "
        "nobody, and there is no error",
        "data lost",
        [
            _LOGIN,
            (["call", "dataLog.stop"], ""),
            (["call", "dataLog.getPacketCount"], 2),
            (["download", 2, {"ms": 1800}], []),
            (["call", "dataLog.getPacketCount"], 0),
        ],
        ahead=25,
    ),
    Case(
        "session-lifetime",
        "does nothing for longer than its session lives",
        "is not told that it is anonymous again; the next request that needs a login is refused with 81",
        "error, then goes on",
        [
            _LOGIN,
            _wait(700),
            (_GROUP, 0),
            (["call", "interface.getUID"], Fails(_STATUS, "not authorized", 0x81)),
        ],
        rate=20,
    ),
    Case(
        "closed-when-idle",
        "does nothing for longer than the inactivity time",
        "knows that it is not connected, and does not connect by itself",
        "needs a new connection",
        [(_SERIAL, _ANY_SERIAL), _wait(800), (_SERIAL, _OFFLINE), _RECONNECT, (_SERIAL, _ANY_SERIAL)],
        rate=50,
    ),
    Case(
        "reboot-during-configuration",
        "writes a configuration, as admin",
        "says that the link was closed; after a new connection it goes on under the old key, which the Tap refuses "
        "with 81, until the program drops the session",
        "needs a new session",
        [
            _LOGIN,
            (["call", "wifi.putSSID", "Half"], _CLOSED),
            _wait(400),
            _RECONNECT,
            (_NAME, _STALE_KEY),
            _FORGET,
            (_NAME, "Virtual Tap"),
        ],
        rate=10,
    ),
    Case(
        "power-failure-during-write",
        "writes the name, as admin",
        "says that the link was closed, not whether the name was written; the program has to connect again and read it",
        "needs a new session",
        [
            _LOGIN,
            (["call", "interface.putAppName", "First"], _CLOSED),
            (_NAME, _OFFLINE),
            _wait(300),
            _RECONNECT,
            _FORGET,
            (_NAME, "Virtual Tap"),
        ],
        rate=10,
    ),
    Case(
        "tap-replaced",
        "is logged in while the Tap is swapped",
        "goes on under the key of the first Tap, which the second refuses with 81, until the program drops the "
        "session; it does not compare serial numbers",
        "needs a new session",
        [
            _LOGIN,
            (_SERIAL, "IoTize004100000001"),
            _wait(100),
            (_NAME, _OFFLINE),
            _wait(400),
            _RECONNECT,
            (_SERIAL, _STALE_KEY),
            _FORGET,
            (_NAME, "Cold store"),
            (_SERIAL, "IoTize004100000002"),
        ],
        rate=10,
    ),
    Case(
        "update-cut-and-resumed",
        "sends a firmware update",
        "the update ends with an error; a second one begins with the first chunk again and succeeds",
        "needs a new session",
        [
            (["ivPeriod", 0], None),
            _LOGIN,
            (["update", _update()], _CLOSED),
            _RECONNECT,
            _FORGET,
            _LOGIN,
            (["update", _update()], "finish"),
            _wait(400),
            _RECONNECT,
            _FORGET,
            (_VERSION, "1.86.0"),
        ],
        rate=10,
    ),
)
