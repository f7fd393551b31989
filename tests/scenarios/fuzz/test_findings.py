"""The folder of findings holds what was found whatever happens, and shows it safely whatever a client has printed."""

import errno
import json
import multiprocessing
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from protocol.errors import UsageError
from scenarios.fuzz.findings import CoverageRow, Finding, Folder, FolderError, Statistics, files, visible
from scenarios.fuzz.findings.words import tell_about
from scenarios.fuzz.mutation import Nature
from scenarios.fuzz.observation import Judgement, Verdict
from tests.scenarios.fuzz.told import applied, record, seen

ABOUT = {"command": "node app.js {url}", "firmware": "1.86.0", "seed": 7}
HOSTILE = (
    "\x1b[2J\x07</script><script>document.title='owned'</script>```\n| a | b |\r\u202etxt\0\ud800"
    "<img src=x onerror=alert(1)>"
)
STATISTICS = Statistics(
    cases=1000,
    seconds=2.0,
    seed=7,
    by_call={"scram.login": 600, "device.get_serial_number": 400},
    by_mutator={"field.boundary": 900, "wire.cut": 100, "frame.id": 1},
    by_verdict={"hang": 1},
    coverage=[CoverageRow("encrypted", "scram.login", "field", 12)],
)


def finding(**changes: Any) -> Finding:
    given: dict[str, Any] = {
        "verdict": Verdict.HANG,
        "case": "04abc",
        "detail": "no progress for 5.0 s",
        "signature": "scram.login field",
        "faults": ["answer 1 to scram.login: iterations is 0"],
        "mutators": ["field.boundary"],
        "families": ["field"],
        "calls": ["scram.login"],
        "scenario": "scenario: 1\n",
        "exchange": ["     0.000 s  connection 1: scram.login -> OK"],
        "output": "connecting\n",
        "command": "tap-emulator fuzz replay 04abc",
        "first_seen": 1.5,
    }
    return Finding(**given | changes)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with Folder.open(tmp_path / "findings", about=ABOUT) as opened:
        yield opened


def reopened(folder: Folder) -> Folder:
    folder.close()
    return Folder.open(folder.path, about={"command": "another"})


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_a_finding_is_on_the_disk_at_once(folder: Folder) -> None:
    assert folder.add(finding())
    place = folder.path / "001-hang-scram.login-field.boundary"
    assert sorted(each.name for each in place.iterdir()) == [
        "finding.json",
        "finding.md",
        "output.txt",
        "scenario.yaml",
    ]
    assert (place / "scenario.yaml").read_text() == "scenario: 1\n"
    page = (place / "finding.md").read_text()
    for text in ("no progress for 5.0 s", "iterations is 0", "tap-emulator fuzz replay 04abc", "connecting"):
        assert text in page
    assert json.loads((folder.path / "findings.json").read_text()) == {"version": 1, "about": ABOUT}


def test_everything_comes_back(folder: Folder) -> None:
    first, second = finding(), finding(verdict=Verdict.WRONG_DATA, signature="other", shrunk="small\n", reproduced=True)
    assert folder.add(first)
    assert folder.add(second)
    assert not folder.add(finding(case="05"))
    folder.save_progress({"planner": [1, 2]})
    with reopened(folder) as again:
        assert list(again.findings.values()) == [first, second]
        assert [each.count for each in again.findings.values()] == [2, 1]
        assert again.progress == {"planner": [1, 2]}
        assert again.about == ABOUT, "whoever made it has said what it is about"
        assert not again.warnings
        assert not again.add(finding())
        assert again.add(finding(signature="third"))
        assert list(again.findings)[-1].startswith("003-")


def test_repeats_are_counted_without_much_writing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.add(finding())
    writes: list[Path] = []
    write = files.write

    def counted(path: Path, text: str) -> None:
        writes.append(path)
        write(path, text)

    monkeypatch.setattr(files, "write", counted)
    for _ in range(999):
        folder.add(finding())
    assert len(writes) < 12
    monkeypatch.undo()
    with reopened(folder) as again:
        assert [each.count for each in again.findings.values()] == [1000]


def test_a_finding_is_updated(folder: Folder) -> None:
    folder.add(finding(reproduced=False))
    shown_again = finding(case="06", reproduced=True)
    assert not folder.add(shown_again), "it replaces the one that did not show again"
    shown_again.shrunk = "smaller\n"
    folder.update(shown_again)
    with reopened(folder) as again:
        (kept,) = again.findings.values()
        assert (kept.case, kept.count, kept.reproduced, kept.shrunk) == ("06", 2, True, "smaller\n")


