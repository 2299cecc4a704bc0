"""MCP over Streamable HTTP as bytes: status codes, sessions, streams."""

import http.client
import json

import pytest

INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
}
BOTH = "application/json, text/event-stream"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def events(self):
        """Every event as (id, message)."""
        found = []
        for block in self.body.decode().replace("\r\n", "\n").split("\n\n"):
            fields = dict(line.split(": ", 1) if ": " in line else (line.rstrip(":"), "") for line in block.splitlines())
            if "data" in fields:
                found.append((fields.get("id"), json.loads(fields["data"]) if fields["data"] else None))
        return found


class Client:
    """One session, spoken by hand."""

    def __init__(self, address, version="2025-11-25", headers=None):
        self.address = address
        self.headers = {"Accept": BOTH, "Content-Type": "application/json", **(headers or {})}
        message = {**INITIALIZE, "params": {**INITIALIZE["params"], "protocolVersion": version}}
        answer = self.post(message)
        assert answer.status == 200, answer.body
        self.result = answer.json["result"]
        self.headers["Mcp-Session-Id"] = answer.headers["Mcp-Session-Id"]
        assert self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}).status == 202

    def open(self, method, body=None, headers=None, path="/mcp"):
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        chosen = {name: value for name, value in {**self.headers, **(headers or {})}.items() if value is not None}
        connection.request(method, path, body, chosen)
        return connection, connection.getresponse()

    def post(self, message, **headers):
        body = message if isinstance(message, (str, bytes)) else json.dumps(message)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection, response = self.open("POST", body, named)
        with connection:
            return Answer(response)

    def call(self, name, arguments=None, id=7, meta=None):
        params = {"name": name, "arguments": arguments or {}}
        if meta:
            params["_meta"] = meta
        return self.post({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})


http.client.HTTPConnection.__enter__ = lambda self: self
http.client.HTTPConnection.__exit__ = lambda self, *_: self.close()


@pytest.fixture
def mcp(gateway):
    return Client(gateway.http)


def read_event(response):
    """The next event with data of an open stream."""
    fields = {}
    while True:
        line = response.readline().decode().rstrip("\n")
        if not line and fields.get("data"):
            return fields.get("id"), json.loads(fields["data"])
        if not line:
            fields = {}
        else:
            name, _, value = line.partition(": ")
            fields[name] = value


def test_blanks_around_values_are_no_part_of_them(mcp):
    """RFC 9112 §5.1, for every header: the parser leaves those behind a value."""
    session = mcp.headers["Mcp-Session-Id"]
    answer = mcp.post(
        {"jsonrpc": "2.0", "id": 1, "method": "ping"}, Mcp_Session_Id=f" \t{session} \t ",
        MCP_Protocol_Version="2025-11-25 ", Accept=BOTH + "  ", Content_Type="application/json\t")
    assert (answer.status, answer.json["result"]) == (200, {})
    # The head of the next one is the same, byte for byte, and is recognised.
    connection = http.client.HTTPConnection(*mcp.address, timeout=20)
    with connection:
        for id in range(5):
            connection.request("POST", "/mcp", json.dumps({"jsonrpc": "2.0", "id": id, "method": "ping"}), {
                **mcp.headers, "Mcp-Session-Id": f"{session}  "})
            assert json.loads(connection.getresponse().read())["id"] == id



def test_a_plain_answer_is_json(mcp):
    answer = mcp.call("echo", {"text": "x"})
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["result"]["content"] == [{"type": "text", "text": "x"}]


@pytest.mark.parametrize("id", [0, "7", "", 2**53, -1, 1.5, "a\"b"])
def test_ids_come_back_with_their_type(mcp, id):
    answer = mcp.call("echo", {"text": "x"}, id=id)
    assert answer.json["id"] == id and type(answer.json["id"]) is type(id)


