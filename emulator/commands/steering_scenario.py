"""Steers a running emulator through its control API while a scenario runs against one of its links."""

from collections.abc import Iterator
from typing import Any, Final

import yaml

from emulator.config.kinds import Plain
from emulator.control.client import ControlClient
from emulator.control.errors import ControlError
from protocol.errors import UsageError
from scenarios.model import Scenario, Verification
from scenarios.run.outcome import Result
from scenarios.run.verifying import judge_rule
from scenarios.run.wishes import NotHereError

_NAME: Final = "scenario run"
"""Under which the script is armed."""


class ApiController:
    """A `Controller` over HTTP.

    Args:
        client: of the control API; the caller closes it.
    """

    def __init__(self, client: ControlClient) -> None:
        self._client = client
        self._armed = False

    def begin(self, scenario: Scenario, seed: int) -> None:
        """Forgets what happened before, and arms the script.

        Raises:
            UsageError: the emulator cannot play the script.
        """
        self._client.clear_journal()
        if not scenario.script.rules:
            return
        text = as_yaml({"scenario": 1, "script": scenario.script.written})
        try:
            self._client.arm(text, name=_NAME, seed=seed)
        except ControlError as error:
            raise UsageError(f"{scenario.script.where}: the emulator does not take the script: {error}") from error
        self._armed = True

    def look(self, kind: str, name: str) -> Any:
        """Value of a ``setting`` or ``variable``.

        Raises:
            NotHereError: the Tap has none, or does not show it.
        """
        try:
            if kind == "variable":
                return self._client.variable(name).value
            settings = self._client.device().settings
        except ControlError as error:
            raise NotHereError(str(error)) from error
        if name not in settings:
            raise NotHereError(f"the control API does not show a setting {name!r}")
        return settings[name]

    def snapshot(self, name: str) -> None:
        """Remembers the Tap under a name."""
        try:
            self._client.snapshot(name)
        except ControlError as error:
            raise NotHereError(str(error)) from error

    def restore(self, name: str) -> None:
        """Puts the Tap back to what it was under a name."""
        try:
            self._client.restore(name)
        except ControlError as error:
            raise NotHereError(str(error)) from error

    def verify(self, scenario: Scenario) -> Iterator[Result]:
        """Whether what had to happen has happened, by the journal of the Tap."""
        for item in scenario.verify:
            if item.kind == "rule":
                yield self._rule(item)
                continue
            (verdict,) = self._client.verify([yaml.safe_load(as_yaml(item.written))]).results
            status: Any = "passed" if verdict.passed else "failed"
            reason, *notes = verdict.message.partition(f"{verdict.item}: ")[2].splitlines() or [""]
            yield Result(verdict.item, item.where, status, reason=reason, notes=tuple(map(str.strip, notes)))

    def _rule(self, item: Verification) -> Result:
        rules = self._client.scenario(_NAME).rules if self._armed else []
        return judge_rule(item, {rule.name: rule.acted for rule in rules})

    def end(self) -> None:
        """Disarms the script."""
        if self._armed:
            self._client.disarm(_NAME)


class _Dumper(yaml.SafeDumper):
    """Writes a tree as it was read: words without quotes have none."""


def _plain(dumper: yaml.SafeDumper, word: Plain) -> yaml.Node:
    tag = dumper.resolve(yaml.ScalarNode, str(word), (True, False))  # type: ignore[no-untyped-call]
    return yaml.ScalarNode(tag, str(word))


_Dumper.add_representer(Plain, _plain)
_Dumper.add_multi_representer(dict, lambda dumper, node: dumper.represent_dict(dict(node)))
_Dumper.add_multi_representer(list, lambda dumper, items: dumper.represent_list(list(items)))
_Dumper.add_multi_representer(str, lambda dumper, text: dumper.represent_str(str(text)))


def as_yaml(tree: Any) -> str:
    """A part of a scenario as the text of a file."""
    text: str = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text
