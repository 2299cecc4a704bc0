"""Who may not connect, and who is held off for what was seen of it. Addresses are those that a trusted proxy names."""

import contextlib
import json

import phoenix
import pytest
import sse
import websockets
from test_metrics import scrape
from tokens import AUTHENTICATED, bearer, token
from wait import until

ADMIN = {"Authorization": "Bearer an-admin-token"}
TRUSTING = {
    "listen": {"trusted_proxies": "127.0.0.1"},
    "security": {"admin_token": "an-admin-token", "behavior": {"decay_per_minute": 0}},
}


def refused(own, reason):
    return scrape(own)["mcp_gateway_refused_total", ("reason", reason)]


def push(own, address, client="anybody", data=None):
    return own.api.post("/mcp/push", {"client_id": client, "type": "echo", "data": data}, **{"X-Forwarded-For": address})


def with_limits(**limits):
    return {**TRUSTING, "rate_limiting": limits}


@pytest.fixture
def own(start_gateway):
    return start_gateway(TRUSTING)


@pytest.mark.parametrize("listed, inside, outside", [
    ("203.0.113.7", "203.0.113.7", "203.0.113.8"), ("198.51.100.0/24", "198.51.100.200", "198.51.101.1"),
    ("2001:db8::/32", "2001:db8:9::1", "2001:db9::1"),
])
def test_a_blocked_address_is_told_403_until_the_entry_goes(own, listed, inside, outside):
    assert push(own, inside).status == 202
    answer = own.api.post("/mcp/admin/blocklist", {"address": listed, "reason": "noise"}, **ADMIN)
    assert answer.status == 200 and answer.json["address"] == listed and answer.json["until"] is None
    answer = push(own, inside)
    assert answer.status == 403 and answer.json["error"] == "blacklisted"
    assert push(own, outside).status == 202
    assert own.api.get("/health", **{"X-Forwarded-For": inside}).status == 200
    assert refused(own, "address_blocked") >= 1
    assert [e["address"] for e in own.api.get("/mcp/admin/blocklist", **ADMIN).json["entries"]] == [listed]
    assert own.api.request("DELETE", f"/mcp/admin/blocklist?address={listed}", headers=ADMIN).status == 200
    assert own.api.request("DELETE", f"/mcp/admin/blocklist?address={listed}", headers=ADMIN).status == 404
    assert push(own, inside).status == 202


def test_the_allowlist_wins_over_the_blocklist(own):
    own.api.post("/mcp/admin/blocklist", {"address": "203.0.113.0/24"}, **ADMIN)
    own.api.post("/mcp/admin/allowlist", {"address": "203.0.113.9"}, **ADMIN)
    assert push(own, "203.0.113.8").status == 403
    assert push(own, "203.0.113.9").status == 202


def test_an_entry_expires(own):
    own.api.post("/mcp/admin/blocklist", {"address": "203.0.113.7", "expires_in": 1}, **ADMIN)
    assert push(own, "203.0.113.7").status == 403
    until(lambda: push(own, "203.0.113.7").status == 202, "the entry to expire")
    assert own.api.get("/mcp/admin/blocklist", **ADMIN).json["entries"] == []


def test_a_blocked_client_is_sent_away_and_not_let_in_again(own, client, new_client):
    socket, _ = phoenix.join(own.ws, client)
    stream, _ = sse.open_connected(own.sse, client)
    other = new_client()
    bystander, _ = phoenix.join(own.ws, other)
    assert own.api.post("/mcp/admin/blocklist", {"client": client}, **ADMIN).status == 200
    closing = socket.expect("gateway_close").payload
    assert closing["code"] == 1008 and closing["reconnect"] == "never"
    assert socket.close_code() == 1008
    until(stream.ended.is_set, "the stream to end")
    assert own.api.post("/mcp/push", {"client_id": client, "type": "echo", "data": 1}).json["error"] == "blacklisted"
    assert own.api.get(f"/mcp/sse?client_id={client}").status == 403
    late = phoenix.Socket(own.ws, None)
    assert late.error("phx_join", {"client_id": client})["error"] == "blacklisted"
    assert bystander.ok("message", {"type": "echo", "data": 1})


