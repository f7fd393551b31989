"""Failures of the target that a configuration or a script asks for."""

from collections.abc import Sequence

from emulator import remembered
from emulator.remembered import Remembered
from emulator.targets.spec import Operation, TargetFault
from protocol.codes import ResultCode
from protocol.errors import PeerError


class Faults(Remembered):
    """Counts the accesses that each fault matches."""

    KEPT = remembered.kept(_seen=remembered.container, forced=remembered.value)
    FIXED = ("_faults",)

    def __init__(self, faults: Sequence[TargetFault]) -> None:
        self._faults = tuple(faults)
        self._seen = [0] * len(self._faults)
        self.forced: ResultCode | None = None
        """Every access is refused with this code; the faults of the configuration do not count meanwhile."""

    def check(self, operation: Operation, first: int | None = None, last: int | None = None, slave: int = 0) -> None:
        """Refuses the access if a fault is due.

        Args:
            first, last: addresses that it touches; None if it touches none.
            slave: Modbus slave, 0 if it is none.

        Raises:
            PeerError: the code of the fault.
        """
        if self.forced is not None:
            raise PeerError("the target fails, as the script says", self.forced)
        for place, fault in enumerate(self._faults):
            if not _matches(fault, operation, first, last, slave):
                continue
            seen = self._seen[place]
            self._seen[place] += 1
            if seen >= fault.skip and (fault.count is None or seen < fault.skip + fault.count):
                raise PeerError(f"fault {place + 1} of the target's configuration", fault.code)


def _matches(fault: TargetFault, operation: Operation, first: int | None, last: int | None, slave: int) -> bool:
    if fault.operation not in ("any", operation) or fault.slave not in (None, slave):
        return False
    if fault.first is None and fault.last is None:
        return True
    if first is None or last is None:
        return False
    return (fault.last is None or first <= fault.last) and (fault.first is None or last >= fault.first)