def test_progress_makes_the_answer_a_stream(mcp):
    answer = mcp.call("slow", {"steps": 2, "milliseconds": 5}, meta={"progressToken": "t\"oken"})
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-cache, no-transform"
    assert answer.headers["X-Accel-Buffering"] == "no"
    events = [message for _, message in answer.events]
    assert events[0] is None, "the priming event"
    assert [one["params"]["progressToken"] for one in events[1:3]] == ["t\"oken"] * 2
    assert events[3]["id"] == 7 and events[3]["result"]["isError"] is False
    assert len({id for id, _ in answer.events}) == 4


def test_older_clients_get_no_priming_event(gateway):
    client = Client(gateway.http, version="2025-06-18")
    answer = client.call("slow", {"steps": 1, "milliseconds": 5}, meta={"progressToken": 1})
    assert None not in [message for _, message in answer.events]


@pytest.mark.parametrize("asked,given", [
    ("2024-11-05", "2024-11-05"), ("2025-03-26", "2025-03-26"), ("2025-06-18", "2025-06-18"),
    ("2025-11-25", "2025-11-25"), ("1999-01-01", "2025-11-25"), ("2026-07-28", "2025-11-25"),
])
def test_the_revision_is_negotiated(gateway, asked, given):
    assert Client(gateway.http, version=asked).result["protocolVersion"] == given


PING = {"jsonrpc": "2.0", "id": 3, "method": "ping"}


def test_status_codes(mcp):
    assert mcp.post(PING, Mcp_Session_Id=None).status == 400
    assert mcp.post(PING, Mcp_Session_Id="0.nobody").status == 404
    assert mcp.post(PING, Mcp_Session_Id="77.nobody").status == 404
    assert mcp.post(PING, Accept="application/json").status == 406
    assert mcp.post(PING, Accept="text/event-stream").status == 406
    assert mcp.post(PING, Accept="*/*").status == 200
    assert mcp.post(PING, Accept="application/*;q=0.5, text/*").status == 200
    assert mcp.post(PING, Content_Type="text/plain").status == 415
    assert mcp.post(PING, Content_Type="application/json; charset=utf-8").status == 200
    assert mcp.post(PING, Mcp_Protocol_Version="2025-11-25").status == 200
    assert mcp.post(PING, Mcp_Protocol_Version="1990-01-01").status == 400
    assert mcp.post(PING, Origin="https://evil.example").status == 403
    assert mcp.post(PING, Host="evil.example").status == 421
    assert mcp.post(PING, Authorization="Bearer other").status == 404, "a session is its beginner's"
    for method in ("PUT", "PATCH"):
        connection, response = mcp.open(method)
        with connection:
            assert response.status == 405 and response.headers["Allow"] == "GET, POST, DELETE"


