"""Back ends that answer clients' messages, and that say who may connect and join."""

import threading
import time

import phoenix
import pytest
import sse
from api import API
from longpoll import Poller
from phoenix import Frame, Socket
from wait import until
from webhook import BackEnd

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def back_end():
    one = BackEnd()
    yield one
    one.close()


@pytest.fixture
def start(start_gateway, back_end):
    """A gateway whose messages of type T go to the path /T, for each of `types`."""
    def start(*types, timeout=None, transports=None, **webhooks):
        handler = {"timeout": timeout} if timeout else {}
        routes = [{"type": one, "handler": {"webhook": back_end.url("/" + one), **handler}} for one in types]
        return start_gateway({
            "routes": [*routes, {"type": "echo", "handler": "echo"}, {"type": "*", "handler": "events"}],
            "webhooks": {"retry_delay": "10ms", **webhooks}, "transports": transports or {},
        })
    return start


def statistics(gateway, back_end, path):
    return gateway.api.get("/mcp/stats").json["webhooks"][back_end.url(path)]


def stream_answer(gateway, client, **query):
    """What an event stream is answered that does not begin."""
    return API(gateway.sse).get(sse.path(client, **query))


# What hurts


def test_an_operator_is_told_what_nobody_else_settles_and_when_it_is_over(start_gateway, back_end, new_client):
    answers = iter([(503, None)])
    back_end.on("/pain", lambda _: next(answers, (204, None)))
    gateway = start_gateway({
        "transports": {"http_sse": {"max_connections": 10}},
        "viability": {"interval": "50ms", "algedonic": {"deadline": "50ms", "calm": "50ms"}},
        "webhooks": {"algedonic": back_end.url("/pain"), "secret": SECRET, "retry_delay": "10ms"}})
    crowd = [sse.open_connected(gateway.sse, new_client())[0] for _ in range(9)]
    until(lambda: len(back_end.calls) >= 2, "the call, and its second attempt")
    first, second = back_end.calls[:2]
    assert first.json == second.json and first.headers["webhook-id"] == second.headers["webhook-id"]
    assert second.is_signed_with(SECRET)
    pain = second.json
    assert (pain["event"], pain["signal_type"], pain["level"], pain["severity"]) == (
        "algedonic_signal", "pain", "operator", "critical")
    assert pain["pain_type"] == "connection_shortage" and pain["place"] == "http_sse" and pain["node"] and pain["missed"] == 0
    for one in crowd:
        one.close()
    relief = until(lambda: [one.json for one in back_end.calls if one.json["signal_type"] == "pleasure"], "the relief")[0]
    assert relief["level"] == "operator" and relief["recovery_time_ms"] > 0
    # The levels below have kept to themselves what they settle.
    assert {one.json["level"] for one in back_end.calls} == {"operator"}
    assert statistics(gateway, back_end, "/pain")["failures"] == 1


# Messages


def test_the_answer_becomes_the_reply(start, back_end, client):
    back_end.on("/order", lambda call: (200, {"order": call.json["message"]["data"]["item"], "price": 3}))
    gateway = start("order", secret=SECRET)
    socket, _ = phoenix.join(gateway.ws, client)
    assert socket.ok("message", {"type": "order", "data": {"item": "tea"}}) == {"order": "tea", "price": 3}
    answer = gateway.api.post("/mcp/push", {"client_id": client, "type": "order", "data": {"item": "rum"}, "id": "o-2"})
    assert (answer.status, answer.json) == (202, {"order": "rum", "price": 3})

    first, second = back_end.to("/order")
    assert first.json["event"] == "message" and first.json["client_id"] == client
    assert first.json["message"]["from"] == client and first.json["message"]["type"] == "order"
    assert first.headers["webhook-id"] == first.json["message"]["id"] and second.headers["webhook-id"] == "o-2"
    assert first.headers["content-type"] == "application/json"
    assert abs(int(first.headers["webhook-timestamp"]) - time.time()) < 60
    assert first.is_signed_with(SECRET) and second.is_signed_with(SECRET)


def test_without_a_secret_nothing_is_signed(start, back_end, client):
    back_end.on("/order", (204, None))
    gateway = start("order")
    socket, _ = phoenix.join(gateway.ws, client)
    answer = socket.ok("message", {"type": "order", "data": 1, "id": "mine"})
    assert answer == {"id": "mine", "operation_id": "mine"}, "an answer without a body leaves the usual reply"
    assert "webhook-signature" not in back_end.calls[0].headers


