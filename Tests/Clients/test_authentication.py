"""Authentication on: who gets in, by which door, and what they may do there."""

import base64
import json
import subprocess
import time

import phoenix
import pytest
import sse
from tokens import ADMIN, AUTHENTICATED, SECRET, bearer, claims, encode, metric, token
from wait import until


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    import gateway as gateways
    with gateways.Gateway(tmp_path_factory.mktemp("guarded"), AUTHENTICATED) as one:
        yield one


def refused(reason):
    return {"error": "authentication_failed", "reason": reason, "retry_after": None}


# Doors


def test_without_a_token_nothing_opens_but_the_pages(guarded, client):
    for path in ("/health", "/ready", "/", "/client.js"):
        assert guarded.api.get(path).status == 200, path
    for path in ("/mcp/sse?client_id=" + client, "/mcp/stats", "/metrics", "/health/gateway", "/mcp/events", "/mcp",
                 "/sse", f"/mcp/health/{client}", "/mcp/admin/upstreams", "/mcp/admin/revocations"):
        answer = guarded.api.get(path)
        assert answer.status == 401, path
        assert answer.headers["WWW-Authenticate"].startswith("Bearer"), path
        assert answer.json == refused("invalid_token"), path
    for path in ("/mcp/messages", "/mcp/push", "/mcp", "/mcp/ticket", "/mcp/access_token"):
        answer = guarded.api.post(path, {"client_id": client, "type": "echo", "data": {}})
        assert (answer.status, answer.json) == (401, refused("invalid_token")), path


def test_an_event_stream_takes_the_token_of_a_header_or_of_the_address(guarded, client):
    good = token(client)
    for options in ({"headers": bearer(good)}, {"token": good}):
        stream, connected = sse.open_connected(guarded.sse, client, **options)
        assert connected["client_id"] == client
        stream.close()


def test_the_subject_is_the_client_unless_it_says_so_itself(guarded, client):
    answer = guarded.api.post("/mcp/push", {"type": "echo", "data": {}}, **bearer(token(client)))
    assert answer.status == 202, answer
    socket = phoenix.Socket(guarded.ws, token=token(client))
    assert socket.join()["client_id"] == client
    socket.close()


def test_a_socket_takes_the_token_of_its_address_its_subprotocol_or_its_join(guarded, client):
    good = token(client)
    by_address = phoenix.Socket(guarded.ws, client, token=good)
    assert by_address.join()["client_id"] == client
    by_address.close()
    text = base64.b64encode(good.encode()).decode().rstrip("=")
    by_protocol = phoenix.Socket(
        guarded.ws, client, connection={"subprotocols": ["phoenix", f"base64url.bearer.phx.{text}"]})
    assert by_protocol.join()["client_id"] == client
    assert by_protocol.connection.subprotocol == "phoenix"
    by_protocol.close()
    by_header = phoenix.Socket(guarded.ws, client, connection={"additional_headers": bearer(good)})
    assert by_header.join()["client_id"] == client
    by_header.close()
    by_join = phoenix.Socket(guarded.ws, client)
    assert by_join.error("phx_join") == refused("invalid_token")
    assert by_join.join({"token": good})["client_id"] == client
    by_join.close()


def test_what_is_wrong_with_the_address_of_a_socket_is_told_in_answer_to_its_join(guarded, client):
    """The original document's clients look for it there."""
    socket = phoenix.Socket(guarded.ws, client, token=token(client, lifetime=-5))
    assert socket.error("phx_join") == refused("token_expired")
    assert socket.error("phx_join", {"token": token(client, secret="x" * 32)}) == refused("invalid_token")
    assert socket.join({"token": token(client)})["client_id"] == client
    socket.close()


def test_a_socket_that_never_says_who_it_is_is_closed(start_gateway, client):
    own = start_gateway({**AUTHENTICATED, "listen": {"handshake_timeout": "1s"}})
    socket = phoenix.Socket(own.ws, client)
    assert socket.expect("gateway_close").payload["reconnect"] == "after"
    assert socket.close_code() == 4001


def test_a_long_poll_takes_a_token(guarded, client):
    from longpoll import Poller
    poller = Poller(guarded.ws, client)
    poller.join({"token": token(client)})
    guarded.api.request("POST", "/mcp/messages", {"client_id": client, "data": {"n": 0}}, bearer(ADMIN))
    assert poller.numbers(1) == [0]


