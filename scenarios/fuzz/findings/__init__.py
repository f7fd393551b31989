"""What a campaign has found, kept in a folder: for people, for programs, and for CI."""

from scenarios.fuzz.findings.files import FolderError
from scenarios.fuzz.findings.finding import Finding, slug
from scenarios.fuzz.findings.folder import VERSION, Folder
from scenarios.fuzz.findings.statistics import CoverageRow, Statistics
from scenarios.fuzz.judging.visible import visible

__all__ = ["VERSION", "CoverageRow", "Finding", "Folder", "FolderError", "Statistics", "slug", "visible"]
