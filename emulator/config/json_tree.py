"""Takes values out of a tree of JSON, and lists what is left in the end, so that nothing is dropped silently."""

from collections.abc import Mapping
from typing import Final

from emulator.config.draft import Draft
from emulator.config.json_reader import Node
from emulator.config.kinds import Plain, shown
from protocol.words import counted


def scalar(node: Node) -> object:
    """The value as the model takes it; what is inside of it does not matter where a single value belongs."""
    if isinstance(node.value, dict | list):
        return type(node.value)()
    return node.value


def plain(node: Node) -> object:
    """The value with all that is in it, without lines."""
    if isinstance(node.value, dict):
        return {key: plain(one) for key, one in node.value.items()}
    if isinstance(node.value, list):
        return [plain(one) for one in node.value]
    return node.value


def describe(node: Node) -> str:
    """The value in a message."""
    return shown(scalar(node))


class Tree:
    """The objects of a file; what is taken is not there any more."""

    def __init__(self, draft: Draft, reasons: Mapping[str, str]) -> None:
        self.draft = draft
        self._reasons = reasons

    def take(self, start: Node, label: str, path: str) -> Node | None:
        """A value that is about to be used, by its path below an object; what holds it has to be objects."""
        node, seen = start, label
        *outer, last = path.split(".")
        for key in outer:
            seen = f"{seen}.{key}"
            inner = node.value.get(key)
            if inner is None or inner.value is None:
                return None
            if not self.is_object(inner, seen):
                return None
            node = inner
        taken: Node | None = node.value.pop(last, None)
        return None if taken is None or taken.value is None else taken

    def is_object(self, node: Node, label: str) -> bool:
        """Whether a value is an object; if not, that is reported."""
        if not isinstance(node.value, dict):
            self.draft.problem(node.line, f"{label} is {describe(node)}, expected an object")
        return isinstance(node.value, dict)

    def objects(self, node: Node | None, label: str) -> list[tuple[Node, str]]:
        """The objects of a list, with their labels."""
        if node is None:
            return []
        if not isinstance(node.value, list):
            self.draft.problem(node.line, f"{label} is {describe(node)}, expected a list")
            return []
        items = [(item, f"{label}.{number}") for number, item in enumerate(node.value)]
        return [(item, name) for item, name in items if self.is_object(item, name)]

    def list_rest(self, node: Node, path: str) -> None:
        """Notes what is left of an object: the names of its values together, then what its own objects hold."""
        members = {f"{path}.{shown(Plain(key))}".lstrip("."): member for key, member in node.value.items()}
        objects = {name: member for name, member in members.items() if isinstance(member.value, dict)}
        explained = {name: reason for name in members if (reason := self._reason(name)) is not None}
        others = [
            _describe(name, member)
            for name, member in members.items()
            if name not in objects and name not in explained and member.value is not None
        ]
        if others:
            self.draft.unused(node.line, f"{path or 'the file'}: {', '.join(others)}")
        for name, reason in explained.items():
            self.draft.unused(members[name].line, f"{name}: {reason}")
        for name, member in objects.items():
            if name not in explained:
                self.list_rest(member, name)

    def _reason(self, name: str) -> str | None:
        """Why a value has no effect; numbers in its path do not matter."""
        return self._reasons.get(".".join(part for part in name.split(".") if not part.isdecimal()))


def _describe(path: str, node: Node) -> str:
    name = path.rpartition(".")[2]
    return f"{name} with {counted(len(node.value), 'entry')}" if isinstance(node.value, list) else name


NO_CALL: Final = "the vendor's configurator knows no request for it"
