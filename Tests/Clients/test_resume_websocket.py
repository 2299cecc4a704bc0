"""Resuming over WebSocket: all or nothing, and always said."""

import phoenix
import pytest
from phoenix import GATEWAY, V1, V2, Socket

REASONS = {"new", "epoch", "trimmed", "ahead"}

both_versions = pytest.mark.parametrize("version", [V1, V2], ids=["V1", "V2"])


@pytest.fixture
def ten(gateway, client):
    """Ten messages that a connection has had; it is gone now. Gives their envelopes."""
    socket, _ = phoenix.join(gateway.ws, client)
    gateway.api.publish_numbers(10, client_id=client)
    envelopes = socket.messages(10)
    socket.leave()
    socket.close()
    return envelopes


def assert_recovered(response, replayed):
    assert (response["recovered"], response["reason"], response["replayed"]) == (True, None, replayed), response


@both_versions
def test_a_join_with_last_event_id_gets_every_later_message(gateway, client, ten, version):
    gateway.api.publish_numbers(5, start=10, client_id=client)
    last = phoenix.event_id(ten[3])
    socket, response = phoenix.join(gateway.ws, client, {"last_event_id": last}, version)
    with socket:
        assert_recovered(response, 11)
        assert response["epoch"] == ten[0]["epoch"]
        assert socket.numbers(11) == list(range(4, 15))
        assert socket.barrier() == []


def test_the_join_reply_comes_before_the_replay(gateway, client, ten):
    with Socket(gateway.ws, client) as socket:
        socket.push("phx_join", {"last_event_id": phoenix.event_id(ten[0])}, ref="1", join_ref="1")
        assert [socket.receive().event for _ in range(10)] == ["phx_reply"] + 9 * ["message"]


def test_the_position_may_come_in_the_query(gateway, client, ten):
    socket, response = phoenix.join(gateway.ws, client, last_event_id=phoenix.event_id(ten[6]))
    with socket:
        assert_recovered(response, 3)
        assert socket.numbers(3) == [7, 8, 9]


def test_a_bare_number_is_a_sequence_of_the_present_epoch(gateway, client, ten):
    socket, response = phoenix.join(gateway.ws, client, {"last_event_id": "7"})
    with socket:
        assert_recovered(response, 2)
        assert socket.numbers(2) == [8, 9]


def test_resuming_after_the_last_message_replays_nothing(gateway, client, ten):
    socket, response = phoenix.join(gateway.ws, client, {"last_event_id": phoenix.event_id(ten[9])})
    with socket:
        assert_recovered(response, 0)
        assert socket.barrier() == []
        gateway.api.publish_numbers(1, start=10, client_id=client)
        assert socket.numbers(1) == [10]


def test_a_message_is_the_same_when_it_is_replayed(gateway, client, ten):
    socket, _ = phoenix.join(gateway.ws, client, {"last_event_id": phoenix.event_id(ten[0])})
    with socket:
        assert socket.messages(9) == ten[1:]


def test_live_messages_follow_the_replay_in_order(gateway, client, ten):
    socket, _ = phoenix.join(gateway.ws, client, {"last_event_id": phoenix.event_id(ten[0])})
    with socket:
        gateway.api.publish_numbers(10, start=10, client_id=client)
        assert socket.numbers(19) == list(range(1, 20))


def test_resume_auto_goes_on_after_what_was_flushed(gateway, client, ten):
    gateway.api.publish_numbers(2, start=10, client_id=client)
    socket, response = phoenix.join(gateway.ws, client, {"resume": "auto"})
    with socket:
        assert response["recovered"] is True
        assert socket.numbers(2) == [10, 11]
        assert socket.barrier() == []


def test_topics_of_a_session_are_replayed_too(gateway, client, topic):
    first, _ = phoenix.join(gateway.ws, client, {"topics": [topic]})
    gateway.api.publish_numbers(1, topic=topic)
    seen = first.message()
    first.close()
    gateway.api.publish_numbers(3, start=1, topic=topic)
    second, response = phoenix.join(
        gateway.ws, client, {"topics": [topic], "last_event_id": phoenix.event_id(seen)}
    )
    with second:
        assert_recovered(response, 3)
        assert second.numbers(3) == [1, 2, 3]


