"""A stdio server that does everything that a server may do, written by hand: what it says is what stands here, byte for
byte, and what it was told it can show.

Its names are those that the public conformance scenarios ask for, with some of its own. `--prefix NAME` puts NAME before
every tool, `--page N` gives lists in pages of N, `--hang METHOD` never answers METHOD.
"""

import argparse
import json
import os
import sys
import threading

options = argparse.ArgumentParser()
options.add_argument("--prefix", default="")
options.add_argument("--page", type=int, default=100)
options.add_argument("--hang", action="append", default=[])
options = options.parse_args()

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
waiting = {}
"""Tools that have asked the client something, by the id of the question."""
state = {"level": "debug", "subscribed": set(), "cancelled": [], "notified": [], "extra": [], "asked": 0, "initialize": {}}
lock = threading.Lock()


def write(line):
    with lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def say(**message):
    write(json.dumps({"jsonrpc": "2.0", **message}))


def notify(method, **params):
    say(method=method, **({"params": params} if params else {}))


def text(value):
    return {"content": [{"type": "text", "text": value}]}


def log(level, data):
    if LEVELS.index(level) >= LEVELS.index(state["level"]):
        notify("notifications/message", level=level, logger="everything", data=data)


# Tools: a generator yields (method, params) to ask the client, and gets its whole answer.

def simple_text(arguments, message):
    return text("This is a simple text response for testing.")
    yield


def image(arguments, message):
    return {"content": [{"type": "image", "data": PNG, "mimeType": "image/png"}]}
    yield


def audio(arguments, message):
    return {"content": [{"type": "audio", "data": WAV, "mimeType": "audio/wav"}]}
    yield


EMBEDDED = {"type": "resource", "resource": {
    "uri": "test://embedded-resource", "mimeType": "text/plain", "text": "This is an embedded resource content."}}


def embedded(arguments, message):
    return {"content": [EMBEDDED]}
    yield


def multiple(arguments, message):
    return {"content": [
        {"type": "text", "text": "Multiple content types test:"},
        {"type": "image", "data": PNG, "mimeType": "image/png"},
        {**EMBEDDED, "resource": {**EMBEDDED["resource"], "uri": "test://mixed-content-resource"}},
        {"type": "resource_link", "uri": "test://static-text", "name": "static"},
    ]}
    yield


def logging(arguments, message):
    for data in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        log("info", data)
    return text("logged")
    yield


def progress(arguments, message):
    token = message["params"].get("_meta", {}).get("progressToken")
    for done in (0, 50, 100):
        if token is not None:
            notify("notifications/progress", progressToken=token, progress=done, total=100, message=f"at {done}")
    return text("done")
    yield


def error(arguments, message):
    return {**text("This tool intentionally returns an error for testing"), "isError": True}
    yield


def sampling(arguments, message):
    answer = yield "sampling/createMessage", {
        "messages": [{"role": "user", "content": {"type": "text", "text": arguments.get("prompt", "hello")}}],
        "maxTokens": 100,
    }
    if "error" in answer:
        return {**text(json.dumps(answer["error"])), "isError": True}
    return text("LLM response: " + answer["result"]["content"]["text"])


SCHEMA = {"type": "object", "properties": {
    "response": {"type": "string", "description": "What the user says"}}, "required": ["response"]}


def elicit(schema):
    def tool(arguments, message):
        answer = yield "elicitation/create", {
            "message": arguments.get("message", "Please answer"), "requestedSchema": schema}
        if "error" in answer:
            return {**text(json.dumps(answer["error"])), "isError": True}
        return text("User response: " + json.dumps(answer["result"]))
    return tool


def elicit_url(arguments, message):
    answer = yield "elicitation/create", {
        "mode": "url", "message": "Please visit", "url": "https://example.com/visit", "elicitationId": "e-1"}
    notify("notifications/elicitation/complete", elicitationId="e-1")
    return text(json.dumps(answer.get("result", answer.get("error"))))


