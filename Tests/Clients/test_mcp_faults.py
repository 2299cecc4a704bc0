"""Servers that die, forget, hang and babble; clients that vanish. Nothing leaks, and others go on."""

import json
import os
import signal
import sys

from mcp_sdk import SERVERS, children_of
from test_mcp_http import Client, read_event
from wait import until

PROGRAM = '''
import json, os, sys, time
for line in sys.stdin:
    message = json.loads(line)
    method, id = message.get("method"), message.get("id")
    def say(**more): print(json.dumps({"jsonrpc": "2.0", "id": id, **more}), flush=True)
    if method == "initialize":
        print("a line that is no message", flush=True)
        say(result={"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}})
    elif method == "tools/list":
        hint = {"readOnlyHint": True}
        say(result={"tools": [
            {"name": "pid", "inputSchema": {"type": "object"}, "annotations": hint},
            {"name": "exit", "inputSchema": {"type": "object"}},
            {"name": "read_and_exit_once", "inputSchema": {"type": "object"}, "annotations": hint},
            {"name": "twice", "inputSchema": {"type": "object"}},
            {"name": "never", "inputSchema": {"type": "object"}},
        ]})
    elif method == "tools/call":
        name, arguments = message["params"]["name"], message["params"]["arguments"]
        if name == "exit":
            os._exit(3)
        if name == "read_and_exit_once" and not os.path.exists(arguments["mark"]):
            open(arguments["mark"], "w").close()
            os._exit(3)
        if name == "never":
            continue
        say(result={"content": [{"type": "text", "text": str(os.getpid())}]})
        if name == "twice":
            say(result={"content": [{"type": "text", "text": "again"}]})
            print(json.dumps({"jsonrpc": "2.0", "id": "foreign", "result": {}}), flush=True)
    elif id is not None:
        say(error={"code": -32601, "message": "no"})
'''


def start(start_gateway, **mcp):
    return start_gateway({
        "mcpServers": {"own": {"command": sys.executable, "args": ["-c", PROGRAM]}},
        "mcp": {"demo": False, **mcp},
    })


def said(answer):
    return answer.json["result"]["content"][0]["text"]


def test_every_session_has_a_process_of_its_own(start_gateway):
    gateway = start(start_gateway)
    one, other = Client(gateway.http), Client(gateway.http)
    assert said(one.call("pid")) == said(one.call("pid")) != said(other.call("pid"))
    assert len(children_of(gateway.process.pid)) == 2


def test_a_stateless_server_is_shared(start_gateway):
    gateway = start_gateway({
        "mcpServers": {"own": {"command": sys.executable, "args": ["-c", PROGRAM], "stateless": True}},
    })
    one, other = Client(gateway.http), Client(gateway.http)
    pid = said(one.call("pid"))
    connection, _ = one.open("DELETE")
    connection.close()
    assert said(other.call("pid")) == pid, "whoever leaves does not take it from the others"


def test_a_server_that_dies_comes_again(start_gateway, tmp_path):
    gateway = start(start_gateway)
    client = Client(gateway.http)
    first = said(client.call("pid"))
    os.kill(int(first), signal.SIGKILL)
    until(lambda: not children_of(gateway.process.pid), "the process to be reaped")
    second = said(client.call("pid"))
    assert second != first
    # What is not known to be harmless is not done twice.
    answer = client.call("exit")
    assert answer.json["error"]["code"] == -32603 and "own failed" in answer.json["error"]["message"]
    # What only reads is.
    assert said(client.call("read_and_exit_once", {"mark": str(tmp_path / "mark")})) != second


def test_answers_that_nobody_waits_for_are_nobodys(start_gateway):
    gateway = start(start_gateway)
    client = Client(gateway.http)
    pid = said(client.call("twice"))
    assert said(client.call("pid")) == pid


def test_a_silent_server_is_given_up(start_gateway):
    gateway = start(start_gateway, call_timeout="500ms")
    client = Client(gateway.http)
    assert "mcp.call_timeout" in client.call("never").json["error"]["message"]
    assert said(client.call("pid"))


def test_processes_are_bounded(start_gateway):
    gateway = start(start_gateway, max_processes=1)
    one, other = Client(gateway.http), Client(gateway.http)
    assert said(one.call("pid"))
    assert "mcp.max_processes" in other.call("pid").json["error"]["message"]
    connection, response = one.open("DELETE")
    with connection:
        assert response.status == 200
    until(lambda: not children_of(gateway.process.pid), "the process to end")
    until(lambda: "result" in other.call("pid").json, "the place to be free")


def test_an_idle_process_is_stopped_and_comes_again(start_gateway):
    gateway = start(start_gateway, process_idle_timeout="500ms")
    client = Client(gateway.http)
    first = said(client.call("pid"))
    until(lambda: not children_of(gateway.process.pid), "the idle process to end")
    assert said(client.call("pid")) != first, "the client's session is the same, the process another"


