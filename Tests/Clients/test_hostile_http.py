"""Requests that are legal, or nearly so, and have brought servers down."""

import signal
import socket
import struct
import time

import phoenix
import pytest
import raw
import sse
from wait import until

HUGE = 2**63 - 1


def get(path, *headers):
    return f"GET {path} HTTP/1.1\r\nHost: gateway\r\n".encode() + b"".join(h.encode() + b"\r\n" for h in headers) + b"\r\n"


def resident(gateway):
    with open(f"/proc/{gateway.process.pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.parametrize("behind", [get("/health"), get("/health") * 200, b"\x00" * 1000, b"x"], ids=["get", "many", "nul", "x"])
def test_what_follows_a_request_for_a_stream_is_ignored(gateway, client, bystander, behind):
    wire = raw.Wire(gateway.http)
    wire.send(get(f"/mcp/sse?client_id={client}") + behind)
    assert wire.status() == 200
    gateway.api.publish(client_id=client, data="here")
    until(lambda: b'"here"' in wire.received or not wire.read(), "the message")
    assert b'"here"' in wire.received


@pytest.mark.parametrize("sequence", [HUGE, HUGE - 1, -1, -2, 10**30])
def test_an_impossible_place_is_no_place(gateway, client, new_client, bystander, sequence):
    for value in (f"{sequence}", f"abc-{sequence}"):
        stream, connected = sse.open_connected(gateway.sse, client, header_id=value)
        stream.close()
        assert connected["recovered"] in (False, True)
        socket, response = phoenix.join(gateway.ws, new_client(), {"last_event_id": value})
        socket.close()
        assert response["next_sequence"] == 0
    with phoenix.join(gateway.ws, client)[0] as one:
        one.push("ack", {"sequence": sequence if abs(sequence) <= HUGE else 0})
        one.ok("message", {"type": "echo", "data": 1})


def test_answers_that_nobody_reads_do_not_pile_up(start_gateway):
    own = start_gateway()
    before = resident(own)
    wire = raw.Wire(own.http)
    wire.socket.settimeout(2)
    sent = 0
    try:
        while sent < 4_000_000:
            sent += wire.socket.send(get("/client.js") * 100)
    except (TimeoutError, ConnectionResetError, BrokenPipeError):
        pass
    assert resident(own) - before < 30_000_000, "answers are kept for a client that does not read"
    assert own.api.get("/health").status == 200


def test_an_upgrade_that_is_not_wanted_ends_the_connection_after_the_answer(gateway):
    wire = raw.Wire(gateway.http)
    wire.send(get("/health", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"))
    assert wire.status() == 200
    assert wire.ended()
    assert b"connection: close" in wire.head().lower()


def test_a_stream_opened_on_a_dying_connection_leaves_nothing_behind(start_gateway, client):
    own = start_gateway()
    for _ in range(5):
        wire = raw.Wire(own.http)
        wire.send(get("/health") * 1500 + get(f"/mcp/sse?client_id={client}"))
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.socket.close()
    until(lambda: own.api.get("/mcp/stats").json["http_sse"]["connections"] == 0, "no stream is left")
    health = own.api.get(f"/mcp/health/{client}")
    assert health.status == 404 or health.json["connected"] is False


def test_a_refused_join_takes_nothing_from_the_clients_other_connections(gateway, client):
    stream, _ = sse.open_connected(gateway.sse, client)
    with stream, phoenix.Socket(gateway.ws, client) as one:
        for payload in ({"topics": [""]}, {"topics": [f"t{n}" for n in range(101)]}, {"room": "a\nb"}):
            assert one.call("phx_join", payload)["status"] == "error"
            gateway.api.publish(client_id=client, data="still here")
            assert stream.expect().json["data"] == "still here"


def test_joining_the_gateway_again_keeps_the_other_channels(gateway, client, topic):
    with phoenix.Socket(gateway.ws, client) as one:
        one.join(topic=topic)
        one.join()
        one.join({"last_event_id": "foreign-1"})
        assert gateway.api.publish(topic=topic, data="both")["delivered"] == 1
        assert one.message(topic)["data"] == "both"


def test_nulls_are_as_good_as_absent(gateway, client):
    with phoenix.join(gateway.ws, client)[0] as one:
        answer = gateway.api.post("/mcp/messages", {
            "client_id": client, "topic": None, "type": None, "id": None, "event": None, "priority": None, "ttl": None,
            "durable": None, "transport": None, "client_ids": None, "data": None})
        assert answer.status == 202
        assert one.message()["data"] is None


def test_a_second_sigterm_stops_at_once(start_gateway, client):
    own = start_gateway()
    stuck = raw.Wire(own.ws)
    stuck.send(get(f"/mcp/ws?client_id={client}", "Upgrade: websocket", "Connection: Upgrade",
                   "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
    assert stuck.status() == 101
    own.process.send_signal(signal.SIGTERM)
    until(lambda: stuck.read() == b"" or b"\x88" in stuck.received, "the goodbye")
    begun = time.monotonic()
    own.process.send_signal(signal.SIGTERM)
    own.process.wait(10)
    assert time.monotonic() - begun < 2
