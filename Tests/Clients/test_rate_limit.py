"""Rate limits: what is counted, what is said, and that it ends."""

import gateway as gateways
import phoenix
import pytest
import sse
from wait import until

LIMIT = 5


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    """Five messages at once, then one a second."""
    config = {"rate_limiting": {"default_limit": LIMIT, "refill_rate": 1}}
    with gateways.Gateway(tmp_path_factory.mktemp("limited"), config) as one:
        yield one


def push(gateway, client):
    return gateway.api.post("/mcp/push", {"client_id": client, "type": "echo", "data": {}})


def test_answers_say_how_much_is_left(limited, client):
    for left in range(LIMIT - 1, -1, -1):
        answer = push(limited, client)
        assert answer.status in (200, 202)
        assert answer.headers["X-RateLimit-Limit"] == str(LIMIT)
        assert int(answer.headers["X-RateLimit-Remaining"]) in (left, left + 1)
        assert float(answer.headers["X-RateLimit-Reset"]) >= 0


def test_too_many_pushes_are_refused_with_429_and_accepted_again_later(limited, client):
    answers = [push(limited, client) for _ in range(LIMIT + 3)]
    assert [one.status for one in answers[:LIMIT]] == [answers[0].status] * LIMIT
    refused = answers[-1]
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["X-RateLimit-Limit"] == str(LIMIT)
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert float(refused.headers["X-RateLimit-Reset"]) > 0
    assert refused.json["error"] == "rate_limit_exceeded"
    assert refused.json["retry_after"] > 0
    until(lambda: push(limited, client).status in (200, 202), "the limit to refill")


def test_one_client_does_not_use_up_the_limit_of_another(limited, new_client):
    greedy, modest = new_client(), new_client()
    until(lambda: push(limited, greedy).status == 429, "the greedy one to be refused")
    assert push(limited, modest).status in (200, 202)


@pytest.mark.parametrize("version", [phoenix.V1, phoenix.V2], ids=["V1", "V2"])
def test_too_many_channel_messages_get_an_error_reply_and_the_channel_goes_on(limited, client, version):
    socket, _ = phoenix.join(limited.ws, client, version=version)
    with socket:
        answers = [socket.call("message", {"type": "echo", "data": {}}) for _ in range(LIMIT + 3)]
        refused = answers[-1]
        assert refused["status"] == "error"
        assert refused["response"]["error"] == "rate_limit_exceeded"
        assert refused["response"]["retry_after"] > 0
        until(lambda: socket.call("message", {"type": "echo", "data": {}})["status"] == "ok", "the limit to refill")


def test_heartbeats_and_pings_are_not_counted(limited, client):
    socket, _ = phoenix.join(limited.ws, client)
    with socket:
        for _ in range(LIMIT + 5):
            assert socket.barrier() == []
        socket.ok("message", {"type": "echo", "data": {}})


def test_the_limit_is_shared_by_all_ways_up(limited, client):
    socket, _ = phoenix.join(limited.ws, client)
    with socket:
        until(lambda: push(limited, client).status == 429, "the limit to be used up by HTTP")
        assert socket.error("message", {"type": "echo", "data": {}})["error"] == "rate_limit_exceeded"


def test_streams_tell_the_limit(limited, client):
    with sse.open(limited.sse, client) as stream:
        assert stream.headers["X-RateLimit-Limit"] == str(LIMIT)


@pytest.mark.parametrize(
    "environment, expected",
    [({"MCP_RATE_LIMIT": "7"}, 7), ({"MCP_RATE_LIMIT": "7", "MCP_RATE_LIMIT_PER_CLIENT": "9"}, 9)],
)
def test_the_environment_overrides_the_file(start_gateway, client, environment, expected):
    gateway = start_gateway(env=environment)
    assert push(gateway, client).headers["X-RateLimit-Limit"] == str(expected)