def test_nobody_is_another_client(guarded, client):
    mine = bearer(token(client))
    answer = guarded.api.request("GET", "/mcp/sse?client_id=somebody", headers=mine)
    assert (answer.status, answer.json) == (401, refused("invalid_token"))
    answer = guarded.api.post("/mcp/push", {"client_id": "somebody", "type": "echo", "data": {}}, **mine)
    assert (answer.status, answer.json) == (401, refused("invalid_token"))
    socket = phoenix.Socket(guarded.ws, "somebody", token=token(client))
    assert socket.error("phx_join") == refused("invalid_token")
    socket.close()
    socket = phoenix.Socket(guarded.ws, client, token=token(client))
    socket.join()
    assert socket.error("access_token", {"token": token("somebody")}) == refused("invalid_token")
    socket.close()


# Tickets


def test_a_ticket_is_good_once(guarded, client):
    answer = guarded.api.post("/mcp/ticket", {}, **bearer(token(client)))
    assert answer.status == 200
    ticket = answer.json["ticket"]
    assert answer.json["expires_in_ms"] == 30_000
    stream, connected = sse.open_connected(guarded.sse, client, ticket=ticket)
    assert connected["client_id"] == client
    stream.close()
    again = guarded.api.get(f"/mcp/sse?client_id={client}&ticket={ticket}")
    assert (again.status, again.json) == (401, refused("invalid_token"))


def test_a_ticket_ends(start_gateway, client):
    own = start_gateway({"security": {**AUTHENTICATED["security"], "authentication": {"ticket_lifetime": "100ms"}}})
    ticket = own.api.post("/mcp/ticket", {}, **bearer(token(client))).json["ticket"]
    other = own.api.post("/mcp/ticket", {}, **bearer(token(client))).json["ticket"]
    assert ticket != other
    until(lambda: metric(own, "mcp_gateway_tickets") >= 2 and True, "the tickets to be out")
    deadline = time.monotonic() + 0.15
    until(lambda: time.monotonic() > deadline, "the lifetime of a ticket")
    assert own.api.get(f"/mcp/sse?client_id={client}&ticket={ticket}").status == 401


# What a token allows


def test_topics_want_their_capabilities(guarded, client, topic):
    socket = phoenix.Socket(guarded.ws, client, token=token(client))
    socket.join()
    denied = socket.error("subscribe", {"topic": topic})
    assert denied["error"] == "policy_violation" and f"subscribe:{topic}" in denied["reason"]
    assert socket.error("phx_join", topic=topic)["error"] == "policy_violation"
    assert socket.error("message", {"type": "chat", "topic": topic, "data": {}})["error"] == "policy_violation"
    assert socket.error("message", {"type": "chat", "to": "bob", "data": {}})["error"] == "policy_violation"
    # A fresh token says more.
    more = token(client, "subscribe:news:*", f"publish:{topic}", "send:bob")
    assert socket.ok("access_token", {"token": more})["expires_at"]
    socket.ok("subscribe", {"topic": topic})
    socket.ok("message", {"type": "chat", "topic": topic, "data": {"n": 1}})
    assert socket.numbers(1) == [1]
    socket.ok("message", {"type": "chat", "to": "bob", "data": {}})
    # And a later one less.
    socket.ok("access_token", {"token": token(client, lifetime=400)})
    guarded.api.request("POST", "/mcp/messages", {"topic": topic, "data": {"n": 2}}, bearer(ADMIN))
    guarded.api.request("POST", "/mcp/messages", {"client_id": client, "data": {"n": 3}}, bearer(ADMIN))
    assert socket.numbers(1) == [3]
    socket.close()


def test_an_event_stream_wants_them_too(guarded, client, topic):
    answer = guarded.api.request(
        "GET", f"/mcp/sse?client_id={client}&topics={topic}", headers=bearer(token(client, "subscribe:other")))
    assert answer.status == 403 and answer.json["error"] == "policy_violation"
    stream, _ = sse.open_connected(
        guarded.sse, client, topics=topic, token=token(client, f"subscribe:{topic}"))
    stream.close()


def test_what_an_earlier_token_allowed_is_not_allowed_for_ever(guarded, client, topic):
    first = phoenix.Socket(guarded.ws, client, token=token(client, "subscribe"))
    first.join({"topics": [topic]})
    first.connection.close()
    second = phoenix.Socket(guarded.ws, client, token=token(client))
    second.join()
    guarded.api.request("POST", "/mcp/messages", {"topic": topic, "data": {"n": 1}}, bearer(ADMIN))
    guarded.api.request("POST", "/mcp/messages", {"client_id": client, "data": {"n": 2}}, bearer(ADMIN))
    assert second.numbers(1) == [2]
    second.close()


