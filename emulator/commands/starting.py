"""Why a Tap cannot start."""


class StartError(Exception):
    """The Tap cannot start; the message says what is wrong and what was expected."""
