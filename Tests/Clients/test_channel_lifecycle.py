"""Joining, leaving, heartbeats and refs: the frames of Phoenix, byte for byte."""

import json

import phoenix
import pytest
from phoenix import GATEWAY, V1, V2, Frame, Socket

both_versions = pytest.mark.parametrize("version", [V1, V2], ids=["V1", "V2"])


@both_versions
def test_the_join_reply_tells_where_the_client_stands(gateway, client, version):
    with Socket(gateway.ws, client, version) as socket:
        response = socket.join()
        assert response["client_id"] == client
        assert response["transport"] == "websocket"
        assert response["epoch"] and isinstance(response["epoch"], str)
        assert response["next_sequence"] == 0
        assert (response["recovered"], response["reason"], response["replayed"]) == (False, "new", 0)
        assert response["node"]


@pytest.mark.parametrize("path", ["/mcp/ws", "/mcp/ws/websocket"])
@pytest.mark.parametrize("port", ["ws", "http"])
def test_both_paths_on_both_ports_are_channels(gateway, client, path, port):
    with Socket(getattr(gateway, port), client, V2, path=path) as socket:
        assert socket.join()["client_id"] == client


@pytest.mark.parametrize("vsn", [None, "1.0.0", "1.0.7"])
def test_without_vsn_and_with_1_x_the_frames_are_objects(gateway, client, vsn):
    with Socket(gateway.ws, client, version=None, **({"vsn": vsn} if vsn else {})) as socket:
        socket.connection.send(json.dumps({"topic": GATEWAY, "event": "phx_join", "payload": {}, "ref": "1"}))
        frame = json.loads(socket.connection.recv(timeout=10))
        assert set(frame) == {"topic", "event", "payload", "ref"}
        assert (frame["topic"], frame["event"], frame["ref"]) == (GATEWAY, "phx_reply", "1")
        assert frame["payload"]["status"] == "ok"


@pytest.mark.parametrize("vsn", ["2.0.0", "2.0.3"])
def test_with_2_x_the_frames_are_arrays(gateway, client, vsn):
    with Socket(gateway.ws, client, version=None, vsn=vsn) as socket:
        socket.connection.send(json.dumps(["3", "3", GATEWAY, "phx_join", {}]))
        join_ref, ref, topic, event, payload = json.loads(socket.connection.recv(timeout=10))
        assert (join_ref, ref, topic, event, payload["status"]) == ("3", "3", GATEWAY, "phx_reply", "ok")


@both_versions
def test_the_client_id_may_come_in_the_join_payload(gateway, client, version):
    with Socket(gateway.ws, version=version, path="/mcp/ws") as socket:
        assert socket.join({"client_id": client})["client_id"] == client
        gateway.api.publish_numbers(1, client_id=client)
        assert socket.numbers(1) == [0]


def test_the_client_id_may_come_in_a_header(gateway, client):
    with Socket(gateway.ws, connection={"additional_headers": {"X-Client-ID": client}}) as socket:
        assert socket.join()["client_id"] == client


@both_versions
def test_a_heartbeat_is_answered_before_and_after_the_join(gateway, client, version):
    with Socket(gateway.ws, client, version) as socket:
        for _ in range(2):
            socket.send(Frame(None, "77", "phoenix", "heartbeat", {}))
            assert socket.receive() == Frame(None, "77", "phoenix", "phx_reply", {"status": "ok", "response": {}})
            socket.join()


def test_the_reply_to_a_heartbeat_has_no_join_ref_even_if_one_was_sent(gateway, client):
    with Socket(gateway.ws, client) as socket:
        socket.send(Frame("5", "6", "phoenix", "heartbeat", {}))
        assert socket.receive() == Frame(None, "6", "phoenix", "phx_reply", {"status": "ok", "response": {}})


@both_versions
@pytest.mark.parametrize("ref", [0, 1, 41, "", "1", "a-b", None, 9007199254740993])
def test_refs_are_echoed_with_their_json_type(gateway, client, version, ref):
    with Socket(gateway.ws, client, version) as socket:
        socket.send(Frame(None, ref, "phoenix", "heartbeat", {}))
        answer = socket.receive()
        assert answer.ref == ref and type(answer.ref) is type(ref)


