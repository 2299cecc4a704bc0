"""The event stream as a client sees it: headers, first bytes, ids, names, heartbeats."""

import re

import phoenix
import pytest
import sse
from api import API
from wait import until


def test_the_headers_keep_proxies_and_caches_out(gateway, client):
    with sse.open(gateway.sse, client) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["Cache-Control"] == "no-cache, no-transform"
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert stream.headers["Content-Length"] is None
        assert stream.headers["Content-Encoding"] is None
        for name in ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"):
            assert float(stream.headers[name]) >= 0


@pytest.mark.parametrize("port", ["sse", "http"])
def test_a_stream_begins_with_retry_and_connected(gateway, client, port):
    with sse.open(getattr(gateway, port), client) as stream:
        event = stream.next()
        assert re.match(rb"(:[^\n]*\n+)*retry: ?[0-9]+\n", stream.raw), stream.raw
        assert stream.parser.retry > 0
        assert event.type == "connected" and event.named and not event.own_id
        envelope = event.json
        assert envelope["type"] == "connected"
        assert envelope["sequence"] == -1
        assert envelope["epoch"] == envelope["data"]["epoch"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", envelope["timestamp"])
        data = envelope["data"]
        assert data["client_id"] == client
        assert data["transport"] == "http_sse"
        assert data["next_sequence"] == 0
        assert (data["recovered"], data["reason"], data["replayed"]) == (False, "new", 0)
        assert data["heartbeat_interval"] == 30000
        assert data["node"]


def test_the_lines_of_an_event_are_id_event_and_data(gateway, client):
    stream, connected = sse.open_connected(gateway.sse, client)
    with stream:
        before = len(stream.raw)
        gateway.api.publish_numbers(1, client_id=client)
        stream.expect()
        block = stream.raw[before:].decode().split("\n")
        assert f"id: {connected['epoch']}-0" in block or f"id:{connected['epoch']}-0" in block
        assert "event: message" in block or "event:message" in block
        assert any(line.startswith("data:") for line in block)


def test_ids_are_epoch_and_sequence_without_holes(gateway, client):
    stream, connected = sse.open_connected(gateway.sse, client)
    with stream:
        gateway.api.publish_numbers(200, client_id=client)
        events = stream.messages(200)
        assert [one.json["data"]["n"] for one in events] == list(range(200))
        assert [one.json["sequence"] for one in events] == list(range(200))
        assert all(one.own_id and one.named for one in events)
        for one in events:
            assert one.last_event_id == f"{one.json['epoch']}-{one.json['sequence']}"
            assert one.json["epoch"] == connected["epoch"]
        assert re.fullmatch(r"[0-9a-z]+", connected["epoch"])


def test_an_own_event_name_is_written(gateway, client):
    stream, _ = sse.open_connected(gateway.sse, client)
    with stream:
        gateway.api.publish(client_id=client, event="data_update", type="order", data={"n": 1})
        event = stream.next()
        assert event.type == "data_update"
        assert event.json["type"] == "order"
        assert event.own_id


def test_type_is_message_unless_the_sender_says_otherwise(gateway, client):
    stream, _ = sse.open_connected(gateway.sse, client)
    with stream:
        gateway.api.publish(client_id=client, data={})
        assert stream.expect().json["type"] == "message"
        gateway.api.publish(client_id=client, type="vsm_note", data={})
        assert stream.expect().json["type"] == "vsm_note"


def test_topics_of_the_query_are_subscribed(gateway, client, topic):
    stream, _ = sse.open_connected(gateway.sse, client, topics=f"{topic},{topic}.b")
    with stream:
        gateway.api.publish_numbers(1, topic=topic)
        gateway.api.publish_numbers(1, start=1, topic=topic + ".b")
        first, second = stream.messages(2)
        assert (first.json["topic"], second.json["topic"]) == (topic, topic + ".b")


def test_the_client_id_may_come_in_a_header(gateway, client):
    stream, connected = sse.open_connected(gateway.sse, headers={"X-Client-ID": client})
    with stream:
        assert connected["client_id"] == client
        gateway.api.publish_numbers(1, client_id=client)
        assert stream.numbers(1) == [0]


def test_two_streams_of_a_client_both_get_everything(gateway, client):
    one, _ = sse.open_connected(gateway.sse, client)
    two, _ = sse.open_connected(gateway.sse, client)
    with one, two:
        gateway.api.publish_numbers(50, client_id=client)
        assert one.numbers(50) == two.numbers(50) == list(range(50))


def test_what_a_client_pushes_by_http_comes_back_on_its_stream(gateway, client):
    stream, _ = sse.open_connected(gateway.sse, client)
    with stream:
        answer = API(gateway.sse).post("/mcp/push", {"client_id": client, "type": "echo", "data": {"n": 4}})
        assert answer.status in (200, 202)
        assert {"id", "operation_id"} <= set(answer.json)
        event = stream.expect()
        assert event.json["type"] == "echo" and event.json["data"] == {"n": 4}
        assert event.json["id"] == answer.json["id"]


# Heartbeats

def test_heartbeats_come_in_the_configured_interval_and_do_not_move_the_cursor(start_gateway, client):
    gateway = start_gateway({"transports": {"http_sse": {"heartbeat_interval": 200}}})
    stream, connected = sse.open_connected(gateway.sse, client)
    with stream:
        assert connected["heartbeat_interval"] == 200
        beat = stream.expect("heartbeat")
        assert beat.json["type"] == "heartbeat"
        assert beat.json["sequence"] == -1
        assert not beat.own_id
        gateway.api.publish_numbers(3, client_id=client)
        last = stream.messages(3)[2]
        beats = [stream.expect("heartbeat") for _ in range(3)]
        assert [one.json["sequence"] for one in beats] == [2, 2, 2]
        assert not any(one.own_id for one in beats)
        assert stream.last_event_id == last.last_event_id


def test_a_duration_may_have_a_unit(start_gateway, client):
    gateway = start_gateway({"transports": {"http_sse": {"heartbeat_interval": "1s"}}})
    stream, connected = sse.open_connected(gateway.sse, client)
    with stream:
        assert connected["heartbeat_interval"] == 1000
        stream.expect("heartbeat")


def test_a_silent_stream_gets_a_comment_within_twenty_seconds(gateway, client):
    stream, _ = sse.open_connected(gateway.sse, client)
    with stream:
        before = len(stream.parser.comments)
        until(lambda: len(stream.parser.comments) > before, "a comment of the keepalive", 20)


def test_a_standing_by_stream_keeps_its_last_event_id_current(start_gateway, client):
    """While the WebSocket is active, the stream gets blocks with only an id at each heartbeat."""
    gateway = start_gateway({"transports": {"http_sse": {"heartbeat_interval": 200}}})
    stream, connected = sse.open_connected(gateway.sse, client)
    socket, _ = phoenix.join(gateway.ws, client)
    with stream, socket:
        gateway.api.publish_numbers(5, client_id=client)
        wanted = f"{connected['epoch']}-4"
        until(lambda: stream.last_event_id == wanted, "the id of the last message on the stream")
