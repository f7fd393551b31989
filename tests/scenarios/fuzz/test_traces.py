"""Errors that nobody expected are known by their traces, and told apart by type and place, not by values."""

import pytest

from scenarios.fuzz.judging.traces import find_trace

PYTHON = """some output
Traceback (most recent call last):
  File "/usr/lib/python3.11/asyncio/runners.py", line 118, in run
    return self._loop.run_until_complete(task)
  File "/srv/app/client.py", line {line}, in main
    decode(body)
  File "/srv/app/codec.py", line 7, in decode
    return struct.unpack(">I", body)
  File "/usr/lib/python3.11/struct.py", line 3, in unpack
    return _unpack(body)
struct.error: unpack requires a buffer of {line} bytes
"""
CHAINED = (
    PYTHON.format(line=1)
    + """
During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "app.py", line 3, in <module>
    main()
app.OtherError
"""
)
FAULT = """Fatal Python error: Segmentation fault

Current thread 0x00007f1360a5e{line} (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "/srv/app/codec.py", line {line} in decode
  File "/srv/app/client.py", line 3 in <module>
"""
NODE = """/srv/app/node_modules/tap/codec.js:{line}
        throw new RangeError(`bad ${{length}}`);
        ^

RangeError: bad {line}
    at Codec.decode (/srv/app/node_modules/tap/codec.js:{line}:15)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)

Node.js v20.1.0
"""
REJECTION = """node:internal/process/promises:288
            triggerUncaughtException(err, true /* fromPromise */);
            ^

[UnhandledPromiseRejection: This error originated either by throwing inside of an async function without a catch block]
"""
THROWN = """node:events:491
      throw er; // Unhandled 'error' event
      ^

TypeError [ERR_X]: Cannot read properties of undefined (reading '{line}')
    at Socket.onData (file:///srv/app/link.mjs:{line}:3)
    at Socket.emit (node:events:513:28)
"""
JAVA = """Exception in thread "main" java.lang.ArrayIndexOutOfBoundsException: Index {line} out of bounds
\tat java.base/java.util.Arrays.copyOf(Arrays.java:35)
\tat com.example.Codec.decode(Codec.java:{line})
\tat com.example.Main.main(Main.java:9)
"""
GO = """panic: runtime error: index out of range [{line}] with length 3

goroutine 1 [running]:
runtime.gopanic({{0x1, 0x2}})
main.decode(0xc000012{line}, 0x3)
\t/srv/app/codec.go:{line} +0x1d
main.main()
"""
RUST = """thread 'main' panicked at src/codec.rs:{line}:9:
index out of bounds: the len is {line} but the index is 4
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
"""
CPP = """terminate called after throwing an instance of 'std::out_of_range'
  what():  vector::_M_range_check: __n (which is {line})
"""
ASAN = """=={line}==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x6020000{line} at pc 0x1
READ of size {line} at 0x6020000{line}
    #0 0x7f{line} in __interceptor_memcpy (/usr/lib/libasan.so+0x1)
    #1 0x55{line} in decode /srv/app/codec.c:{line}
    #2 0x55{line} in main /srv/app/main.c:3
"""
UBSAN = "codec.c:{line}:3: runtime error: shift exponent {line} is too large\n"
DOTNET = """Unhandled exception. System.IndexOutOfRangeException: Index {line} was outside the bounds of the array.
   at System.Array.Get(Int32 index)
   at Example.Codec.Decode(Byte[] body) in /srv/app/Codec.cs:line {line}
"""
SWIFT = "Example/Codec.swift:{line}: Fatal error: Index out of range\n"


@pytest.mark.parametrize(
    ("output", "signature"),
    [
        (PYTHON, "struct.error in codec.py:decode"),
        (CHAINED, "app.OtherError in app.py:<module>"),
        (FAULT, "Segmentation fault in codec.py:decode"),
        (NODE, "RangeError in codec.js:Codec.decode"),
        (REJECTION, "UnhandledPromiseRejection"),
        (THROWN, "TypeError in link.mjs:Socket.onData"),
        (NODE.replace("Node.js v20.1.0\n", ""), "RangeError in codec.js:Codec.decode"),
        (THROWN + "\nNode.js v20.1.0\n", "TypeError in link.mjs:Socket.onData"),
        (JAVA, "java.lang.ArrayIndexOutOfBoundsException in Codec.java:com.example.Codec.decode"),
        (GO, "runtime error: index out of range [N] with length N in main.decode"),
        (RUST, "index out of bounds: the len is N but the index is N in codec.rs"),
        (CPP, "std::out_of_range"),
        (ASAN, "heap-buffer-overflow in codec.c:decode"),
        (UBSAN, "shift exponent N is too large"),
        (DOTNET, "System.IndexOutOfRangeException in Codec.cs:Example.Codec.Decode"),
        (SWIFT, "Index out of range in Codec.swift"),
    ],
)
def test_the_same_mistake_has_the_same_signature(output: str, signature: str) -> None:
    for line in (17, 4242):
        text = output.replace("{line}", str(line)).replace("{{", "{").replace("}}", "}")
        trace = find_trace("noise\n" + text + "\nmore noise")
        assert trace is not None
        assert trace.signature == signature


@pytest.mark.parametrize(
    "output",
    [
        "",
        "all is well",
        "an error was handled: code 5",
        "Error: the Tap refused\n    at nowhere",
        "Tracebacks are fine",
    ],
)
def test_what_is_no_trace(output: str) -> None:
    assert find_trace(output) is None


@pytest.mark.parametrize(
    "output",
    [
        "Traceback (most recent call last):",
        "panic: ",
        "Uncaught",
        "thread 'a' panicked at",
        "\0" * 50_000 + "terminate called",
        "a" * 200_000 + " Unhandled rejection",
        'Exception in thread "' * 5000,
        "    at (" * 20_000 + "Uncaught",
        "Fatal error: " * 10_000,
        "(" * 60_000 + "\npanic: x\n" + "a" * 60_000,
    ],
)
def test_a_trace_that_is_none_harms_nobody(output: str) -> None:
    trace = find_trace(output)
    assert trace is None or len(trace.signature) < 400
