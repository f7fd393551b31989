"""Loads structlog without rich, which it would take along for its tracebacks wherever it is installed.

That takes a tenth of a second of each start, and tracebacks with all local variables do not belong in a log.
"""

import sys

if "structlog" not in sys.modules and "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment] # how Python notes that there is no such module
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]
