"""What a test asks of its Taps."""

from pathlib import Path
from typing import Any

import pytest

from emulator.testing.options import merged, versions, with_paths
from emulator.testing.rates import rate_of


def test_files_are_beside_the_test_or_in_the_root_folder(tmp_path: Path) -> None:
    beside, root = tmp_path / "beside", tmp_path / "root"
    for folder, names in ((beside, ("here.yaml", "both.yaml")), (root, ("both.yaml", "there.yaml"))):
        folder.mkdir()
        for name in names:
            (folder / name).touch()

    def found(name: str | Path) -> Any:
        return with_paths({"scenario": name}, [beside, root])["scenario"]

    assert found("here.yaml") == beside / "here.yaml"
    assert found("both.yaml") == beside / "both.yaml"
    assert found(Path("there.yaml")) == root / "there.yaml"
    assert found("nowhere.yaml") == beside / "nowhere.yaml"
    assert found(str(root / "there.yaml")) == root / "there.yaml"
    assert found("scenario: 1\n") == "scenario: 1\n"


def test_the_nearest_marker_has_the_last_word() -> None:
    assert merged([{"seed": 1}, {"seed": 2, "clock": "real"}]) == {"seed": 1, "clock": "real"}
    with pytest.raises(ValueError, match="no option 'colour', expected one of: firmware, config"):
        merged([{"colour": "red"}])


@pytest.mark.parametrize(
    ("firmware", "expected"), [(["1.85", 1.86], ["1.85", "1.86"]), (("1.85",), ["1.85"]), ("1.85", []), (None, [])]
)
def test_a_list_of_versions_is_a_run_for_each(firmware: object, expected: list[str]) -> None:
    assert versions(firmware) == expected


@pytest.mark.parametrize(("clock", "rate"), [("real", 1), ("virtual", 0), ("10x", 10), ("2.5", 2.5), (0, 0)])
def test_rates_in_words(clock: str | float, rate: float) -> None:
    assert rate_of(clock) == rate
