"""Turns mutations into what the script does.

The model of the language would check each action again. That is most of the time that a case takes in process, so what
nearly all mutations are made of is read here at once; the rest goes through the model.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from protocol.client.jsonable import HEX_PREFIX
from scenarios.fuzz.mutation import Mutation
from scenarios.model import Action
from scenarios.script import answers, wire
from scenarios.script.reading import Workshop, read_actions
from scenarios.script.stage import Act

_WORKSHOP: Final = Workshop("request")


@lru_cache(maxsize=8192)
def acts_of(mutation: Mutation) -> tuple[Act, ...]:
    """What a mutation does, in its order.

    Raises:
        ValueError: an action is none of the scenario language, or has no meaning for an answer.
    """
    return tuple(act for action in mutation.then for act in _read(action))


def _read(action: Mapping[str, Any]) -> tuple[Act, ...]:
    if len(action) == 1:
        ((name, given),) = action.items()
        if (quick := _QUICK.get(name)) is not None and (act := quick(given)) is not None:
            return (act,)
    return read_actions([Action.model_validate(dict(action))], _WORKSHOP)


def _answer(given: Any) -> Act | None:
    if not isinstance(given, dict) or given.keys() != _ANSWER_KEYS or not isinstance(given["code"], int):
        return None
    body = _hex(given["body"])
    return None if body is None else answers.answer(given["code"], body)


def _corrupt(given: Any) -> Act | None:
    """One byte and one way to change what is there."""
    if len(given) != len(_CORRUPT_KEYS) + 1 or not given.keys() >= _CORRUPT_KEYS or given["level"] not in _LEVELS:
        return None
    way = next(key for key in given if key not in _CORRUPT_KEYS)
    value = given[way] if way in _NUMBERS else _hex(given[way]) if way in _BYTES else None
    if value is None or not isinstance(given["byte"], int):
        return None
    return wire.corrupt(given["level"], given["byte"], wire.CHANGES[way](value))


def _hex(text: Any) -> bytes | None:
    if not isinstance(text, str) or not text.startswith(HEX_PREFIX):
        return None
    return bytes.fromhex(text.removeprefix(HEX_PREFIX))


_ANSWER_KEYS: Final = {"code", "body"}
_CORRUPT_KEYS: Final = {"level", "byte"}
_LEVELS: Final = ("clear", "frame", "ciphertext", "apdu")
_NUMBERS: Final = ("xor", "set", "remove", "repeat", "swap")
_BYTES: Final = ("replace", "insert")
_QUICK: Final[dict[str, Callable[[Any], Act | None]]] = {"answer": _answer, "corrupt": _corrupt}
