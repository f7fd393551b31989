"""Runs in which nothing goes wrong: what a client does then is what all else is compared with."""

from collections.abc import Sequence
from typing import Final

from emulator.journal import Event
from protocol.errors import UsageError
from scenarios.fuzz.campaign.settings import CampaignSettings
from scenarios.fuzz.judging.judge import Baseline
from scenarios.fuzz.observation import Ending, Observation

_UNSAID: Final = """; with --persistent it has to end its turn with the line {"done": true}, and to flush it"""
_SHOWN: Final = 15
"""Last lines of its output that are shown."""


def check_clean(clean: Sequence[Observation], url: str, settings: CampaignSettings) -> Baseline:
    """What the client does where nothing goes wrong.

    Raises:
        UsageError: it fails even there, or does nothing at the Tap.
    """
    handled = settings.handled or ()
    for observation in clean:
        problem = _problem(observation, url, settings)
        if problem is not None:
            raise UsageError(f"the client fails although nothing goes wrong: {problem}{_output(observation)}")
    return Baseline.of(list(clean), accepted_exit_codes=None if settings.handled is None else handled)


def _problem(observation: Observation, url: str, settings: CampaignSettings) -> str | None:
    ending, seconds = observation.ending, observation.seconds
    how = f"{_words(ending)} after {seconds:.2f} s"
    if not observation.records:
        if any(isinstance(entry, Event) and entry.kind == "connected" for entry in observation.entries):
            return f"it connected to {url}, sent no request, and {how}"
        places = ("{url}", "{port}", "{host}")
        missing = settings.mode != "persistent" and not any(place in settings.client for place in places)
        hint = "; expected {url} in its command" if missing else ""
        return f"it never connected to {url}, and {how}{hint}"
    if ending.kind == "exited" and settings.mode != "spawn":
        wanted = "wait for the next line" if settings.mode == "persistent" else "connect again"
        return f"it {how}; with --{settings.mode} it has to {wanted}"
    if ending.kind not in ("exited", "done"):
        unsaid = settings.mode == "persistent" and ending.kind == "stalled"
        return f"it {how}{_UNSAID if unsaid else ''}"
    if ending.error or ending.unhandled:
        return f"it reports an error: {ending.error}"
    if ending.code and ending.code not in (settings.handled or ()):
        return f"it {how}, expected 0"
    return None


def _words(ending: Ending) -> str:
    if ending.kind == "done":
        return "was done"
    if ending.kind == "exited":
        code = ending.code
        if code is None:
            return "ended"
        return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return {
        "stalled": "made no progress",
        "flooded": "sent or printed without end",
        "swollen": "took too much memory",
    }[ending.kind] + (f" ({ending.detail})" if ending.detail else "")


def _output(observation: Observation) -> str:
    lines = observation.output.strip().splitlines()[-_SHOWN:]
    return "".join(f"\n  | {line}" for line in lines) if lines else "\n  it printed nothing"
