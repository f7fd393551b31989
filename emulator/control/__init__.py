"""Steers a running Tap from outside: operations over a server, and HTTP in front of them.

`operations.Control` does everything and knows nothing of HTTP; `api` and `guard` put it behind HTTP, `serving` runs
that in the event loop of the server, `client.ControlClient` is the other end. Nothing of it is imported unless it is
asked for.
"""
