"""What the experiments share: a gateway with one loop on or off, a stream to read, runs in turn, and a summary with
spread. Standard library only."""

import argparse
import http.client
import json
import socket
import statistics
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import benchlib as bench
from benchlib import say


class Gateway(bench.Gateway):
    """A gateway of one event loop, with `settings` on the command line."""

    def __init__(self, binary, settings):
        super().__init__(binary, 1000)
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


def arguments(description, **defaults):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--gateway", default=bench.DEFAULT_GATEWAY, help="the program (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of runs (default: %(default)s)")
    parser.add_argument("--json", help="where to put every single figure")
    for name, (value, text) in defaults.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value, help=f"{text} (default: %(default)s)")
    return parser.parse_args()


def spread(values):
    """Median and range."""
    values = [value for value in values if value is not None]
    if not values:
        return "none"
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


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


def report(options, results, claims):
    """Prints each figure with the loop off and on. A claim is (figure, text, whether less is better)."""
    failed = False
    print(f"{'':44} {'off':>28} {'on':>28}")
    for figure, text, is_less_better in claims:
        off, on = ([one[figure] for one in results[side]] for side in (False, True))
        print(f"{text:44} {spread(off):>28} {spread(on):>28}")
        known = [(a, b) for a, b in zip(off, on) if a is not None and b is not None]
        if is_less_better is not None and known:
            helped = sum((b < a) if is_less_better else (b > a) for a, b in known)
            print(f"{'':44} {f'better in {helped} of {len(known)} pairs':>57}")
            failed |= helped <= len(known) / 2
    if options.json:
        bench.write_json(options.json, {"machine": bench.machine(), "off": results[False], "on": results[True]})
    return 1 if failed else 0
