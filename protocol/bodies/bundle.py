"""Bodies of object 1028: the rights of groups."""

from dataclasses import dataclass
from typing import Any, Final

from construct import Adapter, BitStruct, Const, Flag, Int8ub, Int16ub, Padding, Select, Struct, Terminated

from protocol.codes import Rights
from protocol.values import Body

_SHORT_ID: Final = b"\x41"
_LONG_ID: Final = b"\x61"
"""First bytes of a TLV record: resource instance, id of one byte or two, length 1."""


@dataclass(frozen=True, slots=True)
class ReadWriteRights:
    """What one group may do with the variables of a bundle."""

    group_id: int
    read: bool = False
    write: bool = False

    @classmethod
    def of(cls, group_id: int, rights: Rights) -> "ReadWriteRights":
        """The rights of a group."""
        return cls(group_id, Rights.READ in rights, Rights.WRITE in rights)

    @property
    def rights(self) -> Rights:
        """The rights without the group."""
        return (Rights.READ if self.read else Rights.NONE) | (Rights.WRITE if self.write else Rights.NONE)


class _PredefinedId(Adapter):  # type: ignore[misc]
    """@iotize/tap 2.7.0 cuts the ids of admin and supervisor to one byte behind the header of two."""

    def _decode(self, obj: int, context: Any, path: str) -> int:
        if obj < 0xFE:
            raise ValueError(f"group {obj:02X} behind the header of a 16-bit id")
        return 0xFF00 | obj

    def _encode(self, obj: int, context: Any, path: str) -> int:
        raise ValueError("only clients cut ids")


class _Flattened(Adapter):  # type: ignore[misc]
    """Group id and rights of a record, whatever its header."""

    def _decode(self, obj: Any, context: Any, path: str) -> ReadWriteRights:
        return ReadWriteRights(obj.group_id, obj.rights.read, obj.rights.write)

    def _encode(self, obj: ReadWriteRights, context: Any, path: str) -> dict[str, Any]:
        return {"group_id": obj.group_id, "rights": {"read": obj.read, "write": obj.write}}


_RIGHTS: Final = BitStruct(Padding(6), "write" / Flag, "read" / Flag)

READ_WRITE_RIGHTS: Final = Body(
    "readWriteRights",
    _Flattened(
        Select(
            Struct(Const(_SHORT_ID), "group_id" / Int8ub, "rights" / _RIGHTS, Terminated),
            Struct(Const(_LONG_ID), "group_id" / Int16ub, "rights" / _RIGHTS, Terminated),
            Struct(Const(_LONG_ID), "group_id" / _PredefinedId(Int8ub), "rights" / _RIGHTS, Terminated),
            Struct("group_id" / Int16ub, "rights" / _RIGHTS, Terminated),
        )
    ),
    ReadWriteRights,
)
"""Written with a header; also read as @iotize/device-client.js writes it, 16-bit id and rights."""
