"""Readers that do not read, by each policy, and clients that acknowledge late."""

import json
import socket
import threading

import phoenix
import pytest
import sse
from wait import PATIENCE, until

PAD = "x" * 20_000
SESSION = {"max_unsent_bytes": "64KiB", "log_bytes": "64MiB", "log_messages": 10_000}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """A gateway that lets little wait for a connection."""
    import gateway as gateways

    with gateways.Gateway(tmp_path_factory.mktemp("narrow"), {"session": SESSION}) as one:
        yield one


class Stalled:
    """An event stream whose client reads only when it is told to, through a small window."""

    def __init__(self, address, **query):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address)
        path = phoenix.url(address, "/mcp/sse", **query).split(f":{address[1]}", 1)[1]
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(1)
        assert head.startswith(b"HTTP/1.1 200"), head
        self.parser = sse.Parser()

    def read(self, last):
        """Every event up to the first that `last` likes, or up to the end of the stream."""
        events = []
        while chunk := self.socket.recv(65536):
            # The parser is slow with long buffers: whole lines only.
            for event in self.parser.feed(chunk):
                events.append((event.type, json.loads(event.data)))
                if last(event):
                    return events
        return events

    def close(self):
        self.socket.close()


def fill(gateway, client, count, **fields):
    for n in range(count):
        extra = {name: value(n) for name, value in fields.items()}
        gateway.api.publish(client_id=client, durable=False, data={"n": n, "pad": PAD}, **extra)


def account(events, count):
    """What came and what is missing; together they must be everything, in order."""
    received, missing, position = [], [], 0
    for kind, envelope in events:
        if kind == "message":
            assert envelope["sequence"] == position
            received.append(position)
            position += 1
        elif kind == "gap":
            hole = envelope["data"]
            assert hole["from"] == position and hole["reason"] in ("slow_consumer", "trimmed"), hole
            missing += range(hole["from"], hole["to"] + 1)
            position = hole["to"] + 1
    assert position == count
    return received, missing


def stall(gateway, client, policy, **fields):
    """The events that a stalled reader gets in the end, of 600 messages and a last one."""
    reader = Stalled(gateway.sse, client_id=client, slow_consumer_policy=policy)
    fill(gateway, client, 600, **fields)
    result = {}
    # Reading begins before the last message is sent, which must come behind everything.
    done = threading.Thread(target=lambda: result.update(events=reader.read(lambda e: e.json.get("type") == "last")))
    done.start()
    gateway.api.publish(client_id=client, type="last", priority="high", data={})
    done.join(4 * PATIENCE)
    reader.close()
    return result["events"]


def test_drop_oldest_skips_the_oldest_and_says_so(narrow, client):
    received, missing = account(stall(narrow, client, "drop_oldest"), 601)
    assert missing and received[-1] == 600
    # The newest that fit into the bound are there.
    assert 599 in received


def test_conflate_keeps_the_last_of_each_key(narrow, client):
    received, missing = account(stall(narrow, client, "conflate", key=lambda n: f"k{n % 2}"), 601)
    assert missing and {598, 599, 600} <= set(received)


def test_critical_only_keeps_what_is_urgent(narrow, client):
    urgent = {n for n in range(600) if n % 300 == 299}
    received, missing = account(
        stall(narrow, client, "critical_only", priority=lambda n: "high" if n in urgent else "low"), 601)
    assert missing and urgent <= set(received)


def test_disconnect_closes_and_the_client_resumes_without_a_hole(narrow, client):
    events = stall(narrow, client, "disconnect")
    assert events[-1][0] == "gateway_close" and events[-1][1]["data"]["code"] == 4008
    last = [envelope for kind, envelope in events if kind == "message"][-1]
    again = Stalled(narrow.sse, client_id=client, last_event_id=phoenix.event_id(last))
    rest = again.read(lambda event: event.json.get("type") == "last")
    again.close()
    assert rest[0][1]["data"]["recovered"]
    received, missing = account(
        [event for event in events + rest if event[0] in ("message", "gap")], 601)
    assert not missing


def test_a_policy_that_is_not_allowed_is_refused(start_gateway, client):
    own = start_gateway({"session": {"allowed_slow_consumer_policies": ["disconnect"]}})
    for policy, status in (("conflate", 403), ("sometimes", 400)):
        assert own.api.get(f"/mcp/sse?client_id={client}&slow_consumer_policy={policy}").status == status
        one = phoenix.Socket(own.ws, client)
        assert "polic" in one.error("phx_join", {"slow_consumer_policy": policy}, ref="1")["reason"]
        one.close()


