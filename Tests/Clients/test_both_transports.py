"""One client on SSE and WebSocket at once: every message once and in order, through every switch."""

import threading

import phoenix
import pytest
import sse
from phoenix import Socket
from wait import until


class Receipts:
    """What one client received, over whichever connection, in the order of arrival."""

    def __init__(self):
        self._lock = threading.Lock()
        self.all = []

    def add(self, envelope, transport):
        with self._lock:
            self.all.append((envelope["sequence"], envelope["data"].get("n"), transport, envelope["epoch"]))

    def numbers(self):
        with self._lock:
            return [number for _, number, _, _ in self.all]

    def by(self, transport):
        with self._lock:
            return [number for _, number, name, _ in self.all if name == transport]

    def last_event_id(self):
        """Of the last message before the first hole: what a client with two transports resumes after."""
        with self._lock:
            had = {sequence: epoch for sequence, _, _, epoch in self.all}
        top = -1
        while top + 1 in had:
            top += 1
        return f"{had[top]}-{top}" if top >= 0 else None

    def wait_for(self, count):
        until(lambda: len(set(self.numbers())) >= count, f"{count} different messages, has {len(self.all)}")

    def assert_exactly(self, count):
        self.wait_for(count)
        assert sorted(self.numbers()) == list(range(count)), "a message is missing or came twice"
        for transport in ("http_sse", "websocket"):
            mine = self.by(transport)
            assert mine == sorted(mine), f"{transport} got {mine}"

    def switches(self):
        """How often the transport changes along the sequence."""
        with self._lock:
            carriers = [transport for _, _, transport, _ in sorted(self.all)]
        return sum(one != next_one for one, next_one in zip(carriers, carriers[1:]))

    def assert_nothing_lost(self, count):
        self.wait_for(count)
        assert set(self.numbers()) == set(range(count))


class Listener:
    """Reads one connection in a thread until it ends."""

    def __init__(self, receipts, connection, transport):
        self.connection = connection
        self._receipts, self._transport = receipts, transport
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while True:
            try:
                if self._transport == "http_sse":
                    event = self.connection.next(patience=600)
                    if event.type == "message":
                        self._receipts.add(event.json, self._transport)
                else:
                    frame = self.connection.receive(patience=600)
                    if frame.event == "message":
                        self._receipts.add(frame.payload, self._transport)
            except AssertionError:
                return

    def end(self):
        """Says goodbye and takes what was still on its way."""
        if self._transport == "websocket":
            self.connection.push("phx_leave")
            self.connection.push("heartbeat", topic="phoenix", join_ref=None)
        self.connection.close()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def two(gateway, client):
    """Receipts, and a stream and a socket that feed them."""
    receipts = Receipts()
    listeners = []

    def stream(address=gateway.sse, **options):
        one = Listener(receipts, sse.open_connected(address, client, **options)[0], "http_sse")
        listeners.append(one)
        return one

    def socket(address=gateway.ws, **payload):
        one = Socket(address, client)
        one.join(payload)
        listener = Listener(receipts, one, "websocket")
        listeners.append(listener)
        return listener

    yield receipts, stream, socket
    for one in listeners:
        one.connection.close()


def transports(gateway, client):
    return sorted((gateway.api.client_health(client) or {}).get("transports", []))


def test_every_message_comes_once_and_in_order(gateway, client, two):
    receipts, stream, socket = two
    stream()
    socket()
    assert transports(gateway, client) == ["http_sse", "websocket"]
    gateway.api.publish_numbers(200, client_id=client)
    receipts.assert_exactly(200)
    assert receipts.switches() <= 1, "the whole session is on one transport at a time"


def test_when_the_socket_leaves_the_stream_goes_on(gateway, client, two):
    receipts, stream, socket = two
    stream()
    ws = socket()
    gateway.api.publish_numbers(50, client_id=client)
    receipts.wait_for(50)
    ws.end()
    until(lambda: transports(gateway, client) == ["http_sse"], "the socket to be gone")
    gateway.api.publish_numbers(50, start=50, client_id=client)
    receipts.assert_exactly(100)
    assert receipts.by("http_sse")[-50:] == list(range(50, 100))


def test_when_the_stream_ends_the_socket_goes_on(gateway, client, two):
    receipts, stream, socket = two
    events = stream()
    socket()
    gateway.api.publish_numbers(50, client_id=client)
    receipts.wait_for(50)
    events.end()
    until(lambda: transports(gateway, client) == ["websocket"], "the stream to be gone")
    gateway.api.publish_numbers(50, start=50, client_id=client)
    receipts.assert_exactly(100)
    assert receipts.by("websocket")[-50:] == list(range(50, 100))


