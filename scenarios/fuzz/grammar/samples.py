"""A known good body for each schema that an answer can have."""

from functools import cache
from typing import Any, Final, NamedTuple

from protocol.resources.registry import ENTRIES
from protocol.values import Body

_HEX: Final[dict[str, str]] = {
    "ascii": "5461702064656d6f",
    "availablePowerSource": "01",
    "uint32": "12345678",
    "uint16": "1234",
    "hostProtocol": "0040",
    "bytes": "0102030405060708",
    "securityOptions": "0018",
    "stringVersion": "0102012c",
    "nfcPairingMode": "02",
    "lowPowerOptimizationLevel": "03",
    "hostProtocolArray": "0061",
    "nfcConnectionPriority": "01",
    "serviceCodeArray": "03",
    "protocolMaxFrameSize": "00fa00fa",
    "multiResponseFrame": "00054561626364000184",
    "scramLoginResponseBody": "050607080a0b0c0d000003e8",
    "loginProof": "0155affc023aff6882f56a4e0d9c5466",
    "encryptedIVResponse": "202122232425262728292a2b2c2d2e2fffffffffffffffffffffffffffffffff",
    "initializationVector": "101112131415161718191a1b1c1d1e1f",
    "sessionKey": "303132333435363738393a3b3c3d3e3f",
    "ciphertext": "40404040404040404040404040404040",
    "readWriteRights": "410003",
    "bundle TLV": "880216c10101c40241a40000e8012c0973656e736f722d3132",
    "variableType": "a1",
    "uint8": "ab",
    "boolean": "01",
    "dataLogOption": "0307",
    "singlePacket": "5f0000000020000701000000100012345effff00000782010441000112000000f17cb2f2",
    "singlePacketStoreInfo": "00000001",
    "firmwareState": "01",
    "FirmwareUpdateResult": "01",
    "targetProtocol": "03",
    "targetCoreType": "00",
    "targetComStats": "0000000100000002",
    "targetProtocolArray": "0b",
    "adpStats": (
        "0000010203040000010000000102030405060700010203040506000001020304010203000a0b0c0d"
        "05060708000000010000000200030004000500060007000000000008"
    ),
    "adpControlIn": "80030100",
    "adpControlOut": "80000000",
    "stringMacaddress": "c132e9bfde58",
    "wifiMode": "01",
    "stringIpv4": "c0a80401",
    "stringIpv4mask": "ffffff00",
    "wifiProtocol": "04",
    "int8": "fb",
    "wifiSSIDVisibility": "01",
    "wifiKeyVisibility": "01",
    "cloudPlatform": "03",
    "loraConfig": "90",
    "localTime": "000000010000000200000003000000040000000500000079000000060000009a00000001",
    "AvailableFunction": "03",
    "AclEntries": "17",
}
"""By name of the schema; bytes as a Tap sends them."""


class GoodBody(NamedTuple):
    """A body that a call really answers.

    Args:
        call: the first call of the table that has the schema.
    """

    schema: Body[Any]
    call: str
    body: bytes


@cache
def good_bodies() -> tuple[GoodBody, ...]:
    """One for each schema, in the order of the table."""
    found: dict[str, GoodBody] = {}
    for entry in ENTRIES:
        schema = entry.call.response
        if schema is not None and schema.name not in found:
            found[schema.name] = GoodBody(schema, entry.id, bytes.fromhex(_HEX[schema.name]))
    return tuple(found.values())
