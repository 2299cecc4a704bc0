"""MCP of revision 2026-07-28 as bytes: each request stands alone."""

import base64
import http.client
import json
import threading

import pytest
from test_mcp_http import Answer, read_event
from wait import until

VERSION = "2026-07-28"


def meta(**more):
    return {
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
        **more,
    }


def open_request(gateway, method, params=None, name=None, id=1, headers=None, body=None, verb="POST"):
    """A whole request; None among `headers` takes one away, a list gives it several times."""
    message = body or {
        "jsonrpc": "2.0", "id": id, "method": method, "params": {"_meta": meta(), **(params or {})},
    }
    chosen = {
        "Accept": "application/json, text/event-stream", "Content-Type": "application/json",
        "MCP-Protocol-Version": VERSION, "Mcp-Method": method, "Mcp-Name": name, **(headers or {}),
    }
    connection = http.client.HTTPConnection(*gateway.http, timeout=20)
    connection.putrequest(verb, "/mcp")
    payload = json.dumps(message).encode()
    for key, value in {**chosen, "Content-Length": str(len(payload))}.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                connection.putheader(key, one)
    connection.endheaders(payload)
    return connection, connection.getresponse()


def ask(gateway, *arguments, **options):
    connection, response = open_request(gateway, *arguments, **options)
    with connection:
        return Answer(response)


def call(gateway, name, arguments=None, more=None, **options):
    return ask(gateway, "tools/call", {"name": name, "arguments": arguments or {}, **(more or {})}, name=name, **options)


def test_discover(gateway):
    result = ask(gateway, "server/discover").json["result"]
    assert result["supportedVersions"] == [VERSION]
    assert result["resultType"] == "complete"
    assert {"ttlMs", "cacheScope", "capabilities"} <= set(result)
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "mcp-gateway"


def test_lists_and_calls(gateway):
    result = ask(gateway, "tools/list").json["result"]
    assert {tool["name"] for tool in result["tools"]} >= {"echo", "ask"}
    assert (result["resultType"], result["cacheScope"]) == ("complete", "private")
    answer = call(gateway, "echo", {"text": "x"}, id="1")
    assert answer.headers["Content-Type"] == "application/json" and "Mcp-Session-Id" not in answer.headers
    assert answer.json["id"] == "1"
    assert answer.json["result"]["resultType"] == "complete"
    assert answer.json["result"]["content"][0]["text"] == "x"


def test_progress_is_a_stream_without_event_ids(gateway):
    answer = call(gateway, "slow", {"steps": 2, "milliseconds": 5}, more={"_meta": meta(progressToken="p")})
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert [id for id, _ in answer.events] == [None] * 3
    assert [one["params"]["progressToken"] for _, one in answer.events[:2]] == ["p", "p"]


def test_a_question_is_an_answer(gateway):
    result = call(gateway, "ask").json["result"]
    assert result["resultType"] == "input_required"
    assert result["inputRequests"]["answer"]["method"] == "elicitation/create"
    again = {"inputResponses": {"answer": {"action": "accept", "content": {"answer": "Ada"}}}}
    result = call(gateway, "ask", more=again, id=2).json["result"]
    assert result["resultType"] == "complete" and "Ada" in result["content"][0]["text"]
    without = meta(**{"io.modelcontextprotocol/clientCapabilities": {}})
    answer = call(gateway, "ask", more={"_meta": without})
    assert (answer.status, answer.json["error"]["code"]) == (400, -32021)


@pytest.mark.parametrize("headers,status,code", [
    ({"Mcp-Method": None}, 400, -32020), ({"Mcp-Method": "tools/list"}, 400, -32020),
    ({"Mcp-Method": ["tools/call", "tools/call"]}, 400, -32020),
    ({"Mcp-Name": None}, 400, -32020), ({"Mcp-Name": "add"}, 400, -32020), ({"Mcp-Name": ["echo", "echo"]}, 400, -32020),
    ({"MCP-Protocol-Version": [VERSION, VERSION]}, 400, -32020), ({"MCP-Protocol-Version": None}, 400, -32020),
    ({"Accept": "application/json"}, 406, -32600), ({"Content-Type": "text/plain"}, 415, -32600),
])
def test_headers_say_what_the_body_says(gateway, headers, status, code):
    answer = call(gateway, "echo", {"text": "x"}, headers=headers)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)


