"""The policy's rules: whose messages of which type are kept or refused, and in which mode."""

import signal

from test_reload import change
from tokens import ADMIN, AUTHENTICATED, bearer, token
from wait import until

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


def test_a_rule_of_a_mode_keeps_a_tier_in_it(start_gateway):
    """`survive` refuses what has no high priority, but for those who pay; in `normal` the rule says nothing."""
    own = start_gateway({
        **AUTHENTICATED, **QUICK,
        "policy": {
            "max_lag": "1ms", "patience": "0s", "dwell": "1h",
            "rules": [{"tier": "premium", "survive": "keep"}, {"type": "typing", "survive": "refuse"}]}})

    def survives():
        # A large message keeps the event loop busy for longer than it may be late.
        own.api.post(
            "/mcp/push", {"client_id": "alice", "type": "order", "data": [{"n": 1}] * 60_000}, **bearer(token("alice")))
        return own.api.get("/mcp/stats", **bearer(ADMIN)).json["vsm"]["mode"] == "survive"

    until(survives, "mode survive")
    assert send(own, "alice", "order").status == 503
    assert send(own, "bob", "order", tier="premium").status == 202
    # The rules stand in an order: the tier's comes first.
    assert send(own, "bob", "typing", tier="premium").status == 202
    refused = send(own, "alice", "typing")
    assert refused.status == 503 and "mode survive" in refused.json["reason"]
