"""The resource table: complete, consistent, and gated by firmware."""

import pytest

from protocol.codes import Method
from protocol.errors import UsageError
from protocol.firmware import Version
from protocol.paths import Path
from protocol.resources.model import Resource
from protocol.resources.registry import (
    ENTRIES,
    RESOURCES,
    SETTINGS,
    Catalogue,
    Entry,
    Missing,
    find_entry,
    parse_method,
    parse_path,
)

EXPECTED = {
    "/3//": {0: "GET", 1: "GET", 2: "GET", 3: "GET", 4: "POST", 5: "POST", 6: "GET", 7: "GET", 10: "GET"}
    | {11: "GET POST", 12: "POST", 13: "GET PUT", 14: "GET POST"},
    "/1024//": {0: "POST", 1: "POST", 2: "GET", 3: "GET PUT", 4: "GET", 5: "GET POST", 6: "GET PUT", 7: "GET"}
    | {9: "GET PUT", 10: "GET POST PUT", 40: "GET", 41: "GET", 42: "GET PUT", 43: "GET PUT", 44: "GET", 45: "GET"}
    | {46: "GET", 47: "GET", 48: "GET", 88: "GET", 89: "GET"},
    "/1025/5/": {0: "GET PUT", 2: "POST", 4: "GET PUT", 5: "GET PUT", 65535: "POST"},
}
"""Every address and method of this table, as the vendor's clients and pages name them."""

CALLS = {(f"{prefix}{number}", method) for prefix, rows in EXPECTED.items() for number, methods in rows.items()
         for method in methods.split()}  # fmt: skip


def test_table_has_exactly_the_expected_calls() -> None:
    declared = set()
    for entry in ENTRIES:
        path = entry.resource.path(5 if entry.resource.instance else None)
        declared.add((str(path), entry.call.method.name))
    assert declared == CALLS


def test_names_are_unique() -> None:
    names = [entry.id for entry in ENTRIES]
    names += [f"{entry.resource.service}.{form.name}" for entry in ENTRIES for form in entry.call.forms]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_row_says_what_a_reader_needs(entry: Entry) -> None:
    assert entry.call.doc.endswith(".")
    assert entry.call.evidence.source


@pytest.mark.parametrize("key", SETTINGS)
def test_default_of_a_setting_fits_its_schema(key: str) -> None:
    setting = SETTINGS[key].setting
    assert setting is not None
    assert setting.body.decode(setting.body.encode(setting.default)) == setting.default
    assert setting.allows(setting.default)


GATES = [
    ("1.10", "/1024//47", Missing.FIRMWARE),
    ("1.11", "/1024//47", "scram.initialize"),
    ("1.12", "/1024//89", Missing.FIRMWARE),
    ("1.13", "/1024//89", "interface.execute_multi_request_frame"),
    ("1.54", "/1024//43", Missing.FIRMWARE),
    ("1.55", "/1024//43", "interface.get_nfc_autolog_profile_id"),
    ("1.85", "/1024//45", Missing.FIRMWARE),
    ("1.85", "/1024//44", Missing.FIRMWARE),
    ("1.86", "/1024//45", "scram.set_initialization_vector"),
    ("1.86", "/1024//44", "scram.send_with_iv"),
    ("1.87", "/1024//88", Missing.FIRMWARE),
    ("1.88", "/1024//88", "interface.get_current_host_protocol_max_frame_size"),
    ("1.0", "/3//2", "device.get_serial_number"),
    ("1.113", "/3//99", Missing.PATH),
    ("1.113", "/3/1/2", Missing.PATH),
    ("1.113", "/1025/7/0", "group.get_name"),
    ("1.113", "/1025//0", "group.get_name"),
]


@pytest.mark.parametrize(("firmware", "path", "expected"), GATES)
def test_firmware_decides_what_exists(firmware: str, path: str, expected: Missing | str) -> None:
    found = Catalogue(Version.parse(firmware)).find(Method.GET, parse_path(path))
    assert (found.id if isinstance(found, Entry) else found) == expected


@pytest.mark.parametrize("method", [Method.POST, Method.PUT, 0, 4, 255])
def test_method_that_a_path_does_not_have(method: int) -> None:
    assert Catalogue(Version(1, 113)).find(method, parse_path("/3//2")) is Missing.METHOD


def test_random_number_slot_is_a_quirk_of_old_firmware() -> None:
    path = parse_path("/1024//45")
    for firmware, quirks, expected in [
        ("1.83", {"random_number_slot"}, "scram.get_random"),
        ("1.84", {"random_number_slot"}, Missing.FIRMWARE),
        ("1.83", set(), Missing.FIRMWARE),
        ("1.86", {"random_number_slot"}, "scram.set_initialization_vector"),
    ]:
        found = Catalogue(Version.parse(firmware), quirks).find(Method.GET, path)
        assert (found.id if isinstance(found, Entry) else found) == expected
    plain = find_entry(Method.GET, path)
    assert plain is not None
    assert plain.id == "scram.set_initialization_vector"


@pytest.mark.parametrize("row", RESOURCES, ids=lambda row: row.key)
def test_every_resource_is_found_by_its_words(row: Resource) -> None:
    assert parse_path(row.alias.replace("{group_id}", "5")) == row.path(5 if row.instance else None)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/1024//47", Path(1024, 65535, 47)),
        ("/1025//4", Path(1025, 65535, 4)),
        ("/1025/5/4", Path(1025, 5, 4)),
        ("/scram/initialize", Path(1024, 65535, 47)),
        ("/group/65535/session-lifetime", Path(1025, 65535, 4)),
    ],
)
def test_path_in_numbers_and_words(text: str, path: Path) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize(
    "text", ["", "/", "/3/2", "/3//x", "/3//65536", "/-1//2", "//3/2", "/device/colour", "/group//name"]
)
def test_path_that_is_none(text: str) -> None:
    with pytest.raises(UsageError):
        parse_path(text)


def test_method_names() -> None:
    assert parse_method("post") is Method.POST
    with pytest.raises(UsageError, match="expected GET, POST or PUT"):
        parse_method("DELETE")


VERSIONS = [
    ("1.86", Version(1, 86)),
    ("1.113.0", Version(1, 113, 0)),
    ("1.15 May 29 2018 17:07:18", Version(1, 15)),
    ("255.255.65535", Version(255, 255, 65535)),
    ("2", Version(2)),
]


@pytest.mark.parametrize(("text", "version"), VERSIONS)
def test_version(text: str, version: Version) -> None:
    assert Version.parse(text) == version


@pytest.mark.parametrize("text", ["", "x", "1.", "1.2.3.4", "256.0", "1.2.65536", "-1.2", "1,2"])
def test_version_that_is_none(text: str) -> None:
    with pytest.raises(UsageError):
        Version.parse(text)


def test_versions_sort_by_number() -> None:
    assert Version.parse("1.9") < Version.parse("1.85") < Version.parse("1.86.0") < Version.parse("1.113")
