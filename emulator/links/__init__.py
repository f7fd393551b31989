"""Links: how bytes get to the Tap and back.

A link moves bytes and does nothing else. Each transport is a module, opened by a URL (`opening`), and some share parts:

* ``tcp``, ``ws`` (`websocket`, `origins`) and ``rfc2217`` listen on ports (`listening`);
* ``pty`` (`open_watch`) and ``serial`` (`serial_port`) are lines without connections (`serial_line`, `pacing`);
* ``mqtt`` goes out to a broker and stays there (`uplink`);
* ``mem`` (`memory`) is for clients in the same process;
* any of them may stand behind a `wrapper`: a bumpy road (`bumpy`), or the announcement by mDNS;
* all of a host are opened and closed together (`together`).
"""

from emulator.links.base import Host, Link, LinkError
from emulator.links.opening import DEFAULT_LINK, address_of, open_link, open_links

__all__ = ["DEFAULT_LINK", "Host", "Link", "LinkError", "address_of", "open_link", "open_links"]
