"""Servers share the connections that the pools may have together: a crowd of calls at one leaves some for the others."""

from concurrent.futures import ThreadPoolExecutor

import admin
import pytest
import yaml
from mcp_upstream import Upstream
from test_mcp_limits import Busy
from test_mcp_virtual_servers import At
from wait import until


@pytest.fixture
def servers():
    found = {"east": Busy(), "west": Busy(), "north": Upstream()}
    yield found
    for server in found.values():
        server.close()


@pytest.fixture
def threads(servers):
    with ThreadPoolExecutor(40) as threads:
        yield threads
        for name in ("east", "west"):
            servers[name].free.release(1000)


def start(start_gateway, servers, names=("east", "west"), control=None, loops=1, **pool):
    """Six connections. Three are promised to each of two servers, and one of each three is lent while nobody needs it."""
    return start_gateway({
        **admin.CONFIG,
        "mcpServers": {name: {"url": servers[name].url, "stateless": True} for name in names},
        "mcp": {"demo": False}, "pool": {"max_connections": 6, **pool}, "listen": {"event_loops": loops},
        "viability": {"interval": "100ms", "control": {"reclaim_time": "1s", "pool_floor": 1, **(control or {})}},
    })


def call(gateway, server):
    return At(gateway.http, f"/mcp/servers/{server}").call("read").json


def begin(threads, gateway, server, count):
    return [threads.submit(call, gateway, server) for _ in range(count)]


def budget(gateway):
    found = [one for one in admin.Admin(gateway.http).ask("vsm")["s3"]["budgets"] if one["resource"] == "pool"]
    assert len(found) == 1 and found[0]["capacity"] == 6
    return found[0], {unit["unit"].removeprefix("upstream/"): unit for unit in found[0]["units"]}


def problem(answer):
    assert "error" in answer, answer
    return answer["error"]["message"]


def test_a_crowd_leaves_room_and_gives_back_what_it_borrowed(start_gateway, servers, threads):
    east, west = servers["east"], servers["west"]
    gateway = start(start_gateway, servers, checkout_timeout="60s")
    crowd = begin(threads, gateway, "east", 10)
    until(lambda: east.inside == 4, "as many calls as east may have, and what is lent to it")
    others = begin(threads, gateway, "west", 3)
    until(lambda: west.inside == 2, "what is not lent is there at once")
    until(lambda: budget(gateway)[0]["recalls_called"] == 1, "the loan to be called back")
    # Six calls of east wait; the connection goes to west all the same, as soon as its call has ended.
    def moved():
        if west.inside < 3 and east.inside > 3:
            east.free.release()
        return (east.inside, west.inside) == (3, 3)

    until(moved, "the place that was borrowed to be west's")
    found, units = until(
        lambda: (lambda now: now if now[1]["west"]["used"] == 3 else None)(budget(gateway)), "the report to say so")
    assert [units[name]["floor"] for name in ("east", "west")] == [3, 3] and units["east"]["used"] == 3
    assert units["east"]["refused"] == 6 and units["west"]["refused"] == 1
    metrics = gateway.api.get("/metrics").body.decode()
    assert 'mcp_gateway_budget{resource="pool",unit="upstream/west",figure="used"} 3' in metrics
    assert 'mcp_gateway_budget_refused_total{resource="pool",unit="upstream/east"} 6' in metrics
    assert 'mcp_gateway_loans_called_total{resource="pool"} 1' in metrics
    east.free.release(1000)
    west.free.release(1000)
    for answer in crowd + others:
        assert "result" in answer.result()


def test_who_waits_in_vain_is_told_for_what(start_gateway, servers, threads):
    gateway = start(start_gateway, servers, checkout_timeout="1s")
    crowd = begin(threads, gateway, "east", 5)
    until(lambda: servers["east"].inside == 4, "calls in the server")
    others = begin(threads, gateway, "west", 3)
    for calls, reason in [
            (crowd, "none of pool.max_connections is free for east (viability.control)"),
            (others, "some of west's are lent to east; they come back within viability.control.reclaim_time")]:
        late = until(lambda: next((one for one in calls if one.done()), None), "a call that has waited too long")
        assert reason in problem(late.result())


