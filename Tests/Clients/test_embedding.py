"""The program of Examples/embedded-gateway: a gateway inside a Swift program."""

import os
import re
import subprocess
import threading

import gateway as gateways
import phoenix
import pytest
import sse
from api import API
from phoenix import Socket
from wait import until

PROGRAM = gateways.REPOSITORY / ".build/debug/embedded-gateway"


@pytest.fixture
def program():
    assert os.access(PROGRAM, os.X_OK), f"swift build --product embedded-gateway makes {PROGRAM}"
    # Without a terminal, the program's own lines wait in a buffer.
    process = subprocess.Popen(["stdbuf", "-oL", str(PROGRAM)], stdout=subprocess.PIPE, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")), daemon=True)
    reader.start()
    ready = until(lambda: next((line for line in lines if "ready" in line), None), "the program to be ready", 30)
    ports = {name: ("127.0.0.1", int(port)) for name, port in re.findall(r"(\w+)=127\.0\.0\.1:(\d+)", ready)}
    yield process, lines, ports
    process.kill()
    process.wait(10)


def test_a_program_answers_greets_and_ends(program):
    process, lines, ports = program
    alice, _ = phoenix.join(ports["websocket"], "alice")
    assert alice.message()["data"] == {"text": "Hello, Alice"}
    assert alice.ok("message", {"type": "sum", "data": {"numbers": [3, 4, 5]}}) == {"sum": 12}
    assert alice.error("message", {"type": "sum", "data": {}})["reason"] == "give numbers"
    assert alice.ok("message", {"type": "anything", "data": 1})
    assert alice.message()["data"] == 1
    stranger = Socket(ports["websocket"], "mallory")
    assert stranger.error("phx_join")["reason"] == "not you"
    assert API(ports["http_sse"]).get(sse.path("mallory")).status == 403
    until(lambda: any("alice is connected by ['websocket']" in line.replace('"', "'") for line in lines), "its status")
    until(lambda: any("alice is sent message 0" in line for line in lines), "the message")
    alice.push("message", {"type": "goodbye", "data": {}})
    assert process.wait(15) == 0
    until(lambda: any("stopped" in line for line in lines), "its last word")