def test_dropped_messages_are_counted(narrow, client):
    before = narrow.api.get("/mcp/stats").json["http_sse"]["messages_dropped"]
    _, missing = account(stall(narrow, client, "drop_oldest"), 601)
    assert narrow.api.get("/mcp/stats").json["http_sse"]["messages_dropped"] == before + len(missing)
    told = sum(
        int(float(line.split()[-1])) for line in narrow.api.get("/metrics").body.decode().splitlines()
        if line.startswith('mcp_gateway_messages_missing_total{transport="http_sse"') and "expired" not in line)
    assert told == before + len(missing)


def test_one_percent_of_stalled_readers_does_not_hold_up_the_others(narrow, new_client, topic):
    stalled = [Stalled(narrow.sse, client_id=new_client(), topics=topic, slow_consumer_policy="drop_oldest")
               for _ in range(3)]
    others = [phoenix.join(narrow.ws, new_client(), {"topics": [topic]})[0] for _ in range(200)]
    for n in range(200):
        narrow.api.publish(topic=topic, data={"n": n, "pad": PAD})
    for one in others:
        assert one.numbers(200) == list(range(200))
        one.close()
    for one in stalled:
        one.close()


# Clients that acknowledge

LADDER = {"session": {"backpressure": {"half_rate_pending": 10, "critical_pending": 20, "lag": "200ms",
                                       "bundle_interval": "300ms", "minimum_rate": 20}}}


@pytest.fixture(scope="module")
def steep(tmp_path_factory):
    """A gateway that slows clients down early."""
    import gateway as gateways

    with gateways.Gateway(tmp_path_factory.mktemp("steep"), LADDER) as one:
        yield one


def level(gateway, client):
    return gateway.api.client_health(client)["backpressure"]


def test_what_is_held_back_comes_in_order_with_the_acknowledgements(steep, client):
    one, _ = phoenix.join(steep.ws, client, {"ack": True})
    steep.api.publish_numbers(60, client_id=client)
    until(lambda: level(steep, client) == "critical_only", "the highest level")
    received = []
    while len(received) < 60:
        envelope = one.message()
        received.append(envelope["data"]["n"])
        if len(received) >= 21:
            one.push("ack", {"sequence": envelope["sequence"]}, ref=None)
    assert received == list(range(60))
    steep.api.publish_numbers(1, start=60, client_id=client)
    assert one.numbers(1) == [60]
    one.close()


def test_only_an_urgent_message_passes_a_client_that_does_not_acknowledge(steep, client):
    one, _ = phoenix.join(steep.ws, client, {"ack": True})
    for n in range(40):
        steep.api.publish(client_id=client, durable=False, data={"n": n})
    assert one.numbers(21) == list(range(21))
    until(lambda: level(steep, client) == "critical_only", "the highest level")
    assert not one.barrier()
    steep.api.publish(client_id=client, priority="high", data={"n": 40})
    assert one.expect("gap").payload["data"] == {"from": 21, "to": 39, "reason": "backpressure"}
    last = one.message()
    assert last["data"]["n"] == 40
    one.ok("ack", {"sequence": last["sequence"]})
    steep.api.publish(client_id=client, data={"n": 41})
    assert one.numbers(1) == [41]
    assert level(steep, client) == "normal"
    one.close()


def test_a_client_that_never_acknowledges_is_not_slowed_down(steep, client):
    one, _ = phoenix.join(steep.ws, client)
    steep.api.publish_numbers(100, client_id=client)
    assert one.numbers(100) == list(range(100))
    assert level(steep, client) == "normal"
    one.close()


def test_late_acknowledgements_bring_bundles_to_clients_that_take_them(start_gateway, client):
    own = start_gateway({"session": {"backpressure": {
        "half_rate_pending": 100_000, "critical_pending": 200_000, "lag": "200ms", "bundle_interval": "300ms"}}})
    one, _ = phoenix.join(own.ws, client, {"ack": True, "batch": True})
    received = []
    published = 0

    def bundle():
        nonlocal published
        own.api.publish_numbers(1, start=published, client_id=client)
        published += 1
        for frame in one.barrier():
            if frame.event == "message":
                received.append(frame.payload)
            elif frame.event == "batch":
                return frame
        return None

    frame = until(bundle, "a bundle")
    assert frame.topic == phoenix.GATEWAY
    for entry in frame.payload["messages"]:
        assert (entry["topic"], entry["event"]) == (phoenix.GATEWAY, "message")
        received.append(entry["payload"])
    assert [envelope["data"]["n"] for envelope in received] == list(range(len(received)))
    one.ok("ack", {"sequence": received[-1]["sequence"]})
    one.close()