def test_findings_without_end_are_not_all_kept(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenarios.fuzz.findings.folder.MOST_FINDINGS", 3)
    assert [folder.add(finding(signature=str(number))) for number in range(6)] == [True] * 3 + [False] * 3
    assert len(folder.warnings) == 1
    assert not folder.add(finding(signature="0"))
    assert next(iter(folder.findings.values())).count == 2, "those that are kept are counted on"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "001-hang-scram.login-field.boundary"),
        ({"verdict": Verdict.WRONG_DATA, "calls": [], "mutators": []}, "001-wrong-data"),
        ({"calls": ["../../etc/passwd"], "mutators": ["a b\0c"]}, "001-hang-.._.._etc_passwd-a_b_c"),
        ({"calls": ["x" * 500]}, "001-hang-" + "x" * 75),
        ({"calls": ["first", "last"], "mutators": ["\u202e..."]}, "001-hang-last-_"),
    ],
)
def test_names_of_folders(folder: Folder, changes: dict[str, Any], name: str) -> None:
    folder.add(finding(**changes))
    assert list(folder.findings) == [name]
    assert (folder.path / name / "finding.json").is_file()


def test_what_was_seen_becomes_a_finding() -> None:
    faults = [
        applied("device.get_serial_number", Nature.SOUND, words="x"),
        applied("scram.login", Nature.FORGED, words="iterations is 0", name="login.challenge", family="session"),
    ]
    entries = [record("device.get_serial_number", time=float(time)) for time in range(5, 1000)]
    observation = seen(*entries, faults=faults, output="a" * 100_000 + "\x1b[0mend")
    made = Finding.of(observation, Judgement(Verdict.HANG, "it\x1b", "s"), command="do it", first_seen=2.0)
    assert made.faults[-1] == "answer 1 to scram.login: iterations is 0"
    assert made.mutators == ["test.mutator", "login.challenge"]
    assert made.families == ["field", "session"]
    assert made.calls == ["device.get_serial_number", "scram.login"]
    assert len(made.exchange) == 401
    assert made.exchange[0].startswith("     0.000 s  connection 1: device.get_serial_number -> OK")
    assert made.exchange[-1].startswith("   994.000 s")
    assert made.output.endswith("a\\x1b[0mend")
    assert len(made.output) < 70_000
    assert made.detail == "it\\x1b"


# --- what can be wrong with a folder ----------------------------------------------------------------------------------


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match=r"is a file, expected a folder"):
            Folder.open(path, about=ABOUT)
    with pytest.raises(UsageError, match="no folder"):
        Folder.open("a\0b", about=ABOUT)


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    for use in (Folder.look, partial(Folder.open, about=ABOUT)):
        with pytest.raises(UsageError, match=r"holds other files \('thesis.txt'\) and no findings.json"):
            use(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"version": 2, "about": {}}, "findings of version 2, expected 1"),
        ({"version": "x", "about": {}}, "findings of version 'x', expected 1"),
        ({"about": {}}, "not of a folder of findings"),
        ([], "not of a folder of findings"),
        ({"version": 1}, "not of a folder of findings"),
        ("text", "not of a folder of findings"),
    ],
)
def test_a_folder_of_another_version(folder: Folder, content: Any, message: str) -> None:
    folder.close()
    (folder.path / "findings.json").write_text(json.dumps(content))
    for use in (Folder.look, partial(Folder.open, about=ABOUT)):
        with pytest.raises(UsageError, match=message):
            use(folder.path)
    assert json.loads((folder.path / "findings.json").read_text()) == content


def test_a_look_leaves_everything_as_it_is(folder: Folder) -> None:
    assert not Folder.look(folder.path / "none")
    assert Folder.look(folder.path) == ABOUT, "although it is in use"
    folder.close()
    (folder.path / "findings.json").write_text('{"vers')
    before = tree(folder.path)
    assert not Folder.look(folder.path)
    assert tree(folder.path) == before


