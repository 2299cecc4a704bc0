"""The scenarios of 2026-07-28 of the public conformance suite, through the gateway to a server of that revision, which is a
program or reached over HTTP. (What both kinds of revision share stands in test_mcp_conformance.py.)"""

import http.client
import json
import os
import select
import signal
import subprocess

import pytest
from mcp_sdk import TESTS, children_of
from test_mcp_conformance import result
from test_mcp_http import Client, read_event
from test_mcp_modern import VERSION, ask, meta, open_request
from wait import until

PREFIX = "io.modelcontextprotocol/"
PROGRAM = TESTS / "mcp_servers/two_revisions.py"
ALL = {"elicitation": {}, "sampling": {}, "roots": {}}
ELICITED = {"action": "accept", "content": {"name": "Alice"}}
SAMPLED = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Paris"}, "stopReason": "endTurn"}
ROOTS = {"roots": [{"uri": "file:///test/root", "name": "Test Root"}]}


@pytest.fixture(scope="module", params=["stdio", "http"])
def front(request, tmp_path_factory):
    import gateway as gateways
    python = f"{os.environ['MCP_VENV']}/bin/python"
    upstream = None
    if request.param == "stdio":
        entry = {"command": python, "args": [str(PROGRAM)]}
    else:
        upstream = subprocess.Popen([python, PROGRAM, "--http"], stdout=subprocess.PIPE, text=True)
        entry = {"url": f"http://127.0.0.1:{int(upstream.stdout.readline())}/mcp"}
    configuration = {"mcpServers": {"suite": entry}, "mcp": {"demo": False}, "listen": {"event_loops": 3}}
    try:
        with gateways.Gateway(tmp_path_factory.mktemp("conformance"), configuration) as one:
            one.upstream = upstream
            yield one
    finally:
        if upstream:
            upstream.kill()
            upstream.wait()


@pytest.fixture
def modern(front):
    return front


def send(gateway, method, params=None, capabilities=ALL, more=None, **options):
    """The whole answer, with its last message as `message` and those before as `before`."""
    params = {**(params or {}), "_meta": meta(**{f"{PREFIX}clientCapabilities": capabilities, **(more or {})})}
    answer = ask(gateway, method, params, name=params.get("name") or params.get("uri"), **options)
    streamed = answer.headers["Content-Type"] == "text/event-stream"
    *answer.before, answer.message = [message for _, message in answer.events if message] if streamed else [answer.json]
    return answer


def call(gateway, tool, **params):
    return send(gateway, "tools/call", {"name": tool, "arguments": {}, **params}).message


def questions(message):
    asked = result(message)
    assert asked["resultType"] == "input_required"
    return asked["inputRequests"]


def complete(message):
    done = result(message)
    assert done["resultType"] == "complete"
    return done["content"][0]["text"]


# Each request says all.

@pytest.mark.parametrize("missing", [None, "protocolVersion", "clientCapabilities"])
def test_what_every_request_must_say(front, missing):
    said = {} if missing is None else {"_meta": {k: v for k, v in meta().items() if k != PREFIX + missing}}
    body = {"jsonrpc": "2.0", "id": 101, "method": "server/discover", "params": said}
    answer = ask(front, "server/discover", body=body)
    assert (answer.status, answer.json["error"]["code"], answer.json["id"]) == (400, -32602, 101)


def test_a_client_need_not_say_who_it_is(front):
    said = meta()
    del said[f"{PREFIX}clientInfo"]
    assert ask(front, "server/discover", {"_meta": said}).json["result"]["supportedVersions"] == [VERSION]


def test_what_is_discovered_is_there(front):
    found = result(send(front, "server/discover").message)
    assert {"tools", "prompts", "resources"} <= set(found["capabilities"])
    assert found["_meta"][f"{PREFIX}serverInfo"]["version"]
    for kind in ("tools", "prompts", "resources"):
        assert result(send(front, f"{kind}/list").message)[kind]


