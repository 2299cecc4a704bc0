"""Health, readiness, statistics and what each port serves."""

import datetime

import phoenix
import pytest
import sse
from api import API
from wait import until


@pytest.mark.parametrize("path", ["/health", "/ready"])
@pytest.mark.parametrize("port", ["http", "sse", "ws"])
def test_every_port_tells_whether_it_lives_and_is_ready(gateway, port, path):
    answer = API(getattr(gateway, port)).get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert isinstance(answer.json, dict)


def test_the_health_of_the_gateway_has_detail(gateway):
    answer = gateway.api.get("/health/gateway")
    assert answer.status == 200
    assert len(answer.json) > 1


FORMS = ["/mcp/health/{}", "/mcp/health/client/{}"]


@pytest.mark.parametrize("form", FORMS)
def test_the_health_of_a_client_counts_its_messages(gateway, client, form):
    socket, response = phoenix.join(gateway.ws, client)
    with socket:
        gateway.api.publish_numbers(3, client_id=client)
        socket.messages(3)
        socket.ok("message", {"type": "echo", "data": {}})
        answer = gateway.api.get(form.format(client))
        assert answer.status == 200
        health = answer.json
        assert health["client_id"] == client
        assert health["connected"] is True
        assert health["transport"] == "websocket"
        assert health["transports"] == ["websocket"]
        assert 0 <= health["connection_age"] < 60
        assert health["messages_sent"] >= 3
        assert health["messages_received"] >= 1
        assert health["pending_acks"] == 0
        assert health["epoch"] == response["epoch"]
        assert health["sequence"] == 3
        last = datetime.datetime.fromisoformat(health["last_activity"])
        assert abs(last - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=1)


@pytest.mark.parametrize("form", FORMS)
def test_an_unknown_client_is_404(gateway, client, form):
    answer = gateway.api.get(form.format(client))
    assert answer.status == 404
    assert set(answer.json) == {"error", "reason", "retry_after"}


def test_a_client_that_left_is_known_but_not_connected(gateway, client):
    stream, _ = sse.open_connected(gateway.sse, client)
    assert gateway.api.client_health(client)["transports"] == ["http_sse"]
    stream.close()
    health = until(
        lambda: (one := gateway.api.client_health(client)) and not one["connected"] and one, "the end to be noticed"
    )
    assert health["transports"] == []
    assert health["transport"] is None


def test_statistics_have_their_shape(gateway):
    answer = gateway.api.get("/mcp/stats")
    assert answer.status == 200
    stats = answer.json
    for transport in ("websocket", "http_sse"):
        one = stats[transport]
        assert isinstance(one["connections"], int)
        for figure in ("messages_per_second", "avg_latency_ms", "errors_per_minute"):
            assert isinstance(one[figure], (int, float)), one


def test_statistics_move(start_gateway, new_client):
    gateway = start_gateway()

    def stats(transport):
        return gateway.api.get("/mcp/stats").json[transport]

    assert stats("websocket")["connections"] == stats("http_sse")["connections"] == 0
    by_socket, by_stream = new_client(), new_client()
    socket, _ = phoenix.join(gateway.ws, by_socket)
    stream, _ = sse.open_connected(gateway.sse, by_stream)
    until(lambda: stats("websocket")["connections"] == 1, "the socket to be counted")
    until(lambda: stats("http_sse")["connections"] == 1, "the stream to be counted")
    published = 0

    def moving():
        nonlocal published
        gateway.api.publish_numbers(20, client_id=by_socket)
        gateway.api.publish_numbers(20, client_id=by_stream)
        socket.numbers(20)
        stream.numbers(20)
        published += 40
        return stats("websocket")["messages_per_second"] > 0 and stats("http_sse")["messages_per_second"] > 0

    until(moving, "the rates to move")
    socket.close()
    stream.close()
    until(lambda: stats("websocket")["connections"] == 0, "the socket to be gone")
    until(lambda: stats("http_sse")["connections"] == 0, "the stream to be gone")


@pytest.mark.parametrize(
    "port, path",
    [("sse", "/mcp/stats"), ("sse", "/mcp/ws"), ("sse", "/mcp/messages"), ("sse", "/mcp/admin/config"),
     ("ws", "/mcp/stats"), ("ws", "/mcp/sse"), ("ws", "/mcp/admin/config"), ("http", "/no/such/path"),
     ("sse", "/"), ("ws", "/no/such/path")],
)
def test_each_port_serves_only_its_own(gateway, port, path):
    answer = API(getattr(gateway, port)).get(path)
    assert answer.status == 404
    assert set(answer.json) == {"error", "reason", "retry_after"}


def test_a_connection_is_kept_for_the_next_request(gateway):
    api = API(gateway.http)
    api.get("/health")
    kept = api._connection().sock
    api.get("/health")
    assert kept is not None and api._connection().sock is kept
