"""The scenarios that public conformance suites have for servers, through the gateway, for both kinds of revision."""

import base64
import concurrent.futures
import json

import pytest
import test_mcp_modern
from mcp_sdk import EVERYTHING, text
from test_mcp_http import Client, read_event
from test_mcp_transports import Socket
from test_mcp_transports import call as call_message


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    import gateway as gateways
    configuration = {"mcpServers": {"everything": EVERYTHING}, "mcp": {"demo": False}}
    with gateways.Gateway(tmp_path_factory.mktemp("conformance"), configuration) as one:
        yield one


class Legacy:
    """Asks in a session."""

    def __init__(self, gateway):
        self.client = Client(gateway.http)

    def ask(self, method, **params):
        answer = self.client.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        assert answer.status == 200
        if answer.headers["Content-Type"] == "application/json":
            self.before, last = [], answer.json
        else:
            *self.before, last = [message for _, message in answer.events if message]
        return last


class Modern:
    """Asks without one."""

    def __init__(self, gateway):
        self.gateway = gateway

    def ask(self, method, **params):
        name = params.get("name") or params.get("uri")
        params["_meta"] = test_mcp_modern.meta(**params.get("_meta", {}))
        answer = test_mcp_modern.ask(self.gateway, method, params, name=name)
        if answer.headers["Content-Type"] == "application/json":
            self.before, last = [], answer.json
        else:
            *self.before, last = [message for _, message in answer.events if message]
        return last


@pytest.fixture(params=[Legacy, Modern])
def server(request, front):
    return request.param(front)


def result(answer):
    assert "result" in answer, answer
    return answer["result"]


def test_initialize(front):
    given = Client(front.http).result
    assert given["protocolVersion"] == "2025-11-25" and given["serverInfo"]["name"] and given["serverInfo"]["version"]
    assert {"tools", "resources", "prompts", "logging", "completions"} <= set(given["capabilities"])


def test_ping(front):
    assert Legacy(front).ask("ping")["result"] == {}


def test_tools_are_listed(server):
    tools = {tool["name"]: tool for tool in result(server.ask("tools/list"))["tools"]}
    assert {"test_simple_text", "test_sampling", "json_schema_2020_12_tool"} <= set(tools)
    assert all(tool["inputSchema"]["type"] == "object" and tool["description"] for tool in tools.values())


def test_schemas_stay_what_they_are(server):
    tools = {tool["name"]: tool for tool in result(server.ask("tools/list"))["tools"]}
    schema = tools["json_schema_2020_12_tool"]["inputSchema"]
    assert schema == {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": {
            "street": {"type": "string"}, "city": {"type": "string"}}}},
        "properties": {
            "name": {"type": "string"}, "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"}, "email": {"type": "string"}},
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]}, "else": {"required": ["email"]},
        "additionalProperties": False,
    }


@pytest.mark.parametrize("tool,kinds", [
    ("test_simple_text", ["text"]), ("test_image_content", ["image"]), ("test_audio_content", ["audio"]),
    ("test_embedded_resource", ["resource"]),
    ("test_multiple_content_types", ["text", "image", "resource", "resource_link"]),
])
def test_kinds_of_content(server, tool, kinds):
    content = result(server.ask("tools/call", name=tool, arguments={}))["content"]
    assert [part["type"] for part in content] == kinds
    for part in content:
        if part["type"] in ("image", "audio"):
            assert base64.b64decode(part["data"], validate=True) and "/" in part["mimeType"]
        if part["type"] == "resource":
            assert part["resource"]["uri"].startswith("test://")


def test_an_error_of_a_tool_is_a_result(server):
    answer = result(server.ask("tools/call", name="test_error_handling", arguments={}))
    assert answer["isError"] is True and "intentionally" in answer["content"][0]["text"]


def test_an_unknown_tool_is_an_error(server):
    assert server.ask("tools/call", name="nobody's", arguments={})["error"]["code"] == -32602


def test_progress(server):
    answer = server.ask("tools/call", name="test_tool_with_progress", arguments={}, _meta={"progressToken": "p-1"})
    assert "result" in answer
    told = [one["params"] for one in server.before]
    assert [(one["progressToken"], one["progress"], one["total"]) for one in told] == [
        ("p-1", 0, 100), ("p-1", 50, 100), ("p-1", 100, 100)]


def test_nobody_asks_for_progress(server):
    assert "result" in server.ask("tools/call", name="test_tool_with_progress", arguments={})
    assert not [one for one in server.before if one["method"] == "notifications/progress"]


def test_log_messages_and_their_level(front):
    server = Legacy(front)
    assert server.ask("logging/setLevel", level="info")["result"] == {}
    assert "result" in server.ask("tools/call", name="test_tool_with_logging", arguments={})
    assert [one["params"]["level"] for one in server.before] == ["info"] * 3
    assert server.ask("logging/setLevel", level="error")["result"] == {}
    assert "result" in server.ask("tools/call", name="test_tool_with_logging", arguments={})
    assert server.before == []
    for level in ("nonsense", 3, None):
        assert server.ask("logging/setLevel", level=level)["error"]["code"] == -32602
    assert server.ask("logging/setLevel")["error"]["code"] == -32602


