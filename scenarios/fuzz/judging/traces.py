"""Traces of errors that nobody expected, as runtimes print them: what broke, and where."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

_MOST: Final = 0x10000
"""Characters that are looked at: the end of what was printed."""
_LONGEST_LINE: Final = 500
_MOST_LINES: Final = 100
"""Of one trace."""
_NEAR: Final = 10
"""Lines after a mark in which the error is said, where it is not said before."""
_NUMBERS: Final = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]*\d[0-9a-fA-F]*\b|\d+")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_PATH: Final = re.compile(r"(?:[\w.@~+-]*[/\\])+")


class Trace(NamedTuple):
    """An error that nobody expected."""

    runtime: str
    error: str
    """Its type, or what it says without values."""
    place: str
    """``file:function`` of the innermost frame that is not the runtime's own; empty if none is known."""
    line: str
    """The line that says it, as it was printed."""

    @property
    def signature(self) -> str:
        """Equal for what is most likely the same mistake."""
        return f"{self.error} in {self.place}" if self.place else self.error


@dataclass(frozen=True)
class _Runtime:
    """How one runtime prints such an error.

    Args:
        mark: a line that says so.
        error: group 1 is the type of the error; in the line of the mark or one after it.
        frame: groups `file` and `function`, or one of them.
        own: frames of the runtime itself, which are not where the mistake is.
        innermost_last: the frames go from the outermost to the innermost.
        before: the error may stand before the mark.
    """

    name: str
    mark: re.Pattern[str]
    error: re.Pattern[str]
    frame: re.Pattern[str]
    own: re.Pattern[str]
    innermost_last: bool = False
    before: bool = False


def _compiled(name: str, mark: str, error: str, frame: str, own: str, **order: bool) -> _Runtime:
    return _Runtime(name, re.compile(mark), re.compile(error), re.compile(frame), re.compile(own), **order)


_OWN_OF_PYTHON: Final = r"[/\\]lib(?:64)?[/\\]python[\d.]+[/\\](?!site-packages|dist-packages)|^<frozen"
_RUNTIMES: Final = (
    _compiled(
        "sanitizer",
        r"==\d+==\s?ERROR: \w+Sanitizer|^\S+:\d+:\d+: runtime error: |WARNING: ThreadSanitizer",
        r"Sanitizer: ([\w-]+)|runtime error: (.*)",
        r"#\d+ 0x[0-9a-f]+ in (?P<function>[^\s(]+)\S*(?: (?P<file>[^\s:]+):\d+)?",
        r"__asan|__interceptor|__sanitizer|^std::|\bmem(?:cpy|move|set)\b|libc",
    ),
    _compiled(
        "Java",
        r"Exception in thread \"",
        r"Exception in thread \"[^\"]*\" ([\w.$]+)|^Caused by: ([\w.$]+)",
        r"^\s*at (?P<function>[\w.$<>]+)\((?P<file>[\w.]*)",
        r"^(?:java|javax|jdk|sun|kotlin|kotlinx)\.",
    ),
    _compiled(
        "Go",
        r"^panic: |^fatal error: ",
        r"^(?:panic|fatal error): (.*)",
        r"^(?P<function>[\w./*()-]+)\([^)]*\)$",
        r"^(?:runtime|panic|reflect)\b",
    ),
    _compiled(
        "Rust",
        r"thread '[^']*'.* panicked at",
        r"panicked at '([^']*)'|^(?!thread '|note: |stack backtrace)(\S.*)",
        r"panicked at (?:'[^']*', )?(?P<file>[^\s:']+):\d+|^\s+\d+: (?P<function>[\w:<>]+)",
        r"^(?:core|std|alloc|rust_begin_unwind|__rust|main$)|rustc",
    ),
    _compiled(
        "C++", r"^terminate called|libc\+\+abi: terminating", r"of '?([\w:<> ,]+)'?|type ([\w:]+)", r"(?!)", r"(?!)"
    ),
    _compiled(
        ".NET",
        r"^Unhandled exception[.:]",
        r"^Unhandled exception[.:] ([\w.]+)",
        r"^\s*at (?P<function>[\w.<>`|+]+)\([^)]*\)(?: in (?P<file>[^:]+):line)?",
        r"^(?:System|Microsoft)\.",
    ),
    _compiled(
        "Swift",
        r"Fatal error: ",
        r"Fatal error: (.*?)(?:: file|$)",
        r"(?P<file>[\w.]+\.swift):\d+: Fatal|file (?P<function>[\w./]+), line",
        r"(?!)",
    ),
    _compiled(
        "Python's faulthandler",
        r"^Fatal Python error: ",
        r"^Fatal Python error: (.*)",
        r"^\s*File \"(?P<file>[^\"]+)\", line \d+ in (?P<function>.+)",
        _OWN_OF_PYTHON,
    ),
    _compiled(
        "Python",
        r"^[\s|+-]*Traceback \(most recent call last\)",
        r"^(?:\s*\| )?([A-Za-z_][\w.]*)(?::|$)",
        r"^[\s|]*File \"(?P<file>[^\"]+)\", line \d+(?:, in (?P<function>.+))?",
        _OWN_OF_PYTHON,
        innermost_last=True,
    ),
    _compiled(
        "JavaScript",
        r"UnhandledPromiseRejection|\bUnhandled (?:'error'|\S*(?:[Rr]ejection|[Pp]romise|[Ee]xception|[Ee]rror)\b)"
        r"|^Uncaught\b|\bUncaught (?:\(in promise|\S*(?:Error|Exception)\b)"
        r"|^\s*throw \S|triggerUncaughtException|^Node\.js v\d",
        r"^(?:\S+ )*?\[?((?:[A-Z][\w$]*)?(?:Error|Exception)|UnhandledPromiseRejection)\b",
        r"^\s*at (?:(?:async |new )?(?P<function>[^\s(]+)(?: \[as [^\]]+\])? \()?(?:file://)?(?P<file>[^\s():]+):\d+",
        r"^node:|^internal/|[/\\]internal[/\\]|^<anonymous>",
        before=True,
    ),
)
_ANY_MARK: Final = re.compile("|".join(f"(?:{runtime.mark.pattern})" for runtime in _RUNTIMES), re.MULTILINE)


