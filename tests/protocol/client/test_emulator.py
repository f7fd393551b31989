"""The reference client and the emulator, in both shells, in memory and over TCP."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from emulator.blueprint import Blueprint, demo
from emulator.device import Device
from emulator.links import open_link
from emulator.links.memory import register
from emulator.server import Server
from protocol.bodies.interface import SecurityOptions
from protocol.client.core import ANONYMOUS, IvNotSupportedError, LoginError
from protocol.client.links import LinkError, unregister_memory_peer
from protocol.codes import EXPECT_SUCCESS, Method, ResultCode
from protocol.errors import IntegrityError, RefusedError, UsageError
from protocol.firmware import Version
from protocol.frames import Request
from protocol.paths import Path
from tests.protocol.client.shells import SHELLS, Shell, connected

DEMO_SERIAL = "IoTize00410000009B"
OpenTap = Callable[..., Any]


@contextmanager
def in_memory(device: Device) -> Iterator[str]:
    register(device, "under test")
    yield "mem://under test"
    unregister_memory_peer("under test")


@contextmanager
def over_tcp(device: Device) -> Iterator[str]:
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    server = Server(device, [open_link("tcp://127.0.0.1:0")])

    async def serve() -> None:
        await server.start()
        started.set()
        await stop.wait()
        await server.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    yield server.links[0].url
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@pytest.fixture(params=[(shell, link) for shell in SHELLS for link in ("mem", "tcp")], ids="-".join)
def open_tap(request: pytest.FixtureRequest) -> Iterator[OpenTap]:
    """Starts a Tap and connects: ``open_tap(firmware="1.85", options=SecurityOptions(), lockout_time=1.0)``."""
    shell: Shell
    shell, link = request.param
    with ExitStack() as stack:

        def start(*, firmware: str | None = None, options: SecurityOptions | None = None, **rules: Any) -> Any:
            device = Device(blueprint(firmware, options, rules))
            url = stack.enter_context((in_memory if link == "mem" else over_tcp)(device))
            return stack.enter_context(connected(shell, url))

        yield start


def blueprint(firmware: str | None, options: SecurityOptions | None, rules: dict[str, Any]) -> Blueprint:
    base = demo()
    settings = dict(base.settings)
    if options is not None:
        settings["interface.security_options"] = options
    return replace(
        base,
        firmware=base.firmware if firmware is None else Version.parse(firmware),
        settings=settings,
        rules=replace(base.rules, **rules),
        seed=1,
    )


FORMS = {
    "clear": SecurityOptions(),
    "hashed": SecurityOptions(hash_password=True),
    "scram": SecurityOptions(scram_activated=True, hash_password=True),
}


def test_reading_without_login(open_tap: OpenTap) -> None:
    tap = open_tap()
    assert tap.service.device.get_serial_number() == DEMO_SERIAL
    assert tap.service.device.get_manufacturer() == "IOTIZE"
    assert tap.service.group.get_name(65535) == "admin"
    assert tap.service.interface.get_security_options() == FORMS["scram"]
    assert tap.session_state == ANONYMOUS


@pytest.mark.parametrize("form", FORMS)
def test_login_change_password_logout(open_tap: OpenTap, form: str) -> None:
    tap = open_tap(options=FORMS[form])
    state = tap.login("admin", "admin")
    assert (state.group_id, state.name, state.lifetime) == (65535, "admin", 300)
    assert tap.session.encrypted == (form == "scram")
    tap.service.interface.put_app_name("Boiler")
    assert tap.service.interface.get_app_name() == "Boiler"
    tap.change_password("secret")
    tap.logout()
    assert tap.session_state == ANONYMOUS
    assert not tap.session.encrypted
    with pytest.raises(RefusedError) as refusal:
        tap.service.interface.put_app_name("Kettle")
    assert refusal.value.code == ResultCode.UNAUTHORIZED
    with pytest.raises(LoginError, match="wrong user name or password"):
        tap.login("admin", "admin")
    tap.login("admin", "secret")
    tap.change_password("supervisor's", 65534)
    tap.logout()
    assert tap.login("supervisor", "supervisor's").group_id == 65534


def test_lockout(open_tap: OpenTap) -> None:
    tap = open_tap()
    for user in ("admin", "nobody", "admin"):
        with pytest.raises(LoginError) as refusal:
            tap.login(user, "wrong")
        assert refusal.value.code == ResultCode.NOT_ACCEPTABLE
    with pytest.raises(LinkError):
        tap.login("admin", "admin")
    assert not tap.is_connected
    tap.connect()
    with pytest.raises(LoginError, match="too many failed logins") as locked:
        tap.login("admin", "admin")
    assert locked.value.code == ResultCode.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("period", [0, 1, 2, 3, 100])
def test_encryption_with_each_period(open_tap: OpenTap, period: int) -> None:
    tap = open_tap()
    tap.set_initialization_vector_refresh_period(period)
    for _ in range(2):
        tap.encryption(True)
        key = tap.session.session_key
        for _ in range(7):
            assert tap.service.device.get_serial_number() == DEMO_SERIAL
        tap.login("admin", "admin")
        tap.refresh_encryption_initialization_vector()
        for _ in range(7):
            assert tap.service.interface.get_current_group_id() == 65535
        tap.encryption(False)
        assert tap.service.device.get_serial_number() == DEMO_SERIAL
        tap.encryption(True)
        assert tap.service.interface.get_current_group_id() == 65535
        tap.encryption(True, reset_session_key=True)
        assert tap.session.session_key != key
        tap.logout()


@pytest.mark.parametrize("encrypt_first", [False, True])
def test_login_again_after_a_logout(open_tap: OpenTap, encrypt_first: bool) -> None:
    tap = open_tap()
    for _ in range(3):
        if encrypt_first:
            tap.encryption(True)
        tap.login("admin", "admin")
        tap.set_initialization_vector_refresh_period(2)
        for _ in range(5):
            assert tap.service.interface.get_current_group_id() == 65535
        tap.logout()


@pytest.mark.parametrize("period", [0, 1, 2, 100])
def test_firmware_without_initialization_vectors(open_tap: OpenTap, period: int) -> None:
    tap = open_tap(firmware="1.85")
    tap.set_initialization_vector_refresh_period(period)
    tap.login("admin", "admin")
    for _ in range(5):
        assert tap.service.device.get_serial_number() == DEMO_SERIAL
    tap.logout()
    tap.encryption(True)
    assert tap.service.device.get_serial_number() == DEMO_SERIAL
    with pytest.raises(IvNotSupportedError, match="not supported"):
        tap.refresh_encryption_initialization_vector()
    assert tap.service.device.get_serial_number() == DEMO_SERIAL


def test_a_seeded_random_number_is_no_vector(open_tap: OpenTap) -> None:
    tap = open_tap(firmware="1.83", quirks=frozenset({"random_number_slot"}))
    assert isinstance(tap.service.scram.get_random(bytes(16)), int)
    with pytest.raises(IntegrityError, match="initializationVector"):
        tap.encryption(True)
    tap.set_initialization_vector_refresh_period(0)
    tap.encryption(True)
    assert tap.service.device.get_serial_number() == DEMO_SERIAL


@pytest.mark.parametrize("encrypted", [False, True])
def test_multi_request(open_tap: OpenTap, encrypted: bool) -> None:
    tap = open_tap()
    tap.encryption(encrypted)
    serial = Request(Method.GET, Path.parse("/3//2"))
    nothing = Request(Method.GET, Path.parse("/3//99"))
    codes = [response.code for response in tap.multi_request([serial, nothing, serial])]
    assert codes == [ResultCode.OK, ResultCode.NOT_FOUND, ResultCode.OK]
    codes = [response.code for response in tap.multi_request([serial, nothing, serial], EXPECT_SUCCESS)]
    assert codes == [ResultCode.OK, ResultCode.NOT_FOUND, ResultCode.TARGET_PROTOCOL_ABORT]


def test_any_request(open_tap: OpenTap) -> None:
    tap = open_tap()
    assert tap.request("GET", "/device/serial-number").body == DEMO_SERIAL.encode()
    assert tap.request(Method.GET, Path.parse("/9//9")).code == ResultCode.NOT_FOUND
    assert tap.request("PUT", "/1024//9", b"x").code == ResultCode.UNAUTHORIZED
    assert tap.call(str, "group.get_name", instance=65534) == "supervisor"
    for method, path in (("EAT", "/3//2"), ("GET", "/device/weather"), ("GET", "/3/2")):
        with pytest.raises(UsageError):
            tap.request(method, path)
    tap.nfc_pairing()


def test_the_encryption_can_be_stopped_by_the_tap(open_tap: OpenTap) -> None:
    tap = open_tap()
    tap.encryption(True)
    assert tap.service.scram.stop() == b""
    with pytest.raises(RefusedError, match="encrypted frame with GET /3//2: UNAUTHORIZED"):
        tap.service.device.get_serial_number()
    tap.encryption(False, reset_session_key=True)
    assert tap.service.device.get_serial_number() == DEMO_SERIAL


def test_one_session_for_the_whole_tap(open_tap: OpenTap) -> None:
    tap = open_tap(hosts="single")
    tap.login("admin", "admin")
    tap.close()
    tap.connect(keep_session=True)
    assert tap.session.encrypted
    assert tap.service.interface.get_current_group_id() == 65535


def test_reboot(open_tap: OpenTap) -> None:
    tap = open_tap(reboot_time=0.2)
    tap.login("admin", "admin")
    tap.service.device.reboot()
    with pytest.raises(LinkError):
        tap.service.device.get_serial_number()
    assert not tap.is_connected
    assert read_patiently(tap) == DEMO_SERIAL
    assert tap.session_state == ANONYMOUS


def read_patiently(tap: Any) -> str:
    """Tries until the Tap is back; a connection made while it goes down may open and then break."""
    pause = threading.Event()
    for _ in range(200):
        try:
            tap.connect()
            serial_number: str = tap.service.device.get_serial_number()
        except LinkError:
            pause.wait(0.05)
        else:
            return serial_number
    pytest.fail("the Tap did not come back")
