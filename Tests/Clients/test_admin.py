"""The admin API: what operators ask and do (`/mcp/admin`)."""

import json
import re
import socket
import stat
import threading

import admin
import gateway as gateways
import phoenix
import pytest
import sse
from api import API
from wait import PATIENCE, until


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with gateways.Gateway(tmp_path_factory.mktemp("admin"), admin.CONFIG) as one:
        yield one


@pytest.fixture
def ask(own):
    return admin.Admin(own.http)


PATHS = ["connection-stats", "connections", "transports", "pool", "ring", "breakers", "vsm", "analysis", "upstreams", "calls",
         "old", "errors/someone", "trace/someone"]


@pytest.mark.parametrize("path", PATHS)
def test_everything_wants_the_token(own, path):
    api = API(own.http)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": f"mcp_gateway_admin_{own.http[1]}=wrong"}):
        answer = api.get("/mcp/admin/" + path, **headers)
        assert answer.status == 401
        assert answer.json["error"] == "authentication_failed"
    assert API(own.sse).get("/mcp/admin/" + path).status == 404


def test_the_cookie_reads_but_does_nothing_by_itself(own):
    api = API(own.http)
    link = api.get(f"/metrics/dashboard?token={admin.TOKEN}")
    assert link.status == 303 and link.headers["location"] == "/metrics/dashboard"
    cookie = link.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    with_cookie = {"Cookie": cookie.split(";")[0]}
    assert api.get("/mcp/admin/pool", **with_cookie).status == 200
    # What another page of this host could send.
    assert api.post("/mcp/admin/cleanup", {"dry_run": True}, **with_cookie).status == 403
    assert api.post("/mcp/admin/cleanup", {"dry_run": True}, **with_cookie, **{"X-Gateway-Admin": "1"}).status == 200
    assert api.get("/metrics/dashboard?token=wrong").status == 401


def test_connections_are_found_sorted_and_counted(own, ask, new_client):
    names = sorted(new_client() for _ in range(3))
    sockets = [phoenix.join(own.ws, name)[0] for name in names]
    stream, _ = sse.open_connected(own.sse, names[0])
    prefix = names[0].rsplit(".", 1)[0]
    found = ask.ask(f"connections?client={prefix}&sort=client&limit=10")
    assert found["matches"] == 4
    assert [one["client_id"] for one in found["connections"]] == [names[0], *names]
    assert {one["transport"] for one in found["connections"][:2]} == {"websocket", "http_sse"}
    first = found["connections"][-1]
    assert first["address"] == "127.0.0.1" and first["active"] and 0 <= first["age_seconds"] < 60
    assert (first["unsent_bytes"], first["pending_messages"]) == (0, 0)
    assert ask.ask(f"connections?client={prefix}&transport=http_sse")["matches"] == 1
    assert len(ask.ask(f"connections?client={prefix}&limit=2")["connections"]) == 2
    assert ask.ask(f"connections?client={prefix}&min_age=3600")["matches"] == 0
    assert ask.ask(f"connections?client={prefix}&max_age=3600&address=127.")["matches"] == 4
    assert ask.ask(f"connections?client={prefix}&address=10.")["matches"] == 0
    assert ask.ask(f"connections?client={prefix}&min_unsent=1")["matches"] == 0
    ages = [one["age_seconds"] for one in ask.ask(f"connections?client={prefix}&sort=age")["connections"]]
    assert ages == sorted(ages, reverse=True)
    assert ask.ask("old?hours=24")["matches"] == 0
    assert {one["client_id"] for one in ask.ask("old?hours=0")["connections"]} >= set(names)
    stats = ask.ask("connection-stats")
    assert stats["total"] == stats["by_transport"]["websocket"] + stats["by_transport"]["http_sse"] >= 4
    assert {"pool_available", "pool_overflow", "avg_connection_age", "error_rate"} <= set(stats)
    for one in (*sockets, stream):
        one.close()
    until(lambda: ask.ask(f"connections?client={prefix}")["matches"] == 0, "the connections to be gone")


def test_unsent_messages_are_seen(own, ask, client):
    """Of a client that does not read, bytes wait in the kernel, on the way to it, and in its log."""
    import raw_stream
    with raw_stream.silent(own.sse, client):
        for _ in range(40):
            own.api.publish(client_id=client, durable=False, data={"text": "x" * 200_000})
        found = until(
            lambda: ask.ask(f"connections?client={client}&min_unsent=1&sort=unsent")["connections"],
            "unsent bytes")
        assert found[0]["unsent_bytes"] > 0


@pytest.mark.parametrize("query", ["transport=x", "sort=x", "limit=0", "limit=1001", "limit=x", "min_age=-1", "order=x"])
def test_wrong_questions_are_told(ask, query):
    answer = ask.get("/mcp/admin/connections?" + query)
    assert answer.status == 400
    assert answer.json["reason"].startswith(query.split("=")[0])