@pytest.mark.parametrize("join_ref", [0, 7, "7", None])
def test_join_refs_are_echoed_with_their_json_type(gateway, client, join_ref):
    with Socket(gateway.ws, client) as socket:
        socket.send(Frame(join_ref, 9, GATEWAY, "phx_join", {}))
        joined = socket.receive()
        assert (joined.join_ref, joined.ref, joined.payload["status"]) == (join_ref, 9, "ok")
        assert type(joined.join_ref) is type(join_ref)
        gateway.api.publish_numbers(1, client_id=client)
        pushed = socket.expect("message")
        assert pushed.ref is None
        assert pushed.join_ref in (join_ref, None)


def test_pushes_carry_the_join_ref_of_their_channel(gateway, client, topic):
    """Some clients drop a push whose join_ref is not theirs."""
    with Socket(gateway.ws, client) as socket:
        socket.join()
        socket.join(topic=topic)
        gateway.api.publish_numbers(1, client_id=client)
        gateway.api.publish_numbers(1, topic=topic)
        assert socket.expect("message", GATEWAY)[:2] == (socket.join_refs[GATEWAY], None)
        assert socket.expect("message", topic)[:2] == (socket.join_refs[topic], None)


def test_a_push_with_a_null_join_ref_is_accepted(gateway, client):
    with Socket(gateway.ws, client) as socket:
        socket.join()
        socket.ok("message", {"type": "echo", "data": {"n": 5}}, join_ref=None)
        assert socket.numbers(1) == [5]


def test_a_push_with_a_stale_join_ref_is_ignored_in_silence(gateway, client):
    with Socket(gateway.ws, client) as socket:
        socket.join()
        stale = socket.join_refs[GATEWAY]
        socket.join()
        socket.expect("phx_close")
        socket.push("message", {"type": "echo", "data": {"n": 1}}, ref="stale", join_ref=stale)
        socket.push("phx_leave", ref="stale too", join_ref=stale)
        assert socket.barrier() == []
        socket.ok("message", {"type": "echo", "data": {"n": 2}})
        assert socket.numbers(1) == [2]


def test_a_duplicate_join_sends_v2_clients_the_new_reply_and_then_the_old_close(gateway, client):
    with Socket(gateway.ws, client) as socket:
        socket.send(Frame("1", "1", GATEWAY, "phx_join", {}))
        assert socket.receive().payload["status"] == "ok"
        socket.send(Frame("2", "2", GATEWAY, "phx_join", {}))
        reply, close = socket.receive(), socket.receive()
        assert reply[:4] == ("2", "2", GATEWAY, "phx_reply") and reply.payload["status"] == "ok"
        assert close == Frame("1", "1", GATEWAY, "phx_close", {})


def test_a_duplicate_join_sends_v1_clients_the_old_close_and_then_the_new_reply(gateway, client):
    with Socket(gateway.ws, client, V1) as socket:
        socket.send(Frame(None, "1", GATEWAY, "phx_join", {}))
        assert socket.receive().payload["status"] == "ok"
        socket.send(Frame(None, "2", GATEWAY, "phx_join", {}))
        close, reply = socket.receive(), socket.receive()
        assert close == Frame(None, None, GATEWAY, "phx_close", {})
        assert reply[1:4] == ("2", GATEWAY, "phx_reply") and reply.payload["status"] == "ok"


@both_versions
def test_after_a_duplicate_join_each_message_comes_once(gateway, client, version):
    with Socket(gateway.ws, client, version) as socket:
        socket.join()
        socket.join()
        socket.expect("phx_close")
        gateway.api.publish_numbers(3, client_id=client)
        assert socket.numbers(3) == [0, 1, 2]
        assert socket.barrier() == []


def test_leaving_a_joined_channel_is_answered_and_closed_in_v2(gateway, client):
    with Socket(gateway.ws, client) as socket:
        socket.send(Frame("1", "1", GATEWAY, "phx_join", {}))
        socket.receive()
        socket.send(Frame("1", "2", GATEWAY, "phx_leave", {}))
        assert socket.receive() == Frame("1", "2", GATEWAY, "phx_reply", {"status": "ok", "response": {}})
        assert socket.receive() == Frame("1", "1", GATEWAY, "phx_close", {})


