"""How commands come to a Tap."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from protocol.client.blocking import Tap


@dataclass(frozen=True, slots=True)
class Visit:
    """How to come to a Tap: where it is, who asks, and whether in clear.

    Args:
        timeout: seconds to wait for the connection and for each answer.
        iv_period: requests between new initialization vectors; None leaves the client's default.
    """

    url: str
    timeout: float
    user: str | None
    password: str
    encrypt: bool
    iv_period: int | None

    @contextmanager
    def tap(self) -> Iterator[Tap]:
        """The Tap, connected, encrypted and logged in as asked.

        Raises:
            RefusedError: it refused the login.
            LinkError, IntegrityError: there is no proper answer.
        """
        with Tap(self.url, timeout=self.timeout) as tap:
            if self.iv_period is not None:
                tap.set_initialization_vector_refresh_period(self.iv_period)
            if self.encrypt:
                tap.encryption(True)
            if self.user is not None:
                tap.login(self.user, self.password)
            yield tap
