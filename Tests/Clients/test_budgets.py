"""Transports share what the node has: a crowd on one of them leaves room for the others."""

import socket

import admin
import phoenix
import pytest
import sse
from wait import until

# Forty places; ten are promised to each transport, and half of what is not used of them is lent.
SETTINGS = {
    **admin.CONFIG,
    "viability": {"interval": "100ms", "control": {"connections": 40, "reclaim_time": "1s"}},
    "rate_limiting": {"default_limit": 10000},
}


def budget(own):
    (found,) = admin.Admin(own.http).ask("vsm")["s3"]["budgets"]
    assert found["resource"] == "connections"
    return found, {unit["unit"]: unit for unit in found["units"]}


def flood(own, new_client, places):
    """Sockets until no more of them get in."""
    crowd = []
    while len(crowd) <= places:
        try:
            crowd.append(phoenix.join(own.ws, new_client())[0])
        except Exception as refusal:  # noqa: BLE001 - the library has one of its own
            assert "503" in str(refusal)
            break
    assert len(crowd) == places
    return crowd


def test_a_crowd_leaves_room_and_gives_back_what_it_has_borrowed(start_gateway, new_client):
    own = start_gateway(SETTINGS)
    crowd = flood(own, new_client, 35)
    streams = [sse.open_connected(own.sse, new_client())[0] for _ in range(5)]
    # The other half of the floor is lent. Whoever has lent it is not sent to the end of the crowd's queue.
    refused = own.api.request("GET", f"/mcp/sse?client_id={new_client()}")
    assert refused.status == 503 and refused.json["error"] == "overloaded" and "viability.control" in refused.json["reason"]
    assert refused.headers["Retry-After"] == "1"

    def enter():
        try:
            streams.append(sse.open_connected(own.sse, new_client())[0])
        except AssertionError as refusal:
            assert str(refusal).startswith("503")
        return len(streams) == 10

    until(enter, "what was lent is back")
    # The newest have given way, and are told so.
    assert crowd[-1].close_code() == 1013
    found, units = budget(own)
    assert found["capacity"] == 40 and found["recalls_called"] >= 1
    assert units["http_sse"]["floor"] == 10 and units["http_sse"]["refused"] >= 1
    shown = admin.shown(own, "vsm")
    lines = [line.split()[:3] for line in shown.splitlines()]
    assert ["connections", "websocket", "10"] in lines and ["connections", "http_sse", "10"] in lines
    used = 'mcp_gateway_budget{resource="connections",unit="http_sse",figure="used"} 10'
    until(lambda: used in own.api.get("/metrics").body.decode(), "the metrics say so, too")
    assert 'mcp_gateway_loans_called_total{resource="connections"}' in own.api.get("/metrics").body.decode()
    assert crowd[0].ok("heartbeat", topic="phoenix") == {}
    for one in crowd + streams:
        one.close()


def test_the_policy_says_who_gives_way(start_gateway, new_client):
    """What has priority by a rule stays, though it came last; what has little goes before what has none."""
    rules = [{"client": "desk-*", "priority": "high"}, {"client": "sensor-*", "priority": "low"}]
    own = start_gateway({**SETTINGS, "policy": {"rules": rules}})
    sensors = [phoenix.join(own.ws, f"sensor-{new_client()}")[0] for _ in range(2)]
    usual = [phoenix.join(own.ws, new_client())[0] for _ in range(28)]
    desk = [phoenix.join(own.ws, f"desk-{new_client()}")[0] for _ in range(5)]
    streams = []

    def enter():
        try:
            streams.append(sse.open_connected(own.sse, new_client())[0])
        except AssertionError as refusal:
            assert str(refusal).startswith("503")
        return len(streams) == 10

    until(enter, "what was lent is back")
    # Five places: both sensors, and the newest of those of whom nothing is said.
    for one in sensors + usual[-3:]:
        assert one.close_code() == 1013
    for one in usual[:25] + desk:
        assert one.ok("heartbeat", topic="phoenix") == {}
    for one in usual + desk + streams:
        one.close()


def test_without_control_the_first_take_all(start_gateway, new_client):
    settings = {"viability": {"control": {"enabled": False, "connections": 40}}}
    own = start_gateway({**SETTINGS, **settings})
    crowd = [phoenix.join(own.ws, new_client())[0] for _ in range(45)]
    control = admin.Admin(own.http).ask("vsm")["s3"]
    assert control["enabled"] is False and control["budgets"] == []
    for one in crowd:
        one.close()


@pytest.mark.parametrize("floors, places", [({"http_sse": 0}, 40), ({"http_sse": 0.5}, 30)])
def test_floors_and_what_is_lent_of_them_are_settings(start_gateway, new_client, floors, places):
    settings = {"viability": {"interval": "100ms", "control": {"connections": 40, "floors": floors}}}
    crowd = flood(start_gateway({**SETTINGS, **settings}), new_client, places)
    for one in crowd:
        one.close()



def silent_socket(own, client):
    """One that is let in, and never reads or says anything again."""
    one = socket.create_connection(own.ws, 5)
    one.sendall(
        f"GET /mcp/ws?vsn=2.0.0&client_id={client} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert one.recv(64).startswith(b"HTTP/1.1 101")
    return one


def test_who_does_not_answer_its_close_frame_gives_way_all_the_same(start_gateway, new_client):
    """A loan comes back within the reclaim time, not once for each `listen.close_timeout`."""
    own = start_gateway({**SETTINGS, "listen": {"close_timeout": "60s"}})
    crowd = [silent_socket(own, new_client()) for _ in range(35)]
    streams = []

    def enter():
        try:
            streams.append(sse.open_connected(own.sse, new_client())[0])
        except AssertionError as refusal:
            assert str(refusal).startswith("503")
        return len(streams) == 10

    until(enter, "what was lent is back")
    # Half of all places is fair whatever is asked for; those that came again and again asked for more than ten.
    until(lambda: budget(own)[1]["websocket"]["used"] <= 30, "the report is as new as that")
    assert budget(own)[1]["websocket"]["used"] >= 20
    for one in crowd + streams:
        one.close()
