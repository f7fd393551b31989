"""Rules between the links of one Tap, as clients on several real links at a time meet them."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from protocol.client.blocking import Tap
from protocol.client.links import LinkError
from protocol.codes import ResultCode
from protocol.errors import RefusedError
from tests.links import serving_on

LINKS = ("tcp", "ws", "pty")
PATIENCE = 10.0


@pytest.fixture
def device_yaml(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        file = tmp_path / "device.yaml"
        file.write_text(f"tap: 1\n{text}\n", encoding="utf-8")
        return str(file)

    return write


def refusal(tap: Tap) -> int:
    with pytest.raises(RefusedError) as caught:
        tap.service.device.get_serial_number()
    return caught.value.code


def test_session_survives_a_change_of_link(tmp_path: Path, device_yaml: Callable[[str], str]) -> None:
    """Login over one link, encrypted, and on over the others with the same key and vectors."""
    with serving_on(LINKS, tmp_path, device_yaml("rules: {hosts: single}")) as (_, urls):
        tap = Tap(urls["tcp"], timeout=PATIENCE)
        tap.connect()
        tap.set_initialization_vector_refresh_period(3)
        tap.login("admin", "admin")
        for link in ("ws", "pty", "tcp", "ws"):
            tap.close()
            tap.url = urls[link]
            tap.connect(keep_session=True)
            for _ in range(4):
                assert tap.service.interface.get_current_group_id() == 0xFFFF
        tap.close()


def test_second_host_waits_until_the_first_has_gone(tmp_path: Path, device_yaml: Callable[[str], str]) -> None:
    with (
        serving_on(LINKS, tmp_path, device_yaml("rules: {hosts: single}")) as (_, urls),
        Tap(urls["ws"], timeout=PATIENCE) as first,
    ):
        serial_number = first.service.device.get_serial_number()
        with Tap(urls["pty"], timeout=PATIENCE) as second:
            assert refusal(second) == ResultCode.DEVICE_UNAVAILABLE
            third = Tap(urls["tcp"], timeout=PATIENCE)
            third.connect()
            assert refusal(third) == ResultCode.DEVICE_UNAVAILABLE
            first.close()
            end = time.monotonic() + PATIENCE
            served = False
            while not served and time.monotonic() < end:
                try:
                    served = second.service.device.get_serial_number() == serial_number
                except RefusedError:
                    time.sleep(0.01)
            assert served
            assert refusal(third) == ResultCode.DEVICE_UNAVAILABLE
            third.close()


def test_nfc_with_priority_ends_the_other_connections(tmp_path: Path, device_yaml: Callable[[str], str]) -> None:
    file = device_yaml("rules: {hosts: single}\nsettings: {interface: {nfc_connection_priority: nfc_priority}}")
    with (
        serving_on(("tcp", "ws"), tmp_path, file, "--listen", "tcp://127.0.0.1:0?interface=nfc") as (serving, urls),
        Tap(urls["ws"], timeout=PATIENCE) as app,
    ):
        app.login("admin", "admin")
        with Tap(serving.urls[-1], timeout=PATIENCE) as phone:
            assert phone.service.interface.get_current_host_protocol() == 1
            with pytest.raises(LinkError, match="closed"):
                app.service.device.get_serial_number()
            app.connect()
            assert refusal(app) == ResultCode.DEVICE_UNAVAILABLE


def test_link_that_is_not_authorised_refuses(tmp_path: Path, device_yaml: Callable[[str], str]) -> None:
    file = device_yaml("settings: {interface: {authorized_host_protocol: [wifi, uart]}}")
    with serving_on(LINKS, tmp_path, file) as (_, urls):
        codes = {}
        for link in LINKS:
            with Tap(urls[link], timeout=PATIENCE) as tap:
                try:
                    tap.service.device.get_serial_number()
                    codes[link] = ResultCode.OK
                except RefusedError as error:
                    codes[link] = ResultCode(error.code)
    assert codes == {"tcp": ResultCode.OK, "ws": ResultCode.RESOURCE_LOCKED, "pty": ResultCode.OK}


def test_each_link_has_its_own_limits_and_all_know_of_each_other(tmp_path: Path) -> None:
    narrow = "tcp://127.0.0.1:0?max_request=100&max_response=60&interface=ble"
    with serving_on(LINKS, tmp_path, "--listen", narrow) as (serving, urls):
        for url, protocol, request, response in [
            (urls["tcp"], 0x20, 250, 250),
            (urls["ws"], 0x400, 250, 250),
            (urls["pty"], 0x100, 250, 250),
            (serving.urls[-1], 0x40, 100, 60),
        ]:
            with Tap(url, timeout=PATIENCE) as tap:
                size = tap.service.interface.get_current_host_protocol_max_frame_size()
                assert (size.request, size.response) == (request, response)
                assert tap.service.interface.get_current_host_protocol() == protocol
                assert tap.service.interface.get_available_host_protocols() == 0x20 | 0x40 | 0x100 | 0x400


def test_silent_hosts_are_disconnected(tmp_path: Path, device_yaml: Callable[[str], str]) -> None:
    file = device_yaml("rules: {inactivity_grace: 0.2}\nsettings: {interface: {host_inactivity_period: 1}}")
    with serving_on(LINKS, tmp_path, file) as (serving, urls), ExitStack() as stack:
        silent = {link: stack.enter_context(Tap(urls[link], timeout=PATIENCE)) for link in LINKS}
        for tap in silent.values():
            tap.login("admin", "admin")
        end = time.monotonic() + PATIENCE
        while (log := serving.log.read_text(encoding="utf-8")).count("silent for") < len(LINKS):
            assert time.monotonic() < end, log
            time.sleep(0.02)
        for link in ("tcp", "ws"):
            with pytest.raises(LinkError):
                silent[link].service.device.get_serial_number()
        silent["pty"].session.reset()  # a line that cannot be hung up: what comes next is a new session
        assert silent["pty"].service.interface.get_current_group_id() == 0
