import shutil
import subprocess
from pathlib import Path

import pytest

from scenarios.recording.pcap import Capture, Side

needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed: apt-get install tshark"
)


ODD = ("tcp.analysis.flags", "_ws.malformed")


@needs_tshark
def test_wireshark_reads_a_capture(tmp_path: Path) -> None:
    file = tmp_path / "session.pcap"
    capture = Capture(file)
    first = capture.connection(1_700_000_000.25)
    first.data(1_700_000_000.5, Side.HOST, bytes.fromhex("A2CA000007010400FFFF0009"))
    second = capture.connection(1_700_000_001)
    first.data(1_700_000_001.5, Side.TAP, b"\0odd" + bytes.fromhex("9000"))
    second.data(1_700_000_002, Side.TAP, bytes(3000))
    first.close(1_700_000_003, Side.HOST)
    second.close(1_700_000_003, Side.TAP)
    second.close(1_700_000_003, Side.HOST)
    capture.close()
    fields = (
        "tcp.stream",
        "tcp.len",
        "tcp.payload",
        "tcp.flags.str",
        "tcp.checksum.status",
        "ip.checksum.status",
        *ODD,
    )
    checks = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
    command = ["tshark", "-r", str(file), *checks, "-T", "fields", *(part for name in fields for part in ("-e", name))]
    packets = [
        line.split("\t") for line in subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL).splitlines()
    ]
    assert {tuple(packet[4:]) for packet in packets} == {("1", "1", "", "")}  # checksums are right, nothing is odd
    said = [(stream, payload) for stream, _, payload, *_ in packets if payload]
    assert said[0] == ("0", "a2ca000007010400ffff0009")
    assert said[1] == ("0", "006f64649000")
    assert "".join(payload for stream, payload in said if stream == "1") == "00" * 3000
    flags = "".join(packet[3] for packet in packets)
    assert (flags.count("S"), flags.count("F")) == (4, 4)


def test_a_capture_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    capture = Capture(tmp_path / "session.pcap")
    connection = capture.connection(1.0)
    connection.data(2.0, Side.HOST, b"said")
    assert b"said" in (tmp_path / "session.pcap").read_bytes()
    capture.close()
