"""`AsyncTap`: the client for asyncio. It does what `protocol.client.blocking.Tap` does, method by method."""

import asyncio
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, TypeVar

from protocol.bodies.multi_request import MultiRequestItem
from protocol.bodies.variable import Value
from protocol.client.calls import make_request
from protocol.client.core import Conversation, Session, SessionState, Token
from protocol.client.data import BundleInfo, Progress, read_bundle, silent, synchronize
from protocol.client.links import LinkError
from protocol.client.links.aio import AsyncLink, open_link
from protocol.client.services_aio import AsyncServices
from protocol.client.tasks import Step, configure, download_log, execute_update, send_update
from protocol.codes import EXPECT_ANYTHING, Method
from protocol.errors import UsageError
from protocol.frames import Request, Response
from protocol.packets import SinglePacket
from protocol.paths import Path

T = TypeVar("T")

_RECONNECT_PERIOD: Final = 0.2
"""Seconds between attempts to reach a Tap that restarts."""


class AsyncTap:
    """A Tap to talk to::

        async with AsyncTap("tcp://127.0.0.1:2000") as tap:
            await tap.login("admin", "admin")
            print(await tap.service.device.get_serial_number())

    Errors are those of `Tap`. Tasks may share a Tap: their requests wait for each other. Cancelling a task in the
    middle of a request closes the connection, since its answer would come later and look like that of another request.

    Args:
        url: where the Tap is, for example ``tcp://192.168.4.1:2000``.
        link: an open link, in place of a URL.
        timeout: seconds for the connection to be made, and for each answer.
        token: source of nonces and initialization vectors; tests hand in their own.
    """

    def __init__(
        self, url: str | None = None, *, link: AsyncLink | None = None, timeout: float = 3.0, token: Token = os.urandom
    ) -> None:
        if (url is None) == (link is None):
            raise UsageError("a Tap needs either a URL or a link")
        self.url = url
        self.timeout = timeout
        self.session = Session(token)
        """State of login and encryption."""
        self.service = AsyncServices(self.call)
        """The calls of the resource table: ``await tap.service.device.get_serial_number()``."""
        self._link = link
        self._busy = asyncio.Lock()

    async def __aenter__(self) -> "AsyncTap":
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def is_connected(self) -> bool:
        """Whether there is an open link. That the Tap has gone shows with the next request only."""
        return self._link is not None

    @property
    def session_state(self) -> SessionState:
        """Who is logged in."""
        return self.session.state

    async def connect(self, *, keep_session: bool = False) -> None:
        """Opens the link, unless it is open; the new session is anonymous and in clear.

        Args:
            keep_session: go on with key and login of the last connection, for Taps which keep theirs too.

        Raises:
            LinkError: nobody is there.
        """
        async with self._busy:
            if self._link is not None:
                return
            if self.url is None:
                raise LinkError("the link that was given is closed, and there is no URL to open another")
            self._link = await open_link(self.url, self.timeout)
            if not keep_session:
                self.session.reset()

    async def close(self) -> None:
        """Closes the link; it can be opened again with `connect`."""
        self._drop_link()
        await asyncio.sleep(0)  # lets the transport end

    async def login(self, username: str, password: str, refresh_session_state: bool = True) -> SessionState:
        """Logs in as the Tap's security options ask for; a SCRAM login switches encryption on.

        Args:
            refresh_session_state: read group and lifetime of the login afterwards (two requests).

        Raises:
            LoginError: the Tap refused it.
            IntegrityError: the Tap could not prove that it knows the user.
        """
        return await self._hold(self.session.login(username, password, refresh_session_state))

    async def logout(self) -> None:
        """Ends the login; the session goes on in clear, its key is forgotten."""
        await self._hold(self.session.logout())

    async def change_password(self, new_password: str, group_id: int | None = None) -> None:
        """Replaces a password, in clear, hashed or as SCRAM key, as the security options ask for.

        Args:
            group_id: None for the group that is logged in.
        """
        await self._hold(self.session.change_password(new_password, group_id))

    async def encryption(self, enabled: bool, reset_session_key: bool = False) -> None:
        """Switches encryption on or off.

        Args:
            reset_session_key: ask for a new key when switching on; forget the key when switching off.
        """
        await self._hold(self.session.encryption(enabled, reset_session_key))

    def set_initialization_vector_refresh_period(self, period: int) -> None:
        """How often initialization vectors are renewed: 0 never, 1 with every request, n after n encrypted answers.

        Sends nothing. The default is 100.
        """
        self.session.set_initialization_vector_refresh_period(period)

    async def refresh_encryption_initialization_vector(self) -> None:
        """Renews the initialization vectors now.

        Raises:
            IvNotSupportedError: the firmware is older than 1.86.
        """
        await self._hold(self.session.refresh_encryption_initialization_vector())

    async def nfc_pairing(self) -> None:
        """Sends the pairing command of NFC hosts."""
        await self._hold(self.session.nfc_pairing())

    async def call(self, result: type[T], id: str, value: object = None, instance: int | None = None) -> T:
        """Makes a call by its id; the methods of `service` do the same, with checked types.

        Args:
            result: type of the answer, for the type checker.
            id: for example ``group.get_name``.
            value: what the call sends, None for nothing.
            instance: group, bundle or variable, where the resource has instances.
        """
        answer: T = await self._hold(self.session.call(id, value, instance))
        return answer

    async def request(self, method: Method | str, path: Path | str, body: bytes = b"") -> Response:
        """Makes any request and returns the answer as it is, refusals too: see `Response.success`.

        Args:
            method: ``GET``, ``POST`` or ``PUT``.
            path: in numbers or in words: ``/1024//47``, ``/group/65535/name``.
        """
        return await self._hold(self.session.exchange(make_request(method, path, body)))

    async def multi_request(
        self, requests: Iterable[Request | MultiRequestItem], expected: int = EXPECT_ANYTHING
    ) -> list[Response]:
        """Makes several requests in one frame and returns their answers, refusals too.

        Args:
            expected: result code that a plain `Request` has to have for the next one to be executed; also
                `EXPECT_SUCCESS` or `EXPECT_ANYTHING`.
        """
        return await self._hold(self.session.multi_request(requests, expected))

    async def bundles(self, progress: Progress = silent) -> list[BundleInfo]:
        """Finds the bundles that the session may read, with their variables: names, types, units.

        Args:
            progress: is called with the number of variables that are known and how many there are.
        """
        return await self._hold(synchronize(self.session, progress))

    async def read_bundle(self, bundle: str | int, progress: Progress = silent) -> dict[str, Value]:
        """Values of a bundle's variables by name.

        Args:
            bundle: its name or its id; by id it takes fewer requests.

        Raises:
            UsageError: no bundle that the session may read has this name.
        """
        return await self._hold(read_bundle(self.session, bundle, progress))

    async def download_log(self, progress: Progress = silent) -> list[SinglePacket]:
        """Takes all packets out of the data log, the oldest first; they are gone from the Tap then."""
        return await self._hold(download_log(self.session, progress))

    async def configure(
        self, steps: Sequence[Step], progress: Progress = silent, *, factory_reset: bool = True
    ) -> None:
        """Writes a whole configuration and logs out; `emulator.config.steps` makes the steps of any configuration file.

        Args:
            progress: is called with the number of steps that are done and how many there are.
            factory_reset: erase what is there first; it needs the admin, unless the Tap is in factory state.

        Raises:
            RefusedError: the Tap refused a step, which the message names; the steps before it are written.
        """
        await self._hold(configure(self.session, steps, progress, factory_reset=factory_reset))

    async def update_firmware(self, file: bytes, progress: Progress = silent, *, patience: float = 30.0) -> str:
        """Updates the firmware, waits until the Tap is back, and returns its version; the session is new then.

        Args:
            file: contents of an update file.
            patience: seconds for the Tap to come back.

        Raises:
            UsageError: it is no update file, or the Tap was reached without a URL and cannot be reached again.
            RefusedError: the Tap refused it; its firmware is as it was.
        """
        if self.url is None:
            raise UsageError("a Tap without a URL cannot be reached again after an update")
        await self._hold(send_update(self.session, file, progress))
        with suppress(LinkError):  # some firmware restarts without an answer
            await self._hold(execute_update(self.session, file))
        await self.close()
        deadline = time.monotonic() + patience
        while True:
            try:
                await self.connect()
                return await self.service.device.get_firmware_version()
            except LinkError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_RECONNECT_PERIOD)

    async def _hold(self, conversation: Conversation[T]) -> T:
        async with self._busy:
            try:
                request = next(conversation)
                while True:
                    request = conversation.send(await self._exchange(request))
            except StopIteration as end:
                result: T = end.value
                return result

    async def _exchange(self, request: bytes) -> bytes:
        if self._link is None:
            raise LinkError(f"{self.url or 'the link'}: not connected")
        try:
            await self._link.send(request)
            return await self._link.receive()
        except BaseException:
            # The answer may still come, and must not be taken for that of a later request.
            self._drop_link()
            raise

    def _drop_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
