"""The frame cipher keeps its contexts over all messages; a fresh context for each message is the oracle."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st

from protocol.crypto import BLOCK, FrameCipher
from protocol.errors import UsageError
from tests.robustness.effort import effort

blocks = st.binary(min_size=BLOCK, max_size=BLOCK)
messages = st.integers(1, 15).flatmap(lambda count: st.binary(min_size=count * BLOCK, max_size=count * BLOCK))
steps = st.lists(
    st.tuples(st.sampled_from(["encrypt", "decrypt", "damaged"]), blocks, messages), min_size=1, max_size=8
)


@effort(100)
@given(key=blocks, steps=steps)
def test_any_order_of_messages_in_both_directions(key: bytes, steps: list[tuple[str, bytes, bytes]]) -> None:
    cipher = FrameCipher(key)
    for step, iv, message in steps:
        plain = Cipher(AES(key), CBC(iv))
        if step == "encrypt":
            encryptor = plain.encryptor()
            assert cipher.encrypt(iv, message) == encryptor.update(message) + encryptor.finalize()
        elif step == "decrypt":
            decryptor = plain.decryptor()
            assert cipher.decrypt(iv, message) == decryptor.update(message) + decryptor.finalize()
        else:
            for refused in (cipher.encrypt, cipher.decrypt):
                with pytest.raises(UsageError, match="whole blocks"):
                    refused(iv, message[1:])
