"""Three replicas under load, one of which is killed as a machine kills: what that costs, and whom."""

import pathlib
import subprocess
import sys
import threading
import time

import pytest
from test_mcp_http import Client
from test_mcp_upstreams import ADMIN, said, upstreams

PROGRAM = """
import sys, threading
from mcp_upstream import Upstream
server = Upstream(sys.argv[1])
server.delay = 0.02
print(server.port, flush=True)
threading.Event().wait()
"""
CLIENTS = 24


@pytest.fixture
def replicas():
    """Processes, by their names, each with its address. Calls take some time, so that the kill meets some of them."""
    started = {}
    for name in "abc":
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, name], stdout=subprocess.PIPE, text=True,
            cwd=pathlib.Path(__file__).parent / "support")
        started[name] = (process, f"http://127.0.0.1:{int(process.stdout.readline())}/mcp")
    yield started
    for process, _ in started.values():
        process.kill()
        process.wait(10)
        process.stdout.close()


class Load(threading.Thread):
    """One client that calls without pause. Each call is noted as (begun, ended, text, error)."""

    def __init__(self, client, tool, stopping):
        super().__init__(daemon=True)
        self.client, self.tool, self.stopping, self.calls = client, tool, stopping, []
        self.place = said(client.call(tool))

    def run(self):
        while not self.stopping.is_set():
            begun = time.monotonic()
            answer = self.client.call(self.tool).json
            if "result" in answer:
                self.calls.append((begun, time.monotonic(), answer["result"]["content"][0]["text"], None))
            else:
                self.calls.append((begun, time.monotonic(), None, answer["error"]["message"]))

    def after(self, moment):
        return [call for call in self.calls if call[1] > moment]


def test_one_of_three_replicas_is_killed_under_load(start_gateway, replicas):
    gateway = start_gateway({
        "mcpServers": {"back": {"replicas": [{"url": url} for _, url in replicas.values()]}},
        "mcp": {"demo": False}, **ADMIN,
    })
    stopping = threading.Event()
    loads = [Load(Client(gateway.http), "read" if number % 2 else "write", stopping) for number in range(CLIENTS)]
    assert {load.place for load in loads} == set("abc")
    for load in loads:
        load.start()
    try:
        deadline = time.monotonic() + 30
        while min(len(load.calls) for load in loads) < 5:
            assert time.monotonic() < deadline, "no load"
            stopping.wait(0.01)
        # How long a call takes on this machine at this load: nothing can recover more quickly.
        usual = max(ended - begun for load in loads for begun, ended, _, _ in load.calls)
        killed = time.monotonic()
        replicas["a"][0].kill()
        while min(len(load.after(killed)) for load in loads) < 10:
            assert time.monotonic() < deadline, "somebody does not get on"
            stopping.wait(0.01)
    finally:
        stopping.set()
        for load in loads:
            load.join(30)

    for load in loads:
        after = load.after(killed)
        errors = [call for call in load.calls if call[3]]
        if load.tool == "read":
            assert not errors, "what is safe to repeat does not fail"
        if load.place != "a":
            assert not errors and {text for _, _, text, _ in load.calls} == {load.place}, "others stay, and see nothing"
            continue
        # What may have been done already is said to be so, once and at once; from then on the client is elsewhere.
        assert len(errors) <= 1
        for begun, ended, _, message in errors:
            assert "may have arrived, and is not repeated" in message
            assert ended - killed < 1 + usual
        first = next(ended for _, ended, text, error in after if error is None and text != "a")
        assert first - killed < 1 + usual, f"recovered after {first - killed:.2f} s"
        places = {text for _, _, text, error in after if error is None and text != "a"}
        assert len(places) == 1 and places <= set("bc"), "it moves once"
    report = upstreams(gateway)["back"]["replicas"]
    assert report[0]["sessions"] == 0 and sum(one["sessions"] for one in report) == CLIENTS
