"""Runs the official SDK, each generation in its own environment, and the MCP servers of the tests."""

import json
import os
import pathlib
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
SERVERS = pathlib.Path(os.environ.get("MCP_VENV", "")) / "bin"
"""Programs of the packages in requirements-mcp.txt."""
PATHS = {"http": "/mcp", "sse": "/sse", "websocket": "/mcp/socket"}
EVERYTHING = {"command": sys.executable, "args": [str(TESTS / "mcp_servers/everything.py")]}
"""The entry of the server that does everything."""


def everything(*arguments):
    return {**EVERYTHING, "args": [*EVERYTHING["args"], *arguments]}


def run_client(generation, address, steps, transport="http", mode="legacy", path=None):
    """Lets a client do its steps and returns what happened."""
    environment = os.environ["MCP_1_VENV" if generation == "first" else "MCP_VENV"]
    host, port = address
    scheme = "ws" if transport == "websocket" else "http"
    job = {"url": f"{scheme}://{host}:{port}{path or PATHS[transport]}", "transport": transport, "mode": mode,
           "steps": steps}
    done = subprocess.run(
        [f"{environment}/bin/python", TESTS / f"mcp_clients/{generation}_generation.py", json.dumps(job)],
        capture_output=True, text=True, timeout=90,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def text(step):
    """The text of a tool's result."""
    assert "result" in step, step
    return step["result"]["content"][0]["text"]


def children_of(pid):
    """Processes that `pid` has started, as (pid, state)."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat[1]) == pid:
                found.append((int(entry.name), stat[0]))
    return found
