"""The policy's rules: whose messages of which type are kept or refused, and in which mode."""

import signal

import admin
import phoenix
import pytest
import sse
from test_reload import change
from tokens import ADMIN, AUTHENTICATED, bearer, token
from wait import until
from websockets.exceptions import InvalidStatus

QUICK = {"viability": {"interval": "50ms"}}


def send(gateway, client, type, **claims):
    return gateway.api.post(
        "/mcp/push", {"client_id": client, "type": type, "data": {}}, **bearer(token(client, **claims)))


def test_a_rule_refuses_by_client_and_type_until_the_policy_is_another(start_gateway):
    rules = [{"client": "sensor-*", "type": "report.*", "normal": "keep"}, {"type": "report.*", "normal": "refuse"}]
    own = start_gateway({**AUTHENTICATED, **QUICK, "policy": {"purpose": "to carry orders", "rules": rules}})
    refused = send(own, "alice", "report.daily")
    assert (refused.status, refused.json["error"]) == (403, "policy_violation") and "policy.rules" in refused.json["reason"]
    assert send(own, "alice", "order").status == 202
    # The first rule that fits decides.
    assert send(own, "sensor-7", "report.daily").status == 202
    change(own, policy={"purpose": "to carry orders", "rules": [{"type": "order", "normal": "refuse"}]})
    own.process.send_signal(signal.SIGHUP)
    until(lambda: send(own, "alice", "order").status == 403, "the new rule")
    assert send(own, "alice", "report.daily").status == 202
    # What is wrong with a rule is told, and the last good policy stays.
    change(own, policy={"rules": [{"type": "order", "normal": "perhaps"}]})
    own.process.send_signal(signal.SIGHUP)
    until(lambda: "policy.rules" in own.text(), "the reason")
    assert send(own, "alice", "order").status == 403


def survives(own):
    """Whether the mode is survive, after a large message has kept the event loop busy for longer than it may be late."""
    own.api.post(
        "/mcp/push", {"client_id": "alice", "type": "order", "data": [{"n": 1}] * 60_000}, **bearer(token("alice")))
    return own.api.get("/mcp/stats", **bearer(ADMIN)).json["vsm"]["mode"] == "survive"


def test_a_rule_of_a_mode_keeps_a_tier_in_it(start_gateway):
    """`survive` refuses what has no high priority, but for those who pay; in `normal` the rule says nothing."""
    own = start_gateway({
        **AUTHENTICATED, **QUICK,
        "policy": {
            "max_lag": "1ms", "patience": "0s", "dwell": "1h",
            "rules": [{"tier": "premium", "survive": "keep"}, {"type": "typing", "survive": "refuse"}]}})

    until(lambda: survives(own), "mode survive")
    assert send(own, "alice", "order").status == 503
    assert send(own, "bob", "order", tier="premium").status == 202
    # The rules stand in an order: the tier's comes first.
    assert send(own, "bob", "typing", tier="premium").status == 202
    refused = send(own, "alice", "typing")
    assert refused.status == 503 and "mode survive" in refused.json["reason"]


def test_a_rule_sets_a_priority(start_gateway):
    """`survive` refuses what has no high priority; the desk's has it by the policy, and a typing's has none whatever it says."""
    own = start_gateway({
        **AUTHENTICATED, **QUICK,
        "policy": {
            "max_lag": "1ms", "patience": "0s", "dwell": "1h",
            "rules": [{"client": "desk-*", "priority": "high"}, {"type": "typing", "priority": "low"}]}})

    until(lambda: survives(own), "mode survive")
    assert send(own, "alice", "order").status == 503
    assert send(own, "desk-1", "order").status == 202
    answer = own.api.post(
        "/mcp/push", {"client_id": "alice", "type": "typing", "priority": "high", "data": {}}, **bearer(token("alice")))
    assert (answer.status, answer.json["error"]) == (503, "overloaded")


