"""Taking leave: not ready, paced goodbyes, calls that are under way, the end."""

import http.client
import json
import re
import threading
import time

import phoenix
import admin
import pytest
import sse
from api import API
from gateway import run_command
from wait import until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

TOKEN = "an-admin-token"


def goodbye(frames):
    return next(frame.payload for frame in frames if frame.event == "gateway_close")


def test_goodbyes_keep_the_rate_and_each_client_gets_a_place(start_gateway, new_client):
    gateway = start_gateway({"drain": {"rate": 20, "timeout": "8s", "reconnect_delay": "100ms"}})
    sockets = [phoenix.join(gateway.ws, new_client())[0] for _ in range(20)]
    streams = [sse.open_connected(gateway.sse, new_client())[0] for _ in range(20)]
    closed = []

    def watch(one, ended):
        ended(one)
        closed.append(time.monotonic())

    threads = [threading.Thread(target=watch, args=(one, lambda s: s.close_code())) for one in sockets]
    threads += [threading.Thread(target=watch, args=(one, lambda s: s.ended.wait(20))) for one in streams]
    for one in threads:
        one.start()
    begun = time.monotonic()
    gateway.terminate()
    for one in threads:
        one.join(20)
    assert len(closed) == 40
    # Two seconds' worth of clients: the last one goes when its time has come, not at once.
    assert 1.5 < max(closed) - begun < 8
    in_one_second = max(sum(start <= one < start + 1 for one in closed) for start in closed)
    assert in_one_second <= 30, sorted(one - begun for one in closed)
    for one in sockets:
        said = goodbye(one.inbox)
        assert (said["code"], said["reconnect"]) == (1012, "after")
        assert 100 <= said["retry_after_ms"] <= 1100
    for one in streams:
        # Native EventSource heeds nothing but this.
        assert re.search(rb"retry: 1\d\d\n\nevent: gateway_close\n", one.raw), one.raw[-300:]
    gateway.stop(patience=10)


def test_without_time_for_the_rate_the_wait_that_is_told_makes_up_for_it(start_gateway, new_client):
    gateway = start_gateway({"drain": {"rate": 2, "timeout": "1s", "reconnect_delay": "0s"}})
    sockets = [phoenix.join(gateway.ws, new_client())[0] for _ in range(10)]
    begun = time.monotonic()
    gateway.terminate()
    waits = []
    for one in sockets:
        assert one.close_code() == 1012
        waits.append(goodbye(one.inbox)["retry_after_ms"])
    assert time.monotonic() - begun < 5
    assert max(waits) > 3000 and min(waits) < 1000, waits
    gateway.stop(patience=10)


def test_in_the_delay_it_is_not_ready_and_serves_as_always(start_gateway, new_client):
    gateway = start_gateway({"drain": {"delay": "2s"}})
    api = API(gateway.http)
    old, _ = phoenix.join(gateway.ws, new_client())
    begun = time.monotonic()
    gateway.terminate()
    until(lambda: API(gateway.http).get("/ready").status == 503, "/ready to answer 503")
    late = new_client()
    socket, _ = phoenix.join(gateway.ws, late)
    api.publish_numbers(3, client_id=late)
    assert socket.numbers(3) == [0, 1, 2]
    health = API(gateway.http).get("/health/gateway")
    assert health.status == 503 and health.json["drain"]["stage"] == "delay"
    assert old.close_code() == 1012 and socket.close_code() == 1012
    assert time.monotonic() - begun > 1.9
    gateway.stop(patience=12)


def slow_call(address):
    """A call of four steps, the first of which has been told of."""
    connection = http.client.HTTPConnection(*address, timeout=15)
    connection.request("POST", "/mcp", json.dumps({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "slow", "arguments": {"steps": 4, "milliseconds": 2000},
            "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "progressToken": 1,
                      "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
                      "io.modelcontextprotocol/clientCapabilities": {}}}}), {
        "content-type": "application/json", "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "slow"})
    return connection.getresponse()


def test_calls_under_way_are_finished_and_new_ones_refused(start_gateway):
    gateway = start_gateway()
    response = slow_call(gateway.http)
    assert response.status == 200
    gateway.terminate()
    until(lambda: API(gateway.http).get("/health/gateway").json.get("drain", {}).get("calls") == 1, "a call to wait for")
    assert slow_call(gateway.http).status == 503
    assert b'"steps":4' in response.read().replace(b" ", b"")
    gateway.stop(patience=12)


def test_calls_over_a_websocket_are_finished_before_it_closes(start_gateway):
    gateway = start_gateway()
    with connect("ws://%s:%d/mcp/socket" % gateway.ws, subprotocols=["mcp"]) as socket:
        socket.send(json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}))
        assert json.loads(socket.recv())["id"] == 0
        socket.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "slow", "arguments": {"steps": 4, "milliseconds": 2000}, "_meta": {"progressToken": 1}}}))
        assert json.loads(socket.recv())["method"] == "notifications/progress"
        gateway.terminate()
        until(lambda: API(gateway.http).get("/ready").status == 503, "/ready to answer 503")
        said = []
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                said.append(json.loads(socket.recv()))
        assert any(one.get("id") == 1 and "result" in one for one in said), said
        assert closed.value.rcvd.code == 1012
    gateway.stop(patience=12)


def test_the_drain_command_ends_the_gateway_and_shows_progress(start_gateway, new_client, tmp_path):
    gateway = start_gateway({"drain": {"rate": 5}}, env={"MCP_ADMIN_TOKEN": TOKEN})
    sockets = [phoenix.join(gateway.ws, new_client())[0] for _ in range(5)]
    url = "http://%s:%d" % gateway.http
    wrong = run_command("drain", "--url", url, "--token", "something-else", cwd=tmp_path)
    assert wrong.returncode == 1 and "does not take this admin token" in wrong.stderr, wrong
    done = run_command("drain", "--url", url, "--json", cwd=tmp_path, env={"MCP_ADMIN_TOKEN": TOKEN}, patience=20)
    assert done.returncode == 0, done
    stages = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(one["stage"] == "clients" and one["connections"] > 0 for one in stages), stages
    assert all(one.close_code() == 1012 for one in sockets)
    assert gateway.process.wait(10) == 0
    gone = run_command("drain", "--url", url, "--token", TOKEN, cwd=tmp_path)
    assert gone.returncode == 3, gone


def test_the_drain_command_finds_the_token_that_the_gateway_keeps(start_gateway):
    gateway = start_gateway({"storage": {"engine": "sqlite", "path": "data/gateway.db"}})
    done = admin.command(gateway, "drain", "--config", "gateway-under-test.yaml", token=None)
    assert done.returncode == 0 and "no requests any more" in done.stdout, done
    assert gateway.process.wait(10) == 0


def test_admin_paths_are_closed_without_a_token(start_gateway):
    gateway = start_gateway()
    for path in ("/mcp/admin/drain", "/mcp/admin/reload"):
        assert gateway.api.post(path, {}).status == 401
        assert gateway.api.get(path).status == 405
