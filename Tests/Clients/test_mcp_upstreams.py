"""Servers behind the gateway that forget, die and come again, of every kind: their clients see nothing of it."""

import collections
import contextlib
import http.client
import itertools
import json
import signal
import threading
import time

import pytest
from certificates import Authority
from mcp_upstream import Upstream
from test_mcp_http import Client, read_event
from wait import until


@pytest.fixture
def upstream():
    """Servers that are gone after the test."""
    started = []

    def start(*arguments, **options):
        started.append(Upstream(*arguments, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


ADMIN = {"security": {"admin_token": "a-token-for-tests"}}


def front(start_gateway, servers, **more):
    return start_gateway({"mcpServers": servers, "mcp": {"demo": False, **more.pop("mcp", {})}, **ADMIN, **more})


def said(answer):
    assert "result" in answer.json, answer.json
    return answer.json["result"]["content"][0]["text"]


def upstreams(gateway):
    import urllib.request
    request = urllib.request.Request(
        f"http://{gateway.http[0]}:{gateway.http[1]}/mcp/admin/upstreams", headers={"Authorization": "Bearer a-token-for-tests"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return {one["name"]: one for one in json.load(response)["upstreams"]}


def test_a_forgotten_session_is_begun_anew(start_gateway, upstream):
    back = upstream()
    gateway = front(start_gateway, {"back": {"url": back.url}})
    client = Client(gateway.http)
    assert said(client.call("write")) == "u"
    back.forget_sessions()
    # 404 says that the call has not been done: it may be done again whatever it is.
    assert said(client.call("write")) == "u"
    assert back.methods().count("initialize") == 2


def test_a_call_outlives_the_session_that_it_was_made_in(start_gateway, upstream):
    back = upstream()
    gateway = front(start_gateway, {"back": {"url": back.url}})
    client = Client(gateway.http)
    assert said(client.call("write")) == "u"
    until(lambda: back.streams, "the gateway to listen")
    back.delay = 3
    answers = []
    caller = threading.Thread(target=lambda: answers.append(client.call("write")))
    caller.start()
    until(lambda: back.methods().count("tools/call") == 2, "the call to arrive")
    # The stream tells that the session is gone while the server, which had the call before, still works on it.
    back.forget_sessions()
    until(lambda: back.methods().count("initialize") == 2, "the gateway to begin a new session", 10)
    assert not answers
    caller.join(30)
    assert said(answers[0]) == "u" and back.methods().count("tools/call") == 2


def test_subscriptions_are_asked_for_again(start_gateway, upstream):
    back = upstream()
    gateway = front(start_gateway, {"back": {"url": back.url}})
    client = Client(gateway.http)
    answer = client.post({"jsonrpc": "2.0", "id": 1, "method": "resources/subscribe", "params": {"uri": "x://u"}})
    assert answer.json["result"] == {}
    until(lambda: back.streams, "the gateway to listen")
    # The client makes no call: the end of the server's stream alone has to be enough.
    back.forget_sessions()
    until(lambda: len(back.subscriptions) == 2, "the subscription to be repeated", 15)
    assert back.subscriptions[0][0] != back.subscriptions[1][0]
    until(lambda: back.streams, "the gateway to listen again")
    connection, response = client.open("GET")
    with connection:
        back.say({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "x://u"}})
        while True:
            _, message = read_event(response)
            if message and message.get("method") == "notifications/resources/updated":
                break


def test_what_only_reads_is_sent_again(start_gateway, upstream):
    back = upstream()
    gateway = front(start_gateway, {"back": {"url": back.url}})
    client = Client(gateway.http)
    assert said(client.call("read")) == "u"
    back.break_off.add("read")
    assert said(client.call("read")) == "u"
    back.break_off.add("write")
    answer = client.call("write").json
    assert "may have arrived, and is not repeated" in answer["error"]["message"]
    assert back.methods().count("tools/call") == 4


def test_the_retry_budget_is_kept(start_gateway, upstream):
    back = upstream()
    gateway = front(start_gateway, {"back": {"url": back.url}}, mcp={"retry_ratio": 0, "retry_reserve": 1})
    client = Client(gateway.http)
    back.break_off.add("read")
    assert said(client.call("read")) == "u"
    back.break_off.add("read")
    assert "too much is being repeated" in client.call("read").json["error"]["message"]


def test_a_server_that_does_not_answer_is_left_alone_until_it_does(start_gateway, upstream):
    back = upstream()
    gateway = front(start_gateway, {"back": {"url": back.url}}, circuit_breaker={"timeout": "60s"})
    client = Client(gateway.http)
    assert said(client.call("read")) == "u"
    port = back.port
    back.close()
    messages = [client.call("write").json["error"]["message"] for _ in range(6)]
    assert "circuit open" in messages[-1], messages
    assert upstreams(gateway)["back"]["replicas"][0]["circuit_breaker"] == "open"
    assert upstreams(gateway)["back"]["status"] == "degraded"
    upstream("again", port=port)
    # Health checks find it long before the minute is over.
    until(lambda: "result" in client.call("write").json, "the server to be used again", 8)
    assert upstreams(gateway)["back"]["replicas"][0]["circuit_breaker"] == "closed"


def test_replicas_share_the_clients_and_only_the_dead_ones_move(start_gateway, upstream):
    backs = {name: upstream(name) for name in "abc"}
    gateway = front(start_gateway, {"back": {"replicas": [{"url": one.url} for one in backs.values()]}})
    clients = [Client(gateway.http) for _ in range(30)]
    places = [said(one.call("read")) for one in clients]
    spread = collections.Counter(places)
    assert set(spread) == set("abc") and max(spread.values()) <= 13, spread
    assert [said(one.call("read")) for one in clients] == places, "who is somewhere stays there"

    stopping = threading.Event()
    failures = []

    def load(client, place):
        while not stopping.is_set():
            answer = client.call("read")
            if answer.status != 200 or b'"result"' not in answer.body:
                failures.append((answer.status, answer.body))

    # Half of the clients, so that others find the replica dead on a quiet connection.
    threads = [threading.Thread(target=load, args=pair) for pair in list(zip(clients, places))[:15]]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(backs["a"].requests) > 60, "some load")
        backs["a"].close()
        times = []
        for client, place in zip(clients, places):
            begun = time.monotonic()
            now = said(client.call("read"))
            if place == "a":
                times.append(time.monotonic() - begun)
            assert now == place if place != "a" else now in "bc"
        # Of several, so that a machine that is busy with other tests does not decide it.
        assert sorted(times)[len(times) // 2] < 1, "recovery takes less than a second"
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert not failures, failures[:3]
    ring = upstreams(gateway)["back"]["ring"]
    assert ring["total_keys"] == 30 and [one["vnode_count"] for one in ring["nodes"]] == [150] * 3
    assert [one["key_count"] for one in ring["nodes"]][0] == 0 and 0 < ring["distribution_variance"] < 2
    report = upstreams(gateway)["back"]["replicas"]
    assert [one["circuit_breaker"] for one in report] == ["open", "closed", "closed"]
    assert sum(one["sessions"] for one in report) == 30 and report[0]["sessions"] == 0
    assert set(report[1]["pool"]) == {
        "status", "pool_size", "available", "overflow", "queue_length", "avg_checkout_time"}


def test_what_is_not_safe_fails_at_once_when_its_replica_dies(start_gateway, upstream):
    backs = {name: upstream(name) for name in "ab"}
    gateway = front(start_gateway, {"back": {"replicas": [{"url": one.url, "weight": 1} for one in backs.values()]}})
    client = Client(gateway.http)
    place = said(client.call("write"))
    backs[place].break_off.add("write")
    begun = time.monotonic()
    assert "not repeated" in client.call("write").json["error"]["message"]
    assert time.monotonic() - begun < 1
    backs[place].close()
    # Nothing of this one has been sent when the connection is refused: it is safe, whatever it does.
    assert said(client.call("write")) != place


@pytest.mark.parametrize("hint", ["sse", None])
def test_the_transport_of_2024(start_gateway, upstream, hint):
    back = upstream(event_stream=True)
    gateway = front(start_gateway, {"back": {"url": back.url, **({"type": hint} if hint else {})}})
    client = Client(gateway.http)
    assert said(client.call("write")) == "u"
    initialize = [body for _, _, body in back.requests if body and body.get("method") == "initialize"][-1]
    assert initialize["params"]["protocolVersion"] == "2024-11-05"
    # The stream is the session.
    back.forget_sessions()
    until(lambda: "result" in client.call("read").json, "another stream")


def test_a_server_of_2026_for_clients_with_sessions(start_gateway, upstream):
    back = upstream(modern=True, legacy=False)
    gateway = front(start_gateway, {"back": {"url": back.url}})
    client = Client(gateway.http)
    assert said(client.call("write", {"n": 1}, meta={"progressToken": "t"})) == "u"
    assert said(client.call("read")) == "u"
    assert back.methods().count("server/discover") == 1, "what it speaks is asked once"
    call = [(headers, body) for _, headers, body in back.requests if body and body.get("method") == "tools/call"][0]
    headers = {name.lower(): value for name, value in call[0].items()}
    assert headers["mcp-protocol-version"] == "2026-07-28" and headers["mcp-name"] == "write"
    assert "mcp-session-id" not in headers
    meta = call[1]["params"]["_meta"]
    assert meta["io.modelcontextprotocol/clientInfo"]["name"] == "raw"
    assert isinstance(meta["progressToken"], int)
    until(lambda: back.say({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}), "the gateway to listen")
    connection, response = client.open("GET")
    with connection:
        back.say({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
        while True:
            _, message = read_event(response)
            if message:
                break
    assert message["method"] == "notifications/tools/list_changed"


def modern_call(gateway, name, **arguments):
    import http.client
    body = json.dumps({"jsonrpc": "2.0", "id": "m", "method": "tools/call", "params": {
        "name": name, "arguments": arguments, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "modern", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {"sampling": {}},
        },
    }})
    connection = http.client.HTTPConnection(*gateway.http, timeout=20)
    connection.request("POST", "/mcp", body, {
        "Accept": "application/json, text/event-stream", "Content-Type": "application/json",
        "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": name,
    })
    with connection:
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def test_eras_are_mirrored_where_a_server_has_both(start_gateway, upstream):
    back = upstream(modern=True)
    gateway = front(start_gateway, {"back": {"url": back.url}})
    assert said(Client(gateway.http).call("read")) == "u"
    assert "server/discover" not in back.methods()
    status, answer = modern_call(gateway, "read")
    assert (status, answer["id"]) == (200, "m") and answer["result"]["content"][0]["text"] == "u"
    last = [(headers, body) for _, headers, body in back.requests if body and body.get("method") == "tools/call"][-1]
    assert last[0]["mcp-protocol-version"] == "2026-07-28"
    # What the client said of itself arrives as it said it.
    assert last[1]["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] == {"sampling": {}}


def test_who_says_what_it_speaks_may_speak_only_what_is_older(start_gateway, upstream):
    """Some servers know the question and not the revision that it belongs to."""
    back = upstream(modern=True)
    back.versions = ["2025-11-25"]
    client = Client(front(start_gateway, {"back": {"url": back.url}}).http)
    assert said(client.call("write")) == "u"
    assert back.methods().count("initialize") == 1


@pytest.mark.parametrize("status", [401, 429, 503])
def test_trouble_does_not_say_what_a_server_speaks(start_gateway, upstream, status):
    back = upstream(modern=True, legacy=False)
    back.status = status
    client = Client(front(start_gateway, {"back": {"url": back.url}}).http)
    assert "error" in client.call("write").json
    back.status = None
    until(lambda: "result" in client.call("write").json, "the server to be asked again")


def test_calls_without_sessions_are_spread_over_replicas(start_gateway, upstream):
    backs = [upstream(name, modern=True, legacy=False) for name in "ab"]
    gateway = front(start_gateway, {"back": {"replicas": [one.url for one in backs]}})
    places = collections.Counter(modern_call(gateway, "read")[1]["result"]["content"][0]["text"] for _ in range(40))
    assert set(places) == set("ab"), places
    backs[0].close()
    assert all(modern_call(gateway, "read")[1]["result"]["content"][0]["text"] == "b" for _ in range(20))


def test_https_servers_need_a_certificate_that_is_trusted(start_gateway, upstream, tmp_path):
    authority = Authority(tmp_path)
    back = upstream(certificate=authority.issue("back"))
    servers = {"back": {"url": back.url}}
    trusting = front(start_gateway, servers, mcp={"ca_certificates": authority.file})
    assert said(Client(trusting.http).call("write")) == "u"
    wary = front(start_gateway, servers)
    assert "cannot connect" in Client(wary.http).call("write").json["error"]["message"] or "Unknown tool" in (
        Client(wary.http).call("write").json["error"]["message"])
    assert len(back.sessions) == 1


def test_what_a_server_asks_is_bounded(start_gateway, upstream):
    """A client that answers nothing is not asked for ever, and what nobody waits for any more is forgotten."""
    back = upstream()
    gateway = front(start_gateway, {"back": {"url": back.url}}, mcp={"max_calls": 2, "input_timeout": "1s"})
    client = Client(gateway.http)
    assert said(client.call("read")) == "u"
    connection, response = client.open("GET")
    asked = []

    def read():
        for line in response:
            if line.startswith(b"data: {"):
                asked.append(json.loads(line[6:])["id"])

    def ask(name):
        until(lambda: back.say({"jsonrpc": "2.0", "id": name, "method": "roots/list"}), "the gateway to listen")

    def answers(kind):
        return [body["id"] for _, _, body in list(back.requests) if body and kind in body]

    def gets_through(name):
        before = len(asked)
        ask(name)
        until(lambda: len(asked) > before or name in answers("error"), "what becomes of the question")
        return len(asked) > before

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert [gets_through(f"q{number}") for number in range(4)] == [True, True, False, False]
    error = next(body for _, _, body in back.requests if body and body.get("id") == "q2")["error"]
    assert "mcp.max_calls" in error["message"]
    # One that is answered makes room, and one that has been open for longer than an answer is waited for.
    client.post({"jsonrpc": "2.0", "id": asked[0], "result": {"roots": []}})
    until(lambda: answers("result") == ["q0"], "the answer")
    assert gets_through("q4")
    numbers = itertools.count(5)
    until(lambda: gets_through(f"q{next(numbers)}"), "room where nobody waits any more")
    client.open("DELETE")[0].close()
    reader.join(15)
    connection.close()


def test_a_reload_keeps_what_has_not_changed(start_gateway, upstream):
    one, other = upstream("one"), upstream("other")
    gateway = front(start_gateway, {"one": {"url": one.url}, "other": {"url": other.url}}, mcp={"prefix": "always"})
    client = Client(gateway.http)
    assert said(client.call("one__read")) == "one" and said(client.call("other__read")) == "other"
    connection, response = client.open("GET")
    with connection:
        third = upstream("third")
        file = gateway.directory / "gateway-under-test.yaml"
        file.write_text(file.read_text().replace("  other:\n", "  third:\n").replace(other.url, third.url))
        gateway.process.send_signal(signal.SIGHUP)
        seen = set()
        while "notifications/tools/list_changed" not in seen:
            _, message = read_event(response)
            seen.add((message or {}).get("method"))
        assert said(client.call("third__read")) == "third"
        assert said(client.call("one__read")) == "one"
        assert "Unknown tool" in client.call("other__read").json["error"]["message"]
    assert one.methods().count("initialize") == 1, "its session has gone on"
    assert any(kind == "DELETE" for kind, _, _ in other.requests), "its session has been ended"


def test_a_reload_with_a_mistake_changes_nothing(start_gateway, upstream):
    back = upstream()
    gateway = front(start_gateway, {"back": {"url": back.url}})
    client = Client(gateway.http)
    assert said(client.call("read")) == "u"
    file = gateway.directory / "gateway-under-test.yaml"
    file.write_text(file.read_text().replace("url:", "uurl:"))
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: "not reloaded" in gateway.text(), "the mistake to be told")
    assert said(client.call("read")) == "u"


def test_many_listening_clients_do_not_use_up_the_pool(start_gateway, upstream):
    back = upstream()
    gateway = front(start_gateway, {"back": {"url": back.url, "pool": {"size": 1, "overflow": 0}}})
    clients = [Client(gateway.http) for _ in range(5)]
    for client in clients:
        assert said(client.call("read")) == "u"
    until(lambda: len(back.streams) == 5, "a stream for each session")
    assert said(clients[0].call("read")) == "u"


def test_the_pool_is_bounded_and_its_queue_has_a_deadline(start_gateway, upstream):
    back = upstream()
    gateway = front(
        start_gateway, {"back": {"url": back.url, "pool": {"size": 1, "overflow": 0}}}, pool={"checkout_timeout": "300ms"})
    clients = [Client(gateway.http) for _ in range(3)]
    for client in clients:
        assert said(client.call("read")) == "u"
    back.delay = 2
    answers = []
    threads = [threading.Thread(target=lambda one=one: answers.append(one.call("write").json)) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = [one["error"]["message"] for one in answers if "error" in one]
    assert len(errors) == 2 and all("pool.checkout_timeout" in one for one in errors), answers


def test_a_call_that_is_never_answered_does_not_keep_its_connection(start_gateway, upstream):
    back = upstream()
    gateway = front(start_gateway, {"back": {"url": back.url, "pool": {"size": 1, "overflow": 0}}})
    one, other = Client(gateway.http), Client(gateway.http)
    assert said(one.call("read")) == "u" and said(other.call("read")) == "u"
    back.delay = 600

    def call_and_be_cut_off():
        with contextlib.suppress(OSError, http.client.HTTPException):
            one.call("write")

    threading.Thread(target=call_and_be_cut_off, daemon=True).start()
    until(lambda: back.methods().count("tools/call") == 3, "the call to arrive")
    connection, response = one.open("DELETE")
    with connection:
        assert response.status == 200
    back.delay = 0
    assert said(other.call("read")) == "u"


def test_the_admin_token_is_wanted(start_gateway, gateway):
    import urllib.error
    import urllib.request
    for address in (gateway.http, front(start_gateway, {}).http):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://{address[0]}:{address[1]}/mcp/admin/upstreams", timeout=10)
        assert refused.value.code in (401, 403)
