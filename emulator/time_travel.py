"""Time that is moved forward with everything that happens on the way, as if it had passed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from emulator.clock import SteeredClock
from emulator.effects import Effect

if TYPE_CHECKING:
    from emulator.device import Device

_MOST_AT_ONCE: Final = 100_000
"""Ticks at one instant after which it is clear that a deadline does not go away."""


def advance(device: "Device", clock: SteeredClock, seconds: float) -> Iterator[Effect]:
    """Moves the clock of a device forward, and lets it do what is due at each deadline on the way.

    The effects come one by one, each when the clock shows its time; so they have to be taken for time to go on.

    Raises:
        ValueError: the time is negative.
    """
    for effects in steps(device, clock, seconds):
        yield from effects


def steps(device: "Device", clock: SteeredClock, seconds: float) -> Iterator[list[Effect]]:
    """The same, with what each tick brings; between two steps others may do something, too.

    Raises:
        ValueError: the time is negative.
    """
    if not seconds >= 0:
        raise ValueError(f"time goes forward; expected 0 seconds or more, not {seconds}")
    end = clock.now() + seconds
    ticks, last = 0, -1.0
    while (deadline := device.next_deadline()) is not None and deadline <= end:
        clock.advance(max(0.0, deadline - clock.now()))
        ticks, last = (ticks + 1 if deadline == last else 0), deadline
        if ticks > _MOST_AT_ONCE:
            raise RuntimeError(f"the deadline {deadline} stays after {ticks} ticks")
        yield device.tick()
    clock.advance(max(0.0, end - clock.now()))