def test_a_client_s_history_needs_no_preparation(own, ask, client):
    assert ask.get(f"/mcp/admin/trace/{client}").status == 404
    socket, _ = phoenix.join(own.ws, client)
    events = ask.ask(f"trace/{client}")["events"]
    assert [(one["event"], one["transport"]) for one in events] == [("connected", "websocket")]
    socket.close()
    until(lambda: len(ask.ask(f"trace/{client}")["events"]) == 2, "the end of the connection")
    stream, _ = sse.open_connected(own.sse, client)
    events = ask.ask(f"trace/{client}")["events"]
    assert [(one["event"], one["transport"]) for one in events] == [
        ("connected", "websocket"), ("disconnected", "websocket"), ("connected", "http_sse")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["timestamp"]) for one in events)
    assert events == sorted(events, key=lambda one: one["timestamp"])
    assert ask.ask(f"trace/{client}")["traced"] is False
    stream.close()


def test_an_armed_trace_has_everything(own, ask, client):
    socket, _ = phoenix.join(own.ws, client)
    assert ask.do(f"trace/{client}", {"ttl_seconds": 60})["traced"] is True
    own.api.publish_numbers(2, client_id=client)
    assert socket.numbers(2) == [0, 1]
    socket.ok("ack", {"sequence": 1})
    traced = ask.ask(f"trace/{client}")
    assert 0 < traced["remaining_seconds"] <= 60
    events = traced["trace"]
    assert [one["number"] for one in events] == list(range(len(events)))
    kinds = [one["event"] for one in events]
    assert kinds.count("message_accepted") == 2 and "messages_sent" in kinds and "acknowledged" in kinds
    assert [one["sequence"] for one in events if one["event"] == "message_accepted"] == [0, 1]
    socket.close()
    until(lambda: ask.ask(f"trace/{client}")["trace"][-1]["event"] == "disconnected", "the end in the trace")
    assert ask.request("DELETE", f"/mcp/admin/trace/{client}").json == {"ended": True}
    assert ask.request("DELETE", f"/mcp/admin/trace/{client}").json == {"ended": False}
    assert ask.ask(f"trace/{client}")["traced"] is False


def test_a_trace_ends_by_itself(own, ask, client):
    socket, _ = phoenix.join(own.ws, client)
    ask.do(f"trace/{client}", {"ttl_seconds": 1})
    until(lambda: not ask.ask(f"trace/{client}")["traced"], "the trace to end")
    socket.close()


def test_traces_are_bounded(start_gateway, new_client):
    own = start_gateway(admin.CONFIG | {"trace": {"max_clients": 2, "max_events": 10}})
    ask = admin.Admin(own.http)
    first, second, third = (new_client() for _ in range(3))
    ask.do(f"trace/{first}")
    ask.do(f"trace/{second}")
    assert ask.post(f"/mcp/admin/trace/{third}", {}).status == 400
    own.api.publish_numbers(20, client_id=first)
    events = ask.ask(f"trace/{first}")["trace"]
    assert [one["number"] for one in events] == list(range(10, 20))
    ask.request("DELETE", f"/mcp/admin/trace/{second}")
    ask.do(f"trace/{third}")


def test_a_trace_is_followed(own, client):
    headers = {"Authorization": f"Bearer {admin.TOKEN}"}
    stream = sse.Stream(own.http, f"/mcp/admin/trace/{client}/stream", headers)
    own.api.publish(client_id=client, data={"n": 1})
    event = stream.expect("trace")
    assert event.json["event"] == "message_accepted" and event.json["sequence"] == 0
    stream.close()


def test_what_the_systems_tell_each_other_is_followed(start_gateway):
    quick = start_gateway({
        **admin.CONFIG, "transports": {"http_sse": {"max_connections": 10}},
        "viability": {"interval": "50ms", "algedonic": {"deadline": "50ms", "calm": "50ms"}}})
    headers = {"Authorization": f"Bearer {admin.TOKEN}"}
    every = sse.Stream(quick.http, "/mcp/admin/vsm/events", headers)
    few = sse.Stream(quick.http, "/mcp/admin/vsm/events?topics=s3_control,algedonic_channel", headers)
    # A beat after the first one: there is nothing to compare the first with.
    while not (units := every.expect("s1_operations").json)["units"]:
        pass
    assert units["event"] == "unit_reports" and {"unit", "connections", "actuality"} <= set(units["units"][0])
    crowd = [sse.open_connected(quick.sse, f"vsm-{number}")[0] for number in range(9)]
    while (event := few.next()).type != "algedonic_channel":
        assert event.type == "s3_control" and event.json["event"] in ("capacity_alert", "audit_discrepancy")
    assert event.json["pain_type"] == "connection_shortage" and event.json["signal_type"] == "pain"
    for one in crowd:
        one.close()
    assert every.expect("algedonic_channel").json["pain_type"] == "connection_shortage"
    every.close()
    few.close()


