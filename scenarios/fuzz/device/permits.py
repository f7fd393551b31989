"""What a Tap at a URL is spared: it may be hardware, and somebody may need it afterwards.

Without permission to write, only GET goes out, and of these none that takes something away or changes the session of
others. With it, settings and values are written too. Never over a URL: whatever ends in a restart, a lock-out, another
firmware, other logins or interfaces, or the execution of packets that may hold any of that.
"""

from typing import Final

from protocol.apdu import CLASS, HEADER_SIZE, INS_GET
from protocol.codes import Method
from protocol.errors import FrameError
from protocol.frames import Request
from protocol.resources.model import Access
from protocol.resources.registry import ENTRIES, find_entry
from scenarios.fuzz.device.cases import Case
from scenarios.fuzz.device.peer import Probe, envelopes

_NEVER_SERVICES: Final = ("firmware", "single_packet")
_NEVER_CALLS: Final = (
    "device.reboot",
    "device.factory_reset",
    "interface.put_security_options",
    "interface.put_authorized_host_protocol",
    "interface.put_nfc_pairing_mode",
    "interface.put_config_version",
    "interface.reload_config",
    "interface.put_certificate_public_key",
    "interface.put_certificate_private_key",
    "scram.put_hash_iteration",
    "group.change_password_key",
    "group.put_name",
    "group.put_alias",
    "group.put_session_lifetime",
    "group.put_scram_user_iteration",
    "group.put_scram_user_salt",
    "jvm.append_code",
    "secure_element.send",
    "secure_element.set_config",
)
_TAKING: Final = (
    "data_log.dequeue_one_packet",
    "jvm.get_log_and_reset",
    "target.modbus_write_with_get",
    "target.send_receive",
    "target.read_bytes",
)
"""GETs that change something."""
_MULTI: Final = "interface.execute_multi_request_frame"

NEVER: Final = frozenset(
    (entry.resource.object, entry.resource.resource, entry.call.method)
    for entry in ENTRIES
    if entry.resource.service in _NEVER_SERVICES or entry.id in _NEVER_CALLS or entry.call.access is Access.LOGIN
)
"""Object, resource and method of the calls that no Tap at a URL gets."""


def objection(case: Case, *, writes: bool) -> str:
    """Why a case is not played over a URL; empty if it may be.

    Args:
        writes: settings and values may be written.
    """
    for probe in case.probes:
        found = _objection_to(probe, writes)
        if found:
            return found
    return ""


def _objection_to(probe: Probe, writes: bool) -> str:
    if probe.raw:
        refused = any(_frame_objection(each[HEADER_SIZE:], writes) for each in envelopes(probe.frame)[0])
        return "bytes without an envelope" if refused or not writes else ""
    header = probe.header
    if not writes and (header.cla != CLASS or header.ins not in (None, INS_GET)):
        return "another class or instruction"
    if header.lc or header.cut or header.tail:
        # What is left over, or missing, makes another request of what follows: none may follow.
        rest = envelopes(probe.frame[max(len(probe.frame) + header.lc, 0) :])[0] if header.lc < 0 else []
        if any(_frame_objection(each[HEADER_SIZE:], writes) for each in rest):
            return "what is left over is a request"
    return _frame_objection(probe.frame, writes)


def _frame_objection(frame: bytes, writes: bool) -> str:
    try:
        request = Request.from_bytes(frame)
    except FrameError:
        return ""
    path = request.path
    # Hardware may take a method for another one, so the paths themselves are left alone.
    if any((path.object, path.resource, method) in NEVER for method in (request.method, Method.POST, Method.PUT)):
        same = (path.object, path.resource, request.method) in NEVER
        if same or request.method != Method.GET:
            return "a call that no Tap at a URL gets"
    entry = find_entry(request.method, path)
    if entry is not None and entry.id == _MULTI:
        return _multi_objection(request.body, writes)
    if writes:
        return ""
    if request.method != Method.GET:
        return "no GET"
    return "a GET that takes something away" if entry is not None and entry.id in _TAKING else ""


def _multi_objection(body: bytes, writes: bool) -> str:
    """Hardware may execute items before it sees that one of them is broken."""
    while len(body) >= 2:
        size = int.from_bytes(body[:2], "big")
        found = _frame_objection(body[2 : 2 + size], writes)
        if found:
            return found
        if len(body) < 2 + size + 1:
            break
        body = body[2 + size + 1 :]
    return "a bundle that cannot be read" if body and not writes else ""
