"""Exit codes of commands that judge something."""

from typing import Final

FAILED: Final = 1
"""What was judged is not as it should be."""
INTERRUPTED: Final = 130
"""Ctrl-C came before there was anything to tell, as shells say it."""
