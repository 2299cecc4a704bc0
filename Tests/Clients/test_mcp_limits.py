"""Adaptive limits: as many calls of a server at a time as its limit says; the others wait for their turn in the gateway."""

import threading
from concurrent.futures import ThreadPoolExecutor

import gateway as gateways
import pytest
from admin import TOKEN, Admin
from mcp_sdk import everything, text
from mcp_upstream import Upstream
from test_mcp_http import Client
from wait import until

# A limit that does not move, so that tests can say what fits in.
TWO = {"enabled": True, "initial": 2, "minimum": 2, "maximum": 2}


class Busy(Upstream):
    """Calls stay in it until they are let go."""

    def __init__(self):
        super().__init__()
        self.free = threading.Semaphore(0)
        self.inside, self.most, self.fails = 0, 0, 0
        self.count = threading.Lock()
        self.answer = self.work

    def work(self, body, headers):
        if body.get("method") != "tools/call":
            return None
        with self.count:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.free.acquire(timeout=60)
        with self.count:
            self.inside -= 1
            self.fails -= 1
        if self.fails >= 0:
            raise ConnectionError("the connection ends without an answer")
        return None

    def calls(self):
        return self.methods().count("tools/call")


@pytest.fixture
def busy():
    upstream = Busy()
    yield upstream
    upstream.free.release(1000)
    upstream.close()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(20) as pool:
        yield pool


def serve(start_gateway, upstream, limits=TWO, **sections):
    return start_gateway({
        "mcpServers": {"busy": {"url": upstream.url}}, "mcp": {"demo": False}, "adaptive_limits": limits,
        "viability": {"interval": "100ms"}, "listen": {"event_loops": 1}, "security": {"admin_token": TOKEN}, **sections})


def unit(gateway, name="busy"):
    """What the viable system says of it."""
    report = Admin(gateway.http).ask("vsm")
    return next((unit for unit in report["s1"]["units"] if unit["unit"] == f"upstream/{name}"), {})


def metrics(gateway):
    lines = gateway.api.get("/metrics").body.decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def waiting(gateway):
    return metrics(gateway)['mcp_gateway_upstream_waiting{kind="mcp",server="busy"}']


def test_calls_beyond_the_limit_wait_for_their_turn(start_gateway, busy, pool):
    gateway = serve(start_gateway, busy)
    client = Client(gateway.http)
    answers = [pool.submit(client.call, "read", {"number": number}) for number in range(7)]
    until(lambda: waiting(gateway) == 5, "five that wait")
    assert busy.calls() == 2
    (server,) = Admin(gateway.http).ask("upstreams")["upstreams"]
    assert server["limit"] == {"limit": 2, "in_flight": 2, "waiting": 5, "refused": 0}
    for _ in range(7):
        busy.free.release()
    assert all("result" in answer.result(30).json for answer in answers)
    assert busy.most == 2 and waiting(gateway) == 0


def test_a_full_queue_and_a_turn_that_does_not_come(start_gateway, busy, pool):
    gateway = serve(start_gateway, busy, {**TWO, "queue": 1}, pool={"checkout_timeout": "700ms"})
    client = Client(gateway.http)
    under_way = [pool.submit(client.call, "read") for _ in range(2)]
    until(lambda: busy.calls() == 2, "two under way")
    late = pool.submit(client.call, "read")
    until(lambda: waiting(gateway) == 1, "one that waits")
    answer = client.call("read").json
    assert "overloaded" in answer["error"]["message"] and "adaptive_limits.queue" in answer["error"]["message"]
    assert "pool.checkout_timeout" in late.result(30).json["error"]["message"]
    assert busy.calls() == 2, "neither came so far"
    busy.free.release(2)
    assert all("result" in answer.result(30).json for answer in under_way)
    assert metrics(gateway)['mcp_gateway_upstream_refused_total{kind="mcp",server="busy"}'] == 2


