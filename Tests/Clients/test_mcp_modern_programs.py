"""A program that speaks 2026-07-28 only, whose one process all clients share: how it is found out, and that nothing of a
client or of a process that is gone stays behind."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from mcp_sdk import TESTS, children_of
from test_mcp_modern import ask, open_request
from wait import until

COUNT = 8


def start(start_gateway, tmp_path, kind="answers", **mcp):
    fixture = TESTS / "mcp_servers/modern_only.py"
    program = {"command": sys.executable, "args": [str(fixture), kind, str(tmp_path / "mark")]}
    return start_gateway({"mcpServers": {"own": program}, "mcp": {"demo": False, **mcp}})


def call(gateway, tool, who="one"):
    """Each credential is a client of its own."""
    headers = {"Authorization": f"Bearer {who}"}
    answer = ask(gateway, "tools/call", {"name": tool, "arguments": {}}, name=tool, headers=headers)
    # On a machine that has no time it may have become a stream.
    streamed = answer.headers["Content-Type"] == "text/event-stream"
    return [message for _, message in answer.events if message][-1] if streamed else answer.json


def said(message):
    assert "result" in message, message
    return int(message["result"]["content"][0]["text"])


def processes(gateway):
    return {pid for pid, _ in children_of(gateway.process.pid)}


@pytest.mark.parametrize("kind", ["ends", "says-nothing"])
def test_a_program_that_was_not_ready_when_it_was_asked_is_asked_again(start_gateway, tmp_path, kind):
    gateway = start(start_gateway, tmp_path, kind, start_timeout="4s")

    def understood():
        answer = call(gateway, "pid")
        return "result" in answer and answer

    assert said(until(understood, "the program to be understood"))


def test_calls_of_a_process_that_ends_are_answered_and_one_other_takes_its_place(start_gateway, tmp_path):
    gateway = start(start_gateway, tmp_path)
    first = said(call(gateway, "pid"))
    with ThreadPoolExecutor(COUNT) as pool:
        calls = [pool.submit(call, gateway, "never", f"client {number}") for number in range(COUNT)]
        until(lambda: said(call(gateway, "waiting")) == COUNT, "all calls to be at the one process")
        os.kill(first, signal.SIGKILL)
        for one in calls:
            assert one.result()["error"]["code"] == -32603
    # Nothing of them is left that the next process would be asked for, and no second process for anybody.
    second = {said(call(gateway, "pid", f"client {number}")) for number in range(COUNT)}
    assert len(second) == 1 and first not in second
    assert said(call(gateway, "waiting")) == 0
    assert processes(gateway) == second


def test_clients_that_vanish_leave_no_call_and_the_process_to_the_others(start_gateway, tmp_path):
    gateway = start(start_gateway, tmp_path, process_idle_timeout="1s", max_calls=COUNT, stream_after="100ms")
    first = said(call(gateway, "pid"))
    # Twice as many as may be at once: slots that were kept would show.
    for _ in range(2):
        gone = [open_request(gateway, "tools/call", {"name": "never", "arguments": {}}, name="never")
                for _ in range(COUNT)]
        until(lambda: said(call(gateway, "waiting", "another")) == COUNT, "all calls to be at the process")
        for connection, _ in gone:
            connection.close()
        until(lambda: said(call(gateway, "waiting", "another")) == 0, "the process to be told that nobody waits")
    assert processes(gateway) == {first}
    until(lambda: not processes(gateway), "the process that nobody needs to end")
    assert said(call(gateway, "pid")) != first
