"""Links: how bytes get to the Tap and back.

A link moves bytes and does nothing else; one module per transport, each opened by a URL.
"""

from emulator.links.base import Host, Link, LinkError
from emulator.links.opening import DEFAULT_LINK, address_of, open_link, open_links

__all__ = ["DEFAULT_LINK", "Host", "Link", "LinkError", "address_of", "open_link", "open_links"]
