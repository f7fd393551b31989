"""Numbers as people say them."""


def counted(number: int, thing: str) -> str:
    """``1 entry``, ``2 entries``."""
    if number == 1:
        return f"1 {thing}"
    return f"{number} {thing[:-1]}ies" if thing.endswith("y") else f"{number} {thing}s"
