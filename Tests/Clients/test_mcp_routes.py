"""Tools that answer messages of clients which speak no MCP."""

import json

import phoenix
from gateway import run_command
from mcp_sdk import children_of, everything
from mcp_upstream import Upstream
from wait import until


def route(type, server, tool, **more):
    return {"type": type, "handler": {"mcp": {"server": server, "tool": tool}, **more}}


def test_the_result_becomes_the_reply(start_gateway, client):
    gateway = start_gateway({
        "mcpServers": {"e": everything()},
        "routes": [route("sum", "demo", "add"), route("exact", "e", "exact"), route("shown.*", "e", "shown"),
                   route("none", "e", "nobody's"), route("asks", "demo", "ask")],
    })
    socket, _ = phoenix.join(gateway.ws, client)
    said = socket.ok("message", {"type": "sum", "data": {"a": 2, "b": 40}})
    assert said["structuredContent"] == {"sum": 42} and said["isError"] is False
    answer = gateway.api.post("/mcp/push", {"client_id": client, "type": "sum", "data": {"a": 1}})
    assert answer.status == 202 and answer.json["isError"] is True, "what a tool says of itself is an answer"
    # The bytes of the result are the server's.
    answer = gateway.api.post("/mcp/push", {"client_id": client, "type": "exact", "data": {}})
    assert b'"big":123456789012345678901234567890,"one":1.0,"exponent":1E+2' in answer.body
    said = socket.ok("message", {"type": "shown.x", "data": {"big": 1.0}})
    assert json.loads(said["content"][0]["text"])["params"] == {"name": "shown", "arguments": {"big": 1.0}}
    answer = gateway.api.post("/mcp/push", {"client_id": client, "type": "none", "data": {}})
    assert (answer.status, answer.json["error"]) == (502, "tool_failed") and "Unknown tool" in answer.json["reason"]
    answer = gateway.api.post("/mcp/push", {"client_id": client, "type": "sum", "data": [1]})
    assert (answer.status, answer.json["error"]) == (422, "invalid_message")
    # Nobody can be asked.
    assert "-32601" in json.dumps(socket.ok("message", {"type": "asks", "data": {}}))


def test_the_program_that_was_asked_first_goes_on_to_be(start_gateway, client):
    """Which era it is of is found out by the first call; the next one does not start another of it."""
    gateway = start_gateway({"mcpServers": {"e": everything()}, "routes": [route("told", "e", "told")]})
    push = {"client_id": client, "type": "told", "data": {}}
    assert gateway.api.post("/mcp/push", push).status == 202
    until(lambda: len(children_of(gateway.process.pid)) == 1, "the one that was only asked what it is to be gone")
    running = children_of(gateway.process.pid)
    assert gateway.api.post("/mcp/push", push).status == 202
    assert children_of(gateway.process.pid) == running


def test_what_takes_too_long_is_cancelled(start_gateway, client):
    gateway = start_gateway({
        "mcpServers": {"e": everything()},
        "routes": [route("wait", "e", "wait", timeout="100ms"), route("told", "e", "told")],
        "listen": {"event_loops": 1},
    })
    # What is cancelled has reached the server: it runs already.
    assert gateway.api.post("/mcp/push", {"client_id": client, "type": "told", "data": {}}).status == 202
    answer = gateway.api.post("/mcp/push", {"client_id": client, "type": "wait", "data": {}})
    assert (answer.status, answer.json["error"]) == (504, "timeout")

    def cancelled():
        said = gateway.api.post("/mcp/push", {"client_id": client, "type": "told", "data": {}})
        return json.loads(said.json["content"][0]["text"])["cancelled"]

    until(cancelled, "the server to hear that its call is over")


def test_a_server_that_is_not_there(start_gateway, client):
    upstream = Upstream()
    upstream.close()
    gateway = start_gateway({"mcpServers": {"u": {"url": upstream.url}}, "routes": [route("read", "u", "read")]})
    answer = gateway.api.post("/mcp/push", {"client_id": client, "type": "read", "data": {}})
    assert (answer.status, answer.json["error"]) == (502, "tool_failed")


def test_a_route_names_a_server_that_exists(tmp_path):
    (tmp_path / "gateway.yaml").write_text(json.dumps({"routes": [route("x", "nobody", "y")]}))
    done = run_command("serve", cwd=tmp_path)
    assert done.returncode == 2 and "routes: there is no MCP server nobody" in done.stderr