def test_every_transport_gets_its_reply(start, back_end, client):
    back_end.on("/order", lambda call: (200, [call.json["message"]["data"]]))
    gateway = start("order")
    poll = Poller(gateway.ws, client)
    poll.join()
    poll.push("message", {"type": "order", "data": 7}, ref="77")
    frame = poll.until(lambda frame: frame.event == "phx_reply" and frame.ref == "77")
    assert frame.payload == {"status": "ok", "response": [7]}
    old = Socket(gateway.ws, client + "-v1", version=phoenix.V1)
    old.join()
    assert old.ok("message", {"type": "order", "data": 8}) == [8]


def test_a_refusal_is_handed_on(start, back_end, client):
    back_end.on("/order", (409, {"error": "sold_out", "reason": "no tea left", "retry_after": 60}))
    gateway = start("order")
    socket, _ = phoenix.join(gateway.ws, client)
    refusal = {"error": "sold_out", "reason": "no tea left", "retry_after": 60}
    assert socket.error("message", {"type": "order", "data": 1}) == refusal
    answer = gateway.api.post("/mcp/push", {"client_id": client, "type": "order", "data": 1})
    assert (answer.status, answer.json) == (409, refusal)
    assert len(back_end.calls) == 2, "a refusal is no failure: it is not tried again"
    assert statistics(gateway, back_end, "/order")["failures"] == 0


def test_a_failure_is_tried_again_and_names_the_same_message(start, back_end, client):
    answers = iter([(503, None), None, (200, {"done": True})])
    back_end.on("/order", lambda _: next(answers))
    gateway = start("order")
    socket, _ = phoenix.join(gateway.ws, client)
    assert socket.ok("message", {"type": "order", "data": 1}) == {"done": True}
    assert len({call.headers["webhook-id"] for call in back_end.calls}) == 1 and len(back_end.calls) == 3
    figures = statistics(gateway, back_end, "/order")
    assert (figures["calls"], figures["retries"], figures["failures"]) == (1, 2, 2)


def test_attempts_have_an_end(start, back_end, client):
    back_end.on("/order", (500, None))
    gateway = start("order", attempts=2)
    socket, _ = phoenix.join(gateway.ws, client)
    assert socket.error("message", {"type": "order", "data": 1})["error"] == "webhook_failed"
    assert len(back_end.calls) == 2


def test_retries_are_a_small_part_of_the_load(start, back_end, client):
    back_end.on("/order", (500, None))
    # Ten retries are free, and no breaker ends this.
    gateway = start("order", attempts=10, retry_ratio=0)
    socket, _ = phoenix.join(gateway.ws, client)
    for number in range(10):
        socket.error("message", {"type": "order", "data": number})
    assert len(back_end.calls) == 20


def test_what_is_no_json_is_no_answer(start, back_end, client):
    back_end.on("/order", (200, b"<html>"))
    gateway = start("order")
    socket, _ = phoenix.join(gateway.ws, client)
    assert socket.error("message", {"type": "order", "data": 1})["error"] == "webhook_failed"
    assert len(back_end.calls) == 1


def test_an_answer_is_bounded(start, back_end, client):
    back_end.on("/order", (200, {"x": "y" * 3000}))
    gateway = start("order", max_answer_size=2048, attempts=1)
    socket, _ = phoenix.join(gateway.ws, client)
    problem = socket.error("message", {"type": "order", "data": 1})
    assert problem["error"] == "webhook_failed" and "max_answer_size" in problem["reason"]


def test_nobody_listens(start_gateway, client):
    gateway = start_gateway({
        "routes": [{"type": "*", "handler": {"webhook": "http://127.0.0.1:1/"}}], "webhooks": {"retry_delay": "1ms"}})
    socket, _ = phoenix.join(gateway.ws, client)
    assert socket.error("message", {"type": "order", "data": 1})["error"] == "webhook_failed"


def test_an_id_is_handled_once_and_answered_alike(start, back_end, client):
    entered = threading.Event()
    goes_on = threading.Event()

    def slow(call):
        entered.set()
        goes_on.wait(15)
        return 200, {"count": len(back_end.calls)}

    back_end.on("/order", slow)
    gateway = start("order")
    socket, _ = phoenix.join(gateway.ws, client)
    order = {"type": "order", "data": 1, "id": "once"}
    first = socket.push("message", order)
    assert entered.wait(15)
    second = socket.push("message", order)
    socket.barrier()
    goes_on.set()
    assert socket.reply(first).payload["response"] == {"count": 1}
    assert socket.reply(second).payload["response"] == {"count": 1}
    assert socket.ok("message", order) == {"count": 1}
    assert len(back_end.calls) == 1


