"""The tools of the vendor's clients beside their service calls: which case runs which tool, against which Tap."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.vendor.conftest import HERE
from tests.vendor.sweeps import NEW, NEWEST, OLD, OLDER

CONFIGURATIONS: Final = HERE / "configurations"
EVERYTHING: Final = CONFIGURATIONS / "everything.tapconfig.json"
HASHED: Final = CONFIGURATIONS / "hashed.tapconfig.json"
BARE: Final = CONFIGURATIONS / "bare.tapconfig.json"
SHARED: Final = HERE.parents[2] / "shared" / "devices"

_RULES: Final = "tap: 1\nrules: {reboot_time: 0.2}\n"
DEMO: Final = _RULES
FACTORY: Final = f"{_RULES}base: factory\n"
KEEPING_ALIVE: Final = f"{_RULES}settings: {{interface: {{host_inactivity_period: 1}}}}\n"
LOGGING: Final = f"""{_RULES}bundles:
  Climate:
    id: 1
    log: {{period: 1}}
    variables:
      outdoor: {{id: 1, type: int16, domain: volatile, value: -12}}
  Doors:
    id: 2
    log: {{period: on_change}}
    variables:
      open: {{id: 300, type: uint8, domain: stored, length: 2, value: [1, 0]}}
"""

WITH_CLOUD_MQTT: Final = "1.102"
"""The last is 1.103, but 2.7.0 finds `1.103.0`, which a Tap answers, greater than that."""
BEFORE_IV: Final = "1.85"
WITH_IV: Final = "1.86.0"

Tap = str | Path
"""Text of a device.yaml, or a configuration file that is served."""


@dataclass(frozen=True)
class Run:
    """A case with a tool.

    Args:
        case: function of `cases/*.mjs`.
        tool: what the vendor calls the tool, for the documentation.
        does: what it is made to do, for the documentation.
        arguments: for the case; paths stand for the JSON in their files.
        observed: what the case has to answer.
        exchanges: requests at the socket; None where they depend on time.
        alters: leaves a Tap behind that no other run can use.
        needs: a file without which the run is skipped.
    """

    case: str
    tool: str
    does: str
    tap: Tap = DEMO
    firmware: str = NEWEST
    client: str = NEW
    arguments: Mapping[str, Any] = field(default_factory=dict)
    observed: Any = None
    exchanges: int | None = None
    alters: bool = True
    needs: Path | None = None


def _user(name: str, password: str | None = None) -> dict[str, str]:
    return {"name": name, "password": name if password is None else password}


# --- the configurator

_CERTIFICATES: Final = ["/1024//57", "/1024//38", "/1024//37", "/1024//74"]
"""What can only be written: certificates, the private key, the Java code."""
_CLOUD_MQTT: Final = ["cloud.mqtt.brokerPort", "cloud.mqtt.clientId", "cloud.mqtt.username", "cloud.mqtt.password"]
_SINCE_1_85: Final = ["wireless.protocols.nfc.connectionPriority"]
_SINCE_1_88: Final = [
    f"wireless.protocols.wifi.{key}"
    for key in ("countryCode", "protocol", "ssidVisibility", "keyVisibility", "txPower")
]
_NOT_IN_OLDER: Final = {
    "write": [
        "application.productCode",
        *["data.variables[].rawMeta"] * 7,
        *(f"wireless.protocols.mqtt.{key}" for key in ("brokerCertificate", "clientId", "requestTopic")),
        *(f"wireless.protocols.mqtt.{key}" for key in ("responseTopic", "username")),
        *_SINCE_1_85,
        *_SINCE_1_88,
        *("tap.certificate.privateKey", "tap.certificate.publicKey", "tap.time.ntpServer", "tap.time.zone", "jvm.code"),
    ],
    "read": [
        *("application.productCode", "tap.time.ntpServer", "tap.time.zone"),
        *("wireless.protocols.mqtt.clientId", "wireless.protocols.mqtt.username"),
        *_SINCE_1_85,
        *sorted(_SINCE_1_88),
    ],
}
"""Keys that firmware 1.63 does not have: the writer skips them, the reader is refused, both in this order."""

_WRITER: Final = "TapConfigurator (writer)"


def _write(does: str, configuration: Path, exchanges: int, written: int, **more: Any) -> Run:
    """The configurator writes a configuration; every path is read back as it was written."""
    arguments = {"configuration": configuration, **more.pop("arguments", {})}
    observed = {"written": written, "skipped": more.pop("skipped", []), "writeOnly": more.pop("write_only", [])}
    more = {"tap": FACTORY, **more}
    return Run("configuratorWrites", _WRITER, does, arguments=arguments, observed=observed, exchanges=exchanges, **more)


_CONFIGURATOR: Final = (
    _write("writes a configuration of the least that there is", BARE, 26, 7),
    _write("writes every key to a Tap in factory state", EVERYTHING, 254, 129, write_only=_CERTIFICATES),
    _write(
        "writes every key to a Tap that is in use, as admin",
        EVERYTHING,
        258,
        129,
        tap=DEMO,
        arguments={"loginFirst": True},
        write_only=_CERTIFICATES,
    ),
    _write("skips what 1.63 does not have", EVERYTHING, 198, 98, firmware=OLDER, skipped=_NOT_IN_OLDER["write"]),
    _write("writes keys that ended with 1.103", HASHED, 98, 47, firmware=WITH_CLOUD_MQTT),
    _write("skips them later", HASHED, 90, 43, skipped=_CLOUD_MQTT),
    _write(
        "writes a published configuration, without one key that it does not know itself",
        SHARED / "modbus-demo.tapconfig.json",
        161,
        78,
        arguments={"omitted": "wireless.protocols.ble"},
        needs=SHARED / "modbus-demo.tapconfig.json",
    ),
    Run(
        "configuratorRefusesTheOlderDialect",
        _WRITER,
        "refuses a configuration in the older dialect",
        FACTORY,
        arguments={"configuration": SHARED / "aws-script-older-dialect.tapconfig.json"},
        exchanges=1,
        alters=False,
        needs=SHARED / "aws-script-older-dialect.tapconfig.json",
    ),
    Run(
        "configuratorReads",
        "TapConfigurator (reader)",
        "reads back what the writer wrote: 44 reads",
        FACTORY,
        arguments={"configuration": EVERYTHING},
        observed={"compared": 43, "refused": []},
        exchanges=185,
    ),
    Run(
        "configuratorReads",
        "TapConfigurator (reader)",
        "goes on where 1.63 refuses",
        FACTORY,
        OLDER,
        arguments={"configuration": EVERYTHING},
        observed={"compared": 32, "refused": _NOT_IN_OLDER["read"]},
        exchanges=153,
    ),
    Run(
        "configurationsCoverEveryKey",
        _WRITER,
        "makes a call of every key",
        FACTORY,
        WITH_CLOUD_MQTT,
        arguments={"configurations": [EVERYTHING, HASHED, BARE], "newest": NEWEST},
        observed=["data.variables[].meta"],  # the client itself turns it into rawMeta
        exchanges=1,
        alters=False,
    ),
    Run(
        "configurationIsApplied",
        "applyConfig, setupConfigState",
        "enters configuration mode and leaves it with a version",
        exchanges=11,
        alters=False,
    ),
    Run("factoryTapIsNotConfigured", "isConfigured", "tells a Tap in factory state", FACTORY, exchanges=4),
)

# --- the data manager

_CLIMATE: Final = {
    "outdoor": ["INT16", 1, -12],
    "rooms": ["FLOAT32", 3, [20.5, 22, 19]],
    "label": ["ASCII", 12, "Ground"],
    "register": ["UINT16", 1, 0],
}
_MACHINE: Final = {"counters": ["UINT32", 2, [0, 0]], "running": ["BOOLEAN", 1, False], "level": ["UINT8", 1, 77]}
_MEMORY: Final = {
    "counters": ["UINT32", 4, [0, 0, 0, 0]],
    "level": ["INT8", 1, 0],
    "limit": ["UINT16", 1, 1000],
    "pin": ["INT8", 1, 0],
}
_ADMIN: Final = _user("admin", "topsecret")
_PAUL: Final = _user("paul", "hammer")
_LOCK: Final = SHARED / "digital-lock.iotz"
_MANAGER: Final = "DataManager"


def _data(case: str, does: str, exchanges: int | None, tap: Tap = EVERYTHING, **more: Any) -> Run:
    alters = more.pop("alters", False)
    needs = more.pop("needs", None)
    arguments = {key: value for key, value in more.items() if value is not None}
    return Run(case, _MANAGER, does, tap, arguments=arguments, exchanges=exchanges, alters=alters, needs=needs)


def _shows(does: str, exchanges: int, bundles: Mapping[str, Any], tap: Tap = EVERYTHING, **more: Any) -> Run:
    return _data("dataManagerShowsTheTap", does, exchanges, tap, bundles=bundles, **more)


_WORDS: Final = {"address": 0x20000000, "length": 2, "format": 3}
_REGISTERS: Final = {"objectType": 3, "slave": 1, "address": 10, "length": 2, "format": 2}

_DATA: Final = (
    _shows(
        "finds what the configurator wrote", 147, {"Climate": _CLIMATE}, FACTORY, configuration=EVERYTHING, alters=True
    ),
    _shows("finds the same in the served file, as anonymous", 11, {"Climate": _CLIMATE}),
    _shows("finds what a user may read by its profile", 23, {"Climate": _CLIMATE, "Machine": _MACHINE}, user=_PAUL),
    _shows("finds everything as admin", 23, {"Climate": _CLIMATE, "Machine": _MACHINE}, user=_ADMIN),
    _shows("finds variables in memory, in the Tap and on a pin", 11, {"Memory": _MEMORY}, HASHED),
    _data("variablesTellRights", "is told the rights of anonymous", 3, rights={1: "r-", 10: "--", 300: "--"}),
    _data("variablesTellRights", "is told those of a user", 8, rights={1: "rw", 10: "r-", 300: "r-"}, user=_PAUL),
    _data("variablesTellRights", "is told those of the admin", 8, rights={1: "rw", 10: "rw", 300: "rw"}, user=_ADMIN),
    _data(
        "dataManagerWrites",
        "writes every type by name, and reads it back",
        42,
        user=_ADMIN,
        writes=[
            ["outdoor", 7, True],
            ["rooms", [1.5, -2, 3], True],
            ["label", "Attic", True],
            ["register", 4711, True],
            ["counters", [70000, 5], True],
            ["running", True, True],
            ["level", 255, True],
        ],
        alters=True,
    ),
    _data(
        "dataManagerWrites",
        "may write as a user what its profile may",
        27,
        user=_PAUL,
        writes=[["outdoor", 7, True], ["level", 3, False]],
        alters=True,
    ),
    _data(
        "dataManagerWrites",
        "may not write as anonymous",
        16,
        writes=[["outdoor", 7, False], ["rooms", [1, 2, 3], False]],
    ),
    _data(
        "dataManagerWrites",
        "writes memory and a stored value",
        19,
        HASHED,
        writes=[["counters", [1, 2, 3, 4000000000], True], ["level", -5, True], ["limit", 7, True]],
        alters=True,
    ),
    _data("unknownVariableIsNotConfigured", "says that a variable or bundle is not configured", 2, DEMO),
    _data("dataManagerPolls", "polls the values of all bundles", None, variable="outdoor"),
    _data(
        "directAccess",
        "reads and writes target memory",
        7,
        FACTORY,
        kind="memory",
        config=_WORDS,
        written="0000000100000002",
        user=_user("admin"),
    ),
    _data(
        "directAccess",
        "reads and writes Modbus registers",
        8,
        kind="modbus",
        config=_REGISTERS,
        written="00010002",
        user=_ADMIN,
    ),
    _shows(
        "finds the digital lock as admin",
        20,
        {
            "State": {"accessMessage": ["INT8", 1, 0], "digitalCode": ["INT32", 1, 0]},
            "Access": {"accessRemaining": ["INT32", 1, 15], "accessCode": ["INT32", 21, [1111, *[0] * 20]]},
            "Control": {"dailySetup": ["INT8", 24, [0] * 24]},
        },
        _LOCK,
        user=_user("admin"),
        needs=_LOCK,
    ),
    _shows(
        "finds its public part as anonymous",
        7,
        {"State": {"accessMessage": ["INT8", 1, 0], "digitalCode": ["INT32", 1, 0]}},
        _LOCK,
        needs=_LOCK,
    ),
    _data(
        "variablesTellRights",
        "is told the rights of anonymous on the lock",
        5,
        _LOCK,
        rights={1: "rw", 4: "--", 5: "--", 6: "--", 8: "rw"},
        needs=_LOCK,
    ),
    _data(
        "dataManagerWrites",
        "enters a code at the lock, as anonymous",
        9,
        _LOCK,
        writes=[["digitalCode", 1111, True]],
        alters=True,
        needs=_LOCK,
    ),
)

# --- the others

_LOGGED: Final = {"logged": {1: {1: "fff4"}, 2: {300: "0100"}}}
_KEEP_ALIVE: Final = "ticks three times in three periods, which it reads from the Tap"
_DOWNLOADS: Final = "starts, stops, counts and downloads packets until 84 ends the download"
_SERIAL: Final = ["target", "SerialModbusConfiguration"]
_S3P: Final = ["target", "S3PConfiguration"]
_TAPNPASS: Final = ["tapnpass", "ProtocolConfiguration"]


def _block(mine: list[str], others: list[list[str]]) -> Run:
    arguments = {"service": mine[0], "block": mine[1], "others": others}
    does = f"is written and read, and then keeps its size: {mine[0]}.put{mine[1]}"
    return Run("settingsBlockKeepsItsSize", "settings block of the target", does, arguments=arguments, exchanges=9)


_OTHERS: Final = (
    Run("dataLoggerDownloads", "DataLogger", _DOWNLOADS, LOGGING, arguments=_LOGGED, alters=False),
    Run("dataLoggerDownloads", "DataLogger", _DOWNLOADS, LOGGING, client=OLD, arguments=_LOGGED, alters=False),
    Run(
        "dataLoggerPollsEvery400Milliseconds",
        "DataLogger",
        "asks every 400 ms by itself",
        LOGGING,
        exchanges=9,
        alters=False,
    ),
    Run("dataLogNeedsALogin", "DataLogger", "says that a login is missing", LOGGING, exchanges=2, alters=False),
    Run(
        "singlePacketLoaderRunsACommand",
        "SinglePacketStoreLoader",
        "loads a packet in clear, and has it executed",
        arguments={"encrypted": False},
        exchanges=10,
        alters=False,
    ),
    Run(
        "singlePacketLoaderRunsACommand",
        "SinglePacketStoreLoader",
        "loads an encrypted one",
        arguments={"encrypted": True},
        exchanges=10,
        alters=False,
    ),
    Run(
        "singlePacketLoaderSendsChunks",
        "SinglePacketStoreLoader",
        "loads 1000 bytes, whose wrong CRC is refused",
        exchanges=13,
    ),
    Run(
        "oldClientSendsSinglePackets",
        "sendSinglePacket",
        "sends a packet in one request",
        client=OLD,
        exchanges=8,
        alters=False,
    ),
    Run(
        "updateBringsInitializationVectors",
        "TapNLinkUpdater",
        "updates 1.85 to 1.86, which has initialization vectors",
        firmware=BEFORE_IV,
        arguments={"packet": WITH_IV, "from": BEFORE_IV, "to": WITH_IV},
        exchanges=42,
    ),
    Run("firmwareIsInNormalState", "FirmwareService", "finds the state NORMAL", exchanges=6, alters=False),
    Run(
        "gpioManagerReadsAndWritesPins",
        "GPIOManager",
        "reads and writes modes and levels of single pins and of many",
        exchanges=18,
        alters=False,
    ),
    Run(
        "keepAliveFollowsTheConfiguration",
        "setupKeepAliveFromConfig",
        _KEEP_ALIVE,
        KEEPING_ALIVE,
        arguments={"period": 1},
        exchanges=4,
        alters=False,
    ),
    Run(
        "keepAliveFollowsTheConfiguration",
        "setupKeepAliveFromConfig",
        _KEEP_ALIVE,
        KEEPING_ALIVE,
        client=OLD,
        arguments={"period": 1},
        exchanges=4,
        alters=False,
    ),
    Run("factoryResetNeedsTheAdmin", "factoryReset", "is refused to anonymous", exchanges=1, alters=False),
    Run("factoryResetHelperResets", "factoryReset", "asks for the state of the firmware, then resets", exchanges=8),
    Run(
        "targetHasToBeConnected",
        "TargetService",
        "gets A5 from a target that is not connected",
        FACTORY,
        exchanges=16,
        alters=False,
    ),
    _block(_SERIAL, [_S3P, _TAPNPASS]),
    _block(_S3P, [_SERIAL, _TAPNPASS]),
    _block(_TAPNPASS, [_SERIAL, _S3P]),
)

RUNS: Final = (*_CONFIGURATOR, *_DATA, *_OTHERS)