def test_lists_survive_a_restart(start_gateway, tmp_path):
    config = {**TRUSTING, "storage": {"engine": "sqlite", "path": str(tmp_path / "gateway.db")}}
    first = start_gateway(config)
    first.api.post("/mcp/admin/blocklist", {"address": "203.0.113.7", "reason": "noise"}, **ADMIN)
    first.api.post("/mcp/admin/allowlist", {"client": "friend"}, **ADMIN)
    first.kill()
    second = start_gateway(config)
    assert push(second, "203.0.113.7").status == 403
    entry = second.api.get("/mcp/admin/blocklist", **ADMIN).json["entries"][0]
    assert entry["reason"] == "noise"
    assert second.api.get("/mcp/admin/allowlist", **ADMIN).json["entries"][0]["client"] == "friend"


def test_only_the_allowlist_if_told_so(start_gateway):
    security = {**TRUSTING["security"], "allowlist_only": True}
    own = start_gateway({**TRUSTING, "security": security})
    assert push(own, "203.0.113.7").json["error"] == "blacklisted"
    own.api.post("/mcp/admin/allowlist", {"address": "203.0.113.0/24"}, **ADMIN)
    assert push(own, "203.0.113.7").status == 202


@pytest.mark.parametrize("body", [
    "", "[]", "{}", '{"address":"nowhere"}', '{"address":"10.0.0.1/8"}', '{"address":"10.0.0.1","client":"a"}',
    '{"client":"no spaces"}', '{"address":"10.0.0.1","expires_in":-1}', '{"address":"10.0.0.1","more":1}',
])
def test_what_is_no_entry_is_refused(own, body):
    assert own.api.post("/mcp/admin/blocklist", body, **ADMIN).status == 422


@pytest.mark.parametrize("path", ["blocklist", "allowlist", "suspects", "audit"])
def test_all_of_it_wants_the_admin_token(own, path):
    assert own.api.get(f"/mcp/admin/{path}").status == 401
    assert own.api.get(f"/mcp/admin/{path}", Authorization="Bearer wrong").status == 401
    assert own.api.get(f"/mcp/admin/{path}", **ADMIN).status == 200


def test_actions_of_administrators_are_written_down(start_gateway, tmp_path):
    log = tmp_path / "audit.jsonl"
    security = {**TRUSTING["security"], "audit_log": str(log), "audit_log_size": 1024, "audit_entries": 3}
    own = start_gateway({**TRUSTING, "security": security})
    for n in range(20):
        own.api.post("/mcp/admin/blocklist", {"address": f"203.0.113.{n}"}, **ADMIN)
    entries = own.api.get("/mcp/admin/audit", **ADMIN).json["entries"]
    assert [json.loads(e["body"])["address"] for e in entries] == [f"203.0.113.{n}" for n in (17, 18, 19)]
    assert entries[-1]["path"] == "/mcp/admin/blocklist" and entries[-1]["status"] == 200
    lines = log.read_text().splitlines()
    assert json.loads(lines[-1]) == entries[-1]
    assert log.stat().st_size <= 1024 and (tmp_path / "audit.jsonl.1").stat().st_size <= 1024
    assert log.stat().st_mode & 0o077 == 0
    assert "an-admin-token" not in log.read_text() + own.text()


def test_whoever_breaks_protocols_is_held_off_and_named(own):
    for _ in range(10):
        assert push(own, "203.0.113.7").status == 202
        assert own.api.get("/mcp/../etc/passwd", **{"X-Forwarded-For": "203.0.113.7"}).status == 400
    answer = push(own, "203.0.113.7")
    assert answer.status == 403 and answer.json["error"] == "suspicious_behavior"
    assert push(own, "203.0.113.8").status == 202
    assert own.api.get("/mcp/admin/suspects", **ADMIN).json["suspects"] == [{"address": "203.0.113.7", "score": 10}]
    assert "suspicious behavior" in own.text() and "203.0.113.7" in own.text()
    assert refused(own, "suspicious_behavior") >= 1


def test_an_address_has_a_rate_of_its_own(start_gateway, new_client):
    own = start_gateway(with_limits(ip={"messages": 5}))
    answers = [push(own, "203.0.113.7", new_client()) for _ in range(8)]
    assert [a.status for a in answers[:5]] == [202] * 5
    assert answers[-1].status == 429 and int(answers[-1].headers["Retry-After"]) >= 1
    assert push(own, "203.0.113.8", new_client()).status == 202
    # Loopback is nobody's address.
    assert all(own.api.post("/mcp/push", {"client_id": "a", "type": "echo", "data": 1}).status == 202 for _ in range(9))
    assert refused(own, "address_rate") >= 1