@pytest.mark.parametrize("body,status,code", [
    ("{", 400, -32700), ("no", 400, -32700), ("", 400, -32700), ("3", 400, -32600), ("{}", 400, -32600),
    ('{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32600),
    ('{"jsonrpc":"2.0","id":1,"method":"ping","id":2}', 400, -32600),
    ('[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 400, -32600),
    ('{"jsonrpc":"2.0","id":1,"method":"no/such"}', 200, -32601),
    ('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}', 200, -32602),
    ('{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x"}}', 200, -32602),
    ('{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"x://y"}}', 200, -32002),
])
def test_bad_messages(mcp, body, status, code):
    answer = mcp.post(body)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert mcp.post(PING).status == 200


def test_batches_are_of_one_revision(gateway):
    client = Client(gateway.http, version="2025-03-26")
    answer = client.post([
        {**PING, "id": "a"}, {"jsonrpc": "2.0", "method": "notifications/x"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": "x"}}},
    ])
    assert sorted(str(one["id"]) for one in answer.json) == ["2", "a"]
    assert client.post([{"jsonrpc": "2.0", "method": "notifications/x"}]).status == 202
    assert client.post("[]").status == 400


def test_a_deleted_session_is_gone(mcp):
    connection, response = mcp.open("DELETE")
    with connection:
        assert response.status == 200
    assert mcp.post(PING).status == 404


def test_one_stream_without_request(mcp):
    first, response = mcp.open("GET")
    with first:
        assert response.status == 200 and response.headers["Content-Type"] == "text/event-stream"
        second, refused = mcp.open("GET")
        with second:
            assert refused.status == 409
    connection, response = mcp.open("GET", headers={"Accept": "application/json"})
    with connection:
        assert response.status == 406


def test_a_broken_stream_is_resumed(mcp):
    body = json.dumps({
        "jsonrpc": "2.0", "id": 5, "method": "tools/call",
        "params": {"name": "slow", "arguments": {"steps": 8, "milliseconds": 50}, "_meta": {"progressToken": 1}},
    })
    connection, response = mcp.open("POST", body)
    with connection:
        place, first = read_event(response)
        assert first["params"]["progress"] == 1
    connection, response = mcp.open("GET", headers={"Last-Event-ID": place})
    with connection:
        events = [message for _, message in Answer(response).events if message]
    assert [one["params"]["progress"] for one in events[:-1]] == list(range(2, 9))
    assert events[-1]["id"] == 5
    connection, response = mcp.open("GET", headers={"Last-Event-ID": "99-1"})
    with connection:
        assert response.status == 400


def test_a_cancelled_call_ends(mcp):
    body = json.dumps({
        "jsonrpc": "2.0", "id": "c", "method": "tools/call",
        "params": {"name": "slow", "arguments": {"steps": 1000, "milliseconds": 50}, "_meta": {"progressToken": 1}},
    })
    connection, response = mcp.open("POST", body)
    with connection:
        read_event(response)
        notice = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "c"}}
        assert mcp.post(notice).status == 202
        while True:
            _, message = read_event(response)
            if "error" in message:
                break
        assert message["error"]["code"] == -32800 and message["id"] == "c"
        assert response.read() == b""


def test_a_question_goes_to_its_client_only(gateway):
    one, other = Client(gateway.http), Client(gateway.http)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ask", "arguments": {}}})
    connection, response = one.open("POST", body)
    with connection:
        _, question = read_event(response)
        assert question["method"] == "elicitation/create"
        answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}}
        assert other.post(answer).status == 202, "accepted, and nobody's"
        assert one.post(answer).status == 202
        _, message = read_event(response)
        assert "decline" in message["result"]["content"][0]["text"]


def test_a_slow_answer_becomes_a_stream(start_gateway):
    gateway = start_gateway({"mcp": {"stream_after": "100ms", "keepalive_interval": "100ms"}})
    client = Client(gateway.http)
    answer = client.call("slow", {"steps": 1, "milliseconds": 1500})
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert b": ping\n\n" in answer.body
    assert [message["id"] for _, message in answer.events if message] == [7]


def test_bounds(start_gateway):
    gateway = start_gateway({
        "mcp": {"max_sessions": 2, "max_calls": 1, "session_idle_timeout": "1s", "call_timeout": "300ms"},
    })
    client, other = Client(gateway.http), Client(gateway.http)
    assert client.post(INITIALIZE, Mcp_Session_Id=None).status == 503
    connection, response = client.open("POST", json.dumps({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "slow", "arguments": {"steps": 20, "milliseconds": 100}, "_meta": {"progressToken": 1}},
    }))
    with connection:
        read_event(response)
        assert client.post(PING).status == 429
        # Its progress keeps it alive.
        assert [message for _, message in Answer(response).events][-1]["result"]["isError"] is False
    answer = client.call("slow", {"steps": 1, "milliseconds": 5000})
    assert "mcp.call_timeout" in answer.json["error"]["message"]
    # The other has not been heard of for more than a second: its place is free.
    assert other.post(PING).status == 404
    Client(gateway.http)


def test_preflight(mcp):
    connection, response = mcp.open("OPTIONS", headers={
        "Origin": "http://localhost:9999", "Access-Control-Request-Headers": "mcp-session-id, mcp-param-x, x-evil",
    })
    with connection:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Headers"] == "mcp-session-id, mcp-param-x"
    answer = mcp.post(PING, Origin="http://localhost:9999")
    assert "Mcp-Session-Id" in answer.headers["Access-Control-Expose-Headers"]
