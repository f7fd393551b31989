"""The other end of the control API, for tests in Python.

with ControlClient("http://127.0.0.1:2100", token) as control:
    control.arm_fault({"when": {"request": "device.*"}, "then": {"answer": "BUSY"}, "times": 1})
    control.advance(60)
    control.wait(request="device.get_serial_number")
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter

from emulator.control import models
from emulator.control.errors import ControlError

M = TypeVar("M", bound=BaseModel)

_PATIENCE: Final = 30.0
"""Seconds for an answer, beside those that a call is told to wait."""


class ControlClient:
    """Steers a Tap from anywhere. The methods are those of `Control`.

    Args:
        url: as `serve` prints it after ``control``.
        token: as `serve` prints it after ``token``, or as it was given.

    Every method raises a `ControlError` for what the Tap refuses, and an `httpx.HTTPError` if it cannot be reached.
    """

    def __init__(self, url: str, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"}
        # Proxies of the environment have no business between a test and its Tap.
        self._http = httpx.Client(
            base_url=self.url, headers=headers, timeout=_PATIENCE, trust_env=False, transport=transport
        )

    def __enter__(self) -> "ControlClient":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._http.close()

    # --- health, device

    def health(self) -> models.Health:
        """Whether hosts are served."""
        answer = self._http.get("/health")
        if answer.status_code not in (200, 503):
            raise _refusal(answer)
        return models.Health.model_validate_json(answer.content)

    def device(self) -> models.Device:
        """The whole Tap, without secrets."""
        return self._ask(models.Device, "GET", "/v1/device")

    def change_device(
        self,
        *,
        settings: dict[str, Any] | None = None,
        variables: dict[str, Any] | None = None,
        firmware: str | None = None,
    ) -> models.Device:
        """Changes settings by key, variables by name, and the firmware, as the world would."""
        body = {"settings": settings or {}, "variables": variables or {}, "firmware": firmware}
        return self._ask(models.Device, "PATCH", "/v1/device", body)

    def reset(self) -> models.Device:
        """A factory reset."""
        return self._ask(models.Device, "POST", "/v1/device/reset")

    def reboot(self, seconds: float | None = None) -> None:
        """Restarts the Tap; for so many seconds it then refuses connections."""
        self._do("POST", "/v1/device/reboot", params={} if seconds is None else {"seconds": seconds})

    # --- snapshots

    def snapshots(self) -> list[models.SnapshotInfo]:
        """Those that are kept."""
        return self._list(models.SnapshotInfo, "/v1/snapshots")

    def snapshot(self, name: str) -> models.SnapshotInfo:
        """Keeps the Tap as it is, with its sessions."""
        return self._ask(models.SnapshotInfo, "PUT", f"/v1/snapshots/{_part(name)}")

    def restore(self, name: str) -> None:
        """Makes the Tap what it was."""
        self._do("POST", f"/v1/snapshots/{_part(name)}/restore")

    def delete_snapshot(self, name: str) -> None:
        """Forgets one."""
        self._do("DELETE", f"/v1/snapshots/{_part(name)}")

    def diff(self, before: str, after: str | None = None) -> list[models.Change]:
        """What differs between two snapshots; without `after` between one and now."""
        params = {} if after is None else {"after": after}
        return self._list(models.Change, f"/v1/snapshots/{_part(before)}/diff", params)

    # --- variables

    def variables(self) -> list[models.Variable]:
        """All variables, with their values."""
        return self._list(models.Variable, "/v1/variables")

    def variable(self, name: str) -> models.Variable:
        """One variable, by its name or id."""
        return self._ask(models.Variable, "GET", f"/v1/variables/{_part(name)}")

    def set_variable(self, name: str, value: Any) -> models.Variable:
        """Gives a variable a value as the world would."""
        return self._ask(models.Variable, "PUT", f"/v1/variables/{_part(name)}", {"value": value})

    # --- time and chance

    def clock(self) -> models.Clock:
        """The time of the Tap."""
        return self._ask(models.Clock, "GET", "/v1/clock")

    def freeze(self) -> models.Clock:
        """Stops the time."""
        return self._ask(models.Clock, "POST", "/v1/clock/freeze")

    def set_rate(self, rate: float) -> models.Clock:
        """Lets the time go at another rate: 1 is real, 0 stands still."""
        return self._ask(models.Clock, "PUT", "/v1/clock", {"rate": rate})

    def advance(self, seconds: float) -> models.Clock:
        """Moves the time forward; everything that is due on the way happens."""
        return self._ask(models.Clock, "POST", "/v1/clock/advance", {"seconds": seconds})

    def seed(self) -> models.Seed:
        """Where random numbers come from."""
        return self._ask(models.Seed, "GET", "/v1/seed")

    def set_seed(self, seed: int | None) -> models.Seed:
        """Starts the random numbers of the Tap anew."""
        return self._ask(models.Seed, "PUT", "/v1/seed", {"seed": seed})

    # --- scenarios and faults

    def scenarios(self) -> list[models.Armed]:
        """Those that are armed."""
        return self._list(models.Armed, "/v1/scenarios")

    def scenario(self, name: str) -> models.Armed:
        """One that is armed."""
        return self._ask(models.Armed, "GET", f"/v1/scenarios/{_part(name)}")

    def arm(
        self,
        scenario: str | dict[str, Any],
        *,
        name: str | None = None,
        inputs: dict[str, Any] | None = None,
        seed: int = 0,
    ) -> models.Armed:
        """Lets the script of a scenario act: the text of a file, or its content."""
        content = {"text": scenario} if isinstance(scenario, str) else {"scenario": scenario}
        body = {**content, "name": name, "inputs": inputs or {}, "seed": seed}
        return self._ask(models.Armed, "POST", "/v1/scenarios", body)

    def disarm(self, name: str) -> None:
        """Ends a scenario."""
        self._do("DELETE", f"/v1/scenarios/{_part(name)}")

    def faults(self) -> list[models.Armed]:
        """Rules that are armed by themselves."""
        return self._list(models.Armed, "/v1/faults")

    def arm_fault(self, rule: dict[str, Any]) -> models.Armed:
        """Arms one rule of a script."""
        return self._ask(models.Armed, "POST", "/v1/faults", rule)

    def disarm_fault(self, name: str) -> None:
        """Takes a rule back."""
        self._do("DELETE", f"/v1/faults/{_part(name)}")

    # --- fuzzing of a client

    def fuzzing(self) -> models.Fuzzing:
        """The case that is armed by `fuzz serve`."""
        return self._ask(models.Fuzzing, "GET", "/v1/fuzz")

    def fuzz_next(self, case: str | None = None) -> models.Fuzzing:
        """Arms the next case, or the one of an id."""
        return self._ask(models.Fuzzing, "POST", "/v1/fuzz/next", {"case": case})

    # --- journal

    def journal(self, limit: int = 1000, **query: Any) -> list[models.Entry]:
        """The newest entries for which a query holds; `query` has the fields of `models.Query`."""
        return self._list(models.Entry, "/v1/journal", {**_query(query), "limit": limit})

    def clear_journal(self) -> None:
        """Forgets all entries."""
        self._do("DELETE", "/v1/journal")

    def wait(self, *, count: int = 1, timeout: float = 5.0, **query: Any) -> list[models.Entry]:
        """Waits until the journal has so many entries for which a query holds, and returns them.

        Raises:
            TimeoutError: there were fewer.
        """
        body = {**_query(query), "count": count, "timeout": timeout}
        answer = self._send("POST", "/v1/journal/wait", json=body, timeout=timeout + _PATIENCE)
        waited = models.Waited.model_validate_json(answer.content)
        if not waited.complete:
            raise TimeoutError(f"{len(waited.entries)} of {count} entries came in {timeout} s: {query or 'any'}")
        return waited.entries

    def verify(self, items: list[dict[str, Any]]) -> models.Verdicts:
        """Says of each item of a section `verify` whether it holds."""
        return self._ask(models.Verdicts, "POST", "/v1/journal/verify", {"verify": items})

    def stream(self, **query: Any) -> Iterator[models.Entry]:
        """Entries as they come, until the Tap stops; with `since` also those that are there already."""
        with self._http.stream("GET", "/v1/journal/stream", params=_query(query), timeout=None) as answer:
            if answer.is_error:
                answer.read()
                raise _refusal(answer)
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield models.Entry.model_validate_json(line.removeprefix("data: "))

    # --- who is there

    def sessions(self) -> list[models.Session]:
        """All open connections, oldest first."""
        return self._list(models.Session, "/v1/sessions")

    def expire_session(self, connection: int) -> models.Session:
        """Logs a session out, as when its time is over."""
        return self._ask(models.Session, "POST", f"/v1/sessions/{connection}/expire")

    def close_session(self, connection: int, *, reset: bool = False) -> None:
        """Ends a connection."""
        self._do("DELETE", f"/v1/sessions/{connection}", params={"reset": reset})

    def links(self) -> list[models.Link]:
        """The ways in."""
        return self._list(models.Link, "/v1/links")

    # --- requests

    def _ask(self, kind: type[M], method: str, path: str, body: Any = None) -> M:
        return kind.model_validate_json(self._send(method, path, json=body).content)

    def _list(self, kind: type[M], path: str, params: dict[str, Any] | None = None) -> list[M]:
        found: list[M] = TypeAdapter(list[kind]).validate_json(  # type: ignore[valid-type] # known when it runs
            self._send("GET", path, params=params).content
        )
        return found

    def _do(self, method: str, path: str, params: dict[str, Any] | None = None) -> None:
        self._send(method, path, params=params)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = self._http.request(method, path, **options)
        if answer.is_error:
            raise _refusal(answer)
        return answer


def _refusal(answer: httpx.Response) -> ControlError:
    try:
        message = models.Message.model_validate_json(answer.content).message
    except ValueError:
        message = f"{answer.status_code} {answer.reason_phrase}"
    return ControlError(answer.status_code, message)


def _query(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _part(name: str) -> str:
    return quote(name, safe="")
