"""What is wrong with a scenario, for people."""

from collections.abc import Iterable
from typing import Final

_SHOWN: Final = 100


class ScenarioError(Exception):
    """A scenario that cannot be used.

    Args:
        problems: each as ``file:line:column: what is wrong, what was expected``.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        more = len(self.problems) - _SHOWN
        super().__init__("\n".join(self.problems[:_SHOWN]) + (f"\n... and {more} more" if more > 0 else ""))

    def __reduce__(self) -> tuple[type["ScenarioError"], tuple[list[str]]]:
        """Its problems go from process to process, not the text that is made of them."""
        return type(self), (self.problems,)