def test_whoever_gives_up_while_waiting_is_never_seen_by_the_server(start_gateway, busy, pool):
    gateway = serve(start_gateway, busy)
    client = Client(gateway.http)
    under_way = [pool.submit(client.call, "read") for _ in range(2)]
    until(lambda: busy.calls() == 2, "two under way")
    third = pool.submit(client.post, {
        "jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": {"name": "write", "arguments": {}}})
    until(lambda: waiting(gateway) == 1, "one that waits")
    client.post({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 77}})
    until(lambda: waiting(gateway) == 0, "nobody who waits")
    busy.free.release(3)
    assert all("result" in answer.result(30).json for answer in under_way)
    third.result(30)
    assert "result" in client.call("read").json
    names = [body["params"]["name"] for _, _, body in busy.requests if body and body.get("method") == "tools/call"]
    assert names == ["read", "read", "read"]
    assert "notifications/cancelled" not in busy.methods()


def test_a_server_of_its_own_setting_and_what_is_no_call(start_gateway, busy, pool):
    gateway = start_gateway({
        "mcpServers": {"busy": {"url": busy.url, "adaptive_limit": True}}, "mcp": {"demo": True},
        "adaptive_limits": {"initial": 1, "minimum": 1, "maximum": 1}, "listen": {"event_loops": 1}})
    client = Client(gateway.http)
    first = pool.submit(client.call, "read")
    until(lambda: busy.calls() == 1, "one under way")
    # Lists do not wait for calls, and other servers have nothing to do with it.
    assert "result" in client.post({"jsonrpc": "2.0", "id": 5, "method": "tools/list"}).json
    assert text(client.call("echo", {"text": "hello"}).json) == "hello"
    servers = {line for line in metrics(gateway) if line.startswith("mcp_gateway_upstream_concurrency_limit")}
    assert servers == {'mcp_gateway_upstream_concurrency_limit{kind="mcp",server="busy"}'}
    busy.free.release(2)
    assert "result" in first.result(30).json


def test_a_server_that_dies_takes_no_turns_with_it(start_gateway, busy, pool):
    gateway = serve(start_gateway, busy, routing={"failover_threshold": 100})
    client = Client(gateway.http)
    answers = [pool.submit(client.call, "write") for _ in range(6)]
    until(lambda: waiting(gateway) == 4, "four that wait")
    busy.fails = 2
    busy.free.release(2)
    until(lambda: busy.calls() == 4, "the next two")
    busy.free.release(100)
    done = [answer.result(30).json for answer in answers]
    assert sum("result" in answer for answer in done) == 4, (done, busy.methods())
    assert all("result" in client.call("read").json for _ in range(5))
    assert waiting(gateway) == 0


def test_programs_have_limits_too(start_gateway, pool):
    gateway = start_gateway({
        "mcpServers": {"everything": everything()}, "mcp": {"demo": False}, "adaptive_limits": TWO,
        "listen": {"event_loops": 1}})
    client = Client(gateway.http)
    calls = [pool.submit(client.call, "large", {"bytes": 10_000}) for _ in range(12)]
    assert all(len(text(call.result(60).json)) == 10_000 for call in calls)
    assert metrics(gateway)['mcp_gateway_upstream_concurrency_limit{kind="mcp",server="everything"}'] == 2


def test_the_limit_is_learned_and_reported(start_gateway, pool):
    upstream = Upstream()
    upstream.delay = 0.03
    try:
        gateway = serve(start_gateway, upstream, {"enabled": True, "initial": 4, "minimum": 2, "slack": "100ms"})
        client = Client(gateway.http)
        for _ in range(20):
            calls = [pool.submit(client.call, "read") for _ in range(20)]
            assert all("result" in call.result(30).json for call in calls)
            if (found := unit(gateway).get("limit")) and found["limit"] > 4:
                break
        else:
            pytest.fail("a server that keeps its pace was given no more")
        until(lambda: unit(gateway)["capability"] is not None, "what it could do")
        found = unit(gateway)
        assert found["limit"]["round_trip_ms"] >= 25 and found["limit"]["unloaded_round_trip_ms"] >= 25
        assert found["potentiality"] >= found["capability"] > 10
    finally:
        upstream.close()


def test_a_minimum_above_the_maximum_is_refused(tmp_path):
    answer = gateways.run_command(
        "config", "--set", "adaptive_limits.minimum=10", "--set", "adaptive_limits.maximum=5", cwd=tmp_path)
    assert answer.returncode == 1
    assert "adaptive_limits.minimum (10, --set) must not be more than adaptive_limits.maximum" in answer.stderr
