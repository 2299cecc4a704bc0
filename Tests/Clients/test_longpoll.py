"""`/mcp/ws/longpoll` as Phoenix has it, and what a session promises on it."""

import base64
import json
import socket
import threading
import time

import phoenix
import pytest
import tokens
from api import API
from longpoll import HEADER, PATH, Poller
from test_phoenix_binary import binary_push
from wait import until

FAST = {"transports": {"websocket": {"longpoll": {"window": "200ms", "idle_timeout": "600ms"}}}}


@pytest.mark.parametrize("version", [phoenix.V1, phoenix.V2])
@pytest.mark.parametrize("header", [True, False])
def test_a_session_joins_receives_in_order_and_echoes(gateway, client, version, header):
    poller = Poller(gateway.ws, client, version=version, header=header)
    response = poller.join()
    assert (response["client_id"], response["transport"]) == (client, "longpoll")
    gateway.api.publish_numbers(300, client_id=client)
    assert poller.numbers(300) == list(range(300))
    poller.push("message", {"type": "echo", "data": {"n": 'ü"\\\n'}}, ref="9")
    assert poller.until(lambda frame: frame.ref == "9").payload["status"] == "ok"
    assert poller.numbers(1) == ['ü"\\\n']


def test_it_is_there_on_port_4000_too_and_not_on_that_of_event_streams(gateway, client):
    Poller(gateway.http, client).join()
    assert API(gateway.sse).get(PATH).status == 404


def test_a_poll_waits_for_its_window_or_a_message(start_gateway, client):
    own = start_gateway(FAST)
    poller = Poller(own.ws, client)
    poller.join()
    begun = time.monotonic()
    assert poller.poll() == (204, [])
    assert time.monotonic() - begun >= 0.2
    threading.Timer(0.05, lambda: own.api.publish_numbers(1, client_id=client)).start()
    assert poller.numbers(1) == [0]


def test_two_polls_do_not_wait_at_once_the_older_one_is_told_that_there_is_nothing(gateway, client):
    poller = Poller(gateway.ws, client)
    poller.join()
    token, answers, newer = poller.token, [], []
    older = threading.Thread(target=lambda: answers.append(Poller(gateway.ws, client, token).ask()))
    older.start()
    while older.is_alive():
        one = threading.Thread(target=lambda: newer.append(Poller(gateway.ws, client, token).ask()))
        one.start()
        older.join(0.2)
    assert answers[0]["status"] in (200, 204)
    gateway.api.publish_numbers(1, client_id=client)
    one.join()
    assert any(len(answer["messages"]) == 1 for answer in newer + answers)


def test_an_answer_that_got_lost_comes_again(gateway, client):
    poller = Poller(gateway.ws, client)
    poller.join()
    gateway.api.publish_numbers(5, client_id=client)
    token = poller.token
    first = poller.ask(token)
    assert len(first["messages"]) == 5
    gateway.api.publish_numbers(5, start=5, client_id=client)
    again = poller.ask(token)
    assert again["messages"][:5] == first["messages"]
    # What another answer brought is not repeated.
    rest = again["messages"][5:] or poller.ask(again["token"])["messages"]
    assert [json.loads(one)[4]["data"]["n"] for one in rest] == list(range(5, 10))


def test_a_poll_whose_connection_broke_loses_nothing(gateway, client):
    poller = Poller(gateway.ws, client)
    poller.join()
    for n in range(20):
        with socket.create_connection(gateway.ws) as broken:
            broken.sendall(f"GET {poller.path(None)} HTTP/1.1\r\nHost: x\r\n{HEADER}: {poller.token}\r\n\r\n".encode())
            if n % 2:
                gateway.api.publish_numbers(1, start=n, client_id=client)
        if not n % 2:
            gateway.api.publish_numbers(1, start=n, client_id=client)
    assert poller.numbers(20) == list(range(20))


def test_a_client_whose_answer_was_lost_resumes_by_a_new_session(gateway, client):
    """phoenix.js forgets its token with the poll that failed."""
    poller = Poller(gateway.ws, client)
    poller.join()
    gateway.api.publish_numbers(3, client_id=client)
    assert len(poller.ask()["messages"]) == 3
    other = Poller(gateway.ws, client)
    response = other.join({"resume": "auto"})
    assert response["recovered"] and response["replayed"] == 3
    assert other.numbers(3) == [0, 1, 2]


