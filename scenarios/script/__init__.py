"""What a Tap does on purpose: the rules of a scenario, as the director of a device.

A rule waits for requests, events or a time (`compiling`, `requests`), counts what it waits for (`rule`, `tally`), and
acts: on the answer (`answers`), on its bytes and its delivery (`wire`), on the Tap and the world around it (`world`).
"""

from scenarios.script.compiling import ScriptError, problems
from scenarios.script.script import Script

__all__ = ["Script", "ScriptError", "problems"]
