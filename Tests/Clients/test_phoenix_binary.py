"""Binary frames of Phoenix V2, byte for byte, and what others get of a binary message."""

import base64
import json
import struct

import phoenix
import pytest
import sse
from api import API

PUSH, REPLY, BROADCAST = 0, 1, 2
BYTES = bytes(range(256)) + b'\r\n"\\\x00'


def binary_push(join_ref, ref, topic, event, data):
    """As phoenix.js writes it (serializer.js, `binaryEncode`)."""
    texts = [text.encode() for text in (join_ref, ref, topic, event)]
    return struct.pack("5B", PUSH, *map(len, texts)) + b"".join(texts) + data


def decode(frame):
    """As phoenix.js reads it (serializer.js, `binaryDecode`): the kind, the texts, the payload."""
    count = {PUSH: 3, REPLY: 4, BROADCAST: 2}[frame[0]]
    at, texts = 1 + count, []
    for length in frame[1:1 + count]:
        texts.append(frame[at:at + length].decode())
        at += length
    return frame[0], texts, frame[at:]


def next_frame(socket):
    frame = socket.connection.recv(timeout=phoenix.PATIENCE)
    return decode(frame) if isinstance(frame, bytes) else phoenix.Frame(*json.loads(frame))


def send(socket, event, data, ref="77", topic=phoenix.GATEWAY, join_ref=None):
    join_ref = socket.join_refs.get(topic, "") if join_ref is None else join_ref
    socket.connection.send(binary_push(join_ref, ref, topic, event, data))


@pytest.fixture
def echoing(start_gateway):
    """A gateway that sends everything back."""
    return start_gateway({"routes": [{"type": "*", "handler": "echo"}]})


