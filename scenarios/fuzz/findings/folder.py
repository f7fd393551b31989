"""The folder of a campaign: its findings, its progress, its reports.

::

    findings.json           version, and about what: command, firmware, seed, version of the emulator
    001-hang-scram.login-field.boundary/
        finding.json        everything but what follows
        finding.md          the same for people
        scenario.yaml       does the same to a client
        shrunk.yaml         the smaller one, when there is one
        output.txt          what the client printed
    progress.json           where the campaign goes on
    index.md, index.json, report.html, junit.xml

Each file and each folder is written whole, so that a kill at any instant leaves what was found before.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

from protocol.errors import UsageError
from scenarios.fuzz.findings import files
from scenarios.fuzz.findings.files import FolderError
from scenarios.fuzz.findings.finding import Finding
from scenarios.fuzz.findings.html import report
from scenarios.fuzz.findings.junit import junit
from scenarios.fuzz.findings.markdown import index_page, page
from scenarios.fuzz.findings.statistics import Statistics
from scenarios.fuzz.observation import Verdict

VERSION: Final = 1
"""Of the layout."""
MOST_FINDINGS: Final = 2000
"""A client whose every error reads differently must not fill the disk."""
_ABOUT: Final = "findings.json"
_PROGRESS: Final = "progress.json"
_NUMBERED: Final = re.compile(r"(\d{3,9})-")
_OURS: Final = (files.LOCK, _ABOUT, _PROGRESS)
"""What may be there when a process was killed before it had written what the folder is about."""


class Folder:
    """A folder that belongs to this process until it is closed. `open` makes one.

    Attributes:
        path: where it is.
        about: what it is about, as whoever made it has said.
        findings: by the names of their folders, in the order in which they were found.
        progress: what was saved last; empty for a new folder.
        warnings: what was damaged and is left out, in words.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], lock: TextIO) -> None:
        self.path = path
        self.about = dict(about)
        self.findings: dict[str, Finding] = {}
        self.progress: dict[str, Any] = {}
        self.warnings: list[str] = []
        self._lock = lock
        self._names: dict[tuple[Verdict, str], str] = {}
        self._uncounted: set[str] = set()
        self._last = 0

    @classmethod
    def open(cls, path: Path | str, *, about: Mapping[str, Any]) -> "Folder":
        """Makes a folder, or opens one again.

        Args:
            about: kept in a new folder; an old one has its own, see `Folder.about`.

        Raises:
            UsageError: it is none, holds something else, or is of another version.
            FolderError: it cannot be written, or another process has it.
        """
        path = Path(path)
        with _place(path):
            path.mkdir(parents=True, exist_ok=True)
            _check_names(path)
        lock = files.lock(path)
        try:
            return cls._opened(path, about, lock)
        except BaseException:
            lock.close()
            raise

    @staticmethod
    def look(path: Path) -> Mapping[str, Any]:
        """What a folder is about, as far as it is there, is undamaged and says so; nothing is written.

        Raises:
            UsageError: `open` would refuse it too.
            FolderError: it cannot be read.
        """
        with _place(path):
            if not path.exists():
                return {}
            _check_names(path)
            if not (path / _ABOUT).is_file():
                return {}
        try:
            known = files.read_json(path / _ABOUT)
        except ValueError:
            return {}
        return check_about(path / _ABOUT, known)

    @classmethod
    def _opened(cls, path: Path, about: Mapping[str, Any], lock: TextIO) -> "Folder":
        files.clear_unfinished(path)
        folder = cls(path, about, lock)
        known = folder._read(_ABOUT)
        if known is not None:
            folder.about = dict(check_about(path / _ABOUT, known))
        else:
            files.write(path / _ABOUT, files.to_text({"version": VERSION, "about": folder.about}))
        progress = folder._read(_PROGRESS)
        folder.progress = progress if isinstance(progress, dict) else {}
        for name in sorted((each.name for each in path.iterdir()), key=lambda name: (len(name.split("-")[0]), name)):
            numbered = _NUMBERED.match(name)
            if numbered is not None:
                folder._last = max(folder._last, int(numbered[1]))
                folder._take(name)
        return folder

    def _read(self, name: str) -> Any:
        path = self.path / name
        if not path.exists():
            return None
        try:
            return files.read_json(path)
        except ValueError as error:
            kept = path.with_name(f"{name}.damaged")
            self.warnings.append(f"{path} is damaged ({error}); it is kept as {kept.name}, and begun anew")
            with suppress(OSError):
                path.replace(kept)
            return None

    def _take(self, name: str) -> None:
        path = self.path / name
        try:
            finding = Finding.from_json(files.read_json(path / "finding.json"))
            finding.scenario = _text(path / "scenario.yaml") or ""
            finding.output = _text(path / "output.txt") or ""
            finding.shrunk = _text(path / "shrunk.yaml")
        except (FolderError, ValueError) as error:
            self.warnings.append(f"{path / 'finding.json'} is left out: {error}")
            return
        self._put(name, finding)

    def _put(self, name: str, finding: Finding) -> None:
        self.findings[name] = finding
        self._names.setdefault(finding.key, name)

    def __enter__(self) -> "Folder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def known(self, finding: Finding) -> Finding | None:
        """The finding here with the same verdict and signature."""
        name = self._names.get(finding.key)
        return None if name is None else self.findings[name]

    def add(self, finding: Finding) -> bool:
        """Keeps a finding; it is on the disk afterwards. One that is known already is counted.

        Returns:
            whether its verdict and signature are new.

        Raises:
            FolderError: it cannot be written.
        """
        name = self._names.get(finding.key)
        if name is None and len(self.findings) >= MOST_FINDINGS:
            self._warn_once(f"{self.path} has {MOST_FINDINGS} findings; more that are new are not kept")
            return False
        if name is None:
            name = f"{self._last + 1:03}-{finding.name}"
            files.write_folder(self.path / name, _texts(finding))
            self._last += 1
            self._put(name, finding)
            return True
        known = self.findings[name]
        known.count += finding.count
        if finding.reproduced and not known.reproduced:
            finding.count, finding.first_seen = known.count, known.first_seen
            self.update(finding)
        elif known.count.bit_count() == 1:  # the rest is written at the end: a mistake may show in every case
            self._count(name)
        else:
            self._uncounted.add(name)
        return False

    def _warn_once(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)

    def update(self, finding: Finding) -> None:
        """Writes a finding anew that was added before, after it was shrunk or played again.

        Raises:
            FolderError: it cannot be written.
        """
        name = self._names[finding.key]
        for file, text in _texts(finding).items():
            files.write(self.path / name / file, text)
        self.findings[name] = finding
        self._uncounted.discard(name)

    def _count(self, name: str) -> None:
        files.write(self.path / name / "finding.json", files.to_text(self.findings[name].to_json()))
        self._uncounted.discard(name)

    def save_progress(self, progress: Mapping[str, Any]) -> None:
        """Keeps where the campaign is.

        Raises:
            FolderError: it cannot be written.
        """
        files.write(self.path / _PROGRESS, files.to_text(dict(progress)))
        self.progress = dict(progress)

    def write_reports(self, statistics: Statistics) -> None:
        """Writes index.md, index.json, report.html and junit.xml.

        Raises:
            FolderError: one cannot be written.
        """
        for name in sorted(self._uncounted):
            self._count(name)
        files.write(self.path / "index.json", files.to_text(_index(self, statistics)))
        files.write(self.path / "index.md", index_page(self.about, self.findings, statistics))
        files.write(self.path / "report.html", report(self.about, self.findings, statistics))
        files.write(self.path / "junit.xml", junit(self.findings, statistics))

    def close(self) -> None:
        """Writes counts that are not written yet, and lets others have the folder. May be called again."""
        if self._lock.closed:
            return
        try:
            for name in sorted(self._uncounted):
                self._count(name)
        finally:
            self._lock.close()