def test_back_ends_may_send_where_their_token_says(guarded, client, topic):
    def publish(*capabilities, **message):
        return guarded.api.post(
            "/mcp/messages", {"data": {}, **message}, **bearer(token("back-end", *capabilities))).status
    assert publish("service", broadcast=True) == 202
    assert publish("service", topic=topic) == 202
    assert publish(f"publish:{topic}", topic=topic) == 202
    assert publish("publish:other", topic=topic) == 403
    assert publish(f"send:{client}", client_id=client) == 202
    assert publish(f"send:{client}", client_ids=[client, "bob"]) == 403
    assert publish("publish", "send", broadcast=True) == 403
    assert publish(topic=topic) == 403
    events = guarded.api.request("GET", "/mcp/events", headers=bearer(token("back-end", "publish")))
    assert events.status == 403


def test_a_client_sees_itself_and_the_administrator_everybody(guarded, client):
    socket = phoenix.Socket(guarded.ws, client, token=token(client))
    socket.join()
    path = f"/mcp/health/{client}"
    assert guarded.api.request("GET", path, headers=bearer(token(client))).status == 200
    assert guarded.api.request("GET", path, headers=bearer(token("somebody"))).status == 403
    assert guarded.api.request("GET", path, headers=bearer(ADMIN)).status == 200
    assert guarded.api.request("GET", path, headers=bearer(token("ops", "admin"))).status == 200
    for path in ("/mcp/stats", "/metrics", "/mcp/admin/upstreams", "/health/gateway"):
        assert guarded.api.request("GET", path, headers=bearer(ADMIN)).status == 200
        assert guarded.api.request("GET", path, headers=bearer(token(client))).status == 403
    socket.close()


# The end of a token


def expiring(notice, grace):
    return {"security": {**AUTHENTICATED["security"],
                         "authentication": {"expiry_notice": notice, "grace": grace}}}


def test_a_socket_is_warned_and_then_closed(start_gateway, client):
    own = start_gateway(expiring("60s", "0s"))
    socket = phoenix.Socket(own.ws, client, token=token(client, lifetime=3))
    socket.join()
    told = socket.expect("token_expiring").payload["data"]
    assert 0 < told["expires_in_ms"] <= 3000 and told["expires_at"]
    bye = socket.expect("gateway_close").payload
    assert (bye["code"], bye["reason"], bye["reconnect"]) == (4003, "token_expired", "now")
    assert socket.close_code() == 4003
    assert metric(own, "mcp_gateway_token_closes_total", cause="expired") == 1


def test_a_fresh_token_in_time_keeps_the_connection(start_gateway, client):
    own = start_gateway(expiring("60s", "1s"))
    socket = phoenix.Socket(own.ws, client, token=token(client, lifetime=2))
    socket.join()
    stream, _ = sse.open_connected(own.sse, client, token=token(client, lifetime=2), delivery="all")
    socket.expect("token_expiring")
    assert stream.expect("token_expiring").json["data"]["expires_in_ms"] > 0
    socket.ok("access_token", {"token": token(client, lifetime=300)})
    answer = own.api.post("/mcp/access_token", {}, **bearer(token(client, lifetime=300)))
    assert answer.status == 202 and answer.json["client_id"] == client
    deadline = time.monotonic() + 4
    until(lambda: time.monotonic() > deadline, "the end of the first token", 6)
    own.api.request("POST", "/mcp/messages", {"client_id": client, "data": {"n": 1}}, bearer(ADMIN))
    assert socket.numbers(1) == [1]
    assert stream.numbers(1) == [1]
    assert metric(own, "mcp_gateway_token_closes_total", cause="expired") == 0
    socket.close()
    stream.close()


def test_an_event_stream_ends_with_its_token(start_gateway, client):
    own = start_gateway(expiring("0s", "0s"))
    stream, _ = sse.open_connected(own.sse, client, token=token(client, lifetime=2))
    bye = stream.expect("gateway_close").json["data"]
    assert (bye["code"], bye["reason"]) == (4003, "token_expired")
    stream.rest()


# Revocation


def revoke(gateway, **what):
    answer = gateway.api.post("/mcp/admin/revocations", what, **bearer(ADMIN))
    assert (answer.status, answer.json) == (200, {"revoked": True}), answer