@pytest.mark.parametrize(
    ("file", "content", "warnings", "findings"),
    [
        ("findings.json", '{"version": 1, "abo', 1, 2),
        ("findings.json", "", 1, 2),
        ("progress.json", '{"planner', 1, 2),
        ("progress.json", "[" * 100_000, 1, 2),
        ("progress.json", "[]", 0, 2),
        ("progress.json", b"\xff\xfe", 1, 2),
        ("001-hang-scram.login-field.boundary/finding.json", '{"verdict": "hang"', 1, 1),
        ("001-hang-scram.login-field.boundary/finding.json", '{"verdict": "hang"}', 1, 1),
        ("001-hang-scram.login-field.boundary/finding.json", '{"verdict": "bliss"}', 1, 1),
        ("001-hang-scram.login-field.boundary/finding.json", "[]", 1, 1),
        ("001-hang-scram.login-field.boundary/finding.json", None, 1, 1),
        ("001-hang-scram.login-field.boundary/output.txt", b"\xff\0\xfe", 0, 2),
        ("001-hang-scram.login-field.boundary/scenario.yaml", None, 0, 2),
        ("mine.txt", "notes are welcome", 0, 2),
        ("007-hang-by-hand", "no folder", 1, 2),
    ],
)
def test_damage_costs_what_is_damaged(
    folder: Folder, file: str, content: str | bytes | None, warnings: int, findings: int
) -> None:
    folder.add(finding())
    folder.add(finding(signature="another"))
    folder.close()
    path = folder.path / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with Folder.open(folder.path, about=ABOUT) as again:
        assert len(again.warnings) == warnings, again.warnings
        assert len(again.findings) == findings
        assert again.about == ABOUT
        assert again.add(finding(signature="new")), "and it goes on"
        assert all(file.partition("/")[0] in warning for warning in again.warnings)


def test_what_was_half_written_is_cleared_away(folder: Folder) -> None:
    folder.add(finding())
    folder.close()
    (folder.path / ".unfinished-002-crash").mkdir()
    (folder.path / ".unfinished-002-crash" / "finding.json").write_text("{")
    (folder.path / ".unfinished-progress.json").write_text("{")
    with Folder.open(folder.path, about=ABOUT) as again:
        assert len(again.findings) == 1
        assert not list(again.path.glob(".unfinished*"))


def test_two_campaigns_do_not_share_a_folder(folder: Folder) -> None:
    with pytest.raises(FolderError, match=rf"process {os.getpid()} is writing its findings there"):
        Folder.open(folder.path, about=ABOUT)
    folder.close()
    folder.close()
    Folder.open(folder.path, about=ABOUT).close()


def _hold(path: Path, ready: Any) -> None:
    with Folder.open(path, about=ABOUT) as folder:
        folder.add(finding())
        ready.send(True)
        ready.recv()


def test_a_process_that_was_killed_leaves_the_folder_to_others(tmp_path: Path) -> None:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path / "f", there))
    process.start()
    try:
        assert here.recv()
        with pytest.raises(FolderError, match=f"process {process.pid} is writing"):
            Folder.open(tmp_path / "f", about=ABOUT)
    finally:
        process.kill()
        process.join()
    with Folder.open(tmp_path / "f", about=ABOUT) as folder:
        assert len(folder.findings) == 1


def tree(path: Path) -> dict[str, bytes]:
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}


def test_a_disk_that_fills_up_damages_nothing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.add(finding())
    folder.save_progress({"at": 1})
    folder.write_reports(STATISTICS)
    before = tree(folder.path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for attempt in (
        lambda: folder.add(finding(signature="new")),
        lambda: folder.save_progress({"at": 2}),
        lambda: folder.write_reports(STATISTICS),
        lambda: folder.update(finding(shrunk="x")),
    ):
        with pytest.raises(FolderError, match=r"No space left on device; what was found before is still there"):
            attempt()
    assert tree(folder.path) == before
    assert len(folder.findings) == 1
    monkeypatch.undo()
    assert folder.add(finding(signature="new"))


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="only root can mount a small disk")
def test_a_small_disk_that_is_really_full(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this system lets nobody mount a small disk")
    try:
        with Folder.open(tmp_path / "findings", about=ABOUT) as folder:
            assert folder.add(finding())
            with pytest.raises(FolderError, match="No space left"):
                folder.add(finding(signature="big", output="x" * 500_000))
            with pytest.raises(FolderError, match="No space left"):
                folder.save_progress({"x": "y" * 500_000})
        with Folder.open(tmp_path / "findings", about=ABOUT) as folder:
            assert len(folder.findings) == 1
            assert not folder.warnings
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


# --- reports ----------------------------------------------------------------------------------------------------------


def filled(folder: Folder) -> None:
    folder.add(finding())
    folder.add(finding(signature="hostile", verdict=Verdict.CRASH, output=HOSTILE, detail=HOSTILE, calls=["<b>"]))
    folder.add(
        finding(
            signature="crc",
            verdict=Verdict.WRONG_DATA,
            calls=["variable.get_value"],
            families=["session"],
            mutators=["frame.crc"],
            detail="reported temperature = 200",
            reproduced=False,
            shrunk="scenario: 1 # small\n",
        )
    )
    folder.write_reports(STATISTICS)


def test_the_index_for_people(folder: Folder) -> None:
    filled(folder)
    text = (folder.path / "index.md").read_text()
    assert "1000 cases in 2.0 s (500 a second), seed 7; 3 findings." in text
    links = re.findall(r"\]\((.*?)\)", text)
    assert len(links) == 3
    assert all((folder.path / link).is_file() for link in links)
    assert "not reproduced" in text
    assert "| encrypted | scram.login | field | 12 |" in text
    rows = [line for line in text.splitlines() if "/finding.md" in line]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}, "what a client says makes no cells"
    assert not re.search(r"(?<!\\)<", text), "nor tags"
    assert visible(text) == text


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"client": "app", "scenario": None, "inputs": {}, "handled": None}, {"client": "app"}),
        ({"hang_time": 5.0, "memory": 512 << 20, "seed": 0}, {"hang time": "5 s", "memory": "512 MiB", "seed": "0"}),
        ({"inputs": {"a": 1, "b": "x"}, "handled": [1, 2]}, {"inputs": "a=1, b=x", "handled": "1, 2"}),
    ],
)
def test_what_a_folder_is_about_in_words(about: dict[str, Any], told: dict[str, str]) -> None:
    assert tell_about(about) == told