@contextmanager
def _place(path: Path) -> Iterator[None]:
    """Says why a path cannot be a folder.

    Raises:
        UsageError, FolderError: it cannot.
    """
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{path} is a file, expected a folder for findings") from None
    except OSError as error:
        raise FolderError(f"{path}: {error.strerror or error}; expected a place for a folder of findings") from error
    except ValueError as error:  # a NUL in its name
        raise UsageError(f"{str(path)!r} is no folder: {error}") from error


def _check_names(path: Path) -> None:
    names = sorted(each.name for each in path.iterdir())
    foreign = [name for name in names if name not in _OURS and not name.startswith(files.UNFINISHED)]
    if _ABOUT not in names and foreign:
        raise UsageError(
            f"{path} holds other files ({foreign[0]!r}) and no {_ABOUT}; expected a new folder, or one of findings"
        )


def check_about(path: Path, known: Any) -> Mapping[str, Any]:
    """What a folder is about.

    Args:
        known: what the file at the path says.

    Raises:
        UsageError: it is not of a folder of findings, or of another version.
    """
    if not isinstance(known, dict) or not isinstance(known.get("about"), dict) or "version" not in known:
        raise UsageError(f"{path} is not of a folder of findings; expected a new folder, or one of findings")
    if known["version"] != VERSION:
        raise UsageError(
            f"{path}: findings of version {known['version']!r}, expected {VERSION}; choose another folder, "
            f"or use the program that has written them"
        )
    about: dict[str, Any] = known["about"]
    return about


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FolderError(f"{path}: {error.strerror or error}") from error


def _texts(finding: Finding) -> dict[str, str]:
    texts = {
        "finding.json": files.to_text(finding.to_json()),
        "finding.md": page(finding),
        "scenario.yaml": finding.scenario,
        "output.txt": finding.output,
    }
    return texts if finding.shrunk is None else {**texts, "shrunk.yaml": finding.shrunk}


def _index(folder: Folder, statistics: Statistics) -> dict[str, Any]:
    return {
        "version": VERSION,
        "about": folder.about,
        "cases": statistics.cases,
        "seconds": round(statistics.seconds, 3),
        "cases_per_second": round(statistics.rate, 1),
        "seed": statistics.seed,
        "by_call": dict(statistics.by_call),
        "by_mutator": dict(statistics.by_mutator),
        "by_verdict": {str(verdict): count for verdict, count in statistics.by_verdict.items()},
        "coverage": [row._asdict() for row in statistics.coverage],
        "findings": [{"folder": name, **finding.to_json()} for name, finding in folder.findings.items()],
    }
