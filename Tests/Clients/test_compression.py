"""permessage-deflate (RFC 7692): what is worth it is compressed, once for all, and every client reads the same."""

import json

import phoenix
import pytest
from wait import until
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

LONG = {"rows": [{"number": n, "name": f"row number {n}", "text": "grüß Gott 👋"} for n in range(100)]}


def open_compressed(gateway, client, **offer):
    factory = ClientPerMessageDeflateFactory(**offer)
    connection = connect(
        phoenix.url(gateway.ws, client_id=client, vsn="2.0.0"), compression=None, extensions=[factory], max_size=None)
    return connection, connection.response.headers.get("Sec-WebSocket-Extensions")


def join(connection, payload=None):
    connection.send(json.dumps(["1", "1", "mcp:gateway", "phx_join", payload or {}]))
    return json.loads(connection.recv(timeout=15))


def next_message(connection):
    while True:
        frame = json.loads(connection.recv(timeout=15))
        if frame[3] == "message":
            return frame[4]


@pytest.mark.parametrize("offer", [
    {}, {"client_max_window_bits": True}, {"server_max_window_bits": 9}, {"server_max_window_bits": 12},
    {"server_no_context_takeover": True, "client_no_context_takeover": True},
])
def test_a_long_message_arrives_whole_under_every_offer(gateway, client, offer):
    connection, agreed = open_compressed(gateway, client, **offer)
    with connection:
        assert "server_no_context_takeover" in agreed and "client_no_context_takeover" in agreed
        join(connection)
        for _ in range(3):
            gateway.api.publish(client_id=client, data=LONG)
            assert next_message(connection)["data"] == LONG


def test_a_compressed_message_of_the_client_is_understood(gateway, client):
    connection, _ = open_compressed(gateway, client)
    with connection:
        join(connection)
        connection.send(json.dumps(["1", "2", "mcp:gateway", "message", {"type": "echo", "data": LONG}]))
        assert next_message(connection)["data"] == LONG


def test_every_subscriber_reads_a_broadcast_compressed_or_not(gateway, new_client, topic):
    names = [new_client() for _ in range(4)]
    plain, _ = phoenix.join(gateway.ws, names[0], {"topics": [topic]})
    old, _ = phoenix.join(gateway.ws, names[1], {"topics": [topic]}, version=phoenix.V1)
    compressed = [open_compressed(gateway, name)[0] for name in names[2:]]
    for connection in compressed:
        join(connection, {"topics": [topic]})
    gateway.api.publish(topic=topic, data=LONG)
    gateway.api.publish(topic=topic, data="short")
    with plain, old:
        for socket in (plain, old):
            assert [socket.message()["data"] for _ in range(2)] == [LONG, "short"]
        for connection in compressed:
            assert [next_message(connection)["data"] for _ in range(2)] == [LONG, "short"]
            connection.close()


@pytest.mark.parametrize("offer", [
    "permessage-deflate; server_max_window_bits=8", "permessage-deflate; unknown=1",
    "permessage-deflate; client_max_window_bits=16", "permessage-deflate; server_no_context_takeover=1",
    "permessage-deflate; client_max_window_bits; client_max_window_bits", "x-webkit-deflate-frame",
])
def test_an_offer_that_cannot_be_kept_is_declined_and_the_socket_works(gateway, client, offer):
    with connect(phoenix.url(gateway.ws, client_id=client, vsn="2.0.0"), compression=None,
                 additional_headers={"Sec-WebSocket-Extensions": offer}) as connection:
        assert "Sec-WebSocket-Extensions" not in connection.response.headers
        join(connection)
        gateway.api.publish(client_id=client, data=LONG)
        assert next_message(connection)["data"] == LONG


def test_a_client_may_do_without(gateway, client):
    factory = ClientPerMessageDeflateFactory()
    with connect(phoenix.url(gateway.ws, client_id=client, vsn="2.0.0", compression="false"), compression=None,
                 extensions=[factory]) as connection:
        assert "Sec-WebSocket-Extensions" not in connection.response.headers