def test_a_slow_webhook_is_given_up_and_holds_up_nobody(start, back_end, client, new_client):
    back_end.hang("/slow")
    back_end.on("/quick", (200, {"quick": True}))
    gateway = start("slow", "quick", timeout="2s", concurrency=4, queue=4)
    victim, _ = phoenix.join(gateway.ws, client)
    slow = [victim.push("message", {"type": "slow", "data": n}) for n in range(20)]
    other, _ = phoenix.join(gateway.ws, new_client())
    until(lambda: len(back_end.to("/slow")) == 4, "as many calls as may be under way")
    for number in range(20):
        assert other.ok("message", {"type": "quick", "data": number}) == {"quick": True}
        assert other.ok("message", {"type": "echo", "data": number})
    assert victim.ok("message", {"type": "quick", "data": 0}) == {"quick": True}
    assert len(back_end.to("/slow")) == 4, "the others wait or are refused"
    errors = sorted(victim.reply(ref).payload["response"]["error"] for ref in slow)
    assert errors[:12] == ["overloaded"] * 12
    # Who waited may have got its turn in the last moment.
    assert set(errors[12:]) <= {"pool_timeout", "timeout"} and errors.count("timeout") >= 4
    figures = statistics(gateway, back_end, "/slow")
    assert figures["timeouts"] >= 4
    assert figures["pool"]["pool_size"] == 4


def test_the_breaker_stops_calls_and_tries_again(start_gateway, back_end, client):
    healthy = threading.Event()
    back_end.on("/order", lambda _: (200, {"ok": 1}) if healthy.is_set() else (500, None))
    gateway = start_gateway({
        "routes": [{"type": "order", "handler": {"webhook": back_end.url("/order")}}],
        "webhooks": {"attempts": 1}, "circuit_breaker": {"timeout": "300ms"},
    })
    socket, _ = phoenix.join(gateway.ws, client)
    for number in range(20):
        assert socket.error("message", {"type": "order", "data": number})["error"] == "webhook_failed"
    problem = socket.error("message", {"type": "order", "data": 20})
    assert problem["error"] == "circuit_open" and problem["retry_after"] >= 1
    assert len(back_end.calls) == 20
    assert statistics(gateway, back_end, "/order")["circuit_breaker"] == "open"
    healthy.set()
    until(lambda: socket.call("message", {"type": "order", "data": 21})["status"] == "ok", "the breaker to close")
    assert statistics(gateway, back_end, "/order")["circuit_breaker"] == "closed"


def test_a_call_under_way_does_not_hold_up_the_end(start, back_end, client):
    back_end.hang("/order")
    gateway = start("order", timeout="60s")
    socket, _ = phoenix.join(gateway.ws, client)
    socket.push("message", {"type": "order", "data": 1})
    until(lambda: back_end.calls, "the call")
    gateway.stop(patience=12)


# Connections


def hooks(back_end, *names):
    return {name: back_end.url("/" + name) for name in names}


def test_connect_permits_and_gives_attributes(start, back_end, client):
    back_end.on("/connect", lambda call: (200, {"allow": True, "attributes": {"plan": "gold"}}))
    back_end.on("/order", lambda call: (200, call.json["attributes"]))
    back_end.on("/disconnect", (204, None))
    gateway = start("order", secret=SECRET, **hooks(back_end, "connect", "disconnect"))
    socket, _ = phoenix.join(gateway.ws, client)
    assert socket.ok("message", {"type": "order", "data": 1}) == {"plan": "gold"}
    stream, _ = sse.open_connected(gateway.sse, client)
    asked = [call.json for call in back_end.to("/connect")]
    assert [one["transport"] for one in asked] == ["websocket", "http_sse"]
    assert asked[0]["event"] == "connect" and asked[0]["client_id"] == client and asked[0]["attributes"] is None
    assert asked[0]["address"] == "127.0.0.1" and asked[1]["attributes"] == {"plan": "gold"}
    assert all(call.is_signed_with(SECRET) for call in back_end.calls)
    stream.close()
    until(lambda: len(back_end.to("/disconnect")) == 1, "the stream's end to be told")
    socket.close()
    until(lambda: len(back_end.to("/disconnect")) == 2, "the socket's end to be told")
    gone = [call.json for call in back_end.to("/disconnect")]
    assert [(one["transport"], one["remaining_connections"]) for one in gone] == [("http_sse", 1), ("websocket", 0)]
    assert gone[0]["attributes"] == {"plan": "gold"} and gone[0]["event"] == "disconnect"


def test_connect_refuses(start, back_end, client):
    back_end.on("/connect", (200, {"allow": False, "error": "banned", "reason": "not you"}))
    back_end.on("/disconnect", (204, None))
    gateway = start(**hooks(back_end, "connect", "disconnect"))
    answer = stream_answer(gateway, client)
    assert answer.status == 403 and answer.json["error"] == "banned"
    socket = Socket(gateway.ws, client)
    assert socket.error("phx_join")["error"] == "banned"
    poll = Poller(gateway.ws, client)
    poll.push("phx_join", ref="5")
    frame = poll.until(lambda frame: frame.event == "phx_reply")
    assert frame.payload["status"] == "error" and frame.payload["response"]["reason"] == "not you"
    socket.close()
    assert gateway.api.client_health(client) is None
    assert back_end.to("/disconnect") == [], "who never came has not gone"


