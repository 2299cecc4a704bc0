"""How many connections one client may hold."""

import phoenix
import sse
from wait import until


def test_a_client_may_hold_so_many_connections_and_is_told_about_the_next(start_gateway, client, new_client):
    own = start_gateway({"session": {"max_connections": 3}})
    first, _ = sse.open_connected(own.sse, client)
    second, _ = phoenix.join(own.ws, client)
    third, _ = phoenix.join(own.ws, client)
    fourth = phoenix.Socket(own.ws, client)
    refused = fourth.error("phx_join", {}, ref="1")
    assert refused["error"] == "too_many_connections" and "session.max_connections" in refused["reason"]
    other, _ = phoenix.join(own.ws, new_client())
    other.close()
    # A place that is left is free again.
    third.close()
    until(lambda: fourth.call("phx_join", {}, ref="2")["status"] == "ok", "a place is free")
    for connection in (first, second, fourth):
        connection.close()


def test_an_event_stream_too_many_is_answered_with_429(start_gateway, client):
    own = start_gateway({"session": {"max_connections": 1}})
    stream, _ = sse.open_connected(own.sse, client)
    with stream:
        answer = own.api.request("GET", f"/mcp/sse?client_id={client}")
        assert answer.status == 429
        assert answer.json["error"] == "too_many_connections"
        assert int(answer.headers["Retry-After"]) > 0