def find_trace(output: str) -> Trace | None:
    """The last error in an output that nobody expected; None if there is none."""
    output = output[-_MOST:]
    if _ANY_MARK.search(output) is None:
        return None
    lines = [line[:_LONGEST_LINE] for line in output.splitlines()]
    found = [(number, runtime) for runtime in _RUNTIMES for number in _last_mark(runtime, lines)]
    if not found:
        return None  # the mark is far behind in a line that is no trace
    number, runtime = min(found, key=lambda each: _RUNTIMES.index(each[1]))
    return _read(runtime, lines, number)


def _last_mark(runtime: _Runtime, lines: list[str]) -> Iterator[int]:
    marks = (number for number in reversed(range(len(lines))) if runtime.mark.search(lines[number]))
    yield from [number for number in (next(marks, None),) if number is not None]


def _read(runtime: _Runtime, lines: list[str], mark: int) -> Trace:
    begin = next((number for number in _error_places(runtime, mark) if _error(runtime, lines, number)), mark)
    error = _error(runtime, lines, begin) or without_values(lines[begin])
    block = lines[begin if runtime.before else mark :][:_MOST_LINES]
    if runtime.innermost_last:
        block.reverse()
    frames = [match for match in map(runtime.frame.search, block) if match is not None]
    own = [frame for frame in frames if not _is_own(runtime, frame)]
    place = _place((own or frames)[0]) if frames else ""
    return Trace(runtime.name, error, place, lines[begin].strip())


def _error_places(runtime: _Runtime, mark: int) -> Iterator[int]:
    """Where the error may be said: after the mark, or else before it, the nearest first."""
    yield from range(mark, mark + (_NEAR if runtime.before else _MOST_LINES))
    if runtime.before:
        yield from reversed(range(max(mark - _MOST_LINES, 0), mark))


def _error(runtime: _Runtime, lines: list[str], number: int) -> str | None:
    match = runtime.error.search(lines[number]) if number < len(lines) else None
    if match is None or (runtime.innermost_last and runtime.mark.search(lines[number])):
        return None
    return without_values(next((group for group in match.groups() if group), match[0]))


def _is_own(runtime: _Runtime, frame: re.Match[str]) -> bool:
    return any(runtime.own.search(text) is not None for text in frame.groupdict().values() if text)


def _place(frame: re.Match[str]) -> str:
    parts = frame.groupdict()
    file = re.split(r"[/\\]", parts.get("file") or "")[-1]
    function = parts.get("function") or ""
    return without_values(":".join(part for part in (file, function) if part))


def without_values(text: str) -> str:
    """A message without what differs from time to time: numbers, addresses, quoted text, folders."""
    text = _PATH.sub("", _QUOTED.sub("'..'", text[:_LONGEST_LINE]))
    return " ".join(_NUMBERS.sub("N", text).split())[:120]
