"""The clients that the requirements print, run as programs."""

import ast
import json
import pathlib
import queue
import subprocess
import sys
import threading

import pytest
from wait import PATIENCE

EXAMPLES = pathlib.Path(__file__).parent / "examples"


class Program:
    """A running example whose lines can be waited for."""

    def __init__(self, *command):
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line(self, start):
        """The next line that begins so, without its beginning."""
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"no line {start!r} within {PATIENCE} s; so far: {self.seen}") from None
            assert line is not None, f"the program ended before a line {start!r}: {self.seen}"
            self.seen.append(line)
            if line.startswith(start):
                return line.removeprefix(start)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()


def python(kind, url, client):
    return Program(sys.executable, "-u", str(EXAMPLES / "python_client.py"), kind, url, client)


def url(scheme, address, path):
    return f"{scheme}://{address[0]}:{address[1]}{path}"


def test_the_python_sse_client_receives_what_is_published(gateway, client):
    with python("sse", url("http", gateway.sse, "/mcp/sse"), client) as program:
        assert json.loads(program.line("Connected: "))["data"]["client_id"] == client
        gateway.api.publish_numbers(200, client_id=client)
        received = [json.loads(program.line("Message received: ")) for _ in range(200)]
        assert [one["data"]["n"] for one in received] == list(range(200))


def test_the_python_websocket_client_joins_echoes_and_receives(gateway, client):
    with python("websocket", url("ws", gateway.ws, "/mcp/ws"), client) as program:
        program.line("Successfully joined channel")
        echo = ast.literal_eval(program.line("Received: "))
        assert (echo["type"], echo["data"]) == ("echo", {"from": "python"})
        gateway.api.publish_numbers(200, client_id=client)
        received = [ast.literal_eval(program.line("Received: ")) for _ in range(200)]
        assert [one["data"]["n"] for one in received] == list(range(200))


def test_the_ruby_client_joins_echoes_and_receives(gateway, client):
    command = ("ruby", str(EXAMPLES / "ruby_client.rb"), url("ws", gateway.ws, "/mcp/ws"), client)
    with Program(*command) as program:
        program.line("Connected to gateway!")
        echo = json.loads(program.line("Received: "))
        assert (echo["type"], echo["data"]) == ("echo", {"from": "ruby"})
        gateway.api.publish_numbers(200, client_id=client)
        received = [json.loads(program.line("Received: ")) for _ in range(200)]
        assert [one["data"]["n"] for one in received] == list(range(200))


@pytest.mark.parametrize("kind, path", [("sse", "/mcp/sse"), ("websocket", "/mcp/ws")])
def test_the_python_clients_work_on_the_http_port_too(gateway, client, kind, path):
    scheme = "http" if kind == "sse" else "ws"
    with python(kind, url(scheme, gateway.http, path), client) as program:
        program.line("Connected: " if kind == "sse" else "Successfully joined channel")
