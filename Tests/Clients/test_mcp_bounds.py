"""The bounds of MCP, each with its key."""

import json
import time

import pytest
from mcp_sdk import EVERYTHING, everything, text
from test_mcp_http import Client, read_event
from test_mcp_transports import Socket, call
from wait import until
from websockets.exceptions import ConnectionClosed


def start(start_gateway, *arguments, demo=False, **mcp):
    return start_gateway({"mcpServers": {"everything": everything(*arguments)}, "mcp": {"demo": demo, **mcp}})


def names(client):
    return [tool["name"] for tool in client.post(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).json["result"]["tools"]]


def failure(answer):
    return answer.json["error"]["message"]


def test_lists_come_in_pages(start_gateway):
    whole = names(Client(start(start_gateway).http))
    assert names(Client(start(start_gateway, "--page", "1").http)) == whole
    assert names(Client(start(start_gateway, "--page", "7").http)) == whole


def test_max_list_pages(start_gateway):
    assert len(names(Client(start(start_gateway, "--page", "2", max_list_pages=3).http))) == 6


def test_list_timeout(start_gateway):
    gateway = start(start_gateway, "--hang", "prompts/list", demo=True, list_timeout="500ms")
    client = Client(gateway.http)
    answer = client.post({"jsonrpc": "2.0", "id": 1, "method": "prompts/list"})
    assert answer.json["result"]["prompts"] == []
    # What it had before represents a server that has fallen silent.
    whole = names(client)
    assert "hang" in whole
    client.call("hang", {"method": "tools/list"})
    assert names(client) == whole
    until(lambda: "mcp.list_timeout" in gateway.text(), "the reason in the log")


def test_start_timeout(start_gateway):
    gateway = start(start_gateway, "--hang", "initialize", start_timeout="500ms", demo=True)
    client = Client(gateway.http)
    began = time.monotonic()
    assert names(client) == ["echo", "add", "slow", "fail", "ask", "big"]
    assert time.monotonic() - began < 9
    until(lambda: "mcp.start_timeout" in gateway.text(), "the reason in the log")


def test_max_call_time(start_gateway):
    client = Client(start(start_gateway, demo=True, max_call_time="500ms").http)
    answer = client.call("slow", {"steps": 1000, "milliseconds": 20}, meta={"progressToken": 1})
    messages = [message for _, message in answer.events if message]
    assert len(messages) > 2, "progress does not keep it alive for ever"
    assert "mcp.max_call_time" in messages[-1]["error"]["message"]


def test_max_result_bytes(start_gateway):
    client = Client(start(start_gateway, max_result_bytes="64KiB").http)
    assert len(text(client.call("large", {"bytes": 50_000}).json)) == 50_000
    assert "error" in client.call("large", {"bytes": 100_000}).json
    assert len(text(client.call("large", {"bytes": 1000}).json)) == 1000


@pytest.mark.parametrize("bound", [{"log_messages": 5}, {"log_bytes": "2KiB"}])
def test_the_log_of_a_session(start_gateway, bound):
    client = Client(start(start_gateway, **bound).http)
    answer = client.call("large", {"notifications": 20, "each": 200}, meta={"progressToken": 1})
    ids = [id for id, message in answer.events]
    for place, status in ((ids[0], 400), (ids[-2], 200)):
        connection, response = client.open("GET", headers={"Last-Event-ID": place})
        with connection:
            assert response.status == status


def test_max_unsent_bytes_of_a_stream(start_gateway):
    gateway = start(start_gateway, max_unsent_bytes="64KiB", log_bytes="64MiB")
    client = Client(gateway.http)
    # One large message is no reason to cut, wherever it goes.
    answer = client.call("large", {"notifications": 1, "bytes": 8_000_000}, meta={"progressToken": 1})
    assert len(answer.events[-1][1]["result"]["content"][0]["text"]) == 8_000_000
    # What piles up behind a client that does not read is.
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "large", "arguments": {"notifications": 400, "each": 50_000}, "_meta": {"progressToken": 1}}})
    connection, response = client.open("POST", body)
    with connection:
        until(lambda: "reads too slowly" in gateway.text(), "the stream to be cut")
        place, message = read_event(response)
        while message is None:
            place, message = read_event(response)
    # The log still has what was missed.
    connection, response = client.open("GET", headers={"Last-Event-ID": place})
    with connection:
        for number in range(message["params"]["progress"] + 1, 401):
            _, message = read_event(response)
            assert message["params"]["progress"] == number
        assert read_event(response)[1]["id"] == 1


def test_max_unsent_bytes_of_a_socket(start_gateway):
    gateway = start(start_gateway, max_unsent_bytes="64KiB", log_bytes="64MiB")
    with Socket(gateway.http, compression=None) as socket:
        session = socket.begin()
        answer = socket.ask(call(1, "large", {"bytes": 900_000}))
        assert len(text(answer)) == 900_000
        for number in range(80):
            socket.send(call(number, "large", {"bytes": 500_000}))
        until(lambda: "reads too slowly" in gateway.text(), "the socket to be closed")
        # It is closed behind what has been sent, and what has not been waits for it.
        read = 0
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                socket.receive()
                read += 1
        assert closed.value.rcvd.code == 4008 and read < 80
    with Socket(gateway.http) as again:
        again.begin(session)
        while read < 80:
            assert "result" in again.receive()
            read += 1


def asked(client, tool):
    """The tasks that a server was asked about."""
    return json.loads(text(client.call(tool).json))["tasks asked"]


def test_max_tasks(start_gateway):
    gateway = start_gateway({
        "mcpServers": {"one": everything("--prefix", "one_"), "two": everything("--prefix", "two_")},
        "mcp": {"max_tasks": 1},
    })
    client = Client(gateway.http)

    def get(task):
        return client.post({"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"taskId": task}}).json

    for server in ("two", "one"):
        client.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": f"{server}_task", "arguments": {}, "task": {}}})
    assert get("one_task-1")["result"]["status"] == "completed"
    # The older one is forgotten: servers are asked one after the other. A known one's server is asked and no other.
    assert get("two_task-1")["result"]["status"] == "completed"
    assert asked(client, "one_told") == ["one_task-1", "two_task-1"]
    assert asked(client, "two_told") == ["two_task-1"]


@pytest.mark.parametrize("prefix,expected", [
    ("always", {"a__shown", "b__shown"}), ("collision", {"a__shown", "b__shown"}), ("never", {"shown"}),
])
def test_prefix(start_gateway, prefix, expected):
    gateway = start_gateway({
        "mcpServers": {"a": EVERYTHING, "b": EVERYTHING}, "mcp": {"demo": False, "prefix": prefix},
    })
    client = Client(gateway.http)
    assert {name for name in names(client) if name.endswith("shown")} == expected
    for name in expected:
        # The server hears its own name.
        assert '"name": "shown"' in text(client.call(name).json)