def test_who_reads_events_too_slowly_is_told_how_many_are_missing(start_gateway):
    quick = start_gateway({
        **admin.CONFIG, "listen": {"event_loops": 8}, "viability": {"interval": "50ms"},
        "dashboard": {"max_unsent_bytes": "16KiB"}})
    headers = {"Authorization": f"Bearer {admin.TOKEN}"}
    with socket.socket() as slow:
        # On loopback segments are large, and what the kernel holds for a peer grows with them.
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(PATIENCE)
        slow.connect(quick.http)
        slow.sendall((f"GET /mcp/admin/vsm/events?topics=s1_operations HTTP/1.1\r\nHost: 127.0.0.1:{quick.http[1]}\r\n"
                      f"Authorization: Bearer {admin.TOKEN}\r\n\r\n").encode())
        every = sse.Stream(quick.http, "/mcp/admin/vsm/events?topics=s1_operations", headers)
        # Somebody else gets more than the kernel and the bound hold.
        seen = 0
        while seen < 300_000:
            seen += len(every.expect("s1_operations").data)
        received = b""
        while not (missed := re.search(rb"event: missed\r?\ndata: (.*)\n", received)):
            chunk = slow.recv(65536)
            assert chunk, "the stream ends"
            received += chunk
        assert json.loads(missed[1])["missed"] > 0
        every.close()


def test_who_may_follow_the_systems_and_what(own):
    asked = admin.Admin(own.http)
    refused = asked.get("/mcp/admin/vsm/events?topics=s3_control,s9")
    assert refused.status == 400 and "s2_coordination" in refused.json["reason"]
    assert API(own.http).get("/mcp/admin/vsm/events").status == 401
    assert asked.post("/mcp/admin/vsm/events", {}).status == 405


def test_errors_of_one_client(own, ask, client):
    socket, _ = phoenix.join(own.ws, client)
    assert ask.ask(f"errors/{client}")["errors"] == []
    socket.connection.send("not a frame")
    assert socket.close_code() == 1007
    errors = until(lambda: ask.ask(f"errors/{client}")["errors"], "the error")
    assert (errors[0]["code"], errors[0]["transport"]) == (1007, "websocket") and errors[0]["reason"]
    assert ask.ask(f"errors/{client}?transport=http_sse")["errors"] == []
    assert ask.ask(f"trace/{client}")["events"][-1] | {"timestamp": 0} == {
        "timestamp": 0, "event": "closed", "code": 1007, "transport": "websocket"}
    assert ask.get("/mcp/admin/errors/nobody-of-this-name").status == 404


def test_a_client_is_disconnected(own, ask, client):
    socket, _ = phoenix.join(own.ws, client)
    stream, _ = sse.open_connected(own.sse, client)
    assert ask.do(f"disconnect/{client}") == {"disconnected": 2}
    assert socket.close_code() == 1001
    assert stream.expect("gateway_close").json["data"]["code"] == 1001
    assert ask.post(f"/mcp/admin/disconnect/{client}", {}).status == 404


def test_cleanup_closes_idle_connections(start_gateway, new_client):
    own = start_gateway(admin.CONFIG)
    ask = admin.Admin(own.http)
    client = new_client()
    socket, _ = phoenix.join(own.ws, client)
    assert ask.do("cleanup", {"max_idle_seconds": 3600}) == {"cleaned": 0, "dry_run": False, "client_ids": []}
    dry = ask.do("cleanup", {"max_idle_seconds": 0, "dry_run": True})
    assert (dry["cleaned"], dry["would_clean"], dry["client_ids"]) == (0, 1, [client])
    assert ask.ask(f"connections?client={client}")["matches"] == 1
    assert ask.do("cleanup", {"max_idle_seconds": 0})["cleaned"] == 1
    assert socket.close_code() == 1001
    assert ask.post("/mcp/admin/cleanup", {"max_idle_seconds": "x"}).status == 400
    assert ask.get("/mcp/admin/cleanup").status == 405