def test_a_session_that_rested_for_too_long_goes_on_without_a_hole(start_gateway, client):
    own = start_gateway(FAST)
    poller = Poller(own.ws, client, topics="x")
    poller.join({"topics": [f"news:{client}"]})
    until(lambda: not own.api.client_health(client)["connected"], "the session to end")
    own.api.publish_numbers(3, client_id=client)
    own.api.publish_numbers(3, start=3, topic=f"news:{client}")
    assert poller.numbers(6) == list(range(6))


def test_a_token_is_good_on_another_node_with_the_same_secret(start_gateway, client, topic):
    one, two = start_gateway(tokens.AUTHENTICATED), start_gateway(tokens.AUTHENTICATED)
    stranger = start_gateway()
    mine = {"X-Phoenix-AuthToken": tokens.token(client, "subscribe")}
    poller = Poller(one.ws, client, headers=mine)
    poller.join({"topics": [topic]})
    moved = Poller(two.ws, client, poller.token, headers=mine)
    told = moved.until(lambda frame: frame.event == "connected").payload["data"]
    assert (told["recovered"], told["reason"], told["client_id"]) == (False, "epoch", client)
    for n, address in enumerate([{"client_id": client}, {"client_id": client}, {"topic": topic}, {"topic": topic}]):
        sent = two.api.post("/mcp/messages", {**address, "data": {"n": n}}, **tokens.bearer(tokens.ADMIN))
        assert sent.status == 202
    assert moved.numbers(4) == [0, 1, 2, 3]
    moved.push("message", {"type": "echo", "data": {"n": 4}})
    assert moved.numbers(1) == [4]
    assert Poller(stranger.ws, client, poller.token).ask()["status"] == 410
    # A session that has not joined yet may begin anywhere.
    other = {"X-Phoenix-AuthToken": tokens.token(f"{client}.2")}
    fresh = Poller(one.ws, f"{client}.2", headers=other)
    assert Poller(two.ws, f"{client}.2", fresh.token, headers=other).join()["client_id"] == f"{client}.2"


def test_a_token_that_nobody_signed_is_answered_with_410_and_a_new_one(gateway, client):
    poller = Poller(gateway.ws, client)
    token = poller.token
    middle = len(token) // 2
    other = "A" if token[middle] != "A" else "B"
    for bad in (token[:middle] + other + token[middle + 1:], token[:-2], "lp1.", "lp1.AAAA", "nonsense", token + "A"):
        answer = poller.ask(bad)
        assert answer["status"] == 410 and answer["messages"] == [] and answer["token"] != token
        assert poller.post(phoenix.Frame("1", "1", phoenix.GATEWAY, "phx_join", {}), token=bad) == 410
        assert Poller(gateway.ws, client, answer["token"]).join()["client_id"] == client


def test_a_token_expires(start_gateway, client):
    own = start_gateway({"transports": {"websocket": {"longpoll": {"token_lifetime": "1s", "window": "50ms"}}}})
    poller = Poller(own.ws, client)
    token = poller.token
    until(lambda: poller.ask(token)["status"] == 410, "the token to expire")


def test_batches_and_single_messages_text_and_binary(gateway, client, topic):
    poller = Poller(gateway.ws, client)
    poller.join()
    frames = [phoenix.Frame("1", str(n), phoenix.GATEWAY, "ping", {}) for n in range(3)]
    frames[1] = binary_push("1", "b", phoenix.GATEWAY, "echo", b"\x00\xffbytes")
    assert poller.post(*frames) == 200
    envelope = poller.until(lambda frame: frame.event == "echo").payload
    assert (envelope["encoding"], base64.b64decode(envelope["data"])) == ("base64", b"\x00\xffbytes")
    poller.until(lambda frame: frame.event == "pong")
    body = json.dumps(["1", "single", phoenix.GATEWAY, "message", {"type": "echo", "data": {"n": 1}}])
    assert poller.request("POST", body).json == {"status": 200}
    assert poller.until(lambda frame: frame.ref == "single").payload["status"] == "ok"
    assert poller.post(binary_push("1", "p", phoenix.GATEWAY, "ping", b"abc")) == 200
    assert poller.until(lambda frame: frame.ref == "p").payload["response"] == {"encoding": "base64", "data": "YWJj"}