def test_a_bomb_is_refused_while_it_inflates(gateway, client, bystander):
    connection, _ = open_compressed(gateway, client)
    with connection:
        join(connection)
        bomb = json.dumps(["1", "2", "mcp:gateway", "message", {"type": "echo", "data": "a" * 50_000_000}])
        connection.send(bomb)
        with pytest.raises(Exception) as closed:
            while True:
                connection.recv(timeout=15)
        assert closed.value.rcvd.code == 1009


def dense(connection):
    """A message that compresses to a thousandth, small enough for every other bound."""
    connection.send(json.dumps(["1", "2", "mcp:gateway", "message", {"type": "echo", "data": "a" * 300_000}]))
    return next_message(connection)["data"]


def test_a_message_that_inflates_too_many_times_its_size_is_refused(gateway, client, bystander):
    connection, _ = open_compressed(gateway, client)
    with connection:
        join(connection)
        with pytest.raises(Exception) as closed:
            dense(connection)
        assert closed.value.rcvd.code == 1009
        assert closed.value.rcvd.reason == "above 65536 bytes it may inflate 200 times its size"


@pytest.mark.parametrize("keys", [{"max_inflate_ratio": 1100}, {"inflate_ratio_from": "512KiB"}])
def test_the_bounds_of_inflating_can_be_set(start_gateway, client, keys):
    own = start_gateway({"transports": {"websocket": keys}})
    connection, _ = open_compressed(own, client)
    with connection:
        join(connection)
        assert dense(connection) == "a" * 300_000


# Connections that compress with what they were sent before

ONE_CONTEXT = {"transports": {"websocket": {"compression_context_memory": 20_000}}}


def test_small_messages_shrink_where_the_gateway_keeps_a_context(start_gateway, new_client, topic):
    own = start_gateway(ONE_CONTEXT)
    one, agreed = open_compressed(own, new_client())
    assert agreed == "permessage-deflate; client_no_context_takeover"
    join(one, {"topics": [topic]})
    # The memory is used up: the next one is told, and works as ever.
    other, agreed = open_compressed(own, new_client())
    assert "server_no_context_takeover" in agreed
    join(other, {"topics": [topic]})

    def sent():
        return own.api.get("/mcp/stats").json["websocket"]["bytes_sent"]

    texts = [{"n": n, "text": "the same words again and again", "price": 100 + n} for n in range(200)]
    # Small ones, broadcasts that are compressed once for all, and small ones again.
    for turn in range(3):
        before = sent()
        for data in texts:
            own.api.publish(topic=topic, data=data)
        own.api.publish(topic=topic, data=LONG)
        for connection in (one, other):
            assert [next_message(connection)["data"] for _ in range(201)] == [*texts, LONG]
    plain = sum(len(json.dumps(data)) + 250 for data in texts)
    assert sent() - before < 1.5 * plain, "two clients, of which one costs little"
    one.close()
    other.close()

    def granted():
        connection, agreed = open_compressed(own, new_client())
        connection.close()
        return "server_no_context_takeover" not in agreed

    until(granted, "the memory of the closed connection")


def test_a_client_that_allows_no_context_gets_none(start_gateway, client):
    own = start_gateway(ONE_CONTEXT)
    connection, agreed = open_compressed(own, client, server_no_context_takeover=True)
    with connection:
        assert "server_no_context_takeover" in agreed
        join(connection)
        own.api.publish_numbers(3, client_id=client)
        assert [next_message(connection)["data"]["n"] for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("bits", [9, 10, 15])
def test_replays_and_live_messages_are_read_with_any_window(start_gateway, client, bits):
    own = start_gateway(ONE_CONTEXT)
    own.api.publish_numbers(300, client_id=client)
    own.api.publish(client_id=client, data=LONG)
    connection, agreed = open_compressed(own, client, server_max_window_bits=bits)
    with connection:
        assert f"server_max_window_bits={bits}" in agreed and "server_no_context_takeover" not in agreed
        join(connection)
        assert [next_message(connection)["data"]["n"] for _ in range(300)] == list(range(300))
        assert next_message(connection)["data"] == LONG
        own.api.publish(client_id=client, data=LONG)
        assert next_message(connection)["data"] == LONG
        own.api.publish_numbers(10, client_id=client)
        assert [next_message(connection)["data"]["n"] for _ in range(10)] == list(range(10))
