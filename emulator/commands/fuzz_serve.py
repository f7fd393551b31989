"""What `tap-emulator fuzz serve` does: a Tap that misbehaves towards a client that somebody else drives."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from emulator.commands.starting import StartError
from emulator.commands.steering import Steering
from emulator.directors import Directors
from protocol.errors import UsageError
from scenarios.fuzz.case import Case
from scenarios.fuzz.live import NAME, Live, Played, Turn

if TYPE_CHECKING:
    from emulator.device import Device

log = structlog.get_logger("tap")

CASES: Final = "cases.jsonl"


class FuzzSteering(Steering):
    """Steers a served Tap, and fuzzes whoever comes.

    Args:
        turn: when the next case is armed.
        case: this one only.
        restore: put the Tap back before each case.
        output: folder for what came of each case.

    Raises:
        StartError: something cannot be used.
    """

    def __init__(
        self, *, turn: str, case: str | None, restore: bool, output: Path | None, inputs: Mapping[str, str], **rest: Any
    ) -> None:
        super().__init__(inputs=inputs, **rest)
        try:
            self._turn = Turn.parse(turn)
            self._only = None if case is None else Case.parse(case)
        except UsageError as error:
            raise StartError(f"--{'next' if case is None else 'case'}: {error}") from error
        self._restore = restore
        self._diary = None if output is None else Diary(output)
        self._live: Live | None = None

    def arm(self, device: "Device", seed: int | None) -> None:
        """Lets the scenario act, and then the case."""
        super().arm(device, seed)
        directors = device.director if isinstance(device.director, Directors) else Directors()
        device.director = directors
        if NAME in directors:
            raise StartError(f"the scenario is called {NAME!r}, expected another name: this one is that of the fuzzing")
        self._live = Live(
            device,
            seed=seed or 0,
            turn=self._turn,
            only=self._only,
            restore=self._restore,
            armed=_tell_armed,
            applied=_tell_applied,
            ended=_ignore if self._diary is None else self._diary.keep,
        )
        directors.add(NAME, self._live)

    async def stop(self) -> None:
        """Ends the case, and closes the control API."""
        if self._live is not None:
            self._live.end()
        await super().stop()


class Diary:
    """A folder with a line of JSON for each case: what went wrong, and what the client did then.

    Raises:
        StartError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / CASES
        self._told = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file.open("a", encoding="utf-8").close()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StartError(f"{folder}: cannot be written ({reason}), expected a folder for cases") from error

    def keep(self, played: Played) -> None:
        """Writes a case that is over. The Tap goes on where that fails, and says so once."""
        try:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(played.as_json(), ensure_ascii=False) + "\n")
        except OSError as error:
            if not self._told:
                log.error("cases are not written any more", file=str(self._file), reason=error.strerror or str(error))
            self._told = True


def _ignore(_: Played) -> None:
    """Nobody wants to know."""


def _tell_armed(played: Played) -> None:
    log.info("fuzz case armed", case=played.case.id, number=played.number, faults=played.faults or "nothing goes wrong")


def _tell_applied(played: Played, words: str) -> None:
    log.info("fuzzed", case=played.case.id, what=words)


def run(
    config: Path | None,
    *,
    control: str,
    clock: str | None,
    scenario: str | None,
    inputs: Mapping[str, str],
    control_token: str | None,
    turn: str,
    case: str | None,
    restore: bool,
    output: Path | None,
    **options: Any,
) -> bool:
    """Serves until SIGTERM or SIGINT; False if a scenario then says that something has not happened.

    Raises:
        StartError: something cannot be used.
    """
    from emulator.commands import serve

    steering = FuzzSteering(
        control=control,
        clock=clock,
        scenario=scenario,
        inputs=inputs,
        token=control_token,
        turn=turn,
        case=case,
        restore=restore,
        output=output,
    )
    return serve.run(config, steering=steering, **options)