def test_the_node_has_a_rate(start_gateway, new_client):
    own = start_gateway(with_limits(node=3))
    assert sorted(push(own, f"203.0.113.{n}", new_client()).status for n in range(6))[-1] == 429
    assert refused(own, "node_rate") >= 1


def test_bytes_are_charged_apart(start_gateway, client):
    own = start_gateway({
        "rate_limiting": {"bytes": "4KiB"}, "transports": {"websocket": {"max_message_size": "8KiB", "max_frame_size": "8KiB"}}})
    big = "x" * 7000
    with phoenix.join(own.ws, client)[0] as socket:
        socket.ok("message", {"type": "echo", "data": big})
        assert socket.error("message", {"type": "echo", "data": big})["error"] == "rate_limit_exceeded"
    assert refused(own, "byte_rate") >= 1


def test_joins_are_charged_apart(start_gateway, client):
    own = start_gateway({"rate_limiting": {"joins": 1, "join_burst": 5}})
    with phoenix.join(own.ws, client)[0] as socket:
        answers = [socket.call("subscribe", {"topic": f"t:{n}"}) for n in range(10)]
        assert answers[0]["status"] == "ok" and answers[-1]["response"]["error"] == "rate_limit_exceeded"
        socket.ok("message", {"type": "echo", "data": 1})
    assert refused(own, "join_rate") >= 1


def test_a_flood_of_events_ends_the_connection(start_gateway, client):
    own = start_gateway({"rate_limiting": {"events": 50}})
    with phoenix.join(own.ws, client)[0] as socket:
        # The end may come while some are still being sent.
        with contextlib.suppress(websockets.ConnectionClosed):
            for number in range(200):
                socket.push("heartbeat", {}, topic="phoenix", ref=str(number))
        assert socket.close_code() == 4029
    assert refused(own, "event_rate") == 1


def test_random_client_ids_take_bounded_memory(start_gateway):
    own = start_gateway({**with_limits(max_addresses=100), "session": {"max_sessions": 200}})
    statuses = {push(own, f"10.{n % 250}.{n // 250}.1", f"random.{n}").status for n in range(1500)}
    assert statuses <= {202, 503}
    figures = scrape(own)
    assert figures["mcp_gateway_sessions",] <= 200
    assert all(figures["mcp_gateway_tracked_addresses", ("by", by)] <= 100 for by in ("score", "connections", "messages"))


# Tokens


def test_the_tier_of_a_token_is_its_rate(start_gateway):
    own = start_gateway({**AUTHENTICATED, "rate_limiting": {"default_limit": 100, "refill_rate": 100, "tiers": {"trial": 3, "premium": 500}}})

    def send(client, tier):
        more = {"tier": tier} if tier else {}
        return own.api.post("/mcp/push", {"client_id": client, "type": "echo", "data": {}},
                            **bearer(token(client, **more)))

    for tier, limit in (("trial", 3), ("premium", 500), ("standard", 100), (None, 100), ("nobody's", 3)):
        answer = send(f"of-{len(tier or '')}-{limit}", tier)
        assert answer.headers["X-RateLimit-Limit"] == str(limit), tier
    answers = [send("busy", "trial").status for _ in range(8)]
    assert answers.count(202) < 8 and 429 in answers


def test_whoever_guesses_tokens_is_slowed_down(start_gateway):
    own = start_gateway({
        **AUTHENTICATED, "listen": {"trusted_proxies": "127.0.0.1"},
        "rate_limiting": {"ip": {"failed_logins": 3}}, "security": {**AUTHENTICATED["security"], "behavior": {"threshold": 0}},
    })

    def guess(address):
        return own.api.post("/mcp/push", {"client_id": "c", "type": "echo", "data": {}},
                            Authorization="Bearer not.a.token", **{"X-Forwarded-For": address})

    answers = [guess("203.0.113.5") for _ in range(6)]
    assert [one.status for one in answers[:3]] == [401] * 3
    assert answers[-1].status == 429 and answers[-1].json["error"] == "rate_limit_exceeded"
    assert guess("203.0.113.6").status == 401, "others are not meant"
