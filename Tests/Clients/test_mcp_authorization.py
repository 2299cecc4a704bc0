"""`/mcp` as a protected resource: who may use which tool, and whose token goes where."""

import json
import re

import pytest
from recording_upstream import Upstream
from test_mcp_http import BOTH, INITIALIZE, Client
from tokens import ADMIN, AUTHENTICATED, bearer, failures, metric, token

MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
          "io.modelcontextprotocol/clientCapabilities": {}}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    import gateway as gateways
    config = {**AUTHENTICATED, "security": {**AUTHENTICATED["security"], "authentication": {
        "authorization_servers": ["https://issuer.example.com"]}}}
    with gateways.Gateway(tmp_path_factory.mktemp("guarded"), config) as one:
        yield one


def names(answer):
    return {tool["name"] for tool in (answer.json if answer.body.startswith(b"{") else answer.events[-1][1])["result"]["tools"]}


def test_a_stranger_is_told_whom_to_ask(guarded):
    answer = guarded.api.post("/mcp", INITIALIZE, Accept=BOTH)
    assert answer.status == 401 and answer.json["error"] == "authentication_failed"
    address = re.search(r'resource_metadata="([^"]+)"', answer.headers["WWW-Authenticate"])[1]
    host = f"{guarded.http[0]}:{guarded.http[1]}"
    assert address == f"http://{host}/.well-known/oauth-protected-resource/mcp"
    told = guarded.api.get(address.removeprefix(f"http://{host}"))
    assert told.status == 200 and told.headers["Access-Control-Allow-Origin"] == "*"
    assert told.json["resource"] == f"http://{host}/mcp"
    assert told.json["authorization_servers"] == ["https://issuer.example.com"]
    assert told.json["bearer_methods_supported"] == ["header"]
    assert guarded.api.get("/.well-known/oauth-protected-resource/mcp/servers/demo").json["resource"].endswith("/demo")
    assert guarded.api.get("/.well-known/oauth-protected-resource/nothing").status == 401


def test_without_authentication_there_is_no_such_thing(gateway):
    assert gateway.api.get("/.well-known/oauth-protected-resource/mcp").status == 404


def test_a_token_without_scope_is_not_enough(guarded, client):
    answer = guarded.api.post("/mcp", INITIALIZE, Accept=BOTH, **bearer(token(client, "publish")))
    assert answer.status == 403
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge and 'scope="mcp"' in challenge


def test_tools_that_are_not_allowed_are_not_there(guarded, client):
    some = Client(guarded.http, headers=bearer(token(client, scope="openid mcp:demo/echo mcp:demo/add")))
    every = Client(guarded.http, headers=bearer(token(client, scope="mcp")))
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    assert names(some.post(listing)) == {"echo", "add"}
    assert names(every.post(listing)) > {"echo", "add", "fail"}
    before = metric(guarded, "mcp_gateway_authorization_denied_total", action="mcp")
    assert "result" in some.call("add", {"a": 1, "b": 2}).json
    denied, unknown = some.call("fail"), some.call("nothing")
    assert denied.json["error"]["code"] == unknown.json["error"]["code"]
    assert denied.json["error"]["message"].replace("fail", "nothing") == unknown.json["error"]["message"]
    assert metric(guarded, "mcp_gateway_authorization_denied_total", action="mcp") == before + 1


def test_the_same_without_sessions(guarded, client):
    def ask(method, **params):
        headers = {"Accept": BOTH, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method,
                   **bearer(token(client, "mcp:demo/echo"))}
        if "name" in params:
            headers["Mcp-Name"] = params["name"]
        return guarded.api.request("POST", "/mcp", {
            "jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": MODERN}}, headers)
    listed = ask("tools/list")
    assert {tool["name"] for tool in listed.json["result"]["tools"]} == {"echo"}
    assert listed.json["result"]["cacheScope"] == "private"
    assert "result" in ask("tools/call", name="echo", arguments={"text": "a"}).json
    assert "error" in ask("tools/call", name="add", arguments={"a": 1, "b": 2}).json


def test_a_session_is_the_persons_and_not_the_tokens(guarded, client):
    session = Client(guarded.http, headers=bearer(token(client, "mcp")))
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    session.headers.update(bearer(token(client, "mcp:demo/add", jti="fresh")))
    assert names(session.post(listing)) == {"add"}
    session.headers.update(bearer(token("somebody", "mcp")))
    assert session.post(listing).status == 404
    session.headers.update(bearer(token(client, "mcp", iss="elsewhere")))
    assert session.post(listing).status == 404


def test_a_token_for_another_resource_is_refused(guarded, client):
    host = f"http://{guarded.http[0]}:{guarded.http[1]}"
    def status(audience):
        return guarded.api.post("/mcp", INITIALIZE, Accept=BOTH, **bearer(token(client, "mcp", aud=audience))).status
    before = failures(guarded, "audience")
    assert [status(one) for one in ("https://other", [host + "/mcp/servers/time"], host + ".evil/mcp")] == [401] * 3
    assert failures(guarded, "audience") == before + 3
    assert [status(one) for one in (host + "/mcp", [host], None)] == [200] * 3


def test_an_address_is_no_place_for_its_token(guarded, client):
    good = token(client, "mcp")
    assert guarded.api.post(f"/mcp?token={good}", INITIALIZE, Accept=BOTH).status == 401


def test_the_clients_token_goes_no_further(start_gateway, client):
    upstream = Upstream()
    own = start_gateway({**AUTHENTICATED, "mcpServers": {"u": {
        "url": upstream.url, "headers": {"Authorization": "Bearer ${UPSTREAM_KEY}"}}}},
        env={"UPSTREAM_KEY": "the-gateways-own-key"})
    mine = token(client, "mcp")
    session = Client(own.http, headers={**bearer(mine), "X-Api-Key": "mine"})
    assert "result" in session.call("tool").json
    calls = [request for request, message in upstream.requests if message and message.get("method") == "tools/call"]
    assert calls and all(one.headers["Authorization"] == "Bearer the-gateways-own-key" for one in calls)
    for request, _ in upstream.requests:
        said = str(request.headers) + (getattr(request, "body", b"") or b"").decode()
        assert mine not in said and mine.split(".")[2] not in said and "X-Api-Key" not in said
