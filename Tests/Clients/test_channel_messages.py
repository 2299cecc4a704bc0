"""What a client may send on a channel, and what comes of it."""

import re
import time
import uuid

import phoenix
import pytest
from phoenix import GATEWAY, V1, V2, Socket
from wait import until

both_versions = pytest.mark.parametrize("version", [V1, V2], ids=["V1", "V2"])


@pytest.fixture(params=[V1, V2], ids=["V1", "V2"])
def socket(gateway, client, request):
    one, _ = phoenix.join(gateway.ws, client, version=request.param)
    with one:
        yield one


def test_an_accepted_message_is_answered_with_its_id_and_operation(socket):
    response = socket.ok("message", {"type": "echo", "data": {"a": 1}})
    assert uuid.UUID(response["id"]).version == 7
    assert response["operation_id"]


def test_a_message_that_no_route_takes_is_accepted_for_the_back_ends(socket):
    """The default route is `events`."""
    response = socket.ok("message", {"type": "order.new", "data": {}})
    assert response["id"] and response["operation_id"]
    assert socket.barrier() == []


def test_an_own_id_is_kept(socket):
    mine = str(uuid.uuid4())
    assert socket.ok("message", {"type": "echo", "data": {}, "id": mine})["id"] == mine
    assert socket.message()["id"] == mine


def test_an_echo_comes_back_as_a_whole_envelope(gateway, socket, client):
    data = {"text": "grüß Gott 👋", "list": [1, 2.5, None, True], "nested": {"deep": {}}}
    answer = socket.ok("message", {"type": "echo", "data": data})
    envelope = socket.message()
    assert envelope["type"] == "echo"
    assert envelope["data"] == data
    assert envelope["from"] == client
    assert envelope["id"] == answer["id"]
    assert envelope["sequence"] == 0
    assert isinstance(envelope["epoch"], str)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", envelope["timestamp"])
    assert "priority" not in envelope


def test_a_priority_that_is_not_normal_is_shown(socket):
    socket.ok("message", {"type": "echo", "data": {}, "priority": "high"})
    assert socket.message()["priority"] == "high"
    socket.ok("message", {"type": "echo", "data": {}, "priority": "normal"})
    assert "priority" not in socket.message()


def test_a_hundred_echoes_keep_their_order(socket):
    refs = [socket.push("message", {"type": "echo", "data": {"n": n}}) for n in range(100)]
    for ref in refs:
        assert socket.reply(ref).payload["status"] == "ok"
    assert socket.numbers(100) == list(range(100))


def test_sequences_have_no_holes(gateway, socket, client):
    gateway.api.publish_numbers(50, client_id=client)
    envelopes = socket.messages(50)
    assert [one["sequence"] for one in envelopes] == list(range(50))
    assert len({one["epoch"] for one in envelopes}) == 1
    assert len({one["id"] for one in envelopes}) == 50


@pytest.mark.parametrize(
    "payload", [{}, {"type": "echo"}, {"data": {"n": 1}}], ids=["nothing", "no data", "no type"]
)
def test_a_message_without_type_or_data_is_refused(socket, payload):
    response = socket.error("message", payload)
    assert response["error"] == "invalid_message"
    assert response["reason"].partition(":")[0] == "missing_fields"
    assert "retry_after" in response


@pytest.mark.parametrize("data", [{}, [], [1, 2], "text", 0, -1.5, True, None])
def test_data_may_be_any_json_value(socket, data):
    socket.ok("message", {"type": "echo", "data": data})
    answer = socket.message()["data"]
    assert answer == data and type(answer) is type(data)


def test_a_message_to_another_client_arrives_with_its_sender(gateway, socket, client, new_client):
    other = new_client()
    receiver, _ = phoenix.join(gateway.ws, other)
    with receiver:
        socket.ok("message", {"type": "chat", "data": {"n": 1}, "to": other})
        envelope = receiver.message()
        assert (envelope["type"], envelope["data"], envelope["from"]) == ("chat", {"n": 1}, client)
        assert socket.barrier() == []


def test_a_message_to_a_topic_reaches_its_subscribers(gateway, socket, client, topic, new_client):
    receiver, _ = phoenix.join(gateway.ws, new_client(), {"topics": [topic]})
    with receiver:
        socket.ok("message", {"type": "chat", "data": {"n": 1}, "topic": topic})
        envelope = receiver.message()
        assert (envelope["topic"], envelope["data"], envelope["from"]) == (topic, {"n": 1}, client)


def test_an_event_name_becomes_the_event_of_the_push(gateway, socket, client):
    gateway.api.publish(client_id=client, event="data_update", data={"n": 1})
    pushed = socket.expect("data_update", GATEWAY)
    assert pushed.payload["data"] == {"n": 1}
    assert pushed.payload["sequence"] == 0