def test_analysis(start_gateway, new_client):
    own = start_gateway({**admin.CONFIG, "viability": {"interval": "50ms"}})
    ask = admin.Admin(own.http)
    hoarder, hasty = new_client(), new_client()
    sockets = [phoenix.join(own.ws, hoarder)[0] for _ in range(5)]
    for _ in range(5):
        phoenix.join(own.ws, hasty)[0].close()
    found = until(
        lambda: (one := ask.ask("analysis"))["connection_distribution"]["0-1h"] == 5 and one, "five connections")
    assert found["connection_distribution"] == {"0-1h": 5, "1-6h": 0, "6-24h": 0, "24h+": 0}
    patterns = {one["pattern"]: one["client_ids"] for one in found["suspicious_patterns"]}
    assert patterns["connection_hoarding"] == [hoarder] and hasty in patterns["rapid_reconnect"]
    # S4 has seen them come, and tells so once.
    odd = until(
        lambda: (one := {one["pattern"]: one for one in ask.ask("vsm")["s4"]["anomalies"]})["rapid_reconnect"]["present"]
        and one["connection_hoarding"]["present"] and one, "the anomalies")
    assert odd["connection_hoarding"]["client_id"] == hoarder and odd["connection_hoarding"]["connections"] == 1
    assert odd["rapid_reconnect"]["client_id"] == hasty and odd["rapid_reconnect"]["connections"] == 4
    assert own.text().replace("\\", "").count('"event":"anomaly_begun"') == 2
    assert f"the last one of {hoarder}" in admin.shown(own, "vsm")
    assert 'mcp_gateway_anomalies_total{pattern="rapid_reconnect"} 4' in own.api.get("/metrics").body.decode()
    # Five sockets and this request's own connection.
    assert found["counts"]["streams"] == 5
    assert found["counts"]["event_loops"] == found["counts"]["admission"] >= 6
    assert found["counts"]["kernel"] >= 6 and found["leaks"] == []
    for one in sockets:
        one.close()


def test_states(ask):
    breakers = ask.ask("breakers")
    assert (breakers["websocket"], breakers["http_sse"], breakers["router"]) == ("closed", "closed", "closed")
    health = ask.ask("transports")["websocket"]
    assert health["healthy"] and health["recommendation"] and health["accepts_connections"]
    assert ask.ask("pool")["status"] == "healthy"
    assert ask.ask("ring") == {"rings": []}
    assert [one["name"] for one in ask.ask("upstreams")["upstreams"]] == ["demo"]


def test_pools_rings_and_breakers_of_replicas(start_gateway):
    servers = {"reports": {"replicas": [{"url": "http://127.0.0.1:9/mcp", "weight": 2}, {"url": "http://127.0.0.1:19/mcp"}],
                           "pool": {"size": 7, "overflow": 3}}}
    ask = admin.Admin(start_gateway(admin.CONFIG | {"mcpServers": servers}).http)
    ring = ask.ask("ring")["rings"][0]
    assert (ring["server"], ring["total_keys"]) == ("reports", 0)
    assert [(node["id"], node["weight"]) for node in ring["nodes"]] == [
        ("http://127.0.0.1:9/mcp", 2), ("http://127.0.0.1:19/mcp", 1)]
    assert ring["nodes"][0]["vnode_count"] == 2 * ring["nodes"][1]["vnode_count"] > 0
    assert {one["pool_size"] % 7 for one in ask.ask("pool")["pools"]} == {0}
    assert {one["address"] for one in ask.ask("breakers")["upstreams"]} == {node["id"] for node in ring["nodes"]}
    until(lambda: "open" in {one["state"] for one in ask.ask("breakers")["upstreams"]},
          "the breaker of an address where nobody listens to open")



def test_a_token_is_made_where_none_is_set(start_gateway):
    own = start_gateway({"storage": {"engine": "sqlite", "path": "data/gateway.db"}})
    file = own.directory / "data" / "admin-token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = file.read_text().strip()
    assert len(token) == 32
    assert API(own.http).get("/mcp/admin/pool", Authorization=f"Bearer {token}").status == 200
    # Not on a terminal: a log has no secrets.
    assert token not in own.text() and "data/admin-token" in own.text()
    # The command finds it where the gateway keeps it.
    assert admin.command(own, "pool", "--config", "gateway-under-test.yaml", token=None).returncode == 0
    own.stop()
    with gateways.Gateway(own.directory, {"storage": {"engine": "sqlite", "path": "data/gateway.db"}}) as again:
        assert file.read_text().strip() == token
        assert API(again.http).get("/mcp/admin/pool", Authorization=f"Bearer {token}").status == 200


def test_the_admin_api_does_not_hold_up_messages(own, ask, client):
    """Questions go on all the time while messages are delivered."""
    over = threading.Event()
    failures = []

    def asking():
        mine = admin.Admin(own.http)
        while not over.is_set():
            try:
                mine.ask("analysis")
                mine.ask("connections?sort=unsent")
            except AssertionError as problem:
                failures.append(problem)

    thread = threading.Thread(target=asking)
    thread.start()
    socket, _ = phoenix.join(own.ws, client)
    own.api.publish_numbers(100, client_id=client)
    assert socket.numbers(100) == list(range(100))
    over.set()
    thread.join()
    socket.close()
    assert not failures
