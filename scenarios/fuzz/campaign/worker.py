"""A worker: a Tap of its own, and a client of its own, that meet in one case after another."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from emulator.journal import Entry, Event
from protocol.errors import UsageError
from scenarios.fuzz.campaign.settings import CampaignSettings
from scenarios.fuzz.case import Case
from scenarios.fuzz.clients import Result, Turn, make_client
from scenarios.fuzz.judging.story import changes_session
from scenarios.fuzz.observation import Ending, Observation
from scenarios.fuzz.rig import ServedRig
from scenarios.model import Scenario

_WELL: Final = Ending("done")


class TapFailureError(UsageError):
    """Our Tap has failed in a case, which says nothing about the client."""

    def __init__(self, case: Case, mistake: Exception) -> None:
        super().__init__(f"case {case.id}: the Tap itself failed: {mistake!r}")


class Worker:
    """Plays cases, one after the other.

    Args:
        scenario: that of the settings; None for the demo Tap.
        listen: links of its Tap.

    Raises:
        UsageError: the command of the client cannot be used, or the Tap does not let the user in.
    """

    def __init__(self, settings: CampaignSettings, scenario: Scenario | None, listen: tuple[str, ...]) -> None:
        self.client = make_client(settings.client, settings.mode, settings.limits, env=settings.env, cwd=settings.cwd)
        self.rig = ServedRig(scenario, seed=settings.seed, listen=listen)
        if settings.login is not None:
            self.rig.log_in(*settings.login)
        self._keep_hosts = settings.mode == "persistent"
        self._in_step = True
        """Client and Tap still agree on keys and vectors, as far as mutations are concerned."""
        self._ended = asyncio.Event()
        self._last: Observation | None = None
        self.rig.device.journal.listen(self._note)

    @property
    def url(self) -> str:
        """Where its client finds the Tap."""
        return self.rig.urls[0]

    async def start(self) -> None:
        """Opens the links.

        Raises:
            LinkError: one cannot be opened.
        """
        await self.rig.start()

    async def stop(self) -> None:
        """Ends the client and closes the links."""
        try:
            await self.client.close()
        finally:
            await self.rig.stop()

    def _note(self, entry: Entry) -> None:
        if isinstance(entry, Event) and entry.kind == "disconnected":
            self._ended.set()

    def _progress(self) -> int:
        return len(self.rig.entries)

    async def play(self, case: Case) -> list[Observation]:
        """Plays a case, and says what was seen: of this case, and before it of the last one, if that turns out only
        now to have ended the client.

        A case that leaves a kept connection useless would spoil all that follow. So where a client fails although
        nothing of the case comes true, it is played once more, and the client has to connect anew.

        Raises:
            UsageError: the client cannot be started.
            TapFailureError: the Tap itself has failed.
        """
        observation, result = await self._play(case, keep_hosts=self._keep_hosts and self._in_step)
        blamed = self._blamed(result)
        spoiled = not observation.applied and (observation.ending != _WELL or not observation.answers)
        if result.late or (self._keep_hosts and case.faults and spoiled):
            observation, result = await self._play(case, keep_hosts=False)
        self._last = observation
        return [*blamed, observation]

    def _blamed(self, result: Result) -> list[Observation]:
        """The last case as it was seen, if it turns out only now to have ended the client."""
        last = self._last
        if last is None or not result.late:
            return []
        return [replace(last, ending=result.ending, output=last.output + result.output)]

    async def endure(self, case: Case) -> AsyncIterator[Observation]:
        """What was seen turn by turn, without end. The client is asked to keep its connection, and the Tap goes on as
        it is. The first may be of the last case, if it turns out only now to have ended the client.

        Raises:
            UsageError: the client is not told of its turns, or cannot be started.
            TapFailureError: the Tap itself has failed.
        """
        if not self._keep_hosts:
            raise UsageError(f"case {case.id}: expected --persistent, a client that is told to keep its connection")
        self.rig.begin(case)
        await self.rig.ready()
        while True:
            observation, result = await self._turn(case)
            self._in_step = False  # the next case begins with another connection
            for each in self._blamed(result) if result.late else (observation,):
                self._last = each
                yield each

    async def _play(self, case: Case, *, keep_hosts: bool) -> tuple[Observation, Result]:
        self.rig.begin(case, keep_hosts=keep_hosts)
        await self.rig.ready()
        return await self._turn(case)

    async def _turn(self, case: Case) -> tuple[Observation, Result]:
        rig = self.rig
        self._ended.clear()
        turn = Turn(case.id, rig.urls[0], rig.keys, self._progress, self._ended, keep=case.endurance > 0)
        result = await self.client.play(turn)
        trace = rig.end()
        self._in_step = not any(map(changes_session, trace.applied))
        if rig.server.mistakes:
            mistake = rig.server.mistakes[-1]
            rig.server.mistakes.clear()
            raise TapFailureError(case, mistake)
        observation = Observation(
            case,
            trace.answers,
            trace.applied,
            trace.entries,
            result.ending,
            result.readings,
            result.output,
            result.memory,
            result.seconds,
        )
        return observation, result
