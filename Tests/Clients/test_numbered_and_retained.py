"""Messages that their client numbers, and the last message of a topic."""

import phoenix
import sse
from wait import until


def echo(n, **more):
    return {"type": "echo", "data": {"n": n}, "seq": n, **more}


def test_numbered_messages_are_processed_in_order_each_once_over_both_ways_up(gateway, client):
    one, _ = phoenix.join(gateway.ws, client)
    assert one.ok("message", echo(2)) == {"seq": 2, "status": "buffered"}
    pushed = gateway.api.post("/mcp/push", {"client_id": client, **echo(1)})
    assert pushed.status == 202 and pushed.json == {"seq": 1, "status": "buffered"}
    first = one.ok("message", echo(0))
    assert one.numbers(3) == [0, 1, 2]
    # Again, by the other way: answered alike, and not processed.
    again = gateway.api.post("/mcp/push", {"client_id": client, **echo(0)})
    assert again.json == first
    one.ok("message", echo(3))
    assert one.numbers(1) == [3]
    one.close()


def test_the_numbering_goes_on_on_the_next_connection(gateway, client):
    one, _ = phoenix.join(gateway.ws, client)
    one.ok("message", echo(0))
    last = one.message()
    one.close()
    two, _ = phoenix.join(gateway.ws, client, {"last_event_id": phoenix.event_id(last)})
    two.ok("message", echo(0))
    two.ok("message", echo(1))
    assert two.numbers(1) == [1]
    two.close()


def test_a_number_that_never_comes_is_given_up_and_told(start_gateway, client):
    own = start_gateway({"sequencer": {"gap_timeout": "300ms"}})
    one, _ = phoenix.join(own.ws, client)
    one.ok("message", echo(2))
    told = one.expect("error").payload["data"]
    assert (told["error"], told["from"], told["to"]) == ("sequence_gap", 0, 1)
    assert one.numbers(1) == [2]
    assert one.error("message", echo(1))["error"] == "sequence_passed"
    one.close()


def test_what_waits_is_bounded(start_gateway, client):
    own = start_gateway({"sequencer": {"buffer": 2}})
    one, _ = phoenix.join(own.ws, client)
    for n in (1, 2):
        one.ok("message", echo(n))
    assert one.error("message", echo(3))["error"] == "overloaded"
    one.ok("message", echo(0))
    assert one.numbers(3) == [0, 1, 2]
    one.close()


def test_whoever_subscribes_gets_the_last_message_first_and_then_what_follows(gateway, new_client, topic):
    gateway.api.publish(topic=topic, data={"n": 0}, retain=True)
    kept = gateway.api.publish(topic=topic, data={"n": 1}, retain=True)
    gateway.api.publish(topic=topic, data={"n": 2})
    one, _ = phoenix.join(gateway.ws, new_client(), {"topics": [topic]})
    gateway.api.publish(topic=topic, data={"n": 3})
    first, second = one.messages(2)
    assert first["retained"] and first["data"] == {"n": 1} and first["id"] == kept["id"]
    assert "retained" not in second and second["data"] == {"n": 3}
    stream, _ = sse.open_connected(gateway.sse, new_client(), topics=topic)
    assert stream.numbers(1) == [1]
    stream.close()
    gateway.api.publish(topic=topic, data=None, retain=True)
    assert one.message()["data"] is None
    late, _ = phoenix.join(gateway.ws, new_client(), {"topics": [topic]})
    assert not late.barrier()
    for connection in (one, late):
        connection.close()


def test_topics_keep_their_last_message_by_configuration_within_bounds(start_gateway, new_client):
    own = start_gateway({"retain": {"topics": ["state:*"], "max_topics": 2}})
    for n in range(3):
        own.api.publish(topic=f"state:{n}", data={"n": n})
    own.api.publish(topic="news", data={"n": 9})
    one, _ = phoenix.join(own.ws, new_client(), {"topics": ["state:0", "state:1", "state:2", "news"]})
    assert one.numbers(2) == [1, 2]
    assert not one.barrier()
    assert own.api.get("/mcp/stats").json["retained"]["evicted"] == 1
    one.close()


def test_no_hole_and_no_repeat_between_the_kept_message_and_live_ones(gateway, new_client, topic):
    """Subscribers come while somebody publishes; each must see a run of numbers without a hole."""
    import threading

    stop = threading.Event()

    def publish():
        n = 0
        while not stop.is_set():
            gateway.api.publish(topic=topic, data={"n": n}, retain=True)
            n += 1

    publisher = threading.Thread(target=publish)
    publisher.start()
    until(lambda: gateway.api.get("/mcp/stats").json["retained"]["topics"] > 0, "the first message")
    try:
        for _ in range(30):
            one, _ = phoenix.join(gateway.ws, new_client(), {"topics": [topic]})
            numbers = one.numbers(5)
            assert numbers == list(range(numbers[0], numbers[0] + 5))
            one.close()
    finally:
        stop.set()
        publisher.join()
