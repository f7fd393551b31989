"""Recordings: what a client and a Tap say to each other, as a scenario that can be edited, replayed and compared."""
