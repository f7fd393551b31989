"""One event loop in a thread of its own, which all virtual Taps of a process share."""

import asyncio
import atexit
import contextvars
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, ParamSpec, TypeVar

import structlog

T = TypeVar("T")
P = ParamSpec("P")

Tasks = set[asyncio.Task[Any]]

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "exception": 40, "critical": 50}
_END_TIME: Final = 2.0
"""Seconds that the thread has to end when the process does."""
_tasks: contextvars.ContextVar[Tasks | None] = contextvars.ContextVar("tasks of the Tap", default=None)


class Background:
    """An event loop that runs in a daemon thread until the process ends."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.errors: list[str] = []
        """What nobody has caught in the loop, since somebody has looked last."""
        self.loop.set_exception_handler(self._note)
        self.loop.set_task_factory(_make_task)
        self._thread = threading.Thread(target=self.loop.run_forever, name="tap-emulator", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in the loop, and waits for its result."""
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("a Tap is steered from the threads of the test, not from its own")
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls a function in the loop, and waits for its result."""

        async def run() -> T:
            return function(*args, **kwargs)

        return self.run(run())

    def take_log(self) -> None:
        """Has what is logged in this thread go to the logger ``tap`` of the standard library, where pytest finds it.

        What other threads log goes where the user of structlog has said.
        """
        processors = structlog.get_config()["processors"]
        if self._hand_over not in processors:
            processors.insert(0, self._hand_over)

    def _hand_over(self, _: Any, method: str, event: Any) -> Any:
        if threading.current_thread() is not self._thread:
            return event
        trace = bool(event.pop("exc_info", None)) or method == "exception"
        words = [str(event.pop("event", "")), *(f"{name}={value}" for name, value in event.items())]
        logging.getLogger("tap").log(_LEVELS.get(method, 20), " ".join(words), exc_info=trace)
        raise structlog.DropEvent

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.errors.append(f"{context['message']}{'' if error is None else f': {error!r}'}")
        loop.default_exception_handler(context)

    def _end(self) -> None:
        if self.process != os.getpid():
            return  # a fork: the thread is not in this process
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_END_TIME)
        if not self._thread.is_alive():
            self.loop.close()


def collect_tasks() -> Tasks:
    """Where tasks are noted that are made from now on in this context, and in whatever is started from it."""
    tasks: Tasks = set()
    _tasks.set(tasks)
    return tasks


def _make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
    tasks = _tasks.get()
    if tasks is not None:
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    return task


_lock = threading.Lock()
_shared: list[Background] = []


def background() -> Background:
    """The one of this process; it is started when it is needed first."""
    with _lock:
        if not _shared or _shared[0].process != os.getpid():
            _shared[:] = [Background()]
        return _shared[0]
