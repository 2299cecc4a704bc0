"""What the experiments share: a gateway with one loop on or off, a stream to read, and runs in turn. Standard library only."""

import argparse
import http.client
import json
import socket
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import benchlib as bench
from benchlib import say
from verdicts import report

__all__ = ["Gateway", "Stream", "arguments", "bench", "pairs", "publish", "report"]


class Gateway(bench.Gateway):
    """A gateway of one event loop, with `settings` on the command line."""

    def __init__(self, binary, settings, connections=1000):
        super().__init__(binary, connections)
        self.settings = {"listen.event_loops": 1, "session.max_sessions": 200000, **settings}

    def spawn(self, command, environment=None):
        for key, value in self.settings.items():
            command = [*command, "--set", f"{key}={value}"]
        return super().spawn(command, environment)

    def api(self):
        return http.client.HTTPConnection("127.0.0.1", self.http, timeout=30)

    def stats(self, connection):
        connection.request("GET", "/mcp/stats")
        return json.loads(connection.getresponse().read())


def publish(connection, **message):
    """Publishes a message; returns the status."""
    connection.request("POST", "/mcp/messages", json.dumps(message), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


class Stream(threading.Thread):
    """Reads an event stream: `on_event(name, data)` for each event, on this thread."""

    def __init__(self, port, query, on_event=lambda name, data: None):
        super().__init__(daemon=True)
        self.on_event = on_event
        self.connected = threading.Event()
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(f"GET /mcp/sse?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        self.start()

    def run(self):
        try:
            self.read()
        except OSError:
            pass

    def read(self):
        name = ""
        for line in self.socket.makefile("rb"):
            if line.startswith(b"event: "):
                name = line[7:-1].decode()
                if name == "connected":
                    self.connected.set()
            elif line.startswith(b"data: "):
                self.on_event(name, line[6:-1])

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


def arguments(description, **own):
    """`own` has for each option of an experiment its default, its value with --smoke, and what it is."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--gateway", default=bench.DEFAULT_GATEWAY, help="the program (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="pairs of runs (default: 5)")
    parser.add_argument("--json", help="where to put every single figure")
    parser.add_argument("--check", action="store_true", help="exit 1, too, if a claimed benefit is not shown")
    parser.add_argument("--smoke", action="store_true", help="one short pair: does the script run? Its figures say nothing")
    own = {"rounds": (5, 1, None), **own}
    for name, (value, _, text) in own.items():
        if text:
            parser.add_argument("--" + name.replace("_", "-"), type=type(value), help=f"{text} (default: {value})")
    options = parser.parse_args()
    for name, (value, short, _) in own.items():
        if getattr(options, name) is None:
            setattr(options, name, short if options.smoke else value)
    if options.rounds < 1:
        parser.error("--rounds: at least one")
    return options


def pairs(options, run):
    """Runs with the loop on and off in turn, the first one changing, and returns the results of both."""
    bench.warn_if_busy()
    results = {True: [], False: []}
    for number in range(options.rounds):
        for is_on in ((True, False) if number % 2 == 0 else (False, True)):
            result = run(is_on)
            say(f"round {number + 1}, {'on ' if is_on else 'off'}: {result}")
            results[is_on].append(result)
    return results
