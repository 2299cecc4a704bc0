"""Memory, descriptors and the process table return to what they were. `make soak` does the same a hundred times over."""

import mcp_leaks
from test_mcp_sdk import children_of
from wait import until


def at_rest(gateway):
    def is_quiet():
        now = mcp_leaks.figures(gateway.http)
        return now["sessions"] == 0 and now["processes"] == 0

    until(is_quiet, "all sessions and processes to end", 60)
    until(lambda: not children_of(gateway.process.pid), "the process table to be as it was")


def test_programs_of_clients_that_are_killed_end(start_gateway):
    gateway = start_gateway(mcp_leaks.configuration())
    mcp_leaks.starts(gateway.http, 10, seed=1)
    at_rest(gateway)
    descriptors = mcp_leaks.descriptors(gateway.process.pid)
    mcp_leaks.starts(gateway.http, 40, seed=2)
    at_rest(gateway)
    until(
        lambda: mcp_leaks.descriptors(gateway.process.pid) <= descriptors + 2, "the descriptors to be as they were")


def test_sessions_that_are_dropped_are_forgotten(start_gateway):
    configuration = mcp_leaks.configuration()
    del configuration["mcpServers"]
    gateway = start_gateway(configuration)
    mcp_leaks.sessions(gateway.http, 800)
    at_rest(gateway)
    before = mcp_leaks.memory(gateway.process.pid)
    for _ in range(3):
        mcp_leaks.sessions(gateway.http, 800)
        at_rest(gateway)
    grown = mcp_leaks.memory(gateway.process.pid) - before
    # A session takes some kilobytes: had all been kept, it would be several times as much.
    assert grown < 2 << 20, grown
