"""Transports share the bytes that the node may send: a flood to one of them leaves the others their floor."""

import time

import admin
import phoenix
import pytest
import sse
from wait import PATIENCE, until

BUDGET = 200_000
PAD = "x" * 4000
FLOOD = 300
SESSION = {"max_unsent_bytes": "64MiB", "log_bytes": "64MiB", "log_messages": 10_000}


def settings(loops=1, **control):
    control = {"egress": BUDGET, **control}
    return {**admin.CONFIG, "viability": {"interval": "200ms", "control": control}, "session": SESSION, "listen": {"event_loops": loops}}


def flooded(own, client):
    """A socket for which more waits than it may be sent in five seconds."""
    socket, _ = phoenix.join(own.ws, client, connection={"compression": None})
    for n in range(FLOOD):
        own.api.publish(client_id=client, data={"n": n, "pad": PAD})
    return socket


def read(socket, on_message=lambda n: None):
    """All of the flood, which must be whole and in order; returns its bytes."""
    received, expected = 0, 0
    waiting, socket.inbox = socket.inbox, []
    while expected < FLOOD:
        if waiting:
            frame = waiting.pop(0)
        else:
            text = socket.connection.recv(timeout=PATIENCE)
            received += len(text)
            frame = socket.decode(text)
        if frame.event == "message":
            assert frame.payload["data"]["n"] == expected
            expected += 1
            on_message(expected)
    return received


def egress(own):
    (found,) = [one for one in admin.Admin(own.http).ask("vsm")["s3"]["budgets"] if one["resource"] == "egress"]
    return found, {unit["unit"]: unit for unit in found["units"]}


@pytest.mark.parametrize("loops", [1, 3])
def test_a_flood_to_sockets_leaves_event_streams_their_floor(start_gateway, new_client, loops):
    own = start_gateway(settings(loops))
    reader, modest = new_client(), new_client()
    stream, _ = sse.open_connected(own.sse, modest)
    began = time.monotonic()
    socket = flooded(own, reader)
    late = []

    def ask(count):
        if count % 10:
            return
        sent = time.monotonic()
        own.api.publish(client_id=modest, data={"n": count})
        assert stream.expect().json["data"]["n"] == count
        late.append(time.monotonic() - sent)

    received = read(socket, ask)
    elapsed = time.monotonic() - began
    # Beyond the budget there are a quarter of a second at the beginning, and one flush.
    assert received > FLOOD * len(PAD) and elapsed > 3
    assert (received + stream.received) / elapsed < 1.2 * BUDGET
    # What is lent to the flood does not leave it without: most of what waits is the socket's alone.
    assert received / elapsed > 0.5 * BUDGET
    assert len(late) == FLOOD // 10 and sorted(late)[len(late) // 2] < 0.5 and max(late) < 2
    found, units = egress(own)
    assert found["capacity"] == BUDGET and units["http_sse"]["floor"] == BUDGET // 4
    assert units["websocket"]["held_back"] > 3 and units["websocket"]["used"] <= 1.5 * BUDGET
    # Answers are not held back behind messages.
    assert socket.ok("heartbeat", topic="phoenix") == {}
    metrics = own.api.get("/metrics").body.decode()
    assert f'mcp_gateway_budget{{resource="egress",unit="websocket",figure="floor"}} {BUDGET // 4}' in metrics
    assert 'mcp_gateway_budget_held_back_total{resource="egress",unit="websocket"}' in metrics
    lines = [line.split()[:3] for line in admin.shown(own, "vsm").splitlines()]
    assert ["egress", "http_sse", str(BUDGET // 4)] in lines
    socket.close()
    stream.close()


def test_answers_pass_by_what_is_held_back(start_gateway, new_client):
    own = start_gateway(settings(egress=20_000))
    client = new_client()
    socket = flooded(own, client)
    until(lambda: egress(own)[1]["websocket"]["held_back"] > 0, "it is held back")
    # The flood takes a minute; the answer does not wait for it.
    socket.ok("heartbeat", topic="phoenix")
    assert len(socket.inbox) < FLOOD // 2
    socket.close()


def test_what_is_held_back_for_too_long_is_a_slow_readers(start_gateway, new_client):
    slow = {**settings(egress=10_000), "session": {**SESSION, "max_unsent_bytes": "64KiB"}}
    own = start_gateway(slow)
    socket = flooded(own, new_client())
    assert socket.close_code() == 4008
    socket.close()


def test_those_who_wait_have_turns(start_gateway, new_client):
    own = start_gateway(settings())
    clients = [new_client() for _ in range(3)]
    crowd = [sse.open_connected(own.sse, client)[0] for client in clients]
    for n in range(80):
        for client in clients:
            own.api.publish(client_id=client, data={"n": n, "pad": PAD})
    # The last of them is not behind all of the first's: when one has everything, the others have most of it.
    assert crowd[0].numbers(80) == list(range(80))
    counts = [one.parser.last_event_id.split("-")[-1] for one in crowd]
    assert all(int(count) > 30 for count in counts)
    for one in crowd[1:]:
        assert one.numbers(80) == list(range(80))
    for one in crowd:
        one.close()


def test_without_control_there_is_no_budget(start_gateway, new_client):
    own = start_gateway(settings(enabled=False, egress=20_000))
    began = time.monotonic()
    socket = flooded(own, new_client())
    read(socket)
    # With it, this takes a minute.
    assert time.monotonic() - began < PATIENCE
    assert admin.Admin(own.http).ask("vsm")["s3"]["budgets"] == []
    socket.close()