def roots(arguments, message):
    answer = yield "roots/list", {}
    return text(json.dumps(answer.get("result", answer.get("error"))))


def unknown_question(arguments, message):
    answer = yield "vendor/question", {"x": 1}
    return text(json.dumps(answer.get("result", answer.get("error"))))


def two_questions(arguments, message):
    """Two of one call, one behind the other: each answer must find its own."""
    first = yield "sampling/createMessage", {"messages": [], "maxTokens": 1}
    second = yield "roots/list", {}
    return text(json.dumps(["role" in first.get("result", {}), "roots" in second.get("result", {})]))


def exact(arguments, message):
    """The answer is written as it stands, not by a library."""
    id = json.dumps(message["id"])
    write('{ "result":{"z":1,"content":[ {"type":"text","text":"\\u00e9\\/"} ],"structuredContent":'
          '{"big":123456789012345678901234567890,"one":1.0,"exponent":1E+2,"b":1,"a":[ ]},"vendor":{"x":null}},'
          '"id":' + id + ',"jsonrpc":"2.0"}')
    return None
    yield


def shown(arguments, message):
    """The message of this call, as it came."""
    return text(message["line"])
    yield


def told(arguments, message):
    """What the server has been told beside calls."""
    return text(json.dumps({
        key: sorted(value) if isinstance(value, set) else value for key, value in state.items()}))
    yield


def add_tool(arguments, message):
    state["extra"].append(arguments["name"])
    for _ in range(3):
        notify("notifications/tools/list_changed")
    return text("added")
    yield


def touch(arguments, message):
    """A resource changes; who has subscribed is told."""
    uri = arguments.get("uri", "test://watched-resource")
    if uri in state["subscribed"]:
        notify("notifications/resources/updated", uri=uri)
    return text("touched")
    yield


def announce(arguments, message):
    """Says something that this protocol does not know."""
    notify("notifications/vendor/thing", n=arguments.get("n", 1))
    return text("announced")
    yield


def change_prompts(arguments, message):
    notify("notifications/prompts/list_changed")
    notify("notifications/resources/list_changed")
    return text("changed")
    yield


def wait(arguments, message):
    """Never ends by itself."""
    notify("notifications/progress", progressToken=message["params"].get("_meta", {}).get("progressToken", 0), progress=1)
    yield None


def task(arguments, message):
    """With `task` among the parameters a task comes instead of a result (2025-11-25)."""
    if "task" in message["params"]:
        state["tasks"] = [f"{options.prefix}task-1"]
        return {"task": {"taskId": f"{options.prefix}task-1", "status": "working", "ttl": 60000,
                         "createdAt": "2025-11-25T10:00:00Z", "lastUpdatedAt": "2025-11-25T10:00:00Z"}}
    return text("no task")
    yield


def large(arguments, message):
    """As many bytes as asked for, behind as many progress notifications, each with as much text."""
    token = message["params"].get("_meta", {}).get("progressToken")
    for number in range(arguments.get("notifications", 0)):
        notify("notifications/progress", progressToken=token, progress=number + 1, message="x" * arguments.get("each", 0))
    return text("y" * arguments.get("bytes", 0))
    yield


def hang(arguments, message):
    """From now on METHOD is not answered any more."""
    options.hang.append(arguments["method"])
    return text("as you like")
    yield


def exit(arguments, message):
    os._exit(3)
    yield


PRIMITIVES = {
    "type": "object", "properties": {
        "name": {"type": "string", "default": "John Doe"}, "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5}, "verified": {"type": "boolean", "default": True},
        "status": {"type": "string", "enum": ["active", "inactive"], "default": "active"},
    }, "required": []}