def test_the_bounds_of_a_body(start_gateway, client):
    own = start_gateway({"transports": {"websocket": {
        "max_message_size": "2KiB", "max_frame_size": "2KiB",
        "longpoll": {"max_batch": 3, "max_body_size": "4KiB"}}}})
    poller = Poller(own.ws, client)
    ping = phoenix.Frame(None, "1", "phoenix", "heartbeat", {})
    assert poller.post(ping, ping, ping) == 200
    assert poller.post(ping, ping, ping, ping) == 413
    long = phoenix.Frame(None, "1", "phoenix", "heartbeat", {"x": "x" * 1900})
    assert poller.post(long, long) == 200
    assert poller.post(long, long, long) == 413
    assert poller.post(phoenix.Frame(None, "1", "phoenix", "heartbeat", {"x": "x" * 2048})) == 413
    for body in (b"", b"\n\n", b"no base64!"):
        answer = poller.request("POST", body, **{"Content-Type": "application/x-ndjson"})
        assert (answer.status, answer.json["status"]) == (400, 400), body


def test_answers_are_bounded_and_a_client_that_only_sends_is_stopped(start_gateway, client):
    own = start_gateway({
        "transports": {"websocket": {"longpoll": {"buffer_messages": 10}}}, "rate_limiting": {"default_limit": 1000}})
    poller = Poller(own.ws, client)
    poller.join()
    own.api.publish_numbers(35, client_id=client)
    sizes = [len(poller.poll()[1]) for _ in range(4)]
    assert sizes == [10, 10, 10, 5]
    ping = phoenix.Frame("1", "1", phoenix.GATEWAY, "ping", {})
    assert poller.post(*[ping] * 10) == 200
    assert poller.post(ping) == 429
    assert len(poller.poll()[1]) == 10
    assert poller.post(ping) == 200


def test_the_bytes_of_an_answer_are_bounded(start_gateway, client):
    own = start_gateway({"transports": {"websocket": {"longpoll": {"buffer_bytes": "8KiB"}}}})
    poller = Poller(own.ws, client)
    poller.join()
    for n in range(12):
        own.api.publish(client_id=client, data={"n": n, "text": "x" * 3000})
    received = []
    while len(received) < 12:
        _, frames = poller.poll()
        # Nothing is added once the bound is reached; what reaches it is sent.
        assert sum(len(json.dumps(frame.payload)) for frame in frames[:-1]) < 8192
        received += [frame.payload["data"]["n"] for frame in frames if frame.event == "message"]
    assert received == list(range(12))
    assert len(poller.statuses) > 4


def test_polls_and_sessions_are_bounded(start_gateway, client):
    own = start_gateway({"transports": {"websocket": {"max_connections": 2, "longpoll": {
        "max_polls": 1, "window": "2s", "idle_timeout": "30s"}}}})
    first, second, third = (Poller(own.ws, f"{client}.{n}") for n in range(3))
    first.join()
    second.join()
    answer = third.request("POST", json.dumps([None, "1", "phoenix", "heartbeat", {}]))
    assert (answer.status, answer.json["error"]) == (503, "overloaded") and answer.headers["Retry-After"]
    waiting = threading.Thread(target=first.poll_patiently)
    waiting.start()
    until(lambda: second.request("GET").status == 503, "the first poll to wait")
    answer = second.request("GET")
    if answer.status == 503:
        assert answer.json["status"] == 500, "what makes phoenix.js come back"
    waiting.join()
    assert second.poll()[0] == 204


def test_a_frame_that_is_none_ends_the_session(gateway, client):
    poller = Poller(gateway.ws, client)
    poller.join()
    answer = poller.request("POST", "[not a frame", **{"Content-Type": "application/x-ndjson"})
    assert (answer.status, answer.json["status"]) == (400, 400)
    status, frames = poller.poll()
    assert status == 200 and frames[-1].event == "gateway_close" and frames[-1].payload["code"] == 1007
    assert poller.poll()[0] == 410


