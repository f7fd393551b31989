"""Text that programs get wrong."""

from collections.abc import Iterator
from typing import Final

from scenarios.fuzz.grammar.changes import Change, Subject, in_turn, old_bytes
from scenarios.fuzz.grammar.layout import Field, Kind

_LONG: Final = (32, 64, 128, 200, 239, 240, 247, 248, 255, 256, 257, 1000, 4096)
"""Bytes of long texts; the frame of an answer has 250."""
_LEAST_TEXT: Final = 5
"""Bytes of a raw value that may be a text rather than a number."""

STRANGE: Final[tuple[tuple[str, bytes], ...]] = (
    ("empty", b""),
    ("one NUL", b"\0"),
    ("only NULs", bytes(16)),
    ("one space", b" "),
    ("latin-1, e9", b"caf\xe9"),
    ("bytes 80 to 9f", bytes(range(0x80, 0xA0))),
    ("all bytes from ff down to a0", bytes(range(0xFF, 0x9F, -1))),
    ("UTF-8, two bytes", "café".encode()),
    ("UTF-8, four bytes", "\U0001f525".encode()),
    ("UTF-8, from right to left", "\u202etxt.exe".encode()),
    ("UTF-8, a letter of many marks", ("a" + "\u0301" * 40).encode()),
    ("UTF-8 with a byte order mark", b"\xef\xbb\xbfname"),
    ("UTF-16 with a byte order mark", b"\xff\xfen\0a\0"),
    ("invalid UTF-8, a wrong second byte", b"\xc3\x28"),
    ("invalid UTF-8, the start of a character", b"name\xe2\x82"),
    ("invalid UTF-8, a second byte alone", b"\x80name"),
    ("invalid UTF-8, an overlong NUL", b"\xc0\x80"),
    ("invalid UTF-8, an overlong slash", b"\xc0\xaf"),
    ("invalid UTF-8, half a surrogate pair", b"\xed\xa0\x80"),
    ("invalid UTF-8, beyond Unicode", b"\xf4\x90\x80\x80"),
    ("control characters", bytes(range(1, 32))),
    ("an escape sequence of terminals", b"\x1b[2J\x1b]0;x\x07"),
    ("lines", b"a\r\nb\nc\r"),
    ("DEL", b"\x7f"),
    ("printf formats", b"%s%s%s%s%n%x%p"),
    ("a printf width", b"%99999999d"),
    ("a format of Python", b"{0.__class__}{}{"),
    ("a look-up of log4j", b"${jndi:ldap://127.0.0.1/a}"),
    ("a shell", b"$(id);`id`|id&"),
    ("a path", b"../../../../etc/passwd"),
    ("a path of Windows", b"..\\..\\con"),
    ("HTML", b"<script>alert(1)</script>"),
    ("XML", b'<!DOCTYPE a [<!ENTITY b "c">]>&b;'),
    ("SQL", b"' OR '1'='1'; --"),
    ("quotes", b"\"'`\\"),
    ("JSON", b'{"a":[[[[1e999]]]]}'),
    ("null", b"null"),
    ("undefined", b"undefined"),
    ("NaN", b"NaN"),
    ("true", b"true"),
    ("__proto__", b"__proto__"),
    ("-1", b"-1"),
    ("0", b"0"),
    ("65536", b"65536"),
    ("4294967296", b"4294967296"),
    ("a number of 40 digits", b"9" * 40),
    ("1e308", b"1e308"),
    ("0x10", b"0x10"),
    ("version 256.256.65536", b"256.256.65536"),
    ("version 1", b"1"),
    ("version 1.", b"1."),
    ("version 1.2.3.4.5", b"1.2.3.4.5"),
    ("version -1.-1", b"-1.-1"),
    ("version 999999999999.0", b"999999999999.0"),
    ("version without numbers", b"a.b.c"),
    ("a date", b"0000-00-00T00:00:00Z"),
    ("a host without end", b"a." * 60),
    ("a URL", b"http://[::1"),
    ("colons", b":::::"),
    ("commas", b",;,;,"),
)
"""What it is, and its bytes."""

_LONG_TEXTS: Final = (
    *((f"{size} times 'A', no end", b"A" * size) for size in _LONG),
    *((f"{size} bytes of UTF-8", "é".encode() * (size // 2)) for size in (250, 1000)),
)


def texts(subject: Subject) -> Iterator[Change]:
    """Each field of text in turn says something strange."""
    return in_turn(*(_texts_of(subject, field) for field in subject.layout.fields if _may_be_text(field)))


def _texts_of(subject: Subject, field: Field) -> Iterator[Change]:
    old = old_bytes(subject, field)
    for what, content in (*STRANGE, *_LONG_TEXTS, *_changed(old)):
        fitting = content[: field.size].ljust(field.size, b"\0") if _fixed(subject, field) else content
        yield subject.with_bytes(field, fitting, f"{field.shown} {field.place}: {what}")


def full_texts(subject: Subject) -> Iterator[Change]:
    """Text fills each field in turn that has its end inside it now."""
    return in_turn(*(_full_texts_of(subject, field) for field in subject.layout.fields if _may_be_text(field)))


def _full_texts_of(subject: Subject, field: Field) -> Iterator[Change]:
    text, end, _ = old_bytes(subject, field).partition(b"\0")
    if not end:
        return
    for what, letters in (("its text again and again", text or b"A"), ("nothing but 'A'", b"A")):
        content = (letters * (field.size // len(letters) + 1))[: field.size]
        yield subject.with_bytes(field, content, f"{field.shown} {field.place}: {what}, {field.size} bytes, no end")


def _may_be_text(field: Field) -> bool:
    if field.kind is Kind.VALUE:
        return field.size >= _LEAST_TEXT and bytes(field.value if isinstance(field.value, bytes) else b"").isascii()
    return field.kind in (Kind.TEXT, Kind.FIXED_TEXT)


def _fixed(subject: Subject, field: Field) -> bool:
    """Its size is given by what is around it."""
    return field.kind is not Kind.TEXT and field.size < len(subject.data)


def _changed(old: bytes) -> Iterator[tuple[str, bytes]]:
    if not old:
        return
    middle = len(old) // 2
    yield "a NUL in front", b"\0" + old
    yield f"a NUL before byte {middle}", old[:middle] + b"\0" + old[middle:]
    yield "a NUL at its end", old + b"\0"
    yield "a NUL at its end and more text behind it", old + b"\0" + old
    yield "without its last character", old[:-1]
    yield "in capitals, or not", old.swapcase()
    yield "backwards", old[::-1]
    yield "twice", old * 2
    yield "with bit 7 set in each byte", bytes(byte | 0x80 for byte in old)
    yield "spaces around it", b" " + old + b" "
    yield "a line feed at its end", old + b"\n"