def test_a_name_may_be_wrapped(gateway):
    wrapped = "=?base64?" + base64.b64encode(b"echo").decode() + "?="
    assert call(gateway, "echo", {"text": "x"}, headers={"Mcp-Name": wrapped}).status == 200


def test_unknown_things(gateway):
    for method in ("initialize", "ping", "logging/setLevel", "no/such"):
        answer = ask(gateway, method)
        assert (answer.status, answer.json["error"]["code"]) == (404, -32601)
    other = {"_meta": meta(**{"io.modelcontextprotocol/protocolVersion": "2099-01-01"})}
    answer = ask(gateway, "tools/list", other, headers={"MCP-Protocol-Version": "2099-01-01"})
    assert (answer.status, answer.json["error"]["code"]) == (400, -32022)
    assert answer.json["error"]["data"] == {"supported": [VERSION], "requested": "2099-01-01"}
    answer = ask(gateway, "tools/list", {"_meta": {}})
    assert (answer.status, answer.json["error"]["code"]) == (400, -32602)
    answer = call(gateway, "nobody's")
    assert (answer.status, answer.json["error"]["code"]) == (400, -32602)
    answer = ask(gateway, "resources/read", {"uri": "x://y"}, name="x://y")
    assert (answer.status, answer.json["error"]["code"]) == (400, -32602)


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
def test_there_is_no_session_to_read_or_end(gateway, verb):
    answer = ask(gateway, "tools/list", verb=verb)
    assert answer.status == 405 and answer.headers["Allow"] == "POST"


def test_a_notification_is_accepted_and_nothing(gateway):
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    answer = ask(gateway, "notifications/cancelled", body=body)
    assert answer.status == 202 and answer.body == b""


def test_listening(gateway):
    # Nobody has that resource: the acknowledgement leaves it out.
    wanted = {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["x://y"]}}
    connection, response = open_request(gateway, "subscriptions/listen", wanted, id="l")
    with connection:
        _, first = read_event(response)
    assert first["method"] == "notifications/subscriptions/acknowledged"
    assert first["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == "l"
    assert first["params"]["notifications"] == {"toolsListChanged": True}


@pytest.mark.parametrize("modern", [False, True])
def test_the_acknowledgement_waits_until_news_would_arrive(start_gateway, modern):
    """What changes right behind it must not be missed."""
    import mcp_upstream
    upstream = mcp_upstream.Upstream(modern=modern, legacy=not modern)
    upstream.opens_streams.clear()
    gateway = start_gateway({"mcp": {"demo": False}, "mcpServers": {"u": {"url": upstream.url}}})
    acknowledged = threading.Event()

    def listen():
        connection, response = open_request(
            gateway, "subscriptions/listen", {"notifications": {"toolsListChanged": True}}, id="l")
        with connection:
            said.append(read_event(response)[1]["method"])
            acknowledged.set()
            said.append(read_event(response)[1]["method"])

    said = []
    listener = threading.Thread(target=listen)
    listener.start()
    until(lambda: upstream.streams, "the gateway to ask for the stream")
    # The gateway has had the time to say something: it has answered this meanwhile.
    assert call(gateway, "read").status == 200
    assert not acknowledged.is_set()
    upstream.opens_streams.set()
    assert acknowledged.wait(15)
    upstream.say({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    listener.join(15)
    assert said == ["notifications/subscriptions/acknowledged", "notifications/tools/list_changed"]
    upstream.close()


def test_many_event_loops(start_gateway):
    """A session answers whatever connection, and so whatever event loop, a request comes by."""
    from test_mcp_http import PING, Client
    gateway = start_gateway({"listen": {"event_loops": 4}})
    for _ in range(4):
        client = Client(gateway.http)
        for number in range(12):
            assert client.post(PING).status == 200
            assert client.call("echo", {"text": str(number)}).json["result"]["content"][0]["text"] == str(number)
        answer = client.call("slow", {"steps": 2, "milliseconds": 5}, meta={"progressToken": 1})
        assert len([one for _, one in answer.events if one]) == 3
