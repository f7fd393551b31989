"""What a caller of the control API has done wrong, or what cannot be done now."""


class ControlError(Exception):
    """An operation was refused.

    Args:
        status: as an HTTP status: 404 no such thing, 409 not now, 422 it cannot be understood.
        message: what is wrong and what was expected.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
