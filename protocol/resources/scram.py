"""The SCRAM service of object 1024: login without sending the password, and the encrypted session."""

from typing import Final

from protocol.bodies.scram import (
    CIPHERTEXT,
    ENCRYPTED_IV_REQUEST,
    ENCRYPTED_IV_RESPONSE,
    INITIALIZATION_VECTOR,
    PROOF,
    SCRAM_CHALLENGE,
    SCRAM_LOGIN,
    SESSION_KEY,
)
from protocol.codes import Method
from protocol.firmware import FIRST_WITH_IV, Version
from protocol.resources.model import Access, Call, Evidence, Resource, Setting, setting
from protocol.values import RAW, UINT16, UINT32

_OBJECT: Final = 1024
_FIRST_ENCRYPTED: Final = Version(1, 11)


def _scram(
    name: str,
    resource: int,
    call: Call,
    *,
    since: Version | None = None,
    until: Version | None = None,
    quirk: str | None = None,
) -> Resource:
    return Resource("scram", name, _OBJECT, resource, (call,), since=since, until=until, quirk=quirk)


RESOURCES: Final = (
    _scram(
        "login",
        40,
        Call(
            Method.GET,
            "login",
            "First step of a login: user name and client nonce for server nonce, salt and iterations.",
            SCRAM_LOGIN,
            SCRAM_CHALLENGE,
            access=Access.LOGIN,
        ),
    ),
    _scram(
        "login-proof",
        41,
        Call(
            Method.GET,
            "login_proof",
            "Second step of a login: the client's proof for the Tap's.",
            PROOF,
            PROOF,
            access=Access.LOGIN,
        ),
    ),
    setting(
        "scram",
        "hash-iteration",
        (_OBJECT, 42),
        Setting(UINT32, 5000, limit=range(1, 65536)),
        "the number of iterations of the key derivation",
        write=Access.ADMIN,
        write_body=UINT16,
        since=_FIRST_ENCRYPTED,
    ),
    _scram(
        "send-with-iv",
        44,
        Call(
            Method.GET,
            "send_with_iv",
            "Carries an encrypted request, and its answer, with the initialization vector of each.",
            ENCRYPTED_IV_REQUEST,
            ENCRYPTED_IV_RESPONSE,
            carries=True,
        ),
        since=FIRST_WITH_IV,
    ),
    _scram(
        "initialization-vector",
        45,
        Call(
            Method.GET,
            "set_initialization_vector",
            "Exchanges initialization vectors: the client's for requests, the Tap's for answers.",
            INITIALIZATION_VECTOR,
            INITIALIZATION_VECTOR,
        ),
        since=FIRST_WITH_IV,
    ),
    _scram(
        "random",
        45,
        Call(
            Method.GET,
            "get_random",
            "Reads a random number from the slot that later became the initialization vector.",
            RAW,
            UINT32,
            evidence=Evidence("client", "comment in @iotize/tap 2.7.0 and device-client.js alpha.105"),
        ),
        until=Version(1, 83),
        quirk="random_number_slot",
    ),
    _scram(
        "stop",
        46,
        Call(
            Method.GET,
            "stop",
            "Ends the encrypted session: key and initialization vectors are forgotten, the login stays.",
            response=RAW,
            evidence=Evidence("doc", "vendor's service page; effect assumed, OQ70"),
        ),
        since=_FIRST_ENCRYPTED,
    ),
    _scram(
        "initialize",
        47,
        Call(Method.GET, "initialize", "Makes a session key and answers it in clear.", response=SESSION_KEY),
        since=_FIRST_ENCRYPTED,
    ),
    _scram(
        "com-send-receive",
        48,
        Call(
            Method.GET,
            "send",
            "Carries an encrypted request and its encrypted answer.",
            CIPHERTEXT,
            CIPHERTEXT,
            carries=True,
        ),
        since=_FIRST_ENCRYPTED,
    ),
)