@pytest.mark.parametrize("what", ["jti", "sub", "everyone"])
def test_a_revoked_token_closes_its_connections(start_gateway, client, what):
    own = start_gateway(AUTHENTICATED)
    good = token(client, jti="t1", iat=int(time.time()) - 5)
    socket = phoenix.Socket(own.ws, client, token=good)
    socket.join()
    stream, _ = sse.open_connected(own.sse, client, token=good, delivery="all")
    started = time.monotonic()
    revoke(own, **{what: {"jti": "t1", "sub": client, "everyone": True}[what]})
    bye = socket.expect("gateway_close").payload
    assert (bye["code"], bye["reason"], bye["reconnect"]) == (4001, "token_revoked", "never")
    assert socket.close_code() == 4001
    assert stream.expect("gateway_close").json["data"]["reason"] == "token_revoked"
    assert time.monotonic() - started < 5
    again = own.api.get(f"/mcp/push", **bearer(good))
    answer = own.api.post("/mcp/push", {"type": "echo", "data": {}}, **bearer(good))
    assert (answer.status, answer.json) == (401, refused("token_revoked"))
    # A browser's stream stops trying when it is told 204, and at nothing else.
    assert own.api.get(f"/mcp/sse?client_id={client}&token={good}").status == 204
    late = phoenix.Socket(own.ws, client, token=good)
    assert late.error("phx_join") == refused("token_revoked")
    late.close()
    listed = own.api.request("GET", "/mcp/admin/revocations", headers=bearer(ADMIN)).json["revocations"]
    assert len(listed) == 1 and what in listed[0]
    assert metric(own, "mcp_gateway_token_closes_total", cause="revoked") == 2
    stream.close()


def test_a_token_that_was_issued_after_the_revocation_is_good(start_gateway, client):
    own = start_gateway(AUTHENTICATED)
    now = int(time.time())
    revoke(own, sub=client, issued_before=now - 60)
    assert own.api.post("/mcp/push", {"type": "echo", "data": {}},
                        **bearer(token(client, iat=now - 60))).json == refused("token_revoked")
    assert own.api.post("/mcp/push", {"type": "echo", "data": {}},
                        **bearer(token(client, iat=now - 59))).status == 202
    # One that does not say when it was issued counts as old.
    assert own.api.post("/mcp/push", {"type": "echo", "data": {}},
                        **bearer(token(client, iat=None))).json == refused("token_revoked")


def test_revocations_survive_where_messages_do(start_gateway, client, tmp_path):
    stored = {**AUTHENTICATED, "storage": {"engine": "sqlite", "path": str(tmp_path / "gateway.db")}}
    good = token(client, jti="t1")
    one = start_gateway(stored)
    revoke(one, jti="t1")
    one.process.kill()
    one.kill()
    two = start_gateway(stored)
    answer = two.api.post("/mcp/push", {"type": "echo", "data": {}}, **bearer(good))
    assert (answer.status, answer.json) == (401, refused("token_revoked"))


def test_what_is_no_revocation_is_refused(guarded):
    for body in ({}, {"jti": "a", "sub": "b"}, {"sub": ""}, {"everyone": False}, {"sub": 7}, {"what": 1},
                 {"sub": "a", "issued_before": "now"}, "[]"):
        assert guarded.api.post("/mcp/admin/revocations", body, **bearer(ADMIN)).status == 422, body


# Keys


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