@pytest.mark.parametrize("size", [0, 1, 100, 125, 126, 4000, 9000, 60000])
def test_the_echo_route_answers_with_the_same_bytes_as_a_binary_push(echoing, client, size):
    socket, _ = phoenix.join(echoing.ws, client)
    data = (BYTES * (size // len(BYTES) + 1))[:size]
    send(socket, "message", data)
    frames = [next_frame(socket), next_frame(socket)]
    reply = next(one for one in frames if isinstance(one, phoenix.Frame))
    assert (reply.join_ref, reply.ref, reply.event) == (socket.join_refs[phoenix.GATEWAY], "77", "phx_reply")
    assert reply.payload["status"] == "ok" and reply.payload["response"]["id"]
    push = next(one for one in frames if not isinstance(one, phoenix.Frame))
    assert push == (PUSH, [socket.join_refs[phoenix.GATEWAY], phoenix.GATEWAY, "message"], data)


def test_the_event_of_a_binary_push_is_its_type(gateway, client):
    """The default configuration has a route for `echo`."""
    socket, _ = phoenix.join(gateway.ws, client)
    send(socket, "echo", BYTES)
    push = next(one for one in (next_frame(socket), next_frame(socket)) if not isinstance(one, phoenix.Frame))
    assert push == (PUSH, ["1", phoenix.GATEWAY, "echo"], BYTES)


def test_on_a_topic_it_is_a_broadcast_for_all_v2_subscribers_and_base64_for_the_others(gateway, new_client, topic):
    sender, receiver, late = (phoenix.Socket(gateway.ws, new_client()) for _ in range(3))
    old = phoenix.Socket(gateway.ws, new_client(), version=phoenix.V1)
    for one in (sender, receiver, old):
        one.join(topic=topic)
    late.join({"topics": [topic]})
    stream, _ = sse.open_connected(gateway.sse, new_client(), topics=topic)
    send(sender, "picture", BYTES, topic=topic)
    assert next_frame(receiver) == (BROADCAST, [topic, "picture"], BYTES)
    frames = [next_frame(sender), next_frame(sender)]
    assert (BROADCAST, [topic, "picture"], BYTES) in frames
    # On the channel of the whole session it is a push of that channel.
    assert next_frame(late) == (PUSH, ["1", phoenix.GATEWAY, "picture"], BYTES)

    envelope = old.message(topic, event="picture")
    assert (envelope["type"], envelope["encoding"], envelope["topic"]) == ("picture", "base64", topic)
    assert base64.b64decode(envelope["data"], validate=True) == BYTES
    event = stream.expect("picture")
    assert event.json["encoding"] == "base64"
    assert base64.b64decode(event.json["data"], validate=True) == BYTES


def test_a_v2_client_may_ask_for_envelopes(gateway, client, topic):
    socket, _ = phoenix.join(gateway.ws, client, {"topics": [topic], "binary": "base64"})
    API(gateway.http).publish(topic=topic, type="blob", encoding="base64", data=base64.b64encode(BYTES).decode())
    envelope = socket.message()
    assert base64.b64decode(envelope["data"]) == BYTES
    assert {"id", "epoch", "sequence", "timestamp"} <= set(envelope)
    assert socket.error("phx_join", {"binary": "what"}, topic="other:1")["error"] == "invalid_message"


def test_back_ends_send_binary_data_as_base64(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    api = API(gateway.http)
    api.publish(client_id=client, encoding="base64", data=base64.b64encode(BYTES).decode())
    assert next_frame(socket) == (PUSH, ["1", phoenix.GATEWAY, "message"], BYTES)
    for data in ("no base64!", 7, None):
        status, body = refused(api, client_id=client, encoding="base64", data=data)
        assert status == 422, body
    assert refused(api, client_id=client, encoding="hex", data="00")[0] == 422
    escaped = '{"client_id": "%s", "encoding": "base64", "data": "\\/\\/\\/\\/"}' % client
    assert api.post("/mcp/messages", escaped).status == 202
    assert next_frame(socket)[2] == b"\xff\xff\xff"


def refused(api, **message):
    answer = api.post("/mcp/messages", message)
    return answer.status, answer.json


def test_a_binary_ping_is_answered_with_its_bytes_as_a_binary_reply(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    send(socket, "ping", BYTES, ref="r" * 255)
    assert next_frame(socket) == (REPLY, ["1", "r" * 255, phoenix.GATEWAY, "ok"], BYTES)


def test_what_needs_members_cannot_be_binary(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    for event in ("ack", "subscribe", "unsubscribe"):
        send(socket, event, b'{"topic":"a","sequence":0}', ref=event)
        assert socket.reply(event).payload["response"]["error"] == "invalid_message"
    socket.connection.send(binary_push("9", "9", "room:1", "phx_join", b"{}"))
    assert socket.reply("9").payload["response"]["error"] == "invalid_message"
    for event in ("phx_error", "gap", ""):
        send(socket, event, b"x", ref=f"ref-{event}")
        assert socket.reply(f"ref-{event}").payload["response"]["error"] == "invalid_message"


def test_binary_pushes_follow_the_rules_of_channels(gateway, client, topic):
    socket, _ = phoenix.join(gateway.ws, client)
    send(socket, "message", b"x", ref="a", topic=topic)
    assert socket.reply("a").payload["response"] == {"reason": "unmatched topic"}
    send(socket, "message", b"x", ref="b", join_ref="of an earlier join")
    send(socket, "message", b"x", ref="c", join_ref="")
    assert socket.reply("c").payload["status"] == "ok"
    socket.connection.send(binary_push("", "d", "phoenix", "heartbeat", b""))
    assert socket.reply("d").payload == {"status": "ok", "response": {}}
    send(socket, "phx_leave", b"", ref="e")
    assert socket.reply("e").payload["status"] == "ok"
    assert all(frame.ref != "b" for frame in socket.inbox)


def test_references_in_numbers_are_known_again(gateway, client):
    socket = phoenix.Socket(gateway.ws, client)
    assert socket.call("phx_join", ref=4, join_ref=4)["status"] == "ok"
    send(socket, "ping", b"x", ref="5", join_ref="4")
    assert next_frame(socket) == (REPLY, ["4", "5", phoenix.GATEWAY, "ok"], b"x")


@pytest.mark.parametrize("frame", [
    b"", b"\x00", b"\x00\x01\x01\x01", b"\x00\x01\x01\x01\x01abc", b"\x01\x01\x01\x01\x01abcd", b"\x02\x01\x01ab",
    b"\x07\x01\x01\x01\x01abcd", b"\x00\x01\x01\x01\x01ab\xff\xff", b'["1","1","t","e",{}]',
])
def test_what_is_no_binary_push_ends_the_connection(gateway, client, frame, bystander):
    socket, _ = phoenix.join(gateway.ws, client)
    socket.connection.send(frame)
    assert socket.close_code() == 1007
    assert socket.expect("gateway_close").payload["code"] == 1007