def test_a_rule_lets_a_tier_in_that_the_mode_would_refuse(start_gateway):
    """`survive` refuses new connections, but for those whose messages are kept, and who show who they are."""
    own = start_gateway({
        **AUTHENTICATED, **QUICK,
        "policy": {
            "max_lag": "1ms", "patience": "0s", "dwell": "1h",
            "rules": [{"tier": "premium", "survive": "keep"}, {"client": "desk-*", "priority": "high"},
                      {"tier": "trial", "type": "typing", "survive": "keep"}]}})
    until(lambda: survives(own), "mode survive")

    def refused(client, **claims):
        answer = own.api.get(f"/mcp/sse?client_id={client}", **bearer(token(client, **claims)))
        return (answer.status, answer.json["error"]) == (503, "overloaded") and "policy" in answer.json["reason"]

    assert refused("alice") and refused("bob", tier="trial")
    stream, _ = sse.open_connected(own.sse, "carol", headers=bearer(token("carol", tier="premium")))
    desk, _ = sse.open_connected(own.sse, "desk-1", headers=bearer(token("desk-1")))
    socket = phoenix.Socket(own.ws, "erin", token=token("erin", tier="premium"))
    socket.join()
    # Who will say who it is when it joins is a stranger until then, whatever name it gives.
    with pytest.raises(InvalidStatus, match="503"):
        phoenix.Socket(own.ws, "desk-2")
    # Back ends go on reading what clients send.
    events = sse.Stream(own.http, "/mcp/events", bearer(token("backend", "service")))
    figures = until(
        lambda: (found := own.api.get("/mcp/admin/vsm", **bearer(ADMIN)).json["s5"]["rules"])["kept_connections"] == 4 and found,
        "the report")
    assert figures["count"] == 3
    for one in (stream, desk, socket, events):
        one.close()


def limits(gateway):
    return {one["subject"]: one for one in admin.Admin(gateway.http).ask("vsm")["s5"]["limits"]}


def test_a_limit_of_messages_is_for_all_of_a_tier_together(start_gateway):
    own = start_gateway({
        **AUTHENTICATED, **QUICK, "security": {**AUTHENTICATED.get("security", {}), "admin_token": admin.TOKEN},
        "policy": {"limits": [{"tier": "trial", "max_rate": 0.01}, {"tier": "plain", "max_rate": 1000}]}})
    assert send(own, "alice", "order", tier="trial").status == 202
    refused = send(own, "bob", "order", tier="trial")
    assert (refused.status, refused.json["error"]) == (429, "rate_limit_exceeded")
    assert "tier trial" in refused.json["reason"] and "policy.limits" in refused.json["reason"]
    assert 90 < int(refused.headers["Retry-After"]) <= 100
    assert all(send(own, "carol", "order", tier="plain").status == 202 for _ in range(5))
    assert send(own, "dave", "order").status == 202
    until(lambda: limits(own).get("tier trial", {}).get("refused_messages") == 1, "the report")
    assert limits(own)["tier plain"]["refused_messages"] == 0
    until(lambda: '"event":"limit_reached"' in own.text().replace("\\", ""), "the log")
    shown = admin.shown(own, "vsm")
    assert "tier trial" in shown and "REFUSED_MESSAGES" in shown


def test_a_limit_of_connections_is_for_all_transports_together(start_gateway, new_client):
    own = start_gateway({**admin.CONFIG, **QUICK, "policy": {"limits": [{"client": "guest-*", "max_connections": 2}]}})
    names = [f"guest-{new_client()}" for _ in range(3)]
    stream, _ = sse.open_connected(own.sse, names[0])
    socket, _ = phoenix.join(own.ws, names[1])
    refused = own.api.request("GET", f"/mcp/sse?client_id={names[2]}")
    assert (refused.status, refused.json["error"]) == (429, "too_many_connections") and "client guest-*" in refused.json["reason"]
    other, _ = sse.open_connected(own.sse, new_client())
    until(lambda: limits(own).get("client guest-*", {}).get("connections") == 2, "two that count")
    # A place that falls free is there for the next, whichever transport it was of.
    socket.close()
    until(lambda: limits(own)["client guest-*"]["connections"] == 1, "one that counts")
    again, _ = sse.open_connected(own.sse, names[2])
    # Other bounds hold for those who come; who is there stays, and counts.
    change(own, policy={"limits": [{"client": "guest-*", "max_connections": 1}]})
    own.process.send_signal(signal.SIGHUP)
    until(lambda: limits(own)["client guest-*"]["max_connections"] == 1, "the new bound")
    assert limits(own)["client guest-*"]["connections"] == 2
    again.close()
    until(lambda: limits(own)["client guest-*"]["connections"] == 1, "one that counts")
    assert own.api.request("GET", f"/mcp/sse?client_id={names[1]}").status == 429
    stream.close()
    until(lambda: limits(own)["client guest-*"]["connections"] == 0, "nobody")
    last, _ = sse.open_connected(own.sse, names[1])
    for one in (last, other):
        one.close()
    assert 'mcp_gateway_policy_limit_refused_total{subject="client guest-*",kind="connections"} 2' in own.api.get(
        "/metrics").body.decode()
