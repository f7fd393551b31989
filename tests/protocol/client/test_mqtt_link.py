"""The client's link through a broker: with a Tap in a process of its own, and with a broker that lies."""

import gc
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.client.links import Link, LinkError, mqtt, open_link
from protocol.errors import IntegrityError, UsageError
from protocol.relay import DEFAULT_NET_KEY, RelayPacket, decode_envelope, encode_envelope, topics_of
from tests.certificates import Authority
from tests.lying_broker import lying, publish
from tests.mosquitto import Mosquitto, needed
from tests.protocol.client.serving import serving, wait_for_end
from tests.protocol.client.shells import SHELLS, Shell, connected
from tests.serving import MEASURABLE, SERVE, Serving
from tests.serving import serving as serving_tap

COMMAND = str(Path(SERVE[0]))
SERIAL_NUMBER = "IoTize00410000009B"
TOPICS = topics_of(SERIAL_NUMBER, DEFAULT_NET_KEY)
REQUEST = bytes.fromhex("a2ca000007010003ffff0002")
ANSWER = b"\x00" + SERIAL_NUMBER.encode() + b"\x90\x00"
Respond = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker"), users={"anna": "p@ss", SERIAL_NUMBER: "0000000000"}) as broker:
        yield broker


@pytest.fixture(scope="module")
def tap(broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A Tap at that broker."""
    command = (SERVE[0], "serve", "--listen", f"{broker.url}?netkey=ours")
    with serving_tap(command, tmp_path_factory.mktemp("tap") / "tap.log") as tap:
        yield tap


def as_anna(url: str) -> str:
    return url.replace("//", "//anna:p%40ss@")


# --- with a Tap


@needed
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("form", ["", "&form=raw"])
def test_encrypted_session(tap: Serving, shell: Shell, form: str) -> None:
    with connected(shell, as_anna(tap.urls[0]) + form) as client:
        for period in (1, 3, 100):
            client.set_initialization_vector_refresh_period(period)
            client.login("admin", "admin")
            for _ in range(5):
                assert client.service.device.get_serial_number() == SERIAL_NUMBER
        assert client.service.interface.get_current_host_protocol().name == "MQTT"


@needed
def test_clients_at_one_tap_do_not_hear_each_others_answers(tap: Serving) -> None:
    def visit(number: int) -> None:
        with connected("blocking", as_anna(tap.urls[0])) as client:
            for count in range(30):
                if number % 2:
                    assert client.service.device.get_serial_number() == SERIAL_NUMBER
                else:
                    assert client.service.interface.get_app_name() == "Virtual Tap"
                if count == number:
                    client.login("admin", "admin")

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(4)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()


@needed
def test_command_line(tap: Serving, broker: Mosquitto) -> None:
    def call(url: str, path: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([COMMAND, "call", url, "GET", path], capture_output=True, text=True, check=False)

    done = call(as_anna(tap.urls[0]), "/3//2")
    assert (done.returncode, done.stdout) == (0, f"{SERIAL_NUMBER}\n")
    refused = call(tap.urls[0], "/3//2")
    assert refused.returncode != 0
    assert "the broker refuses us: Not authorized" in refused.stderr


@needed
def test_tap_that_needs_its_broker(broker: Mosquitto) -> None:
    url = broker.url.replace("//", "//anna:wrong@")
    done = subprocess.run(
        [COMMAND, "serve", "--listen", f"{url}?required=yes"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"{broker.url}?serial={SERIAL_NUMBER}: refused: Not authorized" in done.stderr
    assert "ready" not in done.stdout


@needed
def test_nobody_at_the_topics(broker: Mosquitto) -> None:
    link = open_link(as_anna(f"{broker.url}?serial=IoTize000000000000"), 0.2)
    link.send(REQUEST)
    with pytest.raises(LinkError, match=rf"^{broker.url}\?serial=IoTize000000000000: no answer within 0\.2 s$"):
        link.receive()
    link.close()


@needed
def test_broker_that_goes(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        link = open_link(f"{broker.url}?serial={SERIAL_NUMBER}", 10)
        link.send(REQUEST)
        broker.stop()
        with pytest.raises(LinkError, match="the connection is closed"):
            link.receive()
        with pytest.raises(LinkError, match="the connection is closed"):
            link.send(REQUEST)
        link.close()
        with pytest.raises(LinkError, match="Connection refused"):
            open_link(f"{broker.url}?serial={SERIAL_NUMBER}", 10)


@needed
def test_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("broker")
    mine, my_key = authority.issue("client")
    lines = f"cafile {authority.file}\ncertfile {certificate}\nkeyfile {key}\nrequire_certificate true"
    with Mosquitto(tmp_path, lines=lines) as broker:
        url = f"mqtts{broker.url[4:]}?serial={SERIAL_NUMBER}&cert={mine}&key={my_key}"
        open_link(f"{url}&ca={authority.file}", 10).close()
        with pytest.raises(UsageError, match="no such file"):
            open_link(f"{url}&ca=missing.pem", 10)


# --- with a broker that lies


def answered(reference: int = 1, payload: bytes = ANSWER, sender: int = 5) -> bytes:
    return publish(TOPICS.answer, encode_envelope(RelayPacket(sender, reference, payload)))


def damaged(reference: int = 1) -> bytes:
    envelope = encode_envelope(RelayPacket(5, reference, ANSWER))
    return publish(TOPICS.answer, envelope[:-1] + (b"0" if envelope[-1:] != b"0" else b"1"))


def ask(link: Link, request: bytes = REQUEST) -> bytes:
    link.send(request)
    return link.receive()


OTHERS = [
    answered(sender=6),
    answered(reference=2),
    answered(reference=0),
    publish(TOPICS.answer, b""),
    publish(TOPICS.answer, b"0" * 2**16),
    publish(TOPICS.answer, b"nothing"),
    publish(TOPICS.answer, ANSWER),
    publish(TOPICS.answer, encode_envelope(RelayPacket(5, 1, b"old")), retain=True),
]


@pytest.mark.parametrize("other", OTHERS, ids=range(len(OTHERS)))
def test_what_is_not_ours_is_ignored(other: bytes) -> None:
    with lying(greeting=other, respond=lambda _: other * 3 + answered()) as broker:
        link = open_link(f"{broker.url}?serial={SERIAL_NUMBER}&sender=5", 10)
        assert ask(link) == ANSWER
        link.close()


def test_requests_are_numbered_and_answers_taken_once() -> None:
    def respond(message: bytes) -> bytes:
        packet = decode_envelope(message)
        assert packet.sender == 5
        return answered(packet.reference, bytes([packet.reference & 0xFF])) * 2

    with lying(respond=respond) as broker:
        link = open_link(f"{broker.url}?serial={SERIAL_NUMBER}&sender=5", 10)
        assert [ask(link)[0] for _ in range(5)] == [1, 2, 3, 4, 5]
        broker.send(answered(5, b"again"))
        while link._answer is None:  # type: ignore[attr-defined]
            time.sleep(0.005)
        assert ask(link)[0] == 6
        link._reference = 0xFFFF  # type: ignore[attr-defined]
        assert ask(link)[0] == 1
        assert {topic for topic, _ in broker.published} == {TOPICS.command}
        link.close()
        login = broker.logins[0]
        assert re.fullmatch(rf"{SERIAL_NUMBER}_[0-9a-f]{{8}}", login.client_id)
        assert (login.username, login.clean, login.will) == (None, True, False)


def test_late_answer_is_not_taken_for_the_next() -> None:
    late = threading.Event()

    def respond(message: bytes) -> bytes:
        packet = decode_envelope(message)
        late.wait(0.3 if packet.reference == 1 else 0)
        return answered(packet.reference, bytes([packet.reference]))

    with lying(respond=respond) as broker:
        link = open_link(f"{broker.url}?serial={SERIAL_NUMBER}&sender=5", 0.2)
        with pytest.raises(LinkError, match=r"no answer within 0\.2 s"):
            ask(link)
        link._timeout = 10.0  # type: ignore[attr-defined]
        assert ask(link) == b"\2"
        link.close()


@pytest.mark.parametrize(
    ("response", "error", "message"),
    [
        (damaged(), IntegrityError, r"\?serial=\w+: relay envelope: CRC [0-9A-F]{8}, its bytes have [0-9A-F]{8}"),
        (damaged(2), LinkError, r"no answer within 0\.3 s$"),
        (b"", LinkError, r"no answer within 0\.3 s$"),
        (publish(TOPICS.answer, b"fine"), LinkError, r"s; a message came that is none: .*Non-hexadecimal"),
        (publish(TOPICS.answer, b"0" * 5000), LinkError, "s; a message came that is none: 5000 bytes"),
        (b"\x00\x00", LinkError, "closed"),
    ],
)
def test_answers_that_are_none(response: bytes, error: type[Exception], message: str) -> None:
    with lying(respond=lambda _: response) as broker:
        link = open_link(f"{broker.url}?serial={SERIAL_NUMBER}&sender=5", 0.3)
        with pytest.raises(error, match=message):
            ask(link)
        link.close()


def test_raw_form() -> None:
    topics = topics_of(SERIAL_NUMBER, "k")

    def respond(message: bytes) -> bytes:
        assert message == REQUEST
        envelope = publish(topics.answer, encode_envelope(RelayPacket(1, 1, b"no")))
        return envelope + publish(topics.answer, ANSWER)

    with lying(respond=respond) as broker:
        link = open_link(f"{broker.url}?serial={SERIAL_NUMBER}&form=raw&netkey=k", 10)
        assert ask(link) == ask(link) == ANSWER
        broker.send(publish(topics.answer, b"\x90\x00"))
        while link._answer is None:  # type: ignore[attr-defined]
            time.sleep(0.005)
        with pytest.raises(LinkError, match="2 bytes came that nobody asked for"):
            link.send(REQUEST)
        link.close()


def test_topics_by_name() -> None:
    def respond(message: bytes) -> bytes:
        return publish("say it", encode_envelope(decode_envelope(message)))

    with lying(respond=respond) as broker:
        link = open_link(f"{broker.url}?request_topic=ask/it&response_topic=say+it", 10)
        assert ask(link) == REQUEST
        assert broker.subscriptions == ["say it"]
        assert broker.published[0][0] == "ask/it"
        link.close()


# --- connections


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ({"connack": 5}, "the broker refuses us: Not authorized"),
        ({"connack": 4}, "the broker refuses us: Bad user name or password"),
        ({"suback": 0x80}, "the broker refuses the subscription of IOTIZE_DEV/.*/ANSWER"),
        ({"connack": None}, r"no connection within 0\.3 s"),
        ({"suback": None}, r"no connection within 0\.3 s"),
    ],
)
def test_broker_that_does_not_want_us(behaviour: dict[str, Any], message: str) -> None:
    with lying(**behaviour) as broker, pytest.raises(LinkError, match=rf"^mqtt://\S+\?serial=\w+: {message}"):
        open_link(f"{broker.url}?serial={SERIAL_NUMBER}", 0.3)


def test_no_broker_at_all() -> None:
    with serving(wait_for_end) as url:
        pass
    with pytest.raises(LinkError, match=r"mqtt://127.0.0.1:\d+\?serial=x: Connection refused"):
        open_link(f"mqtt{url.removeprefix('tcp')}?serial=x", 5)


def test_end_from_another_thread() -> None:
    with lying() as broker:
        link = open_link(f"{broker.url}?serial={SERIAL_NUMBER}", 60)
        link.send(REQUEST)
        threading.Timer(0.1, link.close).start()
        with pytest.raises(LinkError, match="the connection is closed"):
            link.receive()
        link.close()
        assert threading.active_count() < 10


def test_closed_link() -> None:
    with lying() as broker:
        link = open_link(f"{broker.url}?serial={SERIAL_NUMBER}", 10)
        link.close()
        link.close()
        for use in (lambda: link.send(REQUEST), link.receive):
            with pytest.raises(LinkError, match="the connection is closed"):
                use()
        while not broker.goodbyes:
            time.sleep(0.005)


@pytest.mark.skipif(not MEASURABLE, reason="this system does not tell what a process uses")
def test_closed_links_leave_nothing_behind() -> None:
    descriptors = Path("/proc/self/fd")
    with lying() as broker:
        gc.collect()
        gc.disable()
        try:
            before = len(list(descriptors.iterdir()))
            for _ in range(10):
                open_link(f"{broker.url}?serial={SERIAL_NUMBER}", 10).close()
            assert len(list(descriptors.iterdir())) <= before + 5
        finally:
            gc.enable()


def test_broker_that_takes_no_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "_GOODBYE_TIME", 0.1)
    stuck = threading.Event()

    def respond(_: bytes) -> bytes:
        stuck.wait()
        return b""

    with lying(respond=respond) as broker:
        link = open_link(f"{broker.url}?serial={SERIAL_NUMBER}", 0.3)
        for _ in range(100):
            link._client.publish("flood", bytes(2**16))  # type: ignore[attr-defined]
        with pytest.raises(LinkError, match="no answer"):
            ask(link)
        link.close()
        stuck.set()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mqtt://host", r"mqtt://host: expected the serial number of a Tap \(serial=\), or request_topic="),
        ("mqtt://host?request_topic=a", "expected the serial number"),
        ("mqtt://host?serial=x&response_topic=a", "expected the serial number"),
        ("mqtt://host?request_topic=a&response_topic=a", "both the request and the response topic"),
        ("mqtt://host?request_topic=a%2B/%2B&response_topic=b", "is no topic"),
        ("mqtt://host?serial=x&sender=4294967296", "expected a whole number from 0 to 4294967295"),
        ("mqtt://host?serial=x&form=xml", "expected one of relay, raw"),
        ("mqtt://host?serial=x&ca=a.pem", "need mqtts"),
        ("mqtt://host/IOTIZE_DEV?serial=x", "expected mqtt://host:port"),
        ("mqtt://host?required=yes", "unknown option required"),
    ],
)
def test_urls_that_are_none(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_link(url, 1)
