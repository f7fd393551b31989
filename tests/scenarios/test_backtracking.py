import pytest

from scenarios.model.backtracking import may_take_for_ever


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a*)*",
        "(?:a|aa)+$",
        "((a+)b?)*",
        "(a{1,9}){1,99}",
        "([)]+)+",
        r"(\\(a+)+",
        "(.*)*?x",
        "(a?){9}",
        "(a?a)+",
    ],
)
def test_a_repeated_group_with_several_ways_may_take_for_ever(pattern: str) -> None:
    assert may_take_for_ever(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "",
            "^IoTize.*",
            r"^\d+\.\d+$",
            "(ab)+",
            "(a|b)c+",
            r"(\.\d+){2}",
            r"(\.\d++)+",
            "(?>a|aa)+",
            "(a+)b+",
            r"(\(a\+)+",
        ),
        *("([+*|]b)+", "(ab{3})*", "(a+)++", ")", "(?:ab)+", "(?P<x>a)+", "(?:a+)?", "(?i)a+", "(a?b){3}"),
    ],
)
def test_others_end(pattern: str) -> None:
    assert not may_take_for_ever(pattern)
