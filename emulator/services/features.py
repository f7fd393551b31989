"""Special features: the bundles whose rights decide about direct access to the target."""

from emulator.access import FEATURE_SETTINGS
from emulator.exchange import Exchange
from emulator.services import settings
from emulator.services.binding import Handler, handles


def _stored_while_configuring(key: str) -> Handler:
    """The vendor's configurator writes features with POST, and they have to survive the reboot that follows (D11)."""
    store, override = settings.writer(key), settings.overrider(key)

    def change(exchange: Exchange, bundle_id: int) -> None:
        write = store if exchange.state.factory or exchange.state.configuring else override
        write(exchange, bundle_id)

    return change


for _key in FEATURE_SETTINGS.values():
    handles(f"interface.set_{_key.removeprefix('interface.')}")(_stored_while_configuring(_key))