def test_a_socket_that_comes_back_goes_on_when_the_stream_ends(gateway, client, two):
    receipts, stream, socket = two
    events = stream()
    ws = socket()
    gateway.api.publish_numbers(30, client_id=client)
    receipts.wait_for(30)
    ws.end()
    gateway.api.publish_numbers(30, start=30, client_id=client)
    receipts.wait_for(60)
    socket(last_event_id=receipts.last_event_id())
    gateway.api.publish_numbers(30, start=60, client_id=client)
    receipts.wait_for(90)
    events.end()
    until(lambda: transports(gateway, client) == ["websocket"], "the stream to be gone")
    gateway.api.publish_numbers(30, start=90, client_id=client)
    receipts.assert_exactly(120)
    assert receipts.by("websocket")[-30:] == list(range(90, 120))


def test_many_switches_lose_repeat_and_reorder_nothing(gateway, client, two):
    receipts, stream, socket = two
    events, ws = stream(), socket()
    published = 0
    for turn in range(10):
        gateway.api.publish_numbers(20, start=published, client_id=client)
        published += 20
        receipts.wait_for(published)
        if turn % 2:
            events.end()
            events = stream(header_id=receipts.last_event_id())
        else:
            ws.end()
            ws = socket(last_event_id=receipts.last_event_id())
    receipts.assert_exactly(published)
    assert receipts.switches() <= 20


def test_a_cut_between_messages_loses_and_repeats_nothing(gateway, client, two, proxy_to):
    receipts, stream, socket = two
    proxy = proxy_to(gateway.ws)
    stream()
    published = 0
    for _ in range(4):
        socket(proxy.address, **({"last_event_id": receipts.last_event_id()} if published else {}))
        gateway.api.publish_numbers(15, start=published, client_id=client)
        published += 15
        receipts.wait_for(published)
        proxy.cut()
        until(lambda: transports(gateway, client) == ["http_sse"], "the gateway to see the cut")
        gateway.api.publish_numbers(15, start=published, client_id=client)
        published += 15
        receipts.wait_for(published)
    receipts.assert_exactly(published)


def test_a_cut_in_the_middle_of_messages_loses_nothing_after_the_resume(gateway, client, two, proxy_to):
    """Bytes that the kernel had taken die with the connection: the resume brings them, on the stream or the socket."""
    receipts, stream, socket = two
    proxy = proxy_to(gateway.ws)
    events = stream()
    published = 0
    for size in (2000, 333, 5000):
        socket(proxy.address, **({"last_event_id": last} if (last := receipts.last_event_id()) else {}))
        # After a loss it stands by for a while.
        until(lambda: gateway.api.client_health(client)["transport"] == "websocket", "the socket to be active")
        proxy.cut_after(size)
        gateway.api.publish_numbers(40, start=published, client_id=client)
        published += 40
        proxy.cut()
        until(lambda: transports(gateway, client) == ["http_sse"], "the gateway to see the cut")
    events.end()
    stream(header_id=receipts.last_event_id())
    receipts.assert_nothing_lost(published)


def test_a_switch_is_told_as_an_event(gateway, client):
    stream, _ = sse.open_connected(gateway.sse, client)
    socket, _ = phoenix.join(gateway.ws, client)
    with stream:
        gateway.api.publish_numbers(5, client_id=client)
        until(lambda: gateway.api.client_health(client)["transport"] == "websocket", "the socket to be active")
        socket.numbers(5)
        socket.leave()
        socket.close()
        switched = stream.expect("transport_switched").json["data"]
        assert (switched["from"], switched["to"]) == ("websocket", "http_sse")
        assert switched["reason"]


def test_what_exceeds_a_frame_takes_the_stream(gateway, client):
    stream, _ = sse.open_connected(gateway.sse, client)
    socket, _ = phoenix.join(gateway.ws, client)
    with stream:
        gateway.api.publish_numbers(1, client_id=client)
        assert socket.numbers(1) == [0]
        # Above transports.websocket.max_frame_size, 64 KiB.
        gateway.api.publish(client_id=client, type="large", data={"text": "x" * 70_000})
        switched = stream.expect("transport_switched").json["data"]
        assert (switched["from"], switched["to"], switched["reason"]) == ("websocket", "http_sse", "size")
        envelope = stream.expect("message").json
        assert envelope["sequence"] == 1 and len(envelope["data"]["text"]) == 70_000
        socket.close()


@pytest.mark.parametrize("first", ["http_sse", "websocket"])
def test_delivery_all_gives_a_connection_everything(gateway, client, first):
    def open_stream():
        return sse.open_connected(gateway.sse, client, delivery="all")[0]

    def open_socket():
        return phoenix.join(gateway.ws, client, {"delivery": "all"})[0]

    opened = [one() for one in ((open_stream, open_socket) if first == "http_sse" else (open_socket, open_stream))]
    gateway.api.publish_numbers(30, client_id=client)
    for one in opened:
        assert one.numbers(30) == list(range(30))
        one.close()
