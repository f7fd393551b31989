"""The data log: samples the variables of bundles and keeps them as packets until a client takes them.

Once a second, which is the unit of the periods, the log looks which bundles are due. A packet has the values of one
bundle, or of a part of it where they do not fit the answer that takes the packet. Packets are records of the state,
numbered without gaps, so that they survive a restart (D14).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from emulator import remembered
from emulator.blueprint import ANONYMOUS, SERIAL_NUMBER, Bundle, Rules, Variable
from emulator.remembered import Remembered
from emulator.variables import Read
from protocol.bodies.data_log import DataLogOption
from protocol.bodies.interface import ServiceCode
from protocol.bodies.variable import Domain
from protocol.codes import LOG_ON_CHANGE, ResultCode
from protocol.crypto import BLOCK
from protocol.errors import PeerError
from protocol.firmware import Version
from protocol.frames import FRAME_OVERHEAD
from protocol.packets import (
    BLANK_KEY,
    PacketKey,
    PacketType,
    SinglePacket,
    data_room,
    decode_packet,
    encode_packet,
    new_packet,
    seal_packet,
    sender_id_of,
)
from protocol.scram import RECORD_SIZE, PasswordKey
from protocol.tlv import RecordType, TlvRecord, build_record, encode_bundle
from protocol.values import VERSION

if TYPE_CHECKING:
    from emulator.device import Device

LOOK: Final = 1.0
"""Seconds between two looks at the bundles; so often one that is logged on change is compared."""

_LONGEST_START: Final = 5
"""Bytes before the values in the TLV of a bundle, at most."""
_CODE_AND_STATUS: Final = 3
"""Bytes of an answer beside its body: result code and status word."""

_GONE: Final = frozenset(
    {
        ResultCode.UNABLE_TO_CONNECT_TO_TARGET,
        ResultCode.TARGET_POWER_FAILURE,
        ResultCode.TARGET_PROTOCOL_LOST_COM,
    }
)
"""What a target answers that is not there."""

Values = list[tuple[int, bytes]]
"""Raw values by variable id."""


@dataclass(slots=True)
class _Plan:
    """When a bundle is logged."""

    period: int
    due: float
    known: dict[int, bytes] = field(default_factory=dict)
    """Values that were logged last, by variable."""

    @property
    def step(self) -> float:
        """Seconds between two samples."""
        return LOOK if self.period == LOG_ON_CHANGE else self.period

    def follow(self, now: float) -> None:
        """Sets the next time."""
        self.due = _following(self.due, self.step, now)

    def copy(self, shift: float) -> "_Plan":
        """The same plan, so many seconds later."""
        return _Plan(self.period, self.due + shift, self.known.copy())


def _copy_plans(plans: "dict[int, _Plan]", shift: float) -> "dict[int, _Plan]":
    return {bundle_id: plan.copy(shift) for bundle_id, plan in plans.items()}


class DataLog(Remembered):
    """The data log of one Tap."""

    KEPT = remembered.kept(
        _plans=_copy_plans,
        _next_look=remembered.instant,
        _sender=remembered.value,
        _sequence=remembered.value,
        running=remembered.value,
    )
    FIXED = ("_device",)

    def __init__(self, device: "Device") -> None:
        self._device = device
        self._plans: dict[int, _Plan] = {}
        self._next_look = 0.0
        self._sender = ANONYMOUS
        self._sequence = max(device.state.packets, default=-1) + 1
        """Number of the next packet; its lower half is the id that clients see."""
        self.running = False
        self.restart()

    def run(self, group_id: int) -> None:
        """Starts, if it does not run yet; the group is the sender of the packets (OQ41)."""
        if self.running:
            return
        now = self._device.clock.now()
        self.running = True
        self._sender = group_id
        self._next_look = now + LOOK
        self._plans = {}
        self._schedule(now)

    def stop(self) -> None:
        """Stops; what is logged stays."""
        self.running = False

    def restart(self) -> None:
        """The Tap starts: nothing runs but what starts by itself."""
        self.running = False
        if self._options.autorun:
            self.run(ANONYMOUS)

    def flush(self) -> None:
        """Drops all packets."""
        for sequence in list(self._device.state.packets):
            self._device.state.remove("packet", sequence)

    def dequeue(self) -> SinglePacket:
        """Removes the oldest packet.

        Raises:
            PeerError: 84, there is none.
        """
        state = self._device.state
        if not state.packets:
            raise PeerError("the data log is empty", ResultCode.NOT_FOUND)
        oldest = self._oldest
        packet = decode_packet(state.packets[oldest])
        state.remove("packet", oldest)
        return replace(packet, send_time=self._time)

    def next_deadline(self) -> float | None:
        """When `tick` has something to do; None if nothing is due."""
        return self._next_look if self.running else None

    def tick(self) -> None:
        """Samples what is due. A log that is full, or that cannot be kept (A4), stops."""
        now = self._device.clock.now()
        if not self.running or now < self._next_look:
            return
        self._next_look = _following(self._next_look, LOOK, now)
        if ServiceCode.DATALOG in self._device.state["interface.disabled_services"]:
            return
        self._schedule(now)
        due = [bundle_id for bundle_id, plan in sorted(self._plans.items()) if plan.due <= now]
        if due:
            self._log(due, now)

    def _schedule(self, now: float) -> None:
        """Brings the plans in line with the configuration, which may change while the log runs."""
        plans: dict[int, _Plan] = {}
        for bundle_id, bundle in self._device.state.bundles.items():
            if not bundle.log_period:
                continue
            plan = self._plans.get(bundle_id)
            if plan is None or plan.period != bundle.log_period:
                plan = _Plan(bundle.log_period, now)
                plan.follow(now)
            plans[bundle_id] = plan
        self._plans = plans

    def _log(self, due: list[int], now: float) -> None:
        state = self._device.state
        variables = self._variables(due)
        self._connect(variables)
        read = self._device.variables.reader()
        packets: list[bytes] = []
        for bundle_id in due:
            plan = self._plans[bundle_id]
            plan.follow(now)
            values = self._changed(plan, _read(read, variables[bundle_id]))
            packets += self._packets(bundle_id, values, self._sequence + len(packets))
        first = self._sequence
        try:
            for packet in packets:
                if not self._make_room():
                    self.running = False
                    break
                state.keep("packet", self._sequence, packet)
                self._sequence += 1
            state.commit()
        except PeerError:
            self._sequence = first
            self.running = False

    def _variables(self, bundle_ids: list[int]) -> dict[int, list[tuple[int, Variable]]]:
        """The variables of these bundles, in one pass over all of them."""
        found: dict[int, list[tuple[int, Variable]]] = {bundle_id: [] for bundle_id in bundle_ids}
        for variable_id, variable in sorted(self._device.state.variables.items()):
            if variable.bundle in found:
                found[variable.bundle].append((variable_id, variable))
        return found

    def _connect(self, variables: dict[int, list[tuple[int, Variable]]]) -> None:
        """A log does not wait for a client to connect the target."""
        target = self._device.target
        on_target = any(one.type.domain is Domain.TARGET for several in variables.values() for _, one in several)
        if on_target and not target.connected:
            with suppress(PeerError):
                target.connect()

    def _changed(self, plan: _Plan, values: Values) -> Values:
        """All values, or none if the bundle is logged on change and nothing has changed."""
        if plan.period != LOG_ON_CHANGE and not self._options.log_on_change:
            return values
        if all(plan.known.get(variable_id) == value for variable_id, value in values):
            return []
        plan.known.update(values)
        return values

    def _packets(self, bundle_id: int, values: Values, sequence: int) -> Iterator[bytes]:
        security = self._options.security
        version = _number_of(self._device.state["interface.config_version"])
        room = data_room(_packet_room(self._device.rules), security)
        for number, part in enumerate(_parts(values, room)):
            packet = new_packet(
                PacketType.DATA_LOG,
                encode_bundle(bundle_id, part),
                log_time=self._time,
                packet_id=(sequence + number) & 0xFFFF,
                config_version=version,
                sender_id=sender_id_of(self._sender),
                salt=int.from_bytes(self._device.entropy.token(2), "big"),
                encryption=security,
            )
            yield encode_packet(seal_packet(packet, self._key(bundle_id)) if security else packet)

    def _key(self, bundle_id: int) -> PacketKey:
        """The SCRAM key of the bundle's group if it has one, else the key of the log (OQ44, OQ73)."""
        state = self._device.state
        bundle: Bundle = state.bundles[bundle_id]
        serial_number: str = state[SERIAL_NUMBER]
        group = state.groups.get(bundle.log_key_group) if bundle.log_key_group else None
        if group is not None and group.password is not None and len(group.password) == RECORD_SIZE:
            key = PacketKey.of_user(group.name, PasswordKey.from_bytes(group.password))
        else:
            key = replace(BLANK_KEY, hash_key=state["data_log.crypto_key"])
        return replace(key, serial_number=serial_number)

    def _make_room(self) -> bool:
        """Whether the log takes one more packet; in rolling mode the oldest one goes for it."""
        state = self._device.state
        capacity: int = state["data_log.max_packet_count"]
        while self._options.rolling_mode and len(state.packets) >= max(capacity, 1):
            state.remove("packet", self._oldest)
        return len(state.packets) < capacity

    @property
    def _oldest(self) -> int:
        """Number of the oldest packet."""
        packets = self._device.state.packets
        oldest = self._sequence - len(packets)
        return oldest if oldest in packets else min(packets)

    @property
    def _options(self) -> DataLogOption:
        options: DataLogOption = self._device.state["data_log.options"]
        return options

    @property
    def _time(self) -> int:
        return self._device.wall_time() & 0xFFFFFFFF


