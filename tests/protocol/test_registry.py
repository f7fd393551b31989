"""The resource table: complete, consistent, and gated by firmware."""

import re

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
    | {11: "GET POST", 12: "POST", 13: "GET PUT", 14: "GET POST", 17: "GET"},
    "/1024//": {0: "POST", 1: "POST", 2: "GET", 3: "GET PUT", 4: "GET", 5: "GET POST", 6: "GET PUT", 7: "GET"}
    | {9: "GET PUT", 10: "GET POST PUT", 40: "GET", 41: "GET", 42: "GET PUT", 43: "GET PUT", 44: "GET", 45: "GET"}
    | {46: "GET", 47: "GET", 48: "GET", 88: "GET", 89: "GET"}
    | {8: "GET PUT", 11: "GET PUT", 13: "GET PUT", 14: "GET PUT", 17: "GET PUT", 18: "GET", 19: "GET PUT", 21: "GET"}
    | {22: "GET", 24: "GET POST PUT", 34: "GET PUT", 36: "GET PUT", 37: "PUT", 38: "PUT", 60: "GET", 75: "GET POST"}
    | {84: "GET PUT", **dict.fromkeys(range(100, 106), "GET POST PUT")}
    | dict.fromkeys((15, 16, 25, 30, 31, 32, 95, 96, 97, 98, 99), "GET PUT")
    | {35: "GET", 66: "GET PUT", 73: "GET PUT", 74: "POST PUT", 120: "GET PUT", 121: "GET PUT"}
    | dict.fromkeys((26, 27, 28, 29, 33, 61, 68, 69), "GET PUT")
    | {**dict.fromkeys((50, 51, 52, 53, 54, 55, 58, 59), "GET PUT"), 57: "PUT"}
    | {77: "GET PUT", 78: "GET PUT", 79: "GET", 90: "GET PUT", 91: "GET PUT"}
    | {12: "GET PUT", 20: "GET", 49: "GET", 70: "GET PUT", 71: "GET"}
    | {23: "GET", 80: "GET POST", 81: "GET POST", 82: "POST", 83: "POST"},
    "/2/5/": {0: "GET", 1: "GET", 2: "GET PUT", 3: "GET PUT"},
    "/1025/5/": {0: "GET PUT", 2: "POST", 4: "GET PUT", 5: "GET PUT", 7: "GET PUT", 16: "GET PUT", 65535: "POST"},
    "/1028/5/": {0: "GET PUT", 1: "GET", 2: "GET PUT", 3: "GET PUT", 4: "GET PUT", 65535: "POST"},
    "/1029/5/": {0: "GET PUT", 1: "GET PUT", 2: "GET PUT", 3: "GET", 4: "GET PUT", 5: "POST", 6: "GET PUT", 7: "GET"}
    | {8: "GET PUT", 9: "GET PUT", 65535: "POST"},
    "/1029//": {4: "GET"},
    "/1027//": {1: "GET POST PUT", 2: "GET PUT", 3: "GET POST", 4: "POST", 5: "POST", 6: "GET PUT", 7: "GET"}
    | {8: "GET PUT", 9: "GET PUT", 10: "GET PUT", 11: "GET POST", 20: "GET", 21: "GET POST PUT", 30: "POST"}
    | {31: "GET POST", 32: "GET POST", 33: "GET POST", 34: "GET POST", 35: "GET", 36: "GET", 37: "GET POST", 38: "GET"}
    | {39: "POST", 40: "GET POST", 41: "GET POST", 42: "GET POST", 43: "GET"},
    "/1030//": {13: "GET POST"},
    "/1031//": {0: "GET POST", 1: "POST", 2: "GET PUT", 3: "PUT", 4: "POST", 10: "GET", 11: "GET"},
    "/5//": {0: "POST", 2: "POST", 3: "GET", 5: "GET", 6: "POST"},
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
    ("1.12", "/1024//81", Missing.FIRMWARE),
    ("1.13", "/1024//81", "single_packet.get_info"),
    ("1.13", "/1024//80", "single_packet.get_store_info"),
    ("1.0", "/1031//11", "data_log.dequeue_one_packet"),
    ("1.0", "/5//3", "firmware.get_state"),
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
    ("1.113", "/1029//4", "variable.read_profile"),
    ("1.113", "/1029/7/4", "variable.get_value"),
    ("1.113", "/1029//5", Missing.METHOD),
    ("1.72", "/1029/7/8", Missing.FIRMWARE),
    ("1.73", "/1029/7/8", "variable.get_raw_meta"),
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
    assert parse_path(re.sub(r"\{.*\}", "5", row.alias)) == row.path(5 if row.instance else None)


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
