"""The node watches itself, and tells those who ask for it."""

import concurrent.futures
import json
import subprocess
import time

import admin
import gateway as gateways
import phoenix
import pytest
import sse
from wait import until

SETTINGS = {
    "transports": {"http_sse": {"max_connections": 10}},
    "viability": {"interval": "100ms", "variety_window": "500ms", "algedonic": {"deadline": "200ms", "calm": "200ms"}},
    "rate_limiting": {"default_limit": 10000},
}


def test_what_hurts_is_told_to_those_who_follow_and_its_end_too(start_gateway, new_client):
    own = start_gateway(SETTINGS)
    follower, _ = sse.open_connected(own.sse, new_client(), vsm="true")
    other, _ = sse.open_connected(own.sse, new_client())
    socket = phoenix.Socket(own.ws, new_client())
    socket.join({"vsm": True})
    crowd = [sse.open_connected(own.sse, new_client())[0] for _ in range(7)]

    def signal(kind):
        def is_wanted(data):
            return data["event"] == "algedonic_signal" and data["signal_type"] == kind

        while not is_wanted((event := follower.expect("vsm_update")).json["data"]):
            pass
        pushed = socket.first(lambda frame: frame.event == "vsm_update" and is_wanted(frame.payload["data"])).payload
        assert not event.own_id and event.json["type"] == pushed["type"] == "vsm_update"
        assert pushed["data"] == event.json["data"]
        return event.json["data"]

    pain = signal("pain")
    assert pain["pain_type"] == "connection_shortage" and pain["place"] == "http_sse" and pain["severity"] == "moderate"
    assert pain["source"] == "mcp_gateway" and pain["intensity"] == 0.9 and pain["suggested_action"]
    assert pain["for_ms"] >= 200
    for one in crowd:
        one.close()
    relief = signal("pleasure")
    assert relief["pain_type"] == "connection_shortage" and relief["recovery_time_ms"] > 0
    figures = own.api.get("/mcp/stats").json["vsm"]
    assert figures["mode"] == "normal" and figures["pains"] >= 1 and figures["pleasures"] == 1
    other.close()
    assert not [event for event in other.rest() if event.type == "vsm_update"]
    follower.close()
    socket.close()


def test_variety_is_measured_over_named_distinctions(start_gateway, client):
    own = start_gateway(SETTINGS)
    socket = phoenix.Socket(own.ws, client)
    socket.join()

    def bits():
        for size in (10, 200, 900, 4000):
            socket.ok("message", {"type": "echo", "data": "x" * size})
        variety = own.api.get("/mcp/stats").json["vsm"]["variety"]
        assert variety["distinction"] == "size_octave"
        return variety["incoming_bits"]

    assert 1.5 < until(bits, "an estimate of the variety", 30) < 2.5
    socket.close()


def test_metrics_tell_of_the_system(gateway):
    text = gateway.api.get("/metrics").body.decode()
    for family in ("mode", "algedonic_signals_total", "audits_total", "audit_differences_total", "budget", "loans_called_total",
                   "unit_productivity", "variety_bits"):
        assert f"# TYPE mcp_gateway_{family} " in text
    assert 'mcp_gateway_audit_differences_total{kind="unit_connections"} 0' in text


@pytest.mark.parametrize("is_on", [True, False])
def test_heartbeats_of_streams_that_came_together_are_spread(start_gateway, new_client, is_on):
    own = start_gateway({
        "listen": {"event_loops": 1}, "transports": {"http_sse": {"heartbeat_interval": "4s"}},
        "viability": {"coordination": {"enabled": is_on}}})

    def first_heartbeat(client):
        stream, _ = sse.open_connected(own.sse, client)
        began = time.monotonic()
        stream.expect("heartbeat")
        waited = time.monotonic() - began
        stream.close()
        return waited

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        waits = sorted(pool.map(first_heartbeat, [new_client() for _ in range(8)]))
    # Timeouts are exact to a quarter of a second.
    assert waits[0] >= (1.5 if is_on else 3.5)
    assert waits[0] <= 3.2 or not is_on


def test_several_nodes_are_shown_as_one_system(start_gateway, new_client):
    """Their own reports are the units of the whole; a node that does not answer is named."""
    nodes = [start_gateway({**admin.CONFIG, "viability": {"interval": "100ms"}, "cluster": {"node_id": name}}) for name in "ab"]
    streams = [sse.open_connected(node.sse, new_client())[0] for node, count in zip(nodes, (1, 3)) for _ in range(count)]
    addresses = [part for node in nodes for part in ("--node", "http://%s:%d" % node.http)]

    def ask(*arguments):
        return subprocess.run(
            [gateways.BINARY, "vsm", *arguments], cwd=nodes[0].directory, capture_output=True, text=True, timeout=30,
            env=gateways.clean_environment(MCP_ADMIN_TOKEN=admin.TOKEN), stdin=subprocess.DEVNULL)

    def whole():
        answer = ask(*addresses, "--json")
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    found = until(lambda: (report := whole())["system"]["connections"] == 4 and report, "all four streams")
    assert found["level"] == found["system"]["level"] == "cluster" and found["system"]["herd"] == 3
    assert [(unit["level"], unit["unit"], unit["connections"]) for unit in found["units"]] == [("node", "a", 1), ("node", "b", 3)]
    assert set(found["system"]) == set(found["units"][0]), "one form for both"
    assert found["system"]["memory"]["budget"] == sum(unit["memory"]["budget"] for unit in found["units"])
    shown = ask(*addresses).stdout
    assert "2 nodes" in shown and "3 clients come back" in shown
    nodes[1].kill()
    answer = ask(*addresses, "--json")
    assert answer.returncode == 1 and addresses[3] + " is not in it" in answer.stderr
    rest = json.loads(answer.stdout)
    assert rest["system"]["connections"] == 1 and [one["node"] for one in rest["missing"]] == [addresses[3]]
    for stream in streams:
        stream.close()
