"""The resource table is complete: everything that is known of the Tap is in it, is answered, tested and documented."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from emulator.docs import resources_page
from emulator.services import handler_of
from emulator.services.binding import HANDLERS
from protocol.codes import SpecialFeature
from protocol.firmware import Version
from protocol.resources.registry import ENTRIES, RESOURCES, Entry
from protocol.tlv import BUNDLE_VALUES
from protocol.values import Body
from tests.vectors import load, snake

VECTORS = load("bodies")
BY_ID = {entry.id: entry for entry in ENTRIES}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_every_call_is_answered(entry: Entry) -> None:
    assert entry.id in HANDLERS or entry.resource.setting is not None
    assert callable(handler_of(entry))


def test_every_handler_has_a_call() -> None:
    assert HANDLERS.keys() <= BY_ID.keys()


def test_no_setting_is_kept_for_nothing() -> None:
    """A row without a call that reads or writes its setting would be a typing error."""
    for row in RESOURCES:
        assert row.calls, row.key


def bodies() -> Mapping[str, list[str]]:
    """Names of the bodies of the table, and the calls that carry them."""
    found: dict[str, list[str]] = {}
    for entry in ENTRIES:
        used: list[Body[Any] | None] = [entry.call.request, entry.call.response]
        used += [body for form in entry.call.forms for body in (form.request, form.response)]
        for body in filter(None, used):
            found.setdefault(body.name, []).append(entry.id)
    return found


WITHOUT_VECTOR: dict[str, str] = {
    "bytes": "raw bytes: there is nothing to encode",
    "ciphertext": "raw bytes; whole encrypted conversations are vectors",
    "loginProof": "16 raw bytes; in the vectors of SCRAM logins",
    "sessionKey": "16 raw bytes; in the conversations",
    "initializationVector": "16 raw bytes; in the conversations",
    "securityOptions, or their low byte alone": "two codecs, each with vectors; the low byte is in a conversation",
    "uint16, or uint8": "two codecs, each with vectors; the single byte is in a conversation",
    "uint8, or nothing": "a codec with vectors, or no byte at all; both are in the conversations",
    "stringIpv4mask": "the same four bytes as stringIpv4",
    "FirmwareUpdateResult": "one byte; only clients before 2.7.0 read it, and none of them writes it",
    "debug register write": "no client that we know writes one; its form is assumed",
    "core register write": "no client that we know writes one; its form is assumed",
    "number of a core register, or nothing for all of them": "no client that we know reads one; its form is assumed",
    "number of bytes, or nothing for all of them": "four bytes from the Swift client, which made no vectors",
}
"""Bodies that no vendor encoder makes by itself, and why that is enough."""


def test_every_body_has_a_vector_or_a_reason() -> None:
    vectors = {codec for codec, every in VECTORS["bodies"].items() if every} | {BUNDLE_VALUES.name}
    assert VECTORS["tlv_bundles"]
    assert {name: calls for name, calls in bodies().items() if name not in vectors | WITHOUT_VECTOR.keys()} == {}
    assert not vectors & WITHOUT_VECTOR.keys(), "there is a vector after all"
    assert WITHOUT_VECTOR.keys() <= bodies().keys(), "nobody uses it"


PAGE = resources_page().splitlines()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_every_call_is_on_the_page(entry: Entry) -> None:
    start = f"| `{entry.resource.pattern}`<br>`{entry.resource.alias}` | {entry.call.method.name} `{entry.call.name}`"
    section = PAGE[PAGE.index(f"## {entry.resource.service}") :]
    end = next((number for number, line in enumerate(section) if number and line.startswith("## ")), len(section))
    (line,) = [line for line in section[:end] if line.startswith((f"{start} ", f"{start}<br>"))]
    assert entry.call.doc.replace("|", "\\|") in line
    assert ("*legacy*" in line) == entry.call.legacy
    for form in entry.call.forms:
        assert f"<br>`{form.name}`" in line


KNOWN = Path("../shared/protocol/resources.yaml")
"""Every call that some client or page of the vendor names."""
UNREACHABLE = {
    ("GET", "/1028/{tupId}"): "a path of three parts, which no frame can carry: a fault of an old client",
    ("PUT", "/1028/{bundleId}/0/{groupId}"): "a fourth part, which no known client encodes",
}


class Limits(NamedTuple):
    """First and last firmware that has a call."""

    since: Version | None
    until: Version | None


DECIDED = {
    ("GET", "/1024//44"): (Limits(Version(1, 86), None), "D1: the tags in the clients say 1.85"),
    ("GET", "/1024//45"): (Limits(Version(1, 86), None), "D1: the tags in the clients say 1.85"),
    ("GET", "/1024//46"): (Limits(Version(1, 11), None), "nothing is stated; there was no session to stop before"),
    ("GET", "/1024//80"): (Limits(Version(1, 13), None), "nothing is stated; as the other calls of the packet store"),
    ("POST", "/1024//81"): (Limits(Version(1, 13), None), "nothing is stated; as the other calls of the packet store"),
}
"""Where we differ from what the clients and pages state, and why."""
OTHER_NAMES = {
    ("PUT", "/1024//74", "clear_code"): "append_code",
    ("GET", "/1029/{variableId}/4", "get_gpio_mode"): "get_value",
}
"""Calls of the vendor that have another name here: an empty chunk of code clears it, a mode is the value of a pin."""


def known_calls() -> list[Any]:
    if not KNOWN.exists():
        reason = pytest.mark.skip(reason=f"{KNOWN} is not there")
        return [pytest.param({}, marks=reason, id="all calls")]
    rows = yaml.load(KNOWN.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    sent = {(row["method"], row["path"]) for row in rows if not row.get("doc_only")}
    known = []
    for row in rows:
        row["doc_only"] = (row["method"], row["path"]) not in sent
        known += [
            pytest.param(each, id=f"{row['method']} {each['path']} {row['service']}.{each['name']}")
            for each in each_feature(row)
        ]
    return known


def each_feature(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One call that takes the number of a special feature is as many rows here as there are features."""
    if row["resource"] != "{featureId}":
        yield row
        return
    for feature in SpecialFeature:
        name = row["name"].replace("SpecialFeatureProfile", f"_{feature.name.lower()}_bundle")
        yield {**row, "resource": feature.value, "path": f"/1024//{feature.value}", "name": name}