def test_a_page_is_not_broken_out_of(folder: Folder) -> None:
    filled(folder)
    page = (folder.path / "002-crash-_b_-field.boundary" / "finding.md").read_text()
    assert visible(page) == page
    assert "````text\n" in page, "a longer fence than the client has printed"
    assert "<script" not in page.replace("\\<script", "").split("````text")[0]


def test_the_index_for_programs(folder: Folder) -> None:
    filled(folder)
    index = json.loads((folder.path / "index.json").read_text())
    assert [each["verdict"] for each in index["findings"]] == ["hang", "crash", "wrong-data"]
    assert [each["folder"] for each in index["findings"]] == list(folder.findings)
    assert index["about"] == ABOUT
    assert index["cases_per_second"] == 500.0
    assert index["coverage"] == [{"state": "encrypted", "request": "scram.login", "answer": "field", "cases": 12}]


def test_junit_for_ci(folder: Folder) -> None:
    filled(folder)
    root = ElementTree.fromstring((folder.path / "junit.xml").read_text())
    suites = {suite.get("name"): (suite.get("tests"), suite.get("failures")) for suite in root}
    assert suites == {"fuzz field": ("2", "2"), "fuzz session": ("2", "1"), "fuzz wire": ("1", "0")}
    failures = [failure.get("message") for failure in root.iter("failure")]
    assert "reported temperature = 200" in failures
    assert len(failures) == 3


def test_reports_of_nothing(folder: Folder) -> None:
    folder.write_reports(Statistics())
    assert "Nothing was found." in (folder.path / "index.md").read_text()
    assert ElementTree.fromstring((folder.path / "junit.xml").read_text()).tag == "testsuites"
    assert "0 of 0" in (folder.path / "report.html").read_text()


def test_the_page_loads_nothing_and_says_what_it_may_run(folder: Folder) -> None:
    filled(folder)
    text = (folder.path / "report.html").read_text()
    assert not re.search(r"<(?:link|img|iframe)|(?:src|href)=(?!x onerror)", text.replace("&lt;img", ""))
    assert text.count("<script>") == 1
    assert "default-src &#x27;none&#x27;" in text
    assert "sha256-" in text


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to show the report")
@pytest.mark.parametrize(
    ("fragment", "shown"),
    [
        ("#call=scram.login&text=NO+progress", ["hang"]),
        ("#verdict=wrong-data&family=session", ["wrong-data"]),
    ],
)
def test_the_filter_in_a_browser(folder: Folder, tmp_path: Path, fragment: str, shown: list[str]) -> None:
    assert CHROMIUM is not None
    filled(folder)
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    url = (folder.path / "report.html").as_uri() + fragment
    page = subprocess.run([*command, "--dump-dom", url], capture_output=True, text=True, timeout=60, check=True).stdout
    articles = re.findall(r"<article ([^>]*)>", page)
    assert len(articles) == 3
    verdicts = [re.search('data-verdict="([^"]*)"', each) for each in articles if "hidden" not in each]
    assert [verdict[1] for verdict in verdicts if verdict] == shown
    assert f"{len(shown)} of 3" in page
    assert "<title>Findings</title>" in page, "the client's script has not run"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ütf-8 ✓\n\ttab", "plain ütf-8 ✓\n\ttab"),
        ("\x1b[31mred\x07\x9b", "\\x1b[31mred\\x07\\x9b"),
        ("line\r\nline\rover", "line\nline\\x0dover"),
        ("a\u202eb\u2066\ufeff\ud800\0", "a\\u202eb\\u2066\\ufeff\\ud800\\x00"),
    ],
)
def test_text_of_strangers(text: str, shown: str) -> None:
    assert visible(text) == shown
