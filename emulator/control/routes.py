"""The routes of the control API: each is one method of `Control`, and has no thoughts of its own.

All of them are coroutines, so that they run in the event loop of the server, between two requests to the Tap.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPBearer

from emulator.control import models
from emulator.control.errors import ControlError
from emulator.control.operations import Control
from emulator.control.streaming import MOST_STREAMS, events

health = APIRouter(tags=["health"])
# The guard has checked the token before anything here runs; this only says so in the OpenAPI document.
router = APIRouter(prefix="/v1", dependencies=[Depends(HTTPBearer(auto_error=False))])


async def _control(request: Request) -> Control:
    control: Control = request.app.state.control
    return control


_Control = Annotated[Control, Depends(_control)]
_Named = Annotated[str, Path(min_length=1, max_length=200)]
_Number = Annotated[int, Path(ge=0, le=2**53)]


@health.get("/health", responses={503: {"model": models.Health, "description": "Links are not open"}})
async def get_health(control: _Control, response: Response) -> models.Health:
    """Whether the Tap serves hosts: 200, else 503. Needs no token."""
    found = control.health()
    response.status_code = 200 if found.ready else 503
    return found


@router.get("/device", tags=["device"])
async def get_device(control: _Control) -> models.Device:
    """The whole Tap, without secrets."""
    return control.device()


@router.patch("/device", tags=["device"])
async def change_device(control: _Control, change: models.DeviceChange) -> models.Device:
    """Changes settings, variables and firmware as the world would: no right is needed."""
    return control.change_device(change)


@router.post("/device/reset", tags=["device"])
async def reset(control: _Control) -> models.Device:
    """A factory reset: configuration, users and values are gone."""
    return control.reset()


@router.post("/device/reboot", tags=["device"], status_code=204)
async def reboot(
    control: _Control, seconds: Annotated[float | None, Query(ge=0, le=models.MOST_SECONDS)] = None
) -> None:
    """Restarts the Tap; for so many seconds it then refuses connections."""
    control.reboot(seconds)


@router.get("/snapshots", tags=["snapshots"])
async def snapshots(control: _Control) -> list[models.SnapshotInfo]:
    """The snapshots that are kept."""
    return control.snapshots()


@router.put("/snapshots/{name}", tags=["snapshots"])
async def snapshot(control: _Control, name: Annotated[models.Name, Path()]) -> models.SnapshotInfo:
    """Keeps the Tap as it is, with its sessions; a snapshot of this name is written over."""
    return control.snapshot(name)


@router.post("/snapshots/{name}/restore", tags=["snapshots"], status_code=204)
async def restore(control: _Control, name: _Named) -> None:
    """Makes the Tap what it was; connections that were not there then are closed."""
    control.restore(name)


@router.delete("/snapshots/{name}", tags=["snapshots"], status_code=204)
async def delete_snapshot(control: _Control, name: _Named) -> None:
    """Forgets a snapshot."""
    control.delete_snapshot(name)


@router.get("/snapshots/{name}/diff", tags=["snapshots"])
async def diff(
    control: _Control, name: _Named, after: Annotated[str | None, Query(max_length=200)] = None
) -> list[models.Change]:
    """What has changed since a snapshot: up to another one, or up to now."""
    return control.diff(name, after)


@router.get("/variables", tags=["variables"])
async def variables(control: _Control) -> list[models.Variable]:
    """All variables, with their values."""
    return control.variables()


@router.get("/variables/{name:path}", tags=["variables"])
async def variable(control: _Control, name: _Named) -> models.Variable:
    """One variable, by its name or id."""
    return control.variable(name)


@router.put("/variables/{name:path}", tags=["variables"])
async def set_variable(control: _Control, name: _Named, value: models.Value) -> models.Variable:
    """Gives a variable a value as the world would: no right is needed."""
    return control.set_variable(name, value.value)


@router.get("/clock", tags=["clock"])
async def clock(control: _Control) -> models.Clock:
    """The time of the Tap."""
    return control.clock()


@router.put("/clock", tags=["clock"])
async def set_rate(control: _Control, rate: models.Rate) -> models.Clock:
    """Lets the time go at another rate: 1 is real, 0 stands still, 10 is ten times as fast."""
    return control.set_rate(rate.rate)


@router.post("/clock/freeze", tags=["clock"])
async def freeze(control: _Control) -> models.Clock:
    """Stops the time."""
    return control.freeze()


@router.post("/clock/advance", tags=["clock"])
async def advance(control: _Control, time: models.Seconds) -> models.Clock:
    """Moves the time forward; everything that is due on the way happens, in its order."""
    return await control.advance(time.seconds)


@router.get("/seed", tags=["seed"])
async def seed(control: _Control) -> models.Seed:
    """Where random numbers come from."""
    return control.seed()


@router.put("/seed", tags=["seed"])
async def set_seed(control: _Control, seed: models.Seed) -> models.Seed:
    """Starts the random numbers of the Tap anew."""
    return control.set_seed(seed.seed)


@router.get("/scenarios", tags=["scenarios"])
async def scenarios(control: _Control) -> list[models.Armed]:
    """The scenarios that are armed, with the states of their machines."""
    return control.scenarios()


@router.post("/scenarios", tags=["scenarios"], status_code=201)
async def arm(control: _Control, scenario: models.Arming) -> models.Armed:
    """Lets the script of a scenario act on whoever talks to the Tap."""
    return control.arm(scenario)


@router.get("/scenarios/{name:path}", tags=["scenarios"])
async def scenario(control: _Control, name: _Named) -> models.Armed:
    """One scenario that is armed."""
    return control.scenario(name)


@router.delete("/scenarios/{name:path}", tags=["scenarios"], status_code=204)
async def disarm(control: _Control, name: _Named) -> None:
    """Ends a scenario; what it had set for a while is undone."""
    control.disarm(name)


@router.get("/faults", tags=["faults"])
async def faults(control: _Control) -> list[models.Armed]:
    """The rules that are armed by themselves."""
    return control.faults()


@router.post("/faults", tags=["faults"], status_code=201)
async def arm_fault(
    control: _Control,
    rule: Annotated[
        dict[str, Any], Body(examples=[{"when": {"request": "device.*"}, "then": {"delay": "2s"}, "times": 1}])
    ],
) -> models.Armed:
    """Arms one rule, as it stands in the script of a scenario."""
    return control.arm_fault(rule)


@router.delete("/faults/{name:path}", tags=["faults"], status_code=204)
async def disarm_fault(control: _Control, name: _Named) -> None:
    """Takes a rule back."""
    control.disarm_fault(name)


@router.get("/fuzz", tags=["fuzzing"])
async def fuzzing(control: _Control) -> models.Fuzzing:
    """The case that is armed by `fuzz serve`: what is to go wrong, and what has gone wrong so far."""
    return control.fuzzing()


@router.post("/fuzz/next", tags=["fuzzing"])
async def fuzz_next(control: _Control, next: models.NextCase | None = None) -> models.Fuzzing:
    """Arms the next case, or the one that is named."""
    return control.fuzz_next(None if next is None else next.case)


class _Listing(models.Query):
    limit: int = Query(default=1000, ge=1, le=models.MOST_ENTRIES)


@router.get("/journal", tags=["journal"])
async def journal(control: _Control, query: Annotated[_Listing, Query()]) -> list[models.Entry]:
    """The newest entries for which all that is given holds, the oldest of them first."""
    return control.journal(query, query.limit)


@router.delete("/journal", tags=["journal"], status_code=204)
async def clear_journal(control: _Control) -> None:
    """Forgets all entries; their numbers go on."""
    control.clear_journal()


@router.post("/journal/wait", tags=["journal"])
async def wait(control: _Control, wanted: models.Wait) -> models.Waited:
    """Waits until there are so many entries; `complete` is false if the time was over before."""
    return await control.wait(wanted)


@router.post("/journal/verify", tags=["journal"])
async def verify(control: _Control, items: models.Verification) -> models.Verdicts:
    """Says of each item, as in the section `verify` of a scenario, whether it holds."""
    return control.verify(items.verify)


class _Follow(models.Query):
    token: str | None = Query(default=None, description="The token, where no header can be sent")


@router.get(
    "/journal/stream",
    tags=["journal"],
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events, one for each entry"}},
)
async def stream(request: Request, control: _Control, query: Annotated[_Follow, Query()]) -> StreamingResponse:
    """Entries as they come; with `since` also those that are there already. A reader who is too slow is cut off."""
    streams = request.app.state.streams
    if len(streams.open) >= MOST_STREAMS:
        raise ControlError(409, f"{MOST_STREAMS} streams are open already")
    control.matching(query)
    lines = events(control, streams, query, request.is_disconnected)
    return StreamingResponse(lines, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@router.get("/sessions", tags=["sessions"])
async def sessions(control: _Control) -> list[models.Session]:
    """Who is connected and logged in, oldest first."""
    return control.sessions()


@router.post("/sessions/{connection}/expire", tags=["sessions"])
async def expire_session(control: _Control, connection: _Number) -> models.Session:
    """Logs a session out, as when its time is over."""
    return control.expire_session(connection)


@router.delete("/sessions/{connection}", tags=["sessions"], status_code=204)
async def close_session(control: _Control, connection: _Number, reset: bool = False) -> None:
    """Ends a connection; with `reset` as if somebody had pulled the plug."""
    control.close_session(connection, reset=reset)


@router.get("/links", tags=["links"])
async def links(control: _Control) -> list[models.Link]:
    """The ways in."""
    return control.links()
