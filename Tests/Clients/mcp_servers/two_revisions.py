"""A server by the official SDK that speaks both kinds of revision, with what the public conformance scenarios of 2026-07-28
ask for. Over standard input and output; with `--http` over HTTP at a free port, which its first line says.
"""

import asyncio
import json
import sys
from typing import Annotated

from mcp.server.mcpserver import Context, MCPServer, RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY, CreateMessageRequest, CreateMessageRequestParams, ElicitRequest,
    ElicitRequestFormParams, InputRequiredResult, ListRootsRequest, SamplingMessage, TextContent,
)
from mcp.server.mcpserver.prompts.base import UserMessage
from pydantic import Field

server = MCPServer(
    name="two-revisions", version="1", request_state_security=RequestStateSecurity(keys=[b"a key for nothing but the tests!!!!"]))


def elicitation(message, field="name", kind="string"):
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def question(said):
    message = SamplingMessage(role="user", content=TextContent(type="text", text=said))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=100))


def given(context, *names):
    """Answers to all of the questions, or nothing."""
    answers = context.input_responses or {}
    return answers if set(names) <= answers.keys() else None


@server.tool()
def test_simple_text() -> str:
    return "This is a simple text response for testing."


@server.tool()
def test_error_handling() -> str:
    raise RuntimeError("This tool intentionally returns an error for testing")


@server.tool()
async def test_tool_with_progress(context: Context) -> str:
    for done in (0, 50, 100):
        await context.report_progress(done, 100, f"at {done}")
    return "done"


@server.tool()
async def test_logging_tool(context: Context) -> str:
    await context.info("said")
    return "logged"


@server.tool()
async def test_streaming_elicitation(context: Context) -> str | InputRequiredResult:
    await context.report_progress(1, 2)
    return "done" if given(context, "name") else InputRequiredResult(input_requests={"name": elicitation("Who?")})


@server.tool()
async def test_missing_capability(context: Context) -> str:
    if (capabilities := context.session.client_capabilities) is None or capabilities.sampling is None:
        raise MCPError(code=MISSING_REQUIRED_CLIENT_CAPABILITY, message="sampling is required",
                       data={"requiredCapabilities": {"sampling": {}}})
    return "may sample"


@server.tool()
def test_x_mcp_header(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})] = "<none>") -> str:
    return f"region={region}"


@server.tool()
async def test_input_required_result_elicitation(context: Context) -> str | InputRequiredResult:
    if answers := given(context, "user_name"):
        return f"Hello, {answers['user_name'].content['name']}!"
    return InputRequiredResult(input_requests={"user_name": elicitation("What is your name?")})


@server.tool()
async def test_input_required_result_sampling(context: Context) -> str | InputRequiredResult:
    if answers := given(context, "capital_question"):
        return answers["capital_question"].content.text
    return InputRequiredResult(input_requests={"capital_question": question("What is the capital of France?")})


@server.tool()
async def test_input_required_result_list_roots(context: Context) -> str | InputRequiredResult:
    if answers := given(context, "client_roots"):
        return f"{len(answers['client_roots'].roots)} root"
    return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})


@server.tool()
async def test_input_required_result_request_state(context: Context) -> str | InputRequiredResult:
    if given(context, "confirm") and context.request_state == "a state":
        return "state-ok"
    return InputRequiredResult(
        input_requests={"confirm": elicitation("Please confirm", "ok", "boolean")}, request_state="a state")


@server.tool()
async def test_input_required_result_multiple_inputs(context: Context) -> str | InputRequiredResult:
    if given(context, "user_name", "greeting", "client_roots"):
        return "all came"
    return InputRequiredResult(request_state="all", input_requests={
        "user_name": elicitation("What is your name?"), "greeting": question("Generate a greeting"),
        "client_roots": ListRootsRequest()})


@server.tool()
async def test_input_required_result_multi_round(context: Context) -> str | InputRequiredResult:
    state = json.loads(context.request_state or "{}")
    if "name" in state and (answers := given(context, "step2")):
        return f"{state['name']} likes {answers['step2'].content['color']}"
    if answers := given(context, "step1"):
        return InputRequiredResult(input_requests={"step2": elicitation("Which color?", "color")},
                                   request_state=json.dumps({"name": answers["step1"].content["name"]}))
    return InputRequiredResult(input_requests={"step1": elicitation("What is your name?")}, request_state="{}")


@server.tool()
async def test_input_required_result_tampered_state(context: Context) -> str | InputRequiredResult:
    if context.request_state:
        return "state-ok"
    return InputRequiredResult(
        input_requests={"confirm": elicitation("Please confirm", "ok", "boolean")}, request_state="signed")


@server.tool()
async def test_input_required_result_capabilities(context: Context) -> InputRequiredResult:
    asked = {}
    if context.client_capabilities.sampling is not None:
        asked["sample"] = question("Say hello")
    if context.client_capabilities.elicitation is not None:
        asked["ask"] = elicitation("What is your name?")
    return InputRequiredResult(input_requests=asked, request_state="gated")


@server.tool()
async def test_trigger_tool_change(context: Context) -> str:
    await context.notify_tools_changed()
    return "changed"


@server.tool()
async def test_trigger_prompt_change(context: Context) -> str:
    await context.notify_prompts_changed()
    return "changed"


@server.resource("test://static-text")
def static_text() -> str:
    return "This is the content of the static text resource."


@server.resource("test://template/{id}/data")
def template(id: str) -> str:
    return json.dumps({"id": id})


@server.prompt()
def test_simple_prompt() -> list[UserMessage]:
    return [UserMessage(role="user", content=TextContent(type="text", text="This is a simple prompt for testing."))]


@server.prompt()
async def test_input_required_result_prompt(context: Context) -> list[UserMessage] | InputRequiredResult:
    if answers := given(context, "user_context"):
        said = answers["user_context"].content["context"]
        return [UserMessage(role="user", content=TextContent(type="text", text=said))]
    return InputRequiredResult(input_requests={"user_context": elicitation("Which context?", "context")})


def serve_http():
    import socket

    import uvicorn
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    application = uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="error"))
    asyncio.run(application.serve([listener]))


if "--http" in sys.argv:
    serve_http()
else:
    server.run()
