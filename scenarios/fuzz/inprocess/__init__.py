"""Clients in Python, in the same process: no sockets, and time that goes by when somebody waits.

``target`` is what users have, ``memory`` the link to the Tap; ``watching`` looks after time and memory of the client.
``hunting`` plans many cases, and a ``crew`` plays them: this process, or workers. ``strategies`` are hypothesis' (a
development dependency of the user, so they are loaded when they are asked for).
"""