def test_join_is_asked_for_topics(start, back_end, client):
    def permit(call):
        allowed = not any(topic.startswith("secret:") for topic in call.json["topics"])
        return 200, {"allow": allowed}

    back_end.on("/join", permit)
    gateway = start(**hooks(back_end, "join"))
    socket = Socket(gateway.ws, client)
    socket.join({"topics": ["news:1"], "room": "9"})
    socket.join(topic="news:2")
    assert socket.error("phx_join", topic="secret:1")["error"] == "policy_violation"
    assert socket.error("subscribe", {"topic": "secret:1"})["error"] == "policy_violation"
    socket.ok("subscribe", {"topic": "news:3"})
    asked = [call.json["topics"] for call in back_end.calls]
    assert asked == [["news:1", "room:9"], ["news:2"], ["secret:1"], ["secret:1"], ["news:3"]]
    assert set(gateway.api.client_health(client)["topics"]) == {"news:1", "room:9", "news:2", "news:3"}
    assert stream_answer(gateway, client, topics="secret:1").status == 403
    sse.open_connected(gateway.sse, client, topics="news:1")


def test_what_is_sent_behind_a_join_waits_for_it(start, back_end, client):
    entered, goes_on = threading.Event(), threading.Event()

    def slow(_):
        entered.set()
        goes_on.wait(15)
        return 200, {"allow": True}

    back_end.on("/connect", slow)
    gateway = start(**hooks(back_end, "connect"))
    socket = Socket(gateway.ws, client)
    socket.send(Frame("1", "1", phoenix.GATEWAY, "phx_join", {}))
    for number in range(20):
        socket.send(Frame("1", str(2 + number), phoenix.GATEWAY, "message", {"type": "echo", "data": {"n": number}}))
    assert entered.wait(15)
    goes_on.set()
    assert socket.reply("1").payload["status"] == "ok"
    assert socket.numbers(20) == list(range(20))
    assert len(back_end.calls) == 1


def test_who_sends_too_much_behind_a_join_is_closed(start, back_end, client):
    back_end.hang("/connect")
    gateway = start(**hooks(back_end, "connect"), transports={"websocket": {"max_message_size": 50_000,
                                                                         "max_frame_size": 40_000}})
    socket = Socket(gateway.ws, client)
    for number in range(4):
        socket.send(Frame("1", str(number), phoenix.GATEWAY, "phx_join", {"x": "y" * 15_000}))
    assert socket.close_code() == 1013


@pytest.mark.parametrize("policy", ["deny", "allow"])
def test_when_connect_does_not_answer(start, back_end, client, policy):
    back_end.on("/connect", (500, None))
    gateway = start(on_failure=policy, attempts=1, **hooks(back_end, "connect"))
    socket = Socket(gateway.ws, client)
    assert socket.call("phx_join")["status"] == ("ok" if policy == "allow" else "error")
    if policy == "allow":
        sse.open_connected(gateway.sse, client)
    else:
        assert stream_answer(gateway, client).status == 502


def test_a_hanging_connect_holds_up_only_those_who_wait_for_it(start, back_end, client, new_client):
    back_end.on("/connect", lambda call: (200, {}) if call.json["client_id"] != client else wait())

    def wait():
        back_end.released.wait(30)
        return 200, {}

    gateway = start(timeout=None, **hooks(back_end, "connect"))
    stuck = Socket(gateway.ws, client)
    stuck.send(Frame("1", "1", phoenix.GATEWAY, "phx_join", {}))
    until(lambda: back_end.calls, "the question")
    for _ in range(10):
        other, _ = phoenix.join(gateway.ws, new_client())
        assert other.ok("message", {"type": "echo", "data": 1})
        other.close()


def test_what_is_stored_waits_for_the_permission_too(start_gateway, back_end, client, tmp_path):
    back_end.on("/connect", (200, {"allow": True}))
    config = {
        "storage": {"engine": "sqlite", "path": str(tmp_path / "messages.db")},
        "webhooks": hooks(back_end, "connect"),
    }
    first = start_gateway(config)
    first.api.publish_numbers(5, client_id=client)
    first.stop()
    second = start_gateway(config)
    socket, _ = phoenix.join(second.ws, client)
    assert socket.numbers(5) == list(range(5))
    assert len(back_end.calls) == 1