def test_revisions_that_nobody_has(front):
    said = {f"{PREFIX}protocolVersion": "v999.0.0"}
    answer = send(front, "server/discover", more=said, headers={"MCP-Protocol-Version": "v999.0.0"}, id=301)
    assert (answer.status, answer.json["id"], answer.json["error"]["code"]) == (400, 301, -32022)
    assert answer.json["error"]["data"] == {"supported": [VERSION], "requested": "v999.0.0"}
    answer = send(front, "server/discover", more=said)
    assert (answer.status, answer.json["error"]["code"]) == (400, -32020)


def test_a_capability_that_the_client_lacks(front):
    answer = send(front, "tools/call", {"name": "test_missing_capability", "arguments": {}}, capabilities={}, id=401)
    assert (answer.status, answer.message["id"], answer.message["error"]["code"]) == (400, 401, -32021)
    assert answer.message["error"]["data"]["requiredCapabilities"] == {"sampling": {}}
    assert complete(call(front, "test_missing_capability")) == "may sample"


@pytest.mark.parametrize("method", [
    "initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "unknown/method"])
def test_methods_that_are_gone(front, method):
    answer = send(front, method, id=500)
    assert (answer.status, answer.json["error"]["code"], answer.json["id"]) == (404, -32601, 500)


def test_a_stream_has_no_requests(modern):
    answer = send(modern, "tools/call", {"name": "test_streaming_elicitation", "arguments": {}},
                  more={"progressToken": "p"})
    assert {one["method"] for one in answer.before} == {"notifications/progress"}
    assert questions(answer.message)["name"]["method"] == "elicitation/create"


def test_log_messages_only_for_those_who_ask(front):
    asked = {"name": "test_logging_tool", "arguments": {}}
    answer = send(front, "tools/call", asked)
    assert complete(answer.message) == "logged" and answer.before == []
    answer = send(front, "tools/call", asked, more={f"{PREFIX}logLevel": "info"})
    assert [one["method"] for one in answer.before] == ["notifications/message"]
    assert send(front, "tools/call", asked, more={f"{PREFIX}logLevel": "error"}).before == []


@pytest.mark.parametrize("kind,other", [("tools", "prompts"), ("prompts", "tools")])
def test_only_what_was_listened_for(modern, kind, other):
    for listened, comes in ((kind, True), (other, False)):
        connection, stream = open_request(
            modern, "subscriptions/listen", {"notifications": {f"{listened}ListChanged": True}}, id="l")
        with connection:
            _, first = read_event(stream)
            assert first["method"] == "notifications/subscriptions/acknowledged"
            call(modern, f"test_trigger_{kind[:-1]}_change")
            if not comes:
                call(modern, f"test_trigger_{other[:-1]}_change")
            _, told = read_event(stream)
        assert told["method"] == f"notifications/{listened}/list_changed"
        assert [one["params"]["_meta"][f"{PREFIX}subscriptionId"] for one in (first, told)] == ["l", "l"]


def test_a_program_that_ends_is_begun_anew_and_asked_for_news_again(modern):
    if modern.upstream is not None:
        return
    connection, stream = open_request(
        modern, "subscriptions/listen", {"notifications": {"toolsListChanged": True}}, id="l")
    with connection:
        assert read_event(stream)[1]["method"] == "notifications/subscriptions/acknowledged"
        before = {pid for pid, _ in children_of(modern.process.pid)}
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        # Nobody calls it: it comes back because somebody listens.
        until(lambda: {pid for pid, _ in children_of(modern.process.pid)} - before, "another process")
        for _ in range(100):
            call(modern, "test_trigger_tool_change")
            # The first may come before the process has been asked for news.
            if select.select([connection.sock], [], [], 0.2)[0]:
                break
        assert read_event(stream)[1]["method"] == "notifications/tools/list_changed"


def test_how_long_results_may_be_kept(front):
    for method, params in (("tools/list", {}), ("prompts/list", {}), ("resources/list", {}),
                           ("resources/templates/list", {}), ("resources/read", {"uri": "test://static-text"})):
        found = result(send(front, method, params).message)
        assert type(found["ttlMs"]) is int and found["ttlMs"] >= 0 and found["cacheScope"] in ("public", "private"), method


def test_a_resource_that_nobody_has(front):
    answer = send(front, "resources/read", {"uri": "test://nonexistent-resource"})
    assert answer.message["error"]["code"] == -32602
    assert answer.message["error"].get("data", {}).get("uri", "test://nonexistent-resource") == "test://nonexistent-resource"


# Headers.

@pytest.mark.parametrize("headers", [
    {"Mcp-Method": None, "mcp-method": "tools/call"}, {"Mcp-Method": " tools/call "}, {"Mcp-Name": "  test_simple_text "},
])
def test_names_of_headers_have_no_case_and_values_no_blanks(front, headers):
    answer = send(front, "tools/call", {"name": "test_simple_text", "arguments": {}}, headers=headers)
    assert answer.status == 200 and complete(answer.message)


@pytest.mark.parametrize("headers", [
    {"Mcp-Method": "TOOLS/CALL"}, {"Mcp-Method": "prompts/get"}, {"Mcp-Name": "TEST_SIMPLE_TEXT"}, {"Mcp-Name": ""},
    {"Mcp-Name": "=?base64?!!!?="},
])
def test_headers_and_bodies_that_differ(front, headers):
    answer = send(front, "tools/call", {"name": "test_simple_text", "arguments": {}}, headers=headers)
    assert (answer.status, answer.json["error"]["code"]) == (400, -32020)


@pytest.mark.parametrize("header,region,status", [
    ("eu", "eu", 200), ("=?base64?w6k=?=", "é", 200), ("us", "eu", 400), (None, "eu", 400), ("=?base64?!!?=", "eu", 400),
])
def test_arguments_in_headers(front, header, region, status):
    answer = send(front, "tools/call", {"name": "test_x_mcp_header", "arguments": {"region": region}},
                  headers={"Mcp-Param-Region": header})
    assert answer.status == status, answer.body
    if status == 400:
        assert answer.message["error"]["code"] == -32020
    else:
        assert complete(answer.message) == f"region={region}"


# Questions that are answers.

@pytest.mark.parametrize("tool,key,method,reply,said", [
    ("elicitation", "user_name", "elicitation/create", ELICITED, "Hello, Alice!"),
    ("sampling", "capital_question", "sampling/createMessage", SAMPLED, "Paris"),
    ("list_roots", "client_roots", "roots/list", ROOTS, "1 root"),
])
def test_one_question(modern, tool, key, method, reply, said):
    tool = f"test_input_required_result_{tool}"
    first = call(modern, tool)
    assert {name: one["method"] for name, one in questions(first).items()} == {key: method}
    state = {"requestState": first["result"]["requestState"]} if "requestState" in first["result"] else {}
    assert complete(call(modern, tool, inputResponses={key: reply}, **state)) == said


def test_a_state_goes_there_and_back(modern):
    tool = "test_input_required_result_request_state"
    first = result(call(modern, tool))
    assert isinstance(first["requestState"], str)
    again = {"inputResponses": {"confirm": {"action": "accept", "content": {"ok": True}}}}
    assert complete(call(modern, tool, requestState=first["requestState"], **again)) == "state-ok"


def test_several_questions(modern):
    tool = "test_input_required_result_multiple_inputs"
    first = call(modern, tool)
    replies = {"elicitation/create": ELICITED, "sampling/createMessage": SAMPLED, "roots/list": ROOTS}
    given = {name: replies.pop(one["method"]) for name, one in questions(first).items()}
    assert replies == {}
    assert complete(call(modern, tool, inputResponses=given, requestState=first["result"]["requestState"])) == "all came"


def test_several_rounds(modern):
    tool = "test_input_required_result_multi_round"
    first = call(modern, tool)
    assert list(questions(first)) == ["step1"]
    second = call(modern, tool, inputResponses={"step1": ELICITED}, requestState=first["result"]["requestState"])
    assert list(questions(second)) == ["step2"]
    assert second["result"]["requestState"] != first["result"]["requestState"]
    blue = {"action": "accept", "content": {"color": "blue"}}
    third = call(modern, tool, inputResponses={"step2": blue}, requestState=second["result"]["requestState"])
    assert complete(third) == "Alice likes blue"


def test_answers_that_are_missing_more_or_nonsense(modern):
    tool = "test_input_required_result_elicitation"
    assert "user_name" in questions(call(modern, tool, inputResponses={"wrong_key": ELICITED}))
    assert complete(call(modern, tool, inputResponses={"user_name": ELICITED, "extra": ELICITED})) == "Hello, Alice!"
    for nonsense in ({"user_name": 12345}, None, [], "x"):
        answer = call(modern, tool, inputResponses=nonsense)
        assert answer.get("result", {}).get("resultType") != "complete", answer


def test_a_state_that_was_changed(modern):
    tool = "test_input_required_result_tampered_state"
    state = result(call(modern, tool))["requestState"]
    again = {"inputResponses": {"confirm": {"action": "accept", "content": {"ok": True}}}}
    assert call(modern, tool, requestState=state + "-TAMPERED", **again)["error"]["code"] == -32602
    assert complete(call(modern, tool, requestState=state, **again)) == "state-ok"


def test_a_prompt_may_ask(modern):
    asked = {"name": "test_input_required_result_prompt"}
    assert list(questions(send(modern, "prompts/get", asked).message)) == ["user_context"]
    reply = {"user_context": {"action": "accept", "content": {"context": "a context"}}}
    done = result(send(modern, "prompts/get", {**asked, "inputResponses": reply}).message)
    assert done["messages"][0]["content"]["text"] == "a context"


def test_only_what_the_client_can(modern):
    answer = send(modern, "tools/call", {"name": "test_input_required_result_capabilities", "arguments": {}},
                  capabilities={"sampling": {}})
    assert {one["method"] for one in questions(answer.message).values()} == {"sampling/createMessage"}


@pytest.mark.parametrize("method", ["tools/list", "prompts/list", "resources/list", "resources/templates/list"])
def test_lists_ask_nothing(front, method):
    assert result(send(front, method).message)["resultType"] == "complete"


# Who may come.

@pytest.mark.parametrize("host,origin,status", [
    ("evil.example.com", "http://evil.example.com", 421), ("127.0.0.1", "http://evil.example.com", 403),
    ("evil.example.com", None, 421), ("localhost", "http://localhost", 200),
])
def test_pages_of_elsewhere(front, host, origin, status):
    message = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta()}}
    body = json.dumps(message).encode()
    headers = {"Host": f"{host}:{front.http[1]}", "Content-Type": "application/json", "Content-Length": str(len(body)),
               "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": VERSION,
               "Mcp-Method": "server/discover"}
    if origin:
        headers["Origin"] = f"{origin}:{front.http[1]}"
    with http.client.HTTPConnection(*front.http, timeout=20) as connection:
        connection.putrequest("POST", "/mcp", skip_host=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        assert connection.getresponse().status == status


# The same server in a session.

def test_a_session_with_the_same_server(front):
    client = Client(front.http)
    answer = client.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    names = {tool["name"] for tool in answer.json["result"]["tools"]}
    assert {"test_simple_text", "test_input_required_result_elicitation"} <= names
    assert client.call("test_simple_text").json["result"]["content"][0]["text"].startswith("This is a simple text")
    assert client.call("test_error_handling").json["result"]["isError"] is True
    answer = client.call("test_tool_with_progress", meta={"progressToken": 5})
    assert [message["params"]["progress"] for _, message in answer.events[:-1] if message] == [0, 50, 100]
    with_session = {"Mcp-Session-Id": client.headers["Mcp-Session-Id"]}
    connection, response = client.open("DELETE", headers=with_session)
    with connection:
        assert 200 <= response.status < 300
    assert client.post({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}).status == 404