def _read(read: Read, variables: list[tuple[int, Variable]]) -> Values:
    """Their values; a variable that the target refuses is left out."""
    values: Values = []
    gone = False
    for variable_id, variable in variables:
        if gone and variable.type.domain is Domain.TARGET:
            continue  # a real target would take its time-out for each
        try:
            values.append((variable_id, read(variable_id, variable)))
        except PeerError as refusal:
            gone = gone or refusal.code in _GONE
    return values


def _following(due: float, step: float, now: float) -> float:
    """The next time of a series after now; what was missed is left out, since time may jump."""
    return due + step * ((now - due) // step + 1)


@lru_cache
def _number_of(version: Version) -> int:
    return int.from_bytes(VERSION.encode(version), "big")


def _packet_room(rules: Rules) -> int:
    """Bytes of a packet that an answer of this Tap can carry, be it encrypted or not."""
    ciphertext = min(rules.max_ciphertext, rules.max_response - 1 - BLOCK)
    return ciphertext - ciphertext % BLOCK - FRAME_OVERHEAD - _CODE_AND_STATUS


@lru_cache(maxsize=1024)
def _record_size(wide_id: bool, size: int) -> int:
    return len(build_record(TlvRecord(RecordType.RESOURCE, 0xFFFF if wide_id else 0, bytes(size))))


def _parts(values: Values, room: int) -> Iterator[Values]:
    """The values in lists that fit; a value that fits none is left out."""
    part: Values = []
    left = room - _LONGEST_START
    for variable_id, value in values:
        size = _record_size(variable_id > 0xFF, len(value))
        if size > room - _LONGEST_START:
            continue
        if size > left:
            yield part
            part, left = [], room - _LONGEST_START
        part.append((variable_id, value))
        left -= size
    if part:
        yield part
