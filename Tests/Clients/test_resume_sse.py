"""Resuming an event stream: by header, by query, by number, by the gateway's own memory."""

import phoenix
import pytest
import sse

REASONS = {"new", "epoch", "trimmed", "ahead"}


@pytest.fixture
def ten(gateway, client):
    """Ten messages that a stream has had; it is closed now. Gives the events."""
    stream, _ = sse.open_connected(gateway.sse, client)
    gateway.api.publish_numbers(10, client_id=client)
    events = stream.messages(10)
    stream.close()
    return events


def assert_recovered(connected, replayed):
    assert (connected["recovered"], connected["reason"], connected["replayed"]) == (True, None, replayed), connected


def assert_quiet_but_live(gateway, stream, client, number):
    """Nothing waits in the stream: what is published now comes next."""
    gateway.api.publish_numbers(1, start=number, client_id=client)
    assert stream.numbers(1) == [number]


def test_the_last_event_id_header_resumes(gateway, client, ten):
    gateway.api.publish_numbers(5, start=10, client_id=client)
    stream, connected = sse.open_connected(gateway.sse, client, header_id=ten[3].last_event_id)
    with stream:
        assert_recovered(connected, 11)
        assert stream.numbers(11) == list(range(4, 15))
        assert_quiet_but_live(gateway, stream, client, 15)


def test_the_query_parameter_resumes(gateway, client, ten):
    stream, connected = sse.open_connected(gateway.sse, client, last_event_id=ten[6].last_event_id)
    with stream:
        assert_recovered(connected, 3)
        assert stream.numbers(3) == [7, 8, 9]


def test_the_header_wins_over_the_query_parameter(gateway, client, ten):
    stream, connected = sse.open_connected(
        gateway.sse, client, header_id=ten[8].last_event_id, last_event_id=ten[1].last_event_id
    )
    with stream:
        assert_recovered(connected, 1)
        assert stream.numbers(1) == [9]


@pytest.mark.parametrize("how", ["header_id", "last_event_id"])
def test_a_bare_number_is_a_sequence_of_the_present_epoch(gateway, client, ten, how):
    stream, connected = sse.open_connected(gateway.sse, client, **{how: "7"})
    with stream:
        assert_recovered(connected, 2)
        assert stream.numbers(2) == [8, 9]


def test_replayed_events_are_the_same_as_the_first_ones(gateway, client, ten):
    stream, _ = sse.open_connected(gateway.sse, client, header_id=ten[0].last_event_id)
    with stream:
        assert stream.messages(9) == ten[1:]


def test_resume_auto_goes_on_after_what_was_flushed(gateway, client, ten):
    gateway.api.publish_numbers(2, start=10, client_id=client)
    stream, connected = sse.open_connected(gateway.sse, client, resume="auto")
    with stream:
        assert connected["recovered"] is True
        assert stream.numbers(2) == [10, 11]
        assert_quiet_but_live(gateway, stream, client, 12)


def test_an_id_seen_on_a_websocket_resumes_a_stream_and_the_other_way_round(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    gateway.api.publish_numbers(4, client_id=client)
    envelope = socket.messages(2)[1]
    socket.close()
    stream, connected = sse.open_connected(gateway.sse, client, header_id=phoenix.event_id(envelope))
    assert_recovered(connected, 2)
    last = stream.messages(1)[0].last_event_id
    stream.close()
    socket, response = phoenix.join(gateway.ws, client, {"last_event_id": last})
    with socket:
        assert_recovered(response, 1)
        assert socket.numbers(1) == [3]


def test_topics_are_replayed_too(gateway, client, topic):
    first, _ = sse.open_connected(gateway.sse, client, topics=topic)
    gateway.api.publish_numbers(1, topic=topic)
    seen = first.expect().last_event_id
    first.close()
    gateway.api.publish_numbers(3, start=1, topic=topic)
    second, connected = sse.open_connected(gateway.sse, client, topics=topic, header_id=seen)
    with second:
        assert_recovered(connected, 3)
        assert second.numbers(3) == [1, 2, 3]


def assert_refused_but_live(gateway, client, position, reasons):
    stream, connected = sse.open_connected(gateway.sse, client, header_id=position)
    with stream:
        assert connected["recovered"] is False, connected
        assert connected["reason"] in reasons, connected
        gateway.api.publish_numbers(1, start=99, client_id=client)
        numbers = []
        while not numbers or numbers[-1] != 99:
            numbers += stream.numbers(1)
        assert numbers == sorted(set(numbers))


def test_an_id_of_another_epoch_is_refused_with_epoch(gateway, client, ten):
    assert_refused_but_live(gateway, client, "0abcdef-3", {"epoch"})


def test_an_id_of_another_client_is_refused_with_epoch(gateway, client, ten, new_client):
    other = new_client()
    stream, _ = sse.open_connected(gateway.sse, other)
    with stream:
        gateway.api.publish_numbers(1, client_id=other)
        foreign = stream.expect().last_event_id
    assert_refused_but_live(gateway, client, foreign, {"epoch"})


def test_an_id_of_the_future_is_refused_with_ahead(gateway, client, ten):
    epoch = ten[0].json["epoch"]
    assert_refused_but_live(gateway, client, f"{epoch}-10", {"ahead"})


@pytest.mark.parametrize("garbage", ["-", "x-", "abc", "1-2-3", "18446744073709551616", "a" * 4000])
def test_garbage_is_refused_with_a_reason(gateway, client, ten, bystander, garbage):
    assert_refused_but_live(gateway, client, garbage, REASONS)


def test_messages_to_an_absent_client_wait_for_its_stream(gateway, client):
    gateway.api.publish_numbers(20, client_id=client)
    stream, connected = sse.open_connected(gateway.sse, client)
    with stream:
        assert (connected["recovered"], connected["reason"], connected["replayed"]) == (False, "new", 20)
        assert stream.numbers(20) == list(range(20))


def test_a_cut_stream_resumes_with_nothing_lost_or_repeated(gateway, client, proxy_to):
    """The cut comes at any byte; only whole events count, as the standard says."""
    proxy = proxy_to(gateway.sse)
    seen, last, published = [], None, 0
    for size in (1500, 700, 1, 4000, 2500, 999):
        stream, connected = sse.open_connected(proxy.address, client, header_id=last)
        assert connected["recovered"] is (last is not None)
        proxy.cut_after(size)
        gateway.api.publish_numbers(40, start=published, client_id=client)
        published += 40
        seen += [event for event in stream.rest() if event.type == "message"]
        last = stream.last_event_id or last
    stream, _ = sse.open_connected(gateway.sse, client, header_id=last)
    with stream:
        seen += stream.messages(published - len(seen))
        assert_quiet_but_live(gateway, stream, client, published)
    assert [event.json["data"]["n"] for event in seen] == list(range(published))
    assert [event.json["sequence"] for event in seen] == list(range(published))
