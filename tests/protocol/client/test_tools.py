"""What takes many requests: bundles by name, the log, an update; in both shells, against the emulator."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from emulator.blueprint import Blueprint, Bundle, demo
from emulator.clock import VirtualClock
from emulator.device import Device
from emulator.links.memory import register
from emulator.targets.spec import TargetSpec
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.client.data import BundleInfo, VariableInfo
from protocol.client.links import unregister_memory_peer
from protocol.codes import Rights
from protocol.errors import RefusedError, UsageError
from protocol.firmware import Version
from protocol.packets import SinglePacket, SinglePacketPayload
from protocol.tlv import decode_bundle
from protocol.update import new_image, pack_update
from tests.protocol.client.shells import SHELLS, Shell, connected

CLIMATE = BundleInfo(
    1,
    "Climate",
    (
        VariableInfo(1, "temperature", "°C", VariableType(Domain.TARGET, DataType.FLOAT32), 1, 1),
        VariableInfo(2, "humidity", "%", VariableType(Domain.TARGET, DataType.UINT8), 1, 1),
    ),
)
CONTROLS = BundleInfo(
    2,
    "Controls",
    (
        VariableInfo(3, "setpoint", "°C", VariableType(Domain.IN_TAP_STATIC, DataType.FLOAT32), 1, 2),
        VariableInfo(4, "lamp", "", VariableType(Domain.IN_TAP_STATIC, DataType.BOOLEAN), 1, 2),
        VariableInfo(5, "message", "", VariableType(Domain.IN_TAP_VOLATILE, DataType.ASCII), 16, 2),
    ),
)

OpenTap = Callable[..., tuple[Any, VirtualClock]]


@pytest.fixture(params=SHELLS)
def open_tap(request: pytest.FixtureRequest) -> Iterator[OpenTap]:
    """Gives a client that talks to a device in memory, and the clock of the device."""
    shell: Shell = request.param
    with ExitStack() as stack:

        def open_it(blueprint: Blueprint) -> tuple[Any, VirtualClock]:
            clock = VirtualClock()
            register(Device(blueprint, clock=clock), "tools")
            stack.callback(unregister_memory_peer, "tools")
            return stack.enter_context(connected(shell, "mem://tools")), clock

        yield open_it


def watch() -> tuple[list[tuple[int, int]], Callable[[int, int], None]]:
    seen: list[tuple[int, int]] = []
    return seen, lambda done, total: seen.append((done, total))


def test_bundles(open_tap: OpenTap) -> None:
    tap, _ = open_tap(demo())
    seen, progress = watch()
    assert tap.bundles(progress) == [CLIMATE, CONTROLS]
    assert seen == [(number, 5) for number in range(6)]


def test_bundles_show_what_the_session_may_read(open_tap: OpenTap) -> None:
    secret = {1: Bundle("Climate"), 2: demo().bundles[2]}
    tap, _ = open_tap(replace(demo(), bundles=secret))
    assert tap.bundles() == [CONTROLS]
    tap.login("admin", "admin")
    assert tap.bundles() == [CLIMATE, CONTROLS]


def test_firmware_without_names(open_tap: OpenTap) -> None:
    tap, _ = open_tap(replace(demo(), firmware=Version(1, 72)))
    assert [variable.name for variable in tap.bundles()[0].variables] == ["1", "2"]


def test_bundles_of_a_profile_that_does_not_fit_a_frame(open_tap: OpenTap) -> None:
    long = replace(demo().variables[5], length=200)
    variables = {**demo().variables, 6: long, 7: replace(long, bundle=300)}
    bundles = {**demo().bundles, 300: Bundle("Text", {0: Rights.READ}), 4: Bundle("Secret")}
    tap, _ = open_tap(replace(demo(), variables={**variables, 8: replace(long, bundle=4)}, bundles=bundles))
    assert [info.name for info in tap.bundles()] == ["Climate", "Controls", "Text"]
    tap.login("admin", "admin")
    assert [info.name for info in tap.bundles()] == ["Climate", "Controls", "Secret", "Text"]


@pytest.mark.parametrize("bundle", ["Controls", 2])
def test_bundle_that_does_not_fit_a_frame(open_tap: OpenTap, bundle: str | int) -> None:
    long = replace(demo().variables[5], length=200)
    tap, _ = open_tap(replace(demo(), variables={**demo().variables, 6: long, 7: replace(long, meta=b"more:")}))
    tap.service.variable.set_value(7, b"Hello")
    values = tap.read_bundle(bundle)
    assert list(values) == ["setpoint", "lamp", "message", "message (6)", "more"]
    assert values["more"] == "Hello"


def test_target_that_fails_hides_no_other_bundle(open_tap: OpenTap) -> None:
    tap, _ = open_tap(replace(demo(), target=TargetSpec(present=False)))
    assert tap.bundles() == [CLIMATE, CONTROLS]
    assert tap.read_bundle("Controls")["setpoint"] == 21.0
    with pytest.raises(RefusedError, match="UNABLE_TO_CONNECT_TO_TARGET"):
        tap.read_bundle("Climate")


def test_read_bundle(open_tap: OpenTap) -> None:
    tap, clock = open_tap(demo())
    expected = {"setpoint": 21.0, "lamp": False, "message": ""}
    assert tap.read_bundle("Controls") == expected
    assert tap.read_bundle(2) == expected
    clock.advance(30)  # of 120 s: the sine is at its top
    assert tap.read_bundle("Climate")["temperature"] == 25.0
    tap.service.variable.set_value(4, b"\x01")
    tap.service.variable.set_value(5, b"Hello")
    assert tap.read_bundle("Controls") == {"setpoint": 21.0, "lamp": True, "message": "Hello"}
    with pytest.raises(UsageError, match="no bundle is called 'Attic'; there are Climate, Controls"):
        tap.read_bundle("Attic")
    with pytest.raises(RefusedError, match="NOT_FOUND"):
        tap.read_bundle(9)


def test_variables_of_one_name(open_tap: OpenTap) -> None:
    variables = {**demo().variables, 6: demo().variables[4]}
    tap, _ = open_tap(replace(demo(), variables=variables))
    assert list(tap.read_bundle("Controls")) == ["setpoint", "lamp", "message", "lamp (6)"]


def test_download_log(open_tap: OpenTap) -> None:
    tap, clock = open_tap(demo())
    with pytest.raises(RefusedError, match="UNAUTHORIZED"):
        tap.download_log()
    tap.login("admin", "admin")
    tap.service.data_log.run()
    for _ in range(30):
        clock.advance(1)
        tap.service.interface.keep_alive()
    seen, progress = watch()
    packets: list[SinglePacket] = tap.download_log(progress)
    assert [packet.header.packet_id for packet in packets] == [0, 1, 2]
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    ages = []
    for packet in packets:
        assert isinstance(packet.payload, SinglePacketPayload)
        bundle_id, values = decode_bundle(packet.payload.data)
        assert (bundle_id, [variable_id for variable_id, _ in values]) == (1, [1, 2])
        ages.append(packet.send_time - packet.payload.log_time)
    assert ages == [20, 10, 0]
    assert tap.download_log() == []


def test_update(open_tap: OpenTap) -> None:
    tap, _ = open_tap(replace(demo(), firmware=Version(1, 85), rules=replace(demo().rules, reboot_time=0)))
    tap.login("admin", "admin")
    assert not tap.request("GET", "/1024//45", bytes(16)).success
    file = pack_update(new_image(Version(1, 86), size=1000))
    seen, progress = watch()
    assert tap.update_firmware(file, progress) == "1.86.0"
    assert seen == [(number, 6) for number in range(7)]
    assert tap.request("GET", "/1024//45", bytes(16)).success


@pytest.mark.parametrize("damage", [b"", b"abc", bytes(400)], ids=["empty", "3 bytes", "zeros"])
def test_file_that_is_no_update(open_tap: OpenTap, damage: bytes) -> None:
    tap, _ = open_tap(demo())
    tap.login("admin", "admin")
    with pytest.raises((UsageError, RefusedError)):
        tap.update_firmware(damage)
    assert tap.service.device.get_firmware_version() == "1.113.0"
