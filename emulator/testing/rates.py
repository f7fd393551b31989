"""How fast the clock of a Tap goes, in words."""


def rate_of(clock: str | float) -> float:
    """The rate that ``real``, ``virtual``, ``10x`` or a number stands for.

    Raises:
        ValueError: it is none of them.
    """
    if not isinstance(clock, str):
        return float(clock)
    if clock in ("real", "virtual"):
        return 1.0 if clock == "real" else 0.0
    try:
        return float(clock.removesuffix("x"))
    except ValueError:
        raise ValueError(f"clock {clock!r}, expected real, virtual, a rate such as 10x, or a number") from None