def asymmetric(tmp_path, algorithm):
    """A private key file and its public key file."""
    private, public = tmp_path / f"{algorithm}.key", tmp_path / f"{algorithm}.pem"
    options = {"RS256": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "EdDSA": ["ED25519"],
               "ES256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]}[algorithm]
    private.write_bytes(openssl("genpkey", "-algorithm", *options))
    public.write_bytes(openssl("pkey", "-in", str(private), "-pubout"))
    return private, public


def sign(private, algorithm, payload, **header):
    text = f"{encode({'alg': algorithm, **header})}.{encode(payload)}".encode()
    if algorithm == "EdDSA":
        file = private.with_suffix(".text")
        file.write_bytes(text)
        signature = openssl("pkeyutl", "-sign", "-inkey", str(private), "-rawin", "-in", str(file))
    else:
        signature = openssl("dgst", "-sha256", "-sign", str(private), data=text)
        if algorithm == "ES256":
            signature = raw_signature(signature)
    return f"{text.decode()}.{encode(signature)}"


def raw_signature(der):
    """r and s, 32 bytes each, from their DER form."""
    at, parts = 2, []
    for _ in range(2):
        length = der[at + 1]
        parts.append(der[at + 2:at + 2 + length].lstrip(b"\0").rjust(32, b"\0"))
        at += 2 + length
    return b"".join(parts)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_public_keys_are_read_from_pem(start_gateway, client, tmp_path, algorithm):
    private, public = asymmetric(tmp_path, algorithm)
    own = start_gateway({"security": {"admin_token": ADMIN, "authentication": {
        "keys": [{"algorithm": algorithm, "file": str(public), "id": "main"}]}}})
    def push(text):
        return own.api.post("/mcp/push", {"type": "echo", "data": {}}, **bearer(text)).status
    assert push(sign(private, algorithm, claims(client), kid="main")) == 202
    assert push(sign(private, algorithm, claims(client))) == 202
    assert push(sign(private, algorithm, claims(client), kid="other")) == 401
    assert push(token(client, secret=public.read_text())) == 401
    assert push(token(client)) == 401


class KeySets:
    """An issuer's key set over HTTP, which can change, fail, and count."""

    def __init__(self):
        import http.server
        import threading
        self.keys, self.status, self.requests = [], 200, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.requests += 1
                body = json.dumps({"keys": outer.keys}).encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"


def web_key(public, name):
    """The key set's form of a P-256 public key: the last 64 bytes of its DER form are the point."""
    der = openssl("pkey", "-pubin", "-in", str(public), "-outform", "DER")
    return {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": name,
            "x": encode(der[-64:-32]), "y": encode(der[-32:])}


def test_a_key_set_in_a_file_is_read_again_when_a_token_names_a_new_key(start_gateway, client, tmp_path):
    file = tmp_path / "keys.json"
    first, first_public = asymmetric(tmp_path, "ES256")
    other = tmp_path / "other"
    other.mkdir()
    second, second_public = asymmetric(other, "ES256")
    file.write_text(json.dumps({"keys": [web_key(first_public, "one")]}))
    own = start_gateway({"security": {"admin_token": ADMIN, "authentication": {
        "keys": [{"jwks": str(file)}], "key_set_pause": "1s", "key_set_refresh": "1h"}}})
    def push(text):
        return own.api.post("/mcp/push", {"type": "echo", "data": {}}, **bearer(text)).status
    assert push(sign(first, "ES256", claims(client), kid="one")) == 202
    assert push(sign(second, "ES256", claims(client), kid="one")) == 401
    fresh = sign(second, "ES256", claims(client), kid="two")
    assert push(fresh) == 401
    written = tmp_path / "keys.json.new"
    written.write_text(json.dumps({"keys": [web_key(second_public, "two")]}))
    written.rename(file)
    until(lambda: push(fresh) == 202, "the new key")
    # What the file has no more is good no more.
    assert push(sign(first, "ES256", claims(client), kid="one")) == 401


def test_a_key_set_is_fetched_again_for_a_key_that_is_new_but_not_for_every_forged_name(
        start_gateway, client, tmp_path):
    issuer = KeySets()
    (first, first_public), = [asymmetric(tmp_path, "ES256")]
    other = tmp_path / "other"
    other.mkdir()
    second, second_public = asymmetric(other, "ES256")
    shared = {"kty": "oct", "alg": "HS256", "kid": "oct", "k": encode(SECRET.encode())}
    issuer.keys = [shared, {"kty": "RSA", "use": "enc", "kid": "x"}, web_key(first_public, "one")]
    own = start_gateway({"security": {"admin_token": ADMIN, "authentication": {
        "keys": [{"jwks": issuer.url}], "key_set_pause": "1s", "key_set_refresh": "1h"}}})
    def push(text):
        return own.api.post("/mcp/push", {"type": "echo", "data": {}}, **bearer(text)).status
    assert push(sign(first, "ES256", claims(client), kid="one")) == 202
    assert issuer.requests == 1
    # A shared secret in a public set is no key.
    assert push(token(client, header={"kid": "oct"})) == 401
    fresh = sign(second, "ES256", claims(client), kid="two")
    assert push(fresh) == 401
    issuer.keys.append(web_key(second_public, "two"))
    until(lambda: push(fresh) == 202, "the new key")
    before = issuer.requests
    started = time.monotonic()
    for n in range(200):
        assert push(token(client, header={"kid": f"forged-{n}", "alg": "ES256"})) == 401
    assert issuer.requests - before <= 1 + (time.monotonic() - started)
    # An issuer that is down is no reason to let nobody in.
    issuer.status = 503
    push(token(client, header={"kid": "again", "alg": "ES256"}))
    assert push(fresh) == 202
    issuer.server.shutdown()
    assert push(fresh) == 202


def test_a_key_that_cannot_be_used_stops_the_start(tmp_path):
    from gateway import run_command
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("nothing")
    for file, said in ((wrong, "no public key for ES256"), (tmp_path / "absent.pem", "cannot be read")):
        config = tmp_path / "gateway.yaml"
        config.write_text(f"security: {{authentication: {{keys: [{{algorithm: ES256, file: '{file}'}}]}}}}\n"
                          "storage: {engine: memory}\ntransports: {http: {port: 0}}\n")
        ended = run_command("serve", "--config", str(config), cwd=tmp_path)
        assert ended.returncode == 1 and said in ended.stderr, ended
