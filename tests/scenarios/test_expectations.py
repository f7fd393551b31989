"""Expectations: what fits and what does not."""

from typing import Any

import pytest

from scenarios.expectations import compile_expectation, describe


@pytest.mark.parametrize(
    ("expectation", "value", "fits"),
    [
        (42, 42, True),
        (42, 42.0, True),
        (1, True, False),
        (True, True, True),
        ("a", "a", True),
        ("a", "b", False),
        ("hex:AB", "hex:ab", True),
        (None, None, True),
        ([1, 2], [1, 2], True),
        ([1, 2], [1, 2, 3], False),
        ([1, {"range": [1, 3]}], [1, 2], True),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": {"b": {"range": [0, 1]}}}, {"a": {"b": 2}}, False),
        ({"a": 1}, 3, False),
        ({"equals": {"a": 1}}, {"a": 1, "b": 2}, False),
        ({"not": 3}, 4, True),
        ({"not": {"range": [1, 5]}}, 4, False),
        ({"range": [1, None]}, 4, True),
        ({"range": [1, 3]}, "2", False),
        ({"range": [0, 3]}, True, False),
        ({"pattern": "^ab"}, "abc", True),
        ({"pattern": "^ab"}, 3, False),
        ({"length": 2}, "hex:0102", True),
        ({"length": {"range": [1, 2]}}, [1, 2, 3], False),
        ({"length": 2}, 3, False),
        ({"contains": "b"}, "abc", True),
        ({"contains": {"a": 1}}, [{"a": 1, "b": 2}], True),
        ({"contains": "hex:12"}, "hex:0120", False),
        ({"contains": "hex:20"}, "hex:0120", True),
        ({"one_of": [1, {"range": [5, 6]}]}, 6, True),
        ({"one_of": [1, 2]}, 3, False),
        ({"range": [1, 5], "not": 3}, 3, False),
    ],
)
def test_fits(expectation: Any, value: Any, fits: bool) -> None:
    assert compile_expectation(expectation).matches(value) is fits


@pytest.mark.parametrize(
    ("expectation", "value", "texts"),
    [
        ({"user": {"name": "a", "id": {"range": [1, 5]}}}, {"user": {"name": "b", "id": 9}},
         ["user.name: expected 'a', got 'b'", "user.id: expected 1 to 5, got 9"]),
        ({"a": 1}, {"b": 1}, ["a: expected a field of this name, got nothing"]),
        ([1], [1, 2], ["expected a list of 1, got [1, 2]"]),
        ([1, {"x": 2}], [1, {"x": 3}], ["1.x: expected 2, got 3"]),
        ({"length": 3}, "ab", ["expected the length 3, not 2, got 'ab'"]),
    ],
)  # fmt: skip
def test_differences_name_the_field(expectation: Any, value: Any, texts: list[str]) -> None:
    assert [str(one) for one in compile_expectation(expectation).check(value)] == texts


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        ({"range": [None, 3]}, "at most 3"),
        ({"one_of": [1, "a"]}, "one of 1, 'a'"),
        ({"not": {"pattern": "^a"}}, "not text like ^a"),
        ({"name": {"contains": "x"}}, "name something that contains 'x'"),
    ],
)
def test_in_words(expectation: Any, words: str) -> None:
    assert describe(expectation) == words