def version(text: str | None) -> Version | None:
    """A limit; 1.0 is none, because there is no older firmware."""
    return None if text in (None, "1.0") else Version.parse(str(text))


def entry_of(row: dict[str, Any]) -> Entry | None:
    """Its row here, the plain one before the quirks."""
    found = [
        entry
        for entry in ENTRIES
        if (entry.resource.object, entry.resource.resource) == (row["object"], row["resource"])
        and entry.call.method.name == row["method"]
        and (entry.resource.instance is None) == (row["instance"] is None)
    ]
    return min(found, key=lambda entry: entry.resource.quirk is not None, default=None)


@pytest.mark.parametrize("row", known_calls())
def test_every_known_call_is_in_the_table(row: dict[str, Any]) -> None:
    key = (row["method"], row["path"])
    if key in UNREACHABLE:
        return
    entry = entry_of(row)
    assert entry is not None
    call, resource = entry.call, entry.resource
    given = Limits(version(row["min_fw"]), version(row["max_fw"]))
    expected = DECIDED[key][0] if key in DECIDED else given
    assert Limits(call.since or resource.since, call.until or resource.until) == expected
    assert call.legacy == bool(row.get("legacy_only"))
    assert not row["doc_only"] or call.evidence.kind in ("doc", "assumed")


@pytest.mark.parametrize("row", known_calls())
def test_every_call_has_the_name_of_the_vendor(row: dict[str, Any]) -> None:
    if (row["method"], row["path"]) in UNREACHABLE or row.get("legacy_only"):
        return
    entry = entry_of(row)
    assert entry is not None
    names = [entry.call.name, *(form.name for form in entry.call.forms)]
    name = snake(row["name"])
    assert OTHER_NAMES.get((row["method"], row["path"], name), name) in names, row["name"]


@pytest.mark.skipif(not KNOWN.exists(), reason=f"{KNOWN} is not there")
def test_nothing_in_the_table_is_invented() -> None:
    known = {(row.values[0]["method"], row.values[0]["object"], row.values[0]["resource"]) for row in known_calls()}
    for entry in ENTRIES:
        key = (entry.call.method.name, entry.resource.object, entry.resource.resource)
        assert key in known, entry.id
