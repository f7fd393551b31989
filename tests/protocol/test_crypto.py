"""CRC, password hash, SCRAM: vendor figures, records saved by IoTize Studio, and a plain definition of the CRC."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.crypto import FrameCipher, crc32_mpeg2
from protocol.errors import UsageError
from protocol.scram import PasswordKey, password_hash
from tests.vectors import load


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        ("00000000", 0xC704DD7B),
        ("31323334", 0xA695C4AA),
        ("ffffffff", 0x00000000),
        ("000102030405060708090a0b0c0d0e0f", 0xA97AFF4D),
        ("0001020304050607", 0x4ACADC12),
    ],
)
def test_crc_of_the_vendor(data: str, crc: int) -> None:
    assert crc32_mpeg2(bytes.fromhex(data)) == crc


def crc_by_definition(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = ((crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_crc_by_definition_and_in_parts(first: bytes, second: bytes) -> None:
    assert crc32_mpeg2(first + second) == crc_by_definition(first + second)
    assert crc32_mpeg2(second, crc32_mpeg2(first)) == crc32_mpeg2(first + second)


@given(st.binary(max_size=300), st.integers(0, 0xFFFFFFFF))
def test_a_message_with_its_crc_has_the_crc_zero_and_with_another_it_has_not(message: bytes, other: int) -> None:
    right = crc32_mpeg2(message)
    assert crc32_mpeg2(message + right.to_bytes(4, "big")) == 0
    assert (crc32_mpeg2(message + other.to_bytes(4, "big")) == 0) == (other == right)


@pytest.mark.parametrize(
    ("password", "hashed"),
    [
        ("admin", "0155AFFC023AFF6882F56A4E0D9C5466"),
        ("supervisor", "99C243D5F82EB712C281D5FFE7D12097"),
        ("tech", "F3F5EFEEE89D2181DAAFAC0B363B9343"),
        ("user", "0AE319E890E13D3EB4085F8AA88927FC"),
        ("Paul", "A2F11651F981F7FD486CB255C2794895"),
        ("", "8DD54E7E5369257FFA3CE0B832E9B9C4"),
    ],
)
def test_password_hash(password: str, hashed: str) -> None:
    assert password_hash(password).hex().upper() == hashed


STUDIO_RECORDS = [
    ("admin", 341277589, "1FE08FFC9CE7B3C5EF6B484824BE7435", "C48A87105E0CCC0B7488FCFABDF10AE5"),
    ("supervisor", 1369617940, "DDC4B1004D3C1A602259872F77BED9F1", "F6066C98D89A1619D4A21CF369D9152D"),
    ("admin", 1668201479, "71021731D915B74BE11F8C9E4C4ACB14", "86E4A5C99EA79418DCBA25C2AD5AB053"),
    ("supervisor", 2352846399, "8761C51B8C0A038CDB60995C554AC641", "526E44781FB13FB69B94E566AB788346"),
    ("admin", 1985914501, "FC0E39B5F306823C21F7BFD99E1BD116", "9CA2E76954CFE1FC7217EC775A8BE414"),
    ("supervisor", 472437524, "60664152763D359D6A50C116D1753A60", "998AC05C461A3E5F94B7ABB87427C63B"),
    ("admin", 1256922402, "EC1E50ABB1E3092A759AF67C2E4D6508", "4371DDC578A3A0AD98C5872AD41901F5"),
    ("supervisor", 811418470, "A08297F6457B9541863096F44B3B684B", "B60EA9B7B7C17A44027986DDA3335E97"),
    ("admin", 190189437, "0A72501849B69F08750E18AA9D1507A6", "A129A8700FC29302EBB7839980F8D2B8"),
    ("supervisor", 2680477244, "407D59E11EC65DEB4849A677FC17FA50", "AD20B85CA8781E60FCA0CF71916B452B"),
    ("admin", 1912033389, "416BCCFE89B536D341E674EB60767DDC", "7E8FBE570021E943B1702F767519A707"),
    ("supervisor", 1576897008, "5C95126751D662627364714BA933D40F", "0949D3D54FFDDBF43653C562D0C6BFB1"),
    ("tech", 590031487, "28AC9AB26E197238871E5C406171C738", "54C641D436EC19B7134DC267D3640544"),
    ("user", 1576072061, "586F22CE3937BBDD426EE0EFDD49EC30", "380EAE0093865F3EDE3C06C104728020"),
    ("Paul", 2366321729, "A005C61D2FEE30867643F46DAB41737C", "E3CFF2131FABFBDB3A6A870A3599A292"),
    ("admin", 3465600754, "F19305E204DE9A184F165DF4E94CDD03", "639A531E0EDED1662324F5EC9BACD215"),
    ("supervisor", 498601143, "4417EC1A647AE1FBEA8DCFB42103694B", "BFB6A89EE10300C34F1AC7C727289075"),
]
"""Records that IoTize Studio saved, with 5000 iterations; user name and password are the same."""


@pytest.mark.parametrize(("password", "salt", "stored_key", "server_key"), STUDIO_RECORDS)
def test_record_of_iotize_studio(password: str, salt: int, stored_key: str, server_key: str) -> None:
    key = PasswordKey.derive(password_hash(password), salt.to_bytes(4, "big"), 5000)
    assert (key.stored_key.hex().upper(), key.server_key.hex().upper()) == (stored_key, server_key)


@pytest.mark.parametrize("vector", load("crypto")["scram"], ids=lambda vector: f"{vector['username']}-{vector['salt']}")
def test_scram_login_of_the_vendor(vector: dict[str, str]) -> None:
    hashed = password_hash(vector["password"])
    key = PasswordKey.derive(hashed, bytes.fromhex(vector["salt"]), int(vector["iterations"]))
    nonces = (int(vector["client_nonce"]), int(vector["server_nonce"]))
    assert hashed.hex() == vector["password_hash"]
    assert bytes(key).hex() == vector["record"]
    assert PasswordKey.from_bytes(bytes(key)) == key
    assert key.client_proof(*nonces).hex() == vector["client_proof"]
    assert key.server_proof(*nonces).hex() == vector["server_proof"]
    assert key.session_key(*nonces).hex() == vector["session_key"]


@pytest.mark.parametrize("size", [0, 15, 17, 35, 40])
def test_wrong_key_sizes_are_our_mistake(size: int) -> None:
    with pytest.raises(UsageError):
        FrameCipher(bytes(size))
    with pytest.raises(UsageError):
        PasswordKey.from_bytes(bytes(size))