def test_leaving_a_joined_channel_is_answered_and_closed_in_v1(gateway, client):
    with Socket(gateway.ws, client, V1) as socket:
        socket.send(Frame(None, "1", GATEWAY, "phx_join", {}))
        socket.receive()
        socket.send(Frame(None, "2", GATEWAY, "phx_leave", {}))
        assert socket.receive() == Frame(None, "2", GATEWAY, "phx_reply", {"status": "ok", "response": {}})
        assert socket.receive() == Frame(None, None, GATEWAY, "phx_close", {})


def test_a_v1_close_names_the_join_when_the_join_named_itself(gateway, client):
    with Socket(gateway.ws, client, V1) as socket:
        socket.send(Frame("1", "1", GATEWAY, "phx_join", {}))
        socket.receive()
        socket.send(Frame("1", "2", GATEWAY, "phx_leave", {}))
        assert socket.receive().ref == "2"
        assert socket.receive() == Frame(None, "1", GATEWAY, "phx_close", {})


@both_versions
def test_leaving_a_channel_that_was_not_joined_is_ok(gateway, client, version):
    with Socket(gateway.ws, client, version) as socket:
        join_ref = "9" if version == V2 else None
        socket.send(Frame(join_ref, "4", "never:joined", "phx_leave", {}))
        expected = Frame(join_ref, "4", "never:joined", "phx_reply", {"status": "ok", "response": {}})
        assert socket.receive() == expected
        assert socket.barrier() == []


@both_versions
def test_after_leaving_nothing_arrives_and_events_are_unmatched(gateway, client, topic, version):
    with Socket(gateway.ws, client, version) as socket:
        socket.join(topic=topic)
        socket.leave(topic)
        gateway.api.publish_numbers(1, topic=topic)
        assert socket.barrier() == []
        assert socket.error("message", {"type": "echo", "data": {}}, topic)["reason"] == "unmatched topic"


@both_versions
def test_a_channel_can_be_joined_again_after_leaving(gateway, client, version):
    with Socket(gateway.ws, client, version) as socket:
        socket.join()
        socket.leave()
        socket.join()
        socket.ok("message", {"type": "echo", "data": {"n": 1}})
        assert socket.numbers(1) == [1]


@both_versions
@pytest.mark.parametrize("event", ["message", "ping", "ack", "subscribe", "whatever"])
def test_an_event_before_the_join_is_unmatched(gateway, client, bystander, version, event):
    with Socket(gateway.ws, client, version) as socket:
        assert socket.error(event, {"type": "echo", "data": {}})["reason"] == "unmatched topic"


def test_the_unmatched_reply_has_a_null_join_ref(gateway, client):
    with Socket(gateway.ws, client) as socket:
        socket.send(Frame("5", "6", "never:joined", "message", {"type": "echo", "data": {}}))
        answer = socket.receive()
        assert answer[:4] == (None, "6", "never:joined", "phx_reply")
        assert answer.payload["status"] == "error"
        assert answer.payload["response"]["reason"] == "unmatched topic"


def test_the_hundred_and_first_channel_is_refused(gateway, client, bystander):
    with Socket(gateway.ws, client) as socket:
        for number in range(100):
            socket.join(topic=f"room:{client}.{number}")
        refusal = socket.error("phx_join", topic=f"room:{client}.100", ref="x", join_ref="x")
        assert refusal["reason"] == "too many channels joined"
        socket.leave(f"room:{client}.0")
        socket.join(topic=f"room:{client}.100")


def test_the_phoenix_token_subprotocol_is_accepted(gateway, client):
    token = "base64url.bearer.phx.dGVu"
    with Socket(gateway.ws, client, connection={"subprotocols": ["phoenix", token]}) as socket:
        assert socket.connection.subprotocol == "phoenix"
        assert socket.join()["client_id"] == client


def test_a_v1_object_in_a_binary_frame_is_read_like_text(gateway, client):
    """phx_events from PyPI sends its JSON as bytes; Phoenix decodes them all the same."""
    with Socket(gateway.ws, client, V1) as socket:
        frame = {"topic": GATEWAY, "event": "phx_join", "payload": {}, "ref": "1"}
        socket.connection.send(json.dumps(frame).encode())
        assert socket.reply("1").payload["status"] == "ok"


def test_the_socket_stays_open_after_the_last_channel_was_left(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    with socket:
        socket.leave()
        assert socket.barrier() == []