# Positions that are none

def assert_refused_but_live(gateway, client, position, reason):
    """No resume, a reason, the stored messages of the present epoch from the oldest on, then live ones."""
    reasons = {reason} if isinstance(reason, str) else reason
    socket, response = phoenix.join(gateway.ws, client, {"last_event_id": position})
    with socket:
        assert response["recovered"] is False, response
        assert response["reason"] in reasons, response
        gateway.api.publish_numbers(1, start=99, client_id=client)
        numbers = []
        while not numbers or numbers[-1] != 99:
            numbers += socket.numbers(1)
        assert numbers == sorted(set(numbers))


def test_an_id_of_another_epoch_is_refused_with_epoch(gateway, client, ten):
    assert_refused_but_live(gateway, client, "0abcdef-3", "epoch")


def test_an_id_of_another_client_is_refused_with_epoch(gateway, client, ten, new_client):
    other = new_client()
    socket, _ = phoenix.join(gateway.ws, other)
    with socket:
        gateway.api.publish_numbers(1, client_id=other)
        foreign = phoenix.event_id(socket.message())
    assert_refused_but_live(gateway, client, foreign, "epoch")


def test_an_id_of_the_future_is_refused_with_ahead(gateway, client, ten):
    assert_refused_but_live(gateway, client, f"{ten[0]['epoch']}-10", "ahead")


def test_a_number_of_the_future_is_refused_with_ahead(gateway, client, ten):
    assert_refused_but_live(gateway, client, "4000000000", "ahead")


@pytest.mark.parametrize(
    "garbage",
    ["-", "x-", "abc", "1-2-3", "☃-1", " ", "18446744073709551616", "a" * 4000, "\u0000", 3.5, {}, [1], True],
)
def test_garbage_is_refused_with_a_reason(gateway, client, ten, bystander, garbage):
    assert_refused_but_live(gateway, client, garbage, REASONS)


def test_an_id_of_before_the_log_is_refused_with_trimmed(gateway, client, topic):
    """The log holds 1,000 messages."""
    first, _ = phoenix.join(gateway.ws, client, {"topics": [topic]})
    gateway.api.publish_numbers(1, topic=topic)
    seen = first.message()
    first.close()
    gateway.api.publish_numbers(1100, start=1, topic=topic)
    second, response = phoenix.join(
        gateway.ws, client, {"topics": [topic], "last_event_id": phoenix.event_id(seen)}
    )
    with second:
        assert (response["recovered"], response["reason"]) == (False, "trimmed")


def test_a_new_client_with_an_old_id_is_told_so(gateway, client):
    assert_refused_but_live(gateway, client, "1z9k-3", "epoch")


# What waits for an absent client

@both_versions
def test_messages_to_an_absent_client_wait_for_it(gateway, client, version):
    answers = gateway.api.publish_numbers(20, client_id=client)
    assert {(one["delivered"], one["queued"]) for one in answers} == {(0, 1)}
    socket, response = phoenix.join(gateway.ws, client, version=version)
    with socket:
        assert (response["recovered"], response["reason"], response["replayed"]) == (False, "new", 20)
        assert socket.numbers(20) == list(range(20))


def test_a_cut_connection_resumes_with_nothing_lost_or_repeated(gateway, client, proxy_to):
    proxy = proxy_to(gateway.ws)
    seen, last, published = [], None, 0
    for size in (1500, 700, 1, 4000, 2500):
        payload = {"last_event_id": last} if last else {}
        socket = Socket(proxy.address, client)
        response = socket.join(payload)
        assert response["recovered"] is (last is not None)
        proxy.cut_after(size)
        gateway.api.publish_numbers(40, start=published, client_id=client)
        published += 40
        socket.close_code()
        for frame in socket.inbox:
            assert (frame.topic, frame.event) == (GATEWAY, "message")
            seen.append(frame.payload)
            last = phoenix.event_id(frame.payload)
    socket, response = phoenix.join(gateway.ws, client, {"last_event_id": last})
    with socket:
        seen += socket.messages(published - len(seen))
        assert socket.barrier() == []
    assert [one["data"]["n"] for one in seen] == list(range(published))
    assert [one["sequence"] for one in seen] == list(range(published))