def test_what_a_process_starts_ends_with_it(start_gateway, tmp_path):
    mark = tmp_path / "grandchild"
    program = f"import subprocess\nopen({str(mark)!r}, 'w').write(str(subprocess.Popen(['sleep', '600']).pid))\n" + PROGRAM
    gateway = start_gateway({
        "mcpServers": {"own": {"command": sys.executable, "args": ["-c", program]}}, "mcp": {"demo": False},
    })
    client = Client(gateway.http)
    os.kill(int(said(client.call("pid"))), signal.SIGKILL)
    place = f"/proc/{mark.read_text()}"
    until(lambda: not os.path.exists(place), "the grandchild to be killed")


def test_the_environment_of_a_process_is_listed(start_gateway):
    program = PROGRAM.replace("str(os.getpid())", "json.dumps(dict(os.environ))")
    gateway = start_gateway({
        "mcpServers": {"own": {"command": sys.executable, "args": ["-c", program], "env": {"GIVEN": "yes"}}},
        "mcp": {"demo": False},
    }, env={"SECRET_OF_THE_GATEWAY": "x"})
    seen = json.loads(said(Client(gateway.http).call("pid")))
    assert seen["GIVEN"] == "yes" and "PATH" in seen
    assert "SECRET_OF_THE_GATEWAY" not in seen


def test_a_line_that_is_too_long_ends_the_session_with_the_reason(start_gateway):
    program = PROGRAM.replace("str(os.getpid())", "'x' * (100000 if name == 'exit' else 1)").replace("os._exit(3)", "pass", 1)
    gateway = start_gateway({
        "mcpServers": {"own": {"command": sys.executable, "args": ["-c", program]}},
        "mcp": {"demo": False, "max_result_bytes": "64KiB"},
    })
    client = Client(gateway.http)
    assert "mcp.max_result_bytes" in client.call("exit").json["error"]["message"]
    assert said(client.call("pid")) == "x"


def test_clients_that_vanish_leave_no_process(start_gateway):
    gateway = start(start_gateway, session_idle_timeout="5s")
    for _ in range(5):
        client = Client(gateway.http)
        client.call("pid")
        connection, _ = client.open("GET")
        connection.close()
    assert len(children_of(gateway.process.pid)) == 5
    until(lambda: not children_of(gateway.process.pid), "the processes of vanished clients to end", 30)


def test_the_gateways_end_is_its_childrens(start_gateway):
    gateway = start(start_gateway)
    client = Client(gateway.http)
    pid = int(said(client.call("pid")))
    gateway.stop()
    until(lambda: not os.path.exists(f"/proc/{pid}"), "the child to end with the gateway")


def test_a_server_that_forgets_its_sessions_is_asked_anew(start_gateway):
    def inner(port):
        return start_gateway({"transports": {"http": {"port": port}}})

    back = inner(0)
    front = start_gateway({
        "mcpServers": {"back": {"url": f"http://{back.http[0]}:{back.http[1]}/mcp"}}, "mcp": {"demo": False},
    })
    client = Client(front.http)
    assert said(client.call("echo", {"text": "before"})) == "before"
    port = back.http[1]
    back.stop()
    answer = client.call("echo", {"text": "nobody there"})
    assert "back failed" in answer.json["error"]["message"], answer.body
    inner(port)
    # The client sees nothing of it: its session is the same.
    until(lambda: "result" in client.call("echo", {"text": "x"}).json, "the server to be asked again")
    assert said(client.call("echo", {"text": "after"})) == "after"


def test_a_program_that_cannot_run_is_not_started_for_every_request(start_gateway, tmp_path):
    count = tmp_path / "starts"
    gateway = start_gateway({
        "mcpServers": {"dying": {"command": "/bin/sh", "args": ["-c", f"echo >> {count}"]}},
    })
    client = Client(gateway.http)
    for _ in range(50):
        assert client.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).status == 200
    assert 1 <= len(count.read_text().splitlines()) <= 8


def test_leaving_is_not_cancelling(start_gateway):
    gateway = start_gateway({})
    client = Client(gateway.http)
    body = json.dumps({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "slow", "arguments": {"steps": 3, "milliseconds": 50}, "_meta": {"progressToken": 1}},
    })
    connection, response = client.open("POST", body)
    with connection:
        place, _ = read_event(response)
    connection, response = client.open("GET", headers={"Last-Event-ID": place})
    with connection:
        while True:
            _, message = read_event(response)
            if "result" in message:
                break
    assert message["result"]["isError"] is False


def test_git_and_time_survive_a_bystanders_crash(start_gateway):
    gateway = start_gateway({
        "mcpServers": {
            "time": {"command": str(SERVERS / "mcp-server-time")},
            "own": {"command": sys.executable, "args": ["-c", PROGRAM]},
        },
        "mcp": {"list_timeout": "30s"},
    })
    client = Client(gateway.http)
    assert "error" in client.call("exit").json
    assert json.loads(said(client.call("get_current_time", {"timezone": "UTC"})))["timezone"] == "UTC"
