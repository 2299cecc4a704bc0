"""Servers share the processes that there are: a crowd at one of them leaves room for the clients of another."""

import http.client
import json
import os
import sys

import admin
from test_mcp_faults import PROGRAM, said
from test_mcp_virtual_servers import At
from wait import until

# Like the program beside it; "hang" leaves a mark and answers nothing.
HANGING = PROGRAM.replace('        if name == "never":', '''        if name == "hang":
            open(arguments["mark"], "w").close()
            continue
        if name == "never":''').replace('            {"name": "never"', '''            {"name": "hang", "inputSchema": {"type": "object"}},
            {"name": "never"''')


def start(start_gateway, control=None, **mcp):
    """Six processes. Three are promised to each server, and one of each three is lent while nobody needs it."""
    program = {"command": sys.executable, "args": ["-c", HANGING]}
    return start_gateway({
        **admin.CONFIG,
        "mcpServers": {"east": program, "west": program},
        "mcp": {"demo": False, "max_processes": 6, **mcp},
        "viability": {"interval": "100ms", "control": {"reclaim_time": "1s", "processes_floor": 1, **(control or {})}},
    })


def clients(gateway, server, count):
    return [At(gateway.http, f"/mcp/servers/{server}") for _ in range(count)]


def problem(answer):
    assert "error" in answer.json, answer.json
    return answer.json["error"]["message"]


def is_gone(pid):
    return not os.path.exists(f"/proc/{pid}")


def budget(gateway):
    found = [one for one in admin.Admin(gateway.http).ask("vsm")["s3"]["budgets"] if one["resource"] == "processes"]
    assert len(found) == 1 and found[0]["capacity"] == 6
    return found[0], {unit["unit"]: unit for unit in found[0]["units"]}


def test_a_crowd_leaves_room_and_gives_back_what_is_idle(start_gateway):
    gateway = start(start_gateway)
    crowd = clients(gateway, "east", 5)
    pids = [said(one.call("pid")) for one in crowd[:4]]
    assert "the processes that east may have are in use (mcp.max_processes" in problem(crowd[4].call("pid"))
    others = clients(gateway, "west", 4)
    # What is not lent is there at once, and what is lent comes back while the call waits.
    running = [said(one.call("pid")) for one in others[:3]]
    assert len(set(running)) == 3
    assert "the processes that west may have are in use" in problem(others[3].call("pid"))
    # The one that was idle for longest has given way, and no other.
    until(lambda: is_gone(pids[0]), "the process that was borrowed to be gone")
    assert [said(one.call("pid")) for one in crowd[1:4]] == pids[1:]
    # Its client has its session still, and is told what it waits for.
    assert "the processes that east may have are in use" in problem(crowd[0].call("pid"))
    def settled():
        found, units = budget(gateway)
        east = units["upstream/east"]
        return (found, units) if (east["used"], east["refused"]) == (3, 2) else None

    found, units = until(settled, "the report has what servers use and miss")
    assert found["recalls_called"] == 1 and units["upstream/west"]["used"] == 3
    assert units["upstream/east"]["floor"] == units["upstream/west"]["floor"] == 3
    assert units["upstream/west"]["refused"] >= 2
    metrics = gateway.api.get("/metrics").body.decode()
    assert 'mcp_gateway_budget{resource="processes",unit="upstream/west",figure="used"} 3' in metrics
    assert 'mcp_gateway_budget_refused_total{resource="processes",unit="upstream/east"} 2' in metrics
    assert 'mcp_gateway_loans_called_total{resource="processes"} 1' in metrics
    # Where others leave, there is room again.
    for one in others[:3]:
        connection, response = one.open("DELETE")
        with connection:
            assert response.status == 200
    again = until(lambda: (lambda answer: answer.json.get("result"))(crowd[0].call("pid")), "a place for the first client")
    assert again["content"][0]["text"] not in pids


def test_what_is_in_use_is_not_taken_back(start_gateway, tmp_path):
    gateway = start(start_gateway, start_timeout="2s")
    crowd = clients(gateway, "east", 4)
    pids = [said(one.call("pid")) for one in crowd]
    calls = []
    for index, one in enumerate(crowd):
        mark = tmp_path / str(index)
        connection = http.client.HTTPConnection(*gateway.http, timeout=20)
        connection.request("POST", one.path, json.dumps({
            "jsonrpc": "2.0", "id": 9, "method": "tools/call",
            "params": {"name": "hang", "arguments": {"mark": str(mark)}}}), one.headers)
        calls.append(connection)
        until(mark.exists, "the call to have reached the program")
    others = clients(gateway, "west", 3)
    assert said(others[0].call("pid")) and said(others[1].call("pid"))
    refused = problem(others[2].call("pid"))
    assert "lent to east" in refused and "viability.control.reclaim_time" in refused
    assert not any(is_gone(pid) for pid in pids)
    for connection in calls:
        connection.close()


def test_without_control_the_first_take_all(start_gateway):
    gateway = start(start_gateway, {"enabled": False})
    crowd = clients(gateway, "east", 6)
    assert len({said(one.call("pid")) for one in crowd}) == 6
    assert "all mcp.max_processes processes are in use" in problem(clients(gateway, "west", 1)[0].call("pid"))
    assert admin.Admin(gateway.http).ask("vsm")["s3"]["budgets"] == []


def test_the_floor_is_a_setting(start_gateway):
    gateway = start(start_gateway, {"processes_floor": 1, "lent": 0})
    crowd = clients(gateway, "east", 4)
    assert len({said(one.call("pid")) for one in crowd[:3]}) == 3
    assert "may have are in use" in problem(crowd[3].call("pid"))
    # One is always there for the first client of each.
    gateway = start(start_gateway, {"processes_floor": 0, "lent": 1})
    crowd = clients(gateway, "east", 6)
    assert len({said(one.call("pid")) for one in crowd[:5]}) == 5
    assert "may have are in use" in problem(crowd[5].call("pid"))
    assert said(clients(gateway, "west", 1)[0].call("pid"))


def test_a_program_that_takes_its_time_to_end_counts_until_it_has(start_gateway, tmp_path):
    mark = tmp_path / "asked to end"
    lingering = f"import time\n{PROGRAM}\nopen({str(mark)!r}, 'w').close()\ntime.sleep(60)\n"
    gateway = start_gateway({
        **admin.CONFIG,
        "mcpServers": {"east": {"command": sys.executable, "args": ["-c", lingering]}},
        "mcp": {"demo": False, "max_processes": 6, "process_idle_timeout": "500ms"},
        "viability": {"interval": "100ms"},
    })

    def used():
        return budget(gateway)[1]["upstream/east"]["used"]

    (client,) = clients(gateway, "east", 1)
    first = said(client.call("pid"))
    until(mark.exists, "the idle program to be asked to end")
    assert said(client.call("pid")) != first
    until(lambda: is_gone(first), "the first program to be gone")
    connection, response = client.open("DELETE")
    with connection:
        assert response.status == 200
    until(lambda: used() == 0, "all places to be free again")
