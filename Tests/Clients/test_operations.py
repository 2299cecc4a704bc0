"""What no other route takes waits for back ends on /mcp/events."""

import phoenix
import pytest
import sse
from wait import until


def events(gateway, **query):
    return sse.Stream(gateway.http, "/mcp/events" + ("?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else ""), {})


@pytest.fixture
def own(start_gateway):
    return start_gateway({"operations": {"log_messages": 20}, "rate_limiting": {"default_limit": 1000, "refill_rate": 1000}})


def test_a_back_end_reads_what_clients_sent_before_and_after_it_came(own, client):
    socket, _ = phoenix.join(own.ws, client)
    with socket:
        first = socket.ok("message", {"type": "order", "data": 1})
        with events(own) as stream:
            stream.expect("connected")
            second = socket.ok("message", {"type": "order", "data": 2})
            got = [stream.expect() for _ in range(2)]
            assert [event.json["data"] for event in got] == [1, 2]
            assert [event.last_event_id for event in got] == [first["operation_id"], second["operation_id"]]
            assert {event.json["from"] for event in got} == {client}


def test_a_back_end_resumes_behind_the_last_operation_it_had(own, client):
    socket, _ = phoenix.join(own.ws, client)
    with socket:
        with events(own) as stream:
            ids = []
            for number in range(3):
                socket.ok("message", {"type": "order", "data": number})
                ids.append(stream.expect().last_event_id)
        with events(own, last_event_id=ids[0]) as stream:
            assert stream.expect("connected").json["data"]["recovered"] is True
            assert [stream.expect().json["data"] for _ in range(2)] == [1, 2]


def test_clients_are_told_when_no_back_end_reads(own, client):
    socket, _ = phoenix.join(own.ws, client)
    with socket:
        for number in range(20):
            socket.ok("message", {"type": "order", "data": number})
        refused = socket.error("message", {"type": "order", "data": 20})
        assert refused["error"] == "overloaded" and refused["retry_after"] > 0
        with events(own) as stream:
            assert [stream.expect().json["data"] for _ in range(20)] == list(range(20))
            # Once they are read there is room again.
            until(lambda: socket.call("message", {"type": "order", "data": 21})["status"] == "ok", "room again")
