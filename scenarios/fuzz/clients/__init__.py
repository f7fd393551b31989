"""Clients under test: programs of others, which are started, watched and ended, whatever they do.

``turns`` says what a client is asked and what became of it, ``command`` reads the command, ``lines`` what it prints,
``client`` plays the turns. ``process`` holds the client's process, and ``keeper`` is a small program of its own
that starts it and leaves nothing of it behind.
"""

from scenarios.fuzz.clients.client import make_client
from scenarios.fuzz.clients.turns import Client, Limits, Mode, Result, Turn

__all__ = ["Client", "Limits", "Mode", "Result", "Turn", "make_client"]