CHOICES = [{"const": f"value{number}", "title": f"Choice {number}"} for number in (1, 2, 3)]
ENUMS = {
    "type": "object", "properties": {
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {"type": "string", "oneOf": CHOICES},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"]},
        "untitledMulti": {
            "type": "array", "minItems": 1, "maxItems": 3,
            "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
        "titledMulti": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"anyOf": CHOICES}},
    }, "required": []}
# Every keyword that the scenario for the dialect looks for: a gateway that knows schemas only by halves loses some.
DIALECT = {
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
TOOLS = {
    "test_simple_text": simple_text, "test_image_content": image, "test_audio_content": audio,
    "test_embedded_resource": embedded, "test_multiple_content_types": multiple, "test_tool_with_logging": logging,
    "test_tool_with_progress": progress, "test_error_handling": error, "test_sampling": sampling,
    "test_elicitation": elicit(SCHEMA), "test_elicitation_sep1034_defaults": elicit(PRIMITIVES),
    "test_elicitation_sep1330_enums": elicit(ENUMS), "test_elicitation_url": elicit_url, "test_roots": roots,
    "json_schema_2020_12_tool": simple_text, "unknown_question": unknown_question, "two_questions": two_questions,
    "exact": exact, "shown": shown, "told": told, "add_tool": add_tool, "touch": touch, "announce": announce,
    "change_prompts": change_prompts, "wait": wait, "task": task, "large": large, "hang": hang, "exit": exit,
}
REPEATABLE = {"shown", "told", "test_simple_text"}


def tools():
    for name in [*TOOLS, *state["extra"]]:
        tool = {"name": options.prefix + name, "description": f"What {name} does",
                "inputSchema": DIALECT if name == "json_schema_2020_12_tool" else {"type": "object"}}
        if name in REPEATABLE:
            tool["annotations"] = {"readOnlyHint": True}
        yield tool


RESOURCES = [
    {"uri": "test://static-text", "name": "static-text", "mimeType": "text/plain"},
    {"uri": "test://static-binary", "name": "static-binary", "mimeType": "image/png"},
    {"uri": "test://watched-resource", "name": "watched"},
]
TEMPLATES = [{"uriTemplate": "test://template/{id}/data", "name": "template", "mimeType": "application/json"}]
PROMPTS = [
    {"name": "test_simple_prompt", "description": "A simple prompt"},
    {"name": "test_prompt_with_arguments", "arguments": [
        {"name": "arg1", "required": True}, {"name": "arg2", "required": True}]},
    {"name": "test_prompt_with_embedded_resource", "arguments": [{"name": "resourceUri", "required": True}]},
    {"name": "test_prompt_with_image"},
]


class Refusal(Exception):
    def __init__(self, code, message, data=None):
        self.error = {"code": code, "message": message, **({"data": data} if data else {})}


def page(member, items, params):
    items = list(items)
    start = int(params.get("cursor", "at-0")[3:])
    end = start + options.page
    return {member: items[start:end], **({"nextCursor": f"at-{end}"} if end < len(items) else {})}


def read(uri):
    if uri == "test://static-binary":
        return {"uri": uri, "mimeType": "image/png", "blob": PNG}
    if uri.startswith("test://template/"):
        id = uri.split("/")[3]
        return {"uri": uri, "mimeType": "application/json", "text": json.dumps({"id": id, "templateTest": True})}
    if uri in ("test://static-text", "test://watched-resource"):
        return {"uri": uri, "mimeType": "text/plain", "text": "This is the content of the static text resource."}
    raise Refusal(-32002, "Resource not found", {"uri": uri})


def prompt(name, arguments):
    def user(content):
        return {"messages": [{"role": "user", "content": content}]}
    if name == "test_simple_prompt":
        return user({"type": "text", "text": "This is a simple prompt for testing."})
    if name == "test_prompt_with_arguments":
        return user({"type": "text", "text": f"Prompt with arguments: {arguments['arg1']}, {arguments['arg2']}"})
    if name == "test_prompt_with_embedded_resource":
        return user({"type": "resource", "resource": {
            "uri": arguments["resourceUri"], "mimeType": "text/plain", "text": "Embedded resource content"}})
    if name == "test_prompt_with_image":
        return user({"type": "image", "data": PNG, "mimeType": "image/png"})
    raise Refusal(-32602, f"unknown prompt {name}")


def answer(message):
    method, params = message["method"], message.get("params", {})
    if method == "initialize":
        state["initialize"] = params
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {"listChanged": True}, "resources": {"subscribe": True, "listChanged": True},
                             "prompts": {"listChanged": True}, "logging": {}, "completions": {}},
            "serverInfo": {"name": "everything", "version": "1"},
        }
    if method == "ping":
        return {}
    if method == "tools/list":
        return page("tools", tools(), params)
    if method == "resources/list":
        return page("resources", RESOURCES, params)
    if method == "resources/templates/list":
        return page("resourceTemplates", TEMPLATES, params)
    if method == "prompts/list":
        return page("prompts", PROMPTS, params)
    if method == "resources/read":
        return {"contents": [read(params["uri"])]}
    if method == "prompts/get":
        return prompt(params["name"], params.get("arguments", {}))
    if method == "completion/complete":
        value = params["argument"]["value"]
        about = params["ref"].get("name") or params["ref"].get("uri")
        values = [one for one in ("paris", "park", "party") if one.startswith(value)]
        return {"completion": {"values": [*values, about], "total": 150, "hasMore": False}}
    if method == "logging/setLevel":
        if params["level"] not in LEVELS:
            raise Refusal(-32602, "unknown level")
        state["level"] = params["level"]
        return {}
    if method == "resources/subscribe":
        state["subscribed"].add(params["uri"])
        return {}
    if method == "resources/unsubscribe":
        state["subscribed"].discard(params["uri"])
        return {}
    if method == f"vendor/{options.prefix}echo":
        return {"params": params}
    if method == "tasks/list":
        return page("tasks", [{"taskId": one, "status": "working"} for one in state.get("tasks", [])], params)
    if method.startswith("tasks/"):
        state.setdefault("tasks asked", []).append(params.get("taskId"))
    if method.startswith("tasks/") and params.get("taskId") == f"{options.prefix}task-1":
        return {"taskId": params["taskId"], "status": "completed", "method": method}
    if method.startswith("tasks/"):
        raise Refusal(-32602, "unknown task")
    raise Refusal(-32601, f"Method not found: {method}")


