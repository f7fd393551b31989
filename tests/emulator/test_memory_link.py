"""The reference client and the device in one process: logins, time that is moved, a reboot."""

import pytest

from emulator.links.memory import register
from protocol.client.blocking import Tap
from protocol.client.links import LinkError, unregister_memory_peer
from protocol.errors import RefusedError
from tests.hosts import make_device


def test_client_and_device_in_one_process() -> None:
    device, clock = make_device(lockout_attempts=1)
    register(device, "kitchen")
    try:
        with Tap("mem://kitchen") as tap, Tap("mem://kitchen") as other:
            tap.login("admin", "admin")
            tap.service.interface.put_app_name("Kitchen")
            assert other.service.interface.get_app_name() == "Kitchen"
            with pytest.raises(RefusedError):
                other.login("admin", "wrong")
            with pytest.raises(LinkError, match="closed"):
                other.service.interface.get_app_name()
            tap.service.device.reboot()
            with pytest.raises(LinkError, match="rebooting"):
                Tap("mem://kitchen").connect()
            clock.advance(61)
        with Tap("mem://kitchen") as tap:
            tap.login("admin", "admin")
            assert tap.service.interface.get_current_group_id() == 65535
    finally:
        unregister_memory_peer("kitchen")
