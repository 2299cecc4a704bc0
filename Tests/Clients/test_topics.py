"""Topics: rooms, free channels, and where a message of a topic arrives."""

import phoenix
import pytest
import sse
from phoenix import GATEWAY, V1, V2, Socket


@pytest.fixture(params=[V1, V2], ids=["V1", "V2"])
def socket(gateway, client, request):
    with Socket(gateway.ws, client, request.param) as one:
        yield one


def test_a_room_is_the_topic_room_colon_name(gateway, socket, client):
    socket.join({"room": f"r.{client}"})
    gateway.api.publish_numbers(2, topic=f"room:r.{client}")
    envelope = socket.message(GATEWAY)
    assert envelope["topic"] == f"room:r.{client}"
    assert socket.numbers(1) == [1]


def test_topics_of_the_join_payload_are_subscribed(gateway, socket, topic):
    socket.join({"topics": [topic, topic + ".b"]})
    gateway.api.publish_numbers(1, topic=topic)
    gateway.api.publish_numbers(1, start=1, topic=topic + ".b")
    assert socket.numbers(2, GATEWAY) == [0, 1]


def test_a_free_topic_needs_no_gateway_channel(gateway, socket, topic):
    socket.join(topic=topic)
    gateway.api.publish_numbers(3, topic=topic)
    assert socket.numbers(3, topic) == [0, 1, 2]


def test_a_message_comes_once_and_on_its_own_channel_if_that_is_joined(gateway, socket, client, topic):
    socket.join({"topics": [topic]})
    socket.join(topic=topic)
    gateway.api.publish_numbers(1, topic=topic)
    gateway.api.publish_numbers(1, start=1, client_id=client)
    assert socket.numbers(1, topic) == [0]
    assert socket.numbers(1, GATEWAY) == [1]
    assert socket.barrier() == []


def test_messages_of_topics_and_of_the_client_share_one_sequence(gateway, socket, client, topic):
    socket.join()
    socket.join(topic=topic)
    for n in range(10):
        gateway.api.publish_numbers(1, start=n, **({"topic": topic} if n % 2 else {"client_id": client}))
    envelopes = socket.messages(10)
    assert [one["data"]["n"] for one in envelopes] == list(range(10))
    assert [one["sequence"] for one in envelopes] == list(range(10))


def test_after_leaving_a_topic_only_the_gateway_channel_goes_on(gateway, socket, client, topic):
    socket.join()
    socket.join(topic=topic)
    socket.leave(topic)
    gateway.api.publish_numbers(1, topic=topic)
    gateway.api.publish_numbers(1, start=1, client_id=client)
    assert socket.numbers(1, GATEWAY) == [1]
    assert socket.barrier() == []


def test_a_publish_reaches_many_subscribers_over_both_transports(gateway, topic, new_client):
    sockets = [phoenix.join(gateway.ws, new_client(), {"topics": [topic]})[0] for _ in range(10)]
    streams = [sse.open_connected(gateway.sse, new_client(), topics=topic)[0] for _ in range(10)]
    answer = gateway.api.publish(topic=topic, data={"n": 0})
    assert answer["delivered"] == 20 and answer["queued"] == 0
    gateway.api.publish_numbers(99, start=1, topic=topic)
    for one in (*sockets, *streams):
        assert one.numbers(100) == list(range(100))
        one.close()


def test_a_publish_to_a_topic_without_subscribers_is_accepted(gateway, topic):
    answer = gateway.api.publish(topic=topic)
    assert (answer["delivered"], answer["queued"], answer["results"]) == (0, 0, [])


def test_a_foreign_topic_does_not_arrive(gateway, socket, client, topic):
    socket.join({"topics": [topic]})
    gateway.api.publish_numbers(1, topic=topic + "x")
    gateway.api.publish_numbers(1, start=1, topic=topic[:-1])
    gateway.api.publish_numbers(1, start=2, topic=topic)
    assert socket.numbers(1) == [2]
    assert socket.barrier() == []


def test_a_topic_join_needs_a_client_id_from_somewhere(gateway, topic):
    with Socket(gateway.ws) as socket:
        assert socket.error("phx_join", topic=topic, ref="1", join_ref="1")["reason"]


def test_a_topic_join_may_bring_the_client_id(gateway, client, topic):
    with Socket(gateway.ws) as socket:
        socket.join({"client_id": client}, topic)
        gateway.api.publish_numbers(1, topic=topic)
        assert socket.numbers(1, topic) == [0]