def test_a_client_that_does_not_poll_for_long_has_too_much_waiting_and_resumes(start_gateway, client):
    own = start_gateway({"session": {"max_unsent_bytes": "4KiB"}})
    poller = Poller(own.ws, client)
    poller.join()
    for n in range(20):
        own.api.publish(client_id=client, data={"n": n, "x": "x" * 500})
    status, frames = poller.poll()
    assert status == 200 and frames[-1].payload["code"] == 4008
    other = Poller(own.ws, client)
    assert other.join({"resume": "auto"})["recovered"]
    assert other.numbers(20) == list(range(20))


def test_pages_of_other_origins(start_gateway, client):
    own = start_gateway({"cors": {"origin": "https://app.example.com"}, "listen": {"host": "127.0.0.1"}})
    api = API(own.ws)
    allowed = {"Origin": "https://app.example.com"}
    preflight = api.request("OPTIONS", PATH, headers={**allowed, "Access-Control-Request-Method": "POST"})
    assert preflight.status == 204 and HEADER.lower() in preflight.headers["Access-Control-Allow-Headers"].lower()
    poller = Poller(own.ws, client)
    for answer in (api.get(PATH, **allowed), poller.request("GET", token="lp1.x", **allowed),
                   poller.request("POST", "[]", token="lp1.x", **allowed), poller.request("POST", "", **allowed)):
        assert answer.headers["Access-Control-Allow-Origin"] == allowed["Origin"]
    assert api.get(PATH, Origin="https://evil.example.com").status == 403


def test_preflights_say_what_the_configuration_says(start_gateway):
    own = start_gateway({"cors": {"origin": "https://app.example.com", "max_age": 86400, "methods": ["GET", "POST"],
                                  "headers": ["Authorization", "Content-Type", "X-Client-ID", "X-App-*"]}})
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "content-type, x-app-version, mcp-session-id"}
    answer = API(own.http).request("OPTIONS", "/mcp/messages", headers=asked)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type, x-app-version"
    assert answer.headers["Access-Control-Max-Age"] == "86400"
    del asked["Access-Control-Request-Headers"]
    answer = API(own.http).request("OPTIONS", "/mcp/messages", headers=asked)
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, X-Client-ID"


@pytest.mark.parametrize("query, status", [("vsn=3.0.0", 403), ("client_id=a%20b", 400)])
def test_what_the_socket_refuses_is_refused_here(gateway, query, status):
    assert API(gateway.ws).get(f"{PATH}?{query}").status == status
    assert API(gateway.ws).request("PUT", PATH, "x").status == 405


def test_a_shutdown_answers_the_polls(start_gateway, client):
    own = start_gateway({"transports": {"websocket": {"longpoll": {"max_polls": 1, "window": "2s"}}}})
    poller, other = Poller(own.ws, client), Poller(own.ws, f"{client}.2")
    poller.join()
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(poller.poll_patiently()))
    waiting.start()
    until(lambda: other.request("GET").status == 503 or answers, "the poll to wait")
    own.stop()
    waiting.join(10)
    assert answers and answers[0][1][-1].event == "gateway_close" and answers[0][1][-1].payload["code"] == 1012


def test_what_must_be_stored_is_answered(start_gateway, client, new_client, tmp_path):
    own = start_gateway({"storage": {"engine": "sqlite", "path": str(tmp_path / "gateway.db")}})
    sender, receiver = Poller(own.ws, client), Poller(own.ws, to := new_client())
    sender.join()
    receiver.join()
    for n in range(3):
        sender.push("message", {"type": "chat", "to": to, "data": {"n": n}}, ref=f"push-{n}")
        answer = sender.until(lambda frame: frame.ref == f"push-{n}").payload
        assert answer["status"] == "ok" and answer["response"]["operation_id"]
    assert receiver.numbers(3) == [0, 1, 2]


def test_what_late_acknowledgements_hold_back_goes_on(start_gateway, client):
    own = start_gateway({"session": {"backpressure": {"half_rate_pending": 5, "critical_pending": 500}},
                         "transports": {"websocket": {"longpoll": {"window": "30s", "idle_timeout": "60s"}}}})
    one = Poller(own.ws, client)
    one.join({"ack": True})
    own.api.publish_numbers(20, client_id=client)
    # Nothing is acknowledged and nothing else happens: only time brings the rest, not the end of a poll.
    assert one.numbers(20) == list(range(20))
    assert 204 not in one.statuses