def test_a_level_that_was_set_before_a_server_was_used(front):
    server = Legacy(front)
    server.ask("logging/setLevel", level="error")
    server.ask("tools/call", name="test_tool_with_logging", arguments={})
    assert server.before == []
    assert json.loads(text(server.ask("tools/call", name="told", arguments={})))["level"] == "error"


def test_completion(server):
    for reference in ({"type": "ref/prompt", "name": "test_prompt_with_arguments"},
                      {"type": "ref/resource", "uri": "test://template/{id}/data"}):
        completion = result(server.ask("completion/complete", ref=reference, argument={"name": "arg1", "value": "par"}))
        assert completion["completion"]["values"] == ["paris", "park", "party", reference.get("name", reference.get("uri"))]
        assert completion["completion"]["total"] == 150
    unknown = server.ask("completion/complete", ref={"type": "ref/prompt", "name": "nobody's"},
                         argument={"name": "a", "value": ""})
    assert unknown["error"]["code"] == -32602


def test_resources(server):
    assert [one["uri"] for one in result(server.ask("resources/list"))["resources"]] == [
        "test://static-text", "test://static-binary", "test://watched-resource"]
    assert [one["uriTemplate"] for one in result(server.ask("resources/templates/list"))["resourceTemplates"]] == [
        "test://template/{id}/data"]
    [content] = result(server.ask("resources/read", uri="test://static-text"))["contents"]
    assert content["mimeType"] == "text/plain" and "static text" in content["text"]
    [content] = result(server.ask("resources/read", uri="test://static-binary"))["contents"]
    assert base64.b64decode(content["blob"], validate=True).startswith(b"\x89PNG")
    [content] = result(server.ask("resources/read", uri="test://template/123/data"))["contents"]
    assert content["uri"] == "test://template/123/data" and json.loads(content["text"])["id"] == "123"


def test_a_resource_that_is_not_there(front):
    error = Legacy(front).ask("resources/read", uri="test://nowhere")["error"]
    assert error["code"] == -32002 and error["data"] == {"uri": "test://nowhere"}
    assert Modern(front).ask("resources/read", uri="test://nowhere")["error"]["code"] == -32602


def test_subscriptions(front):
    server = Legacy(front)
    connection, stream = server.client.open("GET")
    with connection:
        assert server.ask("resources/subscribe", uri="test://watched-resource")["result"] == {}
        server.ask("tools/call", name="touch", arguments={})
        while True:
            _, message = read_event(stream)
            if message["method"] == "notifications/resources/updated":
                break
        assert message["params"]["uri"] == "test://watched-resource"
        assert server.ask("resources/unsubscribe", uri="test://watched-resource")["result"] == {}
        server.ask("tools/call", name="touch", arguments={})
        server.ask("tools/call", name="announce", arguments={"n": 1})
        _, message = read_event(stream)
        assert message["method"] == "notifications/vendor/thing"


def test_prompts(server):
    prompts = {one["name"]: one for one in result(server.ask("prompts/list"))["prompts"]}
    assert [one["required"] for one in prompts["test_prompt_with_arguments"]["arguments"]] == [True, True]
    [message] = result(server.ask("prompts/get", name="test_simple_prompt"))["messages"]
    assert message["role"] == "user" and message["content"]["type"] == "text"
    [message] = result(server.ask(
        "prompts/get", name="test_prompt_with_arguments", arguments={"arg1": "hello", "arg2": "world"}))["messages"]
    assert "hello, world" in message["content"]["text"]
    [message] = result(server.ask("prompts/get", name="test_prompt_with_embedded_resource",
                                  arguments={"resourceUri": "test://x"}))["messages"]
    assert message["content"]["resource"]["uri"] == "test://x"
    [message] = result(server.ask("prompts/get", name="test_prompt_with_image"))["messages"]
    assert message["content"]["type"] == "image"
    assert server.ask("prompts/get", name="nobody's")["error"]["code"] == -32602


def asked(front, tool, answer, arguments=None):
    """Calls a tool that asks, answers, and returns the question and the tool's result."""
    with Socket(front.http) as socket:
        socket.begin()
        socket.send(call_message("c", tool, arguments))
        question = socket.receive()
        socket.send({"jsonrpc": "2.0", "id": question["id"], **answer})
        while True:
            message = socket.receive()
            if message.get("id") == "c":
                return question, message


def test_sampling(front):
    said = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "an answer"}}
    question, answer = asked(front, "test_sampling", {"result": said}, {"prompt": "a question"})
    assert question["method"] == "sampling/createMessage" and question["params"]["maxTokens"] == 100
    assert question["params"]["messages"][0]["content"]["text"] == "a question"
    assert text(answer) == "LLM response: an answer"


