"""Tables as text: aligned for a terminal, or as Markdown."""

from collections.abc import Iterable, Sequence


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown; bars in cells are escaped."""
    names = list(header)
    lines = [f"| {' | '.join(names)} |", f"|{'|'.join(['---'] * len(names))}|"]
    for row in rows:
        cells = [cell.replace("|", "\\|") for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def aligned_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table whose columns are as wide as their longest cell."""
    table = [[*header], *([*row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(_padded(line, widths) for line in table)


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
