"""TLS towards a server: the files that the URL of a link names."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from protocol.errors import UsageError
from protocol.urls import LinkUrl, Options, text

TLS_OPTIONS: Final[Options] = {"ca": text(), "cert": text(), "key": text()}
_SCHEMES: Final = ("mqtts",)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files by path; none of them is needed.

    Args:
        ca: certificates that are trusted, in place of those of the machine.
        cert, key: with what our own side identifies itself; the key may be in the file of the certificate.
    """

    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, url: LinkUrl, options: dict[str, Any]) -> "TlsFiles | None":
        """The files of a URL, which are looked into; None if its scheme is one without TLS.

        Raises:
            UsageError: a file is missing, or is not what it should be.
        """
        files = cls(**{name: options[name] for name in TLS_OPTIONS})
        if url.scheme not in _SCHEMES:
            if files != cls():
                raise UsageError(f"{url}: {', '.join(TLS_OPTIONS)} need {' or '.join(_SCHEMES)}")
            return None
        for name in TLS_OPTIONS:
            if options[name] and not Path(options[name]).is_file():
                raise UsageError(f"{url}: {name}={options[name]}: no such file")
        if files.key and not files.cert:
            raise UsageError(f"{url}: key={files.key} is of no use without cert=FILE")
        try:
            files.context()
        except OSError as error:
            named = ", ".join(f"{name}={options[name]}" for name in TLS_OPTIONS if options[name])
            raise UsageError(f"{url}: {named}: {error.strerror or error}, expected PEM files that fit") from error
        return files

    def context(self, trusted: str = "") -> ssl.SSLContext:
        """How to connect.

        Args:
            trusted: certificates as PEM text, where no file names them.

        Raises:
            OSError: a file cannot be read, or is not what it should be; `ssl.SSLError` is one.
            ValueError: the text is none of a certificate.
        """
        if not trusted.isascii():
            raise ValueError("no certificate in PEM form: it is not ASCII")
        context = ssl.create_default_context(cafile=self.ca, cadata=None if self.ca else trusted or None)
        if self.cert:
            # A password for the key would be asked for on the terminal.
            context.load_cert_chain(self.cert, self.key, password=lambda: b"")
        return context