@pytest.mark.parametrize("reply,said", [
    ({"action": "accept", "content": {"response": "x"}}, "accept"), ({"action": "decline"}, "decline"),
    ({"action": "cancel"}, "cancel"),
])
def test_elicitation(front, reply, said):
    question, answer = asked(front, "test_elicitation", {"result": reply}, {"message": "Who?"})
    assert question["params"]["message"] == "Who?" and question["params"]["requestedSchema"]["required"] == ["response"]
    assert json.loads(text(answer).removeprefix("User response: ")) == reply


def test_elicitation_with_defaults_and_choices(front):
    question, _ = asked(front, "test_elicitation_sep1034_defaults", {"result": {"action": "accept", "content": {}}})
    properties = question["params"]["requestedSchema"]["properties"]
    assert {name: one["default"] for name, one in properties.items()} == {
        "name": "John Doe", "age": 30, "score": 95.5, "verified": True, "status": "active"}
    question, _ = asked(front, "test_elicitation_sep1330_enums", {"result": {"action": "accept", "content": {}}})
    properties = question["params"]["requestedSchema"]["properties"]
    choices = [{"const": f"value{number}", "title": f"Choice {number}"} for number in (1, 2, 3)]
    options = ["option1", "option2", "option3"]
    assert properties == {
        "untitledSingle": {"type": "string", "enum": options},
        "titledSingle": {"type": "string", "oneOf": choices},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"]},
        "untitledMulti": {
            "type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "enum": options}},
        "titledMulti": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"anyOf": choices}},
    }


def test_elicitation_by_address(front):
    question, answer = asked(front, "test_elicitation_url", {"result": {"action": "accept"}})
    assert question["params"]["mode"] == "url" and question["params"]["elicitationId"] == "e-1"
    assert json.loads(text(answer)) == {"action": "accept"}


def test_roots(front):
    question, answer = asked(front, "test_roots", {"result": {"roots": [{"uri": "file:///a", "name": "a"}]}})
    assert question["method"] == "roots/list"
    assert json.loads(text(answer)) == {"roots": [{"uri": "file:///a", "name": "a"}]}


def test_a_client_may_refuse_a_question(front):
    error = {"code": -1, "message": "User rejected sampling request"}
    _, answer = asked(front, "test_sampling", {"error": error})
    assert answer["result"]["isError"] is True and json.loads(text(answer)) == error


def test_questions_that_the_gateway_does_not_know(front):
    question, answer = asked(front, "unknown_question", {"result": {"y": 2}})
    assert question["method"] == "vendor/question" and question["params"] == {"x": 1}
    assert json.loads(text(answer)) == {"y": 2}


def test_roots_have_changed(front):
    server = Legacy(front)
    server.ask("tools/call", name="test_simple_text", arguments={})
    notice = {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}
    assert server.client.post(notice).status == 202
    told = json.loads(text(server.ask("tools/call", name="told", arguments={})))
    assert told["notified"] == ["notifications/initialized", "notifications/roots/list_changed"]


def test_lists_have_changed(front):
    server = Legacy(front)
    server.ask("tools/list")
    connection, stream = server.client.open("GET")
    with connection:
        server.ask("tools/call", name="change_prompts", arguments={})
        server.ask("tools/call", name="add_tool", arguments={"name": "late"})
        methods = set()
        while len(methods) < 3:
            _, message = read_event(stream)
            if message:
                methods.add(message["method"])
        assert methods == {f"notifications/{kind}/list_changed" for kind in ("tools", "prompts", "resources")}


def test_several_streams_at_once(front):
    client = Client(front.http)

    def one(number):
        answer = client.call("large", {"notifications": 3}, id=number, meta={"progressToken": number})
        events = [message for _, message in answer.events if message]
        assert [message["params"]["progressToken"] for message in events[:-1]] == [number] * 3
        return events[-1]["id"]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(24))) == list(range(24))


def test_what_the_gateway_does_not_know_passes(server):
    answer = server.ask("vendor/echo", x=[1, {"y": None}])
    assert result(answer)["params"]["x"] == [1, {"y": None}]
    assert server.ask("vendor/nobody")["error"]["code"] == -32601


def test_tasks_go_to_the_server_that_has_them(start_gateway):
    from mcp_sdk import everything
    gateway = start_gateway({
        "mcpServers": {"one": everything("--prefix", "one_"), "two": everything("--prefix", "two_")},
    })
    for server in (Legacy(gateway), Modern(gateway)):
        made = result(server.ask("tools/call", name="two_task", arguments={}, task={"ttl": 60000}))
        assert made["task"] == {**made["task"], "taskId": "two_task-1", "status": "working"}
        made = result(server.ask("tools/call", name="one_task", arguments={}, task={}))["task"]
        for prefix in ("one_", "two_"):
            for method in ("tasks/get", "tasks/result", "tasks/cancel"):
                answer = result(server.ask(method, taskId=f"{prefix}task-1"))
                assert (answer["taskId"], answer["method"]) == (f"{prefix}task-1", method)
        assert server.ask("tasks/get", taskId="nobody's")["error"]["code"] == -32602
        # A method that only the second one has.
        assert result(server.ask("vendor/two_echo", x=1))["params"]["x"] == 1