def test_a_ping_is_answered_by_a_pong_with_the_time(socket):
    socket.push("ping")
    pong = socket.expect("pong", GATEWAY)
    assert pong.ref is None
    assert abs(pong.payload["timestamp"] - time.time() * 1000) < 60_000
    assert isinstance(pong.payload["timestamp"], int)


def test_an_unknown_event_is_refused_and_the_channel_goes_on(socket):
    assert socket.error("no_such_event", {"a": 1})["reason"] == "unknown_event"
    socket.ok("message", {"type": "echo", "data": {"n": 3}})
    assert socket.numbers(1) == [3]


# Acknowledgements

@pytest.fixture(params=[V1, V2], ids=["V1", "V2"])
def acking(gateway, client, request):
    one, _ = phoenix.join(gateway.ws, client, {"ack": True}, version=request.param)
    with one:
        yield one


def assert_pending(gateway, client, count):
    """The gateway counts a message once it knows that it was sent, which may be after its arrival."""
    until(lambda: gateway.api.client_health(client)["pending_acks"] == count, f"{count} pending acknowledgements")


def test_an_ack_by_msg_id_is_cumulative_and_idempotent(gateway, acking, client):
    gateway.api.publish_numbers(5, client_id=client)
    envelopes = acking.messages(5)
    assert_pending(gateway, client, 5)
    for _ in range(2):
        acking.ok("ack", {"msg_id": envelopes[2]["id"]})
        assert_pending(gateway, client, 2)
    acking.ok("ack", {"msg_id": envelopes[0]["id"]})
    assert_pending(gateway, client, 2)
    acking.ok("ack", {"msg_id": envelopes[4]["id"]})
    assert_pending(gateway, client, 0)


def test_an_ack_by_sequence_is_cumulative(gateway, acking, client):
    gateway.api.publish_numbers(5, client_id=client)
    acking.messages(5)
    acking.ok("ack", {"sequence": 3})
    assert_pending(gateway, client, 1)
    acking.ok("ack", {"sequence": 1})
    assert_pending(gateway, client, 1)


def test_an_ack_without_ref_gets_no_reply(gateway, acking, client):
    gateway.api.publish_numbers(1, client_id=client)
    acking.push("ack", {"msg_id": acking.message()["id"]}, ref=None)
    assert acking.barrier() == []
    assert_pending(gateway, client, 0)


def test_whoever_has_acked_once_counts_as_acking(gateway, socket, client):
    gateway.api.publish_numbers(1, client_id=client)
    socket.ok("ack", {"msg_id": socket.message()["id"]})
    gateway.api.publish_numbers(2, start=1, client_id=client)
    socket.messages(2)
    assert_pending(gateway, client, 2)


def test_acknowledged_messages_do_not_come_again(gateway, client):
    first, _ = phoenix.join(gateway.ws, client, {"ack": True})
    with first:
        gateway.api.publish_numbers(4, client_id=client)
        first.ok("ack", {"sequence": first.messages(4)[1]["sequence"]})
    second, response = phoenix.join(gateway.ws, client, {"resume": "auto"})
    with second:
        assert response["replayed"] == 2
        assert second.numbers(2) == [2, 3]
        assert second.barrier() == []


# Subscriptions

def test_a_subscription_begins_and_ends(gateway, socket, topic):
    socket.ok("subscribe", {"topic": topic})
    gateway.api.publish_numbers(2, topic=topic)
    envelope = socket.message(GATEWAY)
    assert envelope["topic"] == topic
    assert socket.numbers(1) == [1]
    socket.ok("unsubscribe", {"topic": topic})
    gateway.api.publish_numbers(1, topic=topic)
    assert socket.barrier() == []


def test_subscribing_twice_does_not_double_a_message(gateway, socket, topic):
    socket.ok("subscribe", {"topic": topic})
    socket.ok("subscribe", {"topic": topic})
    gateway.api.publish_numbers(1, topic=topic)
    assert socket.numbers(1) == [0]
    assert socket.barrier() == []


def test_unsubscribing_from_what_was_not_subscribed_is_ok(socket, topic):
    socket.ok("unsubscribe", {"topic": topic})


@pytest.mark.parametrize("event", ["subscribe", "unsubscribe"])
def test_a_subscription_without_topic_is_refused(socket, event):
    assert socket.error(event, {})["error"] == "invalid_message"


@both_versions
def test_every_message_reaches_all_connections_of_a_client(gateway, client, version):
    with Socket(gateway.ws, client, version) as one, Socket(gateway.ws, client, V2) as two:
        one.join()
        two.join()
        gateway.api.publish_numbers(20, client_id=client)
        assert one.numbers(20) == two.numbers(20) == list(range(20))
