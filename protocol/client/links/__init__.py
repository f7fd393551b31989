"""Links: how a request gets to a Tap and its answer back, opened by URL.

A link moves the bytes of one APDU each way and knows nothing of sessions. A further transport is a module here, and a
line in `protocol.client.links.opening`.
"""

from protocol.client.links.base import Link, LinkError, is_complete
from protocol.client.links.memory import MemoryLink, MemoryPeer, register_memory_peer, unregister_memory_peer
from protocol.client.links.opening import open_link

__all__ = [
    "Link",
    "LinkError",
    "MemoryLink",
    "MemoryPeer",
    "is_complete",
    "open_link",
    "register_memory_peer",
    "unregister_memory_peer",
]