def test_who_waits_in_vain_says_nothing_of_the_server(start_gateway, servers, threads):
    """Whoever has the connections: a server that was not even asked is no failing one."""
    gateway = start(start_gateway, servers, names=("east", "north"), checkout_timeout="1s", control={"enabled": False})
    north = At(gateway.http, "/mcp/servers/north")
    assert "result" in north.call("read").json
    begin(threads, gateway, "east", 12)
    until(lambda: servers["east"].inside == 6, "all connections that there are")
    vain = [threads.submit(At(gateway.http, "/mcp/servers/north").call, "read") for _ in range(5)]
    assert all("within pool.checkout_timeout" in problem(one.result().json) for one in vain)
    servers["east"].free.release(1000)
    assert "result" in north.call("read").json
    assert "circuit" not in gateway.text()


def test_without_control_the_first_take_all_and_the_bound_holds(start_gateway, servers, threads):
    gateway = start(start_gateway, servers, control={"enabled": False}, loops=3, checkout_timeout="1s")
    crowd = begin(threads, gateway, "east", 12)
    until(lambda: servers["east"].inside == 6, "all that there are")
    assert "none of pool.max_connections is free for west" in problem(call(gateway, "west"))
    assert servers["east"].most == 6
    servers["east"].free.release(1000)
    assert sum("result" in one.result() for one in crowd) >= 6
    assert admin.Admin(gateway.http).ask("vsm")["s3"]["budgets"] == []


def test_the_floor_is_a_setting(start_gateway, servers, threads):
    gateway = start(start_gateway, servers, control={"pool_floor": 0, "lent": 1}, checkout_timeout="60s")
    begin(threads, gateway, "east", 8)
    until(lambda: servers["east"].inside == 5, "all but the one that is kept for the first call of west")
    begin(threads, gateway, "west", 1)
    until(lambda: servers["west"].inside == 1, "the first call of west")
    assert servers["east"].most == 5
    servers["east"].free.release(1000)
    servers["west"].free.release(1000)


def test_event_loops_have_them_together_and_wake_each_other(start_gateway, servers, threads):
    """Whatever loop a call is on: what another one gives back is had at once."""
    gateway = start(start_gateway, servers, names=("east", "north"), loops=3, checkout_timeout="60s")
    crowd = begin(threads, gateway, "east", 12)
    until(lambda: servers["east"].inside == 4, "as many calls as east may have, and what is lent to it")
    for answer in begin(threads, gateway, "north", 20):
        assert "result" in answer.result()
    servers["east"].free.release(1000)
    for answer in crowd:
        assert "result" in answer.result()
    assert servers["east"].most == 4


def test_what_is_idle_comes_back_from_a_server_that_is_gone(start_gateway, servers, threads):
    """Connections of a server that is no longer configured are closed, and their places free; among them the one for its
    farewell, which is closed while it comes about."""
    gateway = start(start_gateway, servers, names=("east", "north"), checkout_timeout="60s")
    crowd = begin(threads, gateway, "east", 4)
    until(lambda: servers["east"].inside == 4, "calls in the server")
    file = gateway.directory / "gateway-under-test.yaml"
    file.write_text(yaml.safe_dump({
        **yaml.safe_load(file.read_text()), "mcpServers": {"west": {"url": servers["west"].url, "stateless": True}}}))
    admin.Admin(gateway.http).do("reload")
    others = begin(threads, gateway, "west", 6)
    until(lambda: servers["west"].inside == 6, "all connections at the server that is left")
    servers["west"].free.release(1000)
    for answer in others:
        assert "result" in answer.result()
    for answer in crowd:
        assert "error" in answer.result()
