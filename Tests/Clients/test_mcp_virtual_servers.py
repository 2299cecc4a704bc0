"""`/mcp/servers/NAME`: one server, or a part of several, the same in lists and in calls."""

import pytest
from gateway import run_command
from mcp_sdk import everything, run_client, text
from test_mcp_http import PING, Client

from test_mcp_transports import Socket

CONFIGURATION = {
    "mcpServers": {"east": everything(), "west": everything("--prefix", "west_")},
    "mcp": {"virtual_servers": {
        "small": {
            "servers": ["east", "demo"], "allow": ["test_simple_*", "echo", "add", "test://*", "shown"],
            "deny": ["add", "test://template/secret/*", "test://static-binary"],
            "rename": {"echo": "say", "test_simple_prompt": "ask_simply"},
        },
        "all": {},
        "none": {"allow": ["nothing"]},
    }},
}


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    import gateway as gateways
    with gateways.Gateway(tmp_path_factory.mktemp("virtual"), CONFIGURATION) as one:
        yield one


class At(Client):
    """A session at another address."""

    def __init__(self, address, path):
        self.path = path
        super().__init__(address)

    def open(self, method, body=None, headers=None, path=None):
        return super().open(method, body, headers, path or self.path)

    def names(self, kind="tools", key="name"):
        return [one[key] for one in self.post({"jsonrpc": "2.0", "id": 1, "method": {
            "resourceTemplates": "resources/templates/list"}.get(kind, f"{kind}/list")}).json["result"][kind]]

    def ask(self, method, **params):
        return self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).json


def test_a_selection_is_the_same_in_lists_and_in_calls(front):
    client = At(front.http, "/mcp/servers/small")
    assert client.names() == ["test_simple_text", "shown", "say"]
    assert client.names("prompts") == ["ask_simply"]
    assert client.names("resources", "uri") == ["test://static-text", "test://watched-resource"]
    assert client.names("resourceTemplates", "uriTemplate") == ["test://template/{id}/data"]
    assert text(client.call("say", {"text": "x"}).json) == "x"
    assert '"name": "shown"' in text(client.call("shown").json)
    assert client.ask("prompts/get", name="ask_simply")["result"]["messages"]
    assert client.ask("resources/read", uri="test://template/7/data")["result"]["contents"]
    completion = client.ask("completion/complete", ref={"type": "ref/prompt", "name": "ask_simply"},
                            argument={"name": "a", "value": "par"})
    assert completion["result"]["completion"]["values"][-1] == "test_simple_prompt"
    for hidden in ("echo", "add", "slow", "test_image_content", "west_test_simple_text", "west_shown"):
        assert client.call(hidden).json["error"]["code"] == -32602
    assert client.ask("prompts/get", name="test_simple_prompt")["error"]["code"] == -32602
    for hidden in ("test://static-binary", "test://template/secret/data", "other://x"):
        assert client.ask("resources/read", uri=hidden)["error"]["code"] == -32002
        assert client.ask("resources/subscribe", uri=hidden)["error"]["code"] == -32002


def test_a_server_is_an_address(front):
    client = At(front.http, "/mcp/servers/demo")
    assert client.names() == ["echo", "add", "slow", "fail", "ask", "big"]
    assert client.call("west_shown").json["error"]["code"] == -32602
    assert At(front.http, "/mcp/servers/none").names() == []
    assert set(At(front.http, "/mcp/servers/all").names()) == set(At(front.http, "/mcp").names())


def test_an_address_that_is_none(front):
    client = At(front.http, "/mcp")
    for verb in ("POST", "GET", "DELETE"):
        connection, response = client.open(verb, '{"jsonrpc":"2.0","id":1,"method":"ping"}', path="/mcp/servers/nobody")
        with connection:
            assert response.status == 404
    # A session is known at its own address only.
    connection, response = client.open("POST", '{"jsonrpc":"2.0","id":1,"method":"ping"}', path="/mcp/servers/demo")
    with connection:
        assert response.status == 404
    assert client.post(PING).status == 200
    with Socket(front.http, server="nobody") as socket:
        assert socket.close_code()[0] == 1008


def test_every_transport_has_a_selection(front):
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    with Socket(front.http, server="small") as socket:
        session = socket.begin()
        assert [one["name"] for one in socket.ask(listing)["result"]["tools"]] == ["test_simple_text", "shown", "say"]
    # Whatever address it comes back by, it sees what it saw.
    with Socket(front.http) as socket:
        assert socket.begin(session) == session
        assert [one["name"] for one in socket.ask(listing)["result"]["tools"]] == ["test_simple_text", "shown", "say"]
    said = run_client("second", front.http, [
        ["list_tools", {}], ["call_tool", {"name": "say", "arguments": {"text": "x"}}],
        ["call_tool", {"name": "add", "arguments": {"a": 1, "b": 2}}],
    ], mode="2026-07-28", path="/mcp/servers/small")
    assert [one["name"] for one in said["steps"][0]["result"]["tools"]] == ["test_simple_text", "shown", "say"]
    assert text(said["steps"][1]) == "x" and said["steps"][2]["error"]["code"] == -32602
    said = run_client("first", front.http, [["list_tools", {}]], "sse", path="/sse?server=demo")
    assert len(said["steps"][0]["result"]["tools"]) == 6


def test_a_selection_of_a_stranger_stops_the_start(tmp_path):
    done = run_command("serve", "--port", "0", "--sse-port", "0", "--ws-port", "0", "--set",
                       "mcp.virtual_servers={v: {servers: [nobody]}}", "--set", "storage.engine=memory", cwd=tmp_path)
    assert done.returncode == 2 and "mcp.virtual_servers.v: there is no server nobody" in done.stderr