def advance(id, tool, value):
    """Runs a tool up to its next question, or to its end."""
    try:
        question = tool.send(value)
    except StopIteration as end:
        if end.value is not None:
            say(id=id, result=end.value)
        return
    if question is not None:
        state["asked"] += 1
        # Small numbers, as every library has them: they are sure to be the client's ids too.
        waiting[state["asked"]] = (id, tool)
        say(id=state["asked"], method=question[0], params=question[1])


def handle(line):
    message = json.loads(line)
    id = message.get("id")
    if "method" not in message:
        if id in waiting:
            advance(*waiting.pop(id), message)
        return
    if id is None:
        if message["method"] == "notifications/cancelled":
            state["cancelled"].append(message["params"])
        else:
            state["notified"].append(message["method"])
        return
    if message["method"] in options.hang:
        return
    if message["method"] == "server/discover":
        return say(id=id, error={"code": -32601, "message": "Method not found"})
    if message["method"] == "tools/call":
        name = message["params"]["name"].removeprefix(options.prefix)
        tool = TOOLS.get(name) or (simple_text if name in state["extra"] else None)
        if tool is None:
            return say(id=id, error={"code": -32602, "message": f"Unknown tool: {name}"})
        return advance(id, tool(message["params"].get("arguments") or {}, {**message, "line": line.strip()}), None)
    try:
        say(id=id, result=answer(message))
    except Refusal as refusal:
        say(id=id, error=refusal.error)


for line in sys.stdin:
    handle(line)
