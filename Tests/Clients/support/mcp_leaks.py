"""Clients of MCP that go without a word, by the hundred, and what they leave behind: nothing."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import socket
import sys
import urllib.request

TOKEN = "a-token-for-tests"
PROGRAM = '''
import json, sys, time
for line in sys.stdin:
    message = json.loads(line)
    method, id = message.get("method"), message.get("id")
    if id is None:
        continue
    if method == "initialize":
        result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}}
    elif method == "tools/list":
        result = {"tools": [{"name": "wait", "inputSchema": {"type": "object"}}]}
    else:
        time.sleep(message["params"]["arguments"]["seconds"])
        result = {"content": []}
    print(json.dumps({"jsonrpc": "2.0", "id": id, "result": result}), flush=True)
'''
HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "goes", "version": "1"}},
}


def configuration(idle="1s"):
    return {
        # Without imports of the site a program starts in a few milliseconds.
        "mcpServers": {"own": {"command": sys.executable, "args": ["-S", "-E", "-c", PROGRAM]}},
        "mcp": {"session_idle_timeout": idle, "max_sessions": 100_000},
        "security": {"admin_token": TOKEN},
    }


def figures(address):
    request = urllib.request.Request(
        f"http://{address[0]}:{address[1]}/mcp/admin/upstreams", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def memory(pid):
    """What a process holds of its own, in bytes, wherever the system keeps it."""
    fields = dict(
        line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return sum(int(fields[name].split()[0]) for name in ("Private_Dirty", "Swap")) * 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def goes_at_random(address, chance):
    """Opens a session, calls a program, and is cut off somewhere on the way."""
    connection = http.client.HTTPConnection(*address, timeout=60)
    connection.request("POST", "/mcp", json.dumps(INITIALIZE), HEADERS)
    response = connection.getresponse()
    response.read()
    headers = {**HEADERS, "Mcp-Session-Id": response.headers["Mcp-Session-Id"]}
    step = chance.random()
    if step > 0.1:
        call = {"name": "wait", "arguments": {"seconds": chance.choice([0, 0, 0.05])}}
        connection.request(
            "POST", "/mcp", json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}), headers)
        if step > 0.4:
            connection.getresponse().read()
    if step > 0.9:
        connection.request("DELETE", "/mcp", headers=headers)
    # A reset and no farewell, as a killed process leaves it.
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def drops_session(address, count):
    """Opens many sessions one after the other, uses each, ends none."""
    connection = http.client.HTTPConnection(*address, timeout=60)
    for _ in range(count):
        connection.request("POST", "/mcp", json.dumps(INITIALIZE), HEADERS)
        response = connection.getresponse()
        response.read()
        headers = {**HEADERS, "Mcp-Session-Id": response.headers["Mcp-Session-Id"]}
        call = {"name": "echo", "arguments": {"text": "x" * 100}}
        connection.request(
            "POST", "/mcp", json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}), headers)
        assert b'"result"' in connection.getresponse().read()
    connection.close()


def starts(address, count, seed, at_once=16):
    chance = random.Random(seed)
    chances = [random.Random(chance.random()) for _ in range(count)]
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for done in [pool.submit(goes_at_random, address, one) for one in chances]:
            done.result()


def sessions(address, count, at_once=8):
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for done in [pool.submit(drops_session, address, count // at_once) for _ in range(at_once)]:
            done.result()
