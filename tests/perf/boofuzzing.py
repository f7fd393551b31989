"""The yardstick of fuzzing speed: boofuzz, with its usual loop and everything off that can be.

Run as ``python -m tests.perf.boofuzzing HOST PORT SECONDS RECEIVE REUSE FOLDER``; it prints how many cases a second it
has sent. A case is one mutated Tap request to a server. RECEIVE is 1 if it waits for the answer, REUSE 1 if it keeps
its connection. There is no web page, no log of its own, and what it writes into its database goes to FOLDER.
"""

import os
import sys
import time
from contextlib import suppress
from typing import Any

import boofuzz


class TimeIsOver(BaseException):
    """Ends boofuzz, which catches all exceptions."""


def main(host: str, port: int, seconds: float, receive: bool, reuse: bool, folder: str) -> float:
    """Cases a second."""
    count, begin = 0, time.perf_counter()

    def counted(*_: Any, **__: Any) -> None:
        nonlocal count
        count += 1
        if time.perf_counter() - begin > seconds:
            raise TimeIsOver

    os.chdir(folder)
    session = boofuzz.Session(
        target=boofuzz.Target(connection=boofuzz.TCPSocketConnection(host, port, recv_timeout=1.0)),
        web_port=None,
        keep_web_open=False,
        fuzz_loggers=[],
        db_filename=f"{folder}/boofuzz-{os.getpid()}.db",
        receive_data_after_each_request=receive,
        receive_data_after_fuzz=receive,
        reuse_target_connection=reuse,
        post_test_case_callbacks=[counted],
    )
    session.connect(tap_request())
    begin = time.perf_counter()
    with suppress(TimeIsOver):
        session.fuzz()
    return count / (time.perf_counter() - begin)


def tap_request() -> Any:
    """GET /device/serial-number as boofuzz has it: every field of the frame is mutated."""
    frame = boofuzz.Block(
        "frame",
        children=(
            boofuzz.Byte("method", 1),
            boofuzz.Word("object", 3, endian=">"),
            boofuzz.Word("instance", 0xFFFF, endian=">"),
            boofuzz.Word("resource", 2, endian=">"),
            boofuzz.Bytes("body", b""),
        ),
    )
    size = boofuzz.Size("size", block_name="frame", length=1, fuzzable=False)
    return boofuzz.Request("request", children=(boofuzz.Static("head", b"\xa2\xca\x00\x00"), size, frame))


if __name__ == "__main__":
    host, port, seconds, receive, reuse, folder = sys.argv[1:]
    print(main(host, int(port), float(seconds), receive == "1", reuse == "1", folder))
