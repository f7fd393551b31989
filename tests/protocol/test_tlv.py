"""The TLV of bundles: vendor bytes, the limits of each form of length and id, damaged records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import BodyError, UsageError
from protocol.tlv import (
    BUNDLE_VALUES,
    RECORD,
    BundleValues,
    RecordType,
    TlvRecord,
    build_record,
    decode_bundle,
    encode_bundle,
)

Values = list[tuple[int, bytes]]

BUNDLES: list[tuple[int, Values, str]] = [
    (1, [(1, bytes.fromhex("40537f3a")), (2, bytes.fromhex("41f38d72"))], "88010cc40140537f3ac40241f38d72"),
    (0, [(1, bytes.fromhex("40537f3a")), (2, bytes.fromhex("41f38d72"))], "88000cc40140537f3ac40241f38d72"),
    (1, [], "8001"),
    (1, [(1, b"\x12"), (2, b"\x13")], "8601c10112c10213"),
    (300, [(300, b"\x01\x02")], "a5012c" + "e2012c0102"),
    (255, [(255, b"")], "82ff" + "c0ff"),
    (256, [(256, b"")], "a30100" + "e00100"),
    (65535, [], "a0ffff"),
]


@pytest.mark.parametrize(("bundle_id", "values", "data"), BUNDLES)
def test_bundle_in_both_directions(bundle_id: int, values: Values, data: str) -> None:
    assert encode_bundle(bundle_id, values).hex() == data
    assert decode_bundle(bytes.fromhex(data)) == (bundle_id, values)
    assert BUNDLE_VALUES.decode(bytes.fromhex(data)) == BundleValues(bundle_id, tuple(values))
    assert BUNDLE_VALUES.encode(BundleValues(bundle_id, tuple(values))).hex() == data


RECORDS = [
    (TlvRecord(RecordType.RESOURCE, 300, b"\x01\x02"), "e2012c0102"),
    (TlvRecord(RecordType.RESOURCE, 5, bytes(7)), "c705" + "00" * 7),
    (TlvRecord(RecordType.RESOURCE, 5, bytes(8)), "c80508" + "00" * 8),
    (TlvRecord(RecordType.RESOURCE, 5, bytes(9)), "c80509" + "00" * 9),
    (TlvRecord(RecordType.RESOURCE, 5, bytes(255)), "c805ff" + "00" * 255),
    (TlvRecord(RecordType.RESOURCE, 5, bytes(256)), "d0050100" + "00" * 256),
    (TlvRecord(RecordType.RESOURCE, 5, bytes(300)), "d005012c" + "00" * 300),
    (TlvRecord(RecordType.RESOURCE, 5, bytes(65535)), "d005ffff" + "00" * 65535),
    (TlvRecord(RecordType.OBJECT_INSTANCE, 1, b""), "0001"),
    (TlvRecord(RecordType.RESOURCE_INSTANCE, 0, b"\x03"), "410003"),
]


@pytest.mark.parametrize(("record", "data"), RECORDS, ids=[data[:8] for _, data in RECORDS])
def test_every_form_of_length_and_id(record: TlvRecord, data: str) -> None:
    assert build_record(record).hex() == data
    assert RECORD.parse(bytes.fromhex(data)) == record


@given(
    type=st.sampled_from(RecordType),
    id=st.integers(0, 0xFFFF),
    value=st.binary(max_size=20) | st.integers(250, 260).map(bytes),
)
def test_writer_agrees_with_schema(type: RecordType, id: int, value: bytes) -> None:
    record = TlvRecord(type, id, value)
    assert build_record(record) == RECORD.build(record)
    assert RECORD.parse(build_record(record)) == record


DAMAGED = [
    ("", "offset 0"),
    ("80", "offset 0"),
    ("8105", "offset 0"),
    ("8801", "offset 0"),
    ("a0ff", "offset 0"),
    ("8001ff", "1 bytes too many at offset 2"),
    ("c101ab", "RESOURCE at offset 0, expected MULTIPLE_RESOURCE"),
    ("84018101ab00", "MULTIPLE_RESOURCE at offset 2, expected RESOURCE"),
    ("8401c1010102", "offset 5"),
    ("8701c10101c4020102", "offset 5"),
    ("980100000101", "offset 0"),
    ("8901" + "00" * 9, "offset 0"),
]


@pytest.mark.parametrize(("data", "complaint"), DAMAGED)
def test_damaged_bundle_is_refused_with_the_offset(data: str, complaint: str) -> None:
    with pytest.raises(BodyError, match=complaint):
        decode_bundle(bytes.fromhex(data))


UNFIT: list[tuple[int, Values]] = [
    (-1, []),
    (65536, []),
    (1, [(65536, b"")]),
    (1, [(1, bytes(65536))]),
    (1, [(number, bytes(40000)) for number in range(2)]),
]


@pytest.mark.parametrize(("bundle_id", "values"), UNFIT, ids=range(len(UNFIT)))
def test_what_has_no_form_on_the_wire(bundle_id: int, values: Values) -> None:
    with pytest.raises(UsageError, match="no TLV record"):
        encode_bundle(bundle_id, values)


VALUES = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=300)), max_size=8)


@given(bundle_id=st.integers(0, 0xFFFF), values=VALUES)
def test_any_bundle_comes_back(bundle_id: int, values: Values) -> None:
    data = encode_bundle(bundle_id, values)
    assert decode_bundle(data) == (bundle_id, values)
    for cut in {0, 1, len(data) // 2, len(data) - 1}:
        with pytest.raises(BodyError):
            decode_bundle(data[:cut])


@given(data=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        bundle_id, values = decode_bundle(data)
    except BodyError:
        return
    assert decode_bundle(encode_bundle(bundle_id, values)) == (bundle_id, values)
