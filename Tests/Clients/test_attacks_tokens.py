"""Attacks on authentication. None gets in, and each is counted."""

import hashlib
import statistics
import time

import phoenix
import pytest
from tokens import (ADMIN, AUTHENTICATED, SECRET, bearer, claims, encode, failures, metric, signed, token)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    import gateway as gateways
    with gateways.Gateway(tmp_path_factory.mktemp("guarded"), AUTHENTICATED) as one:
        yield one


def doors(gateway, client, text):
    """What every door says to a token: the status of HTTP, the error of a join."""
    api = gateway.api
    yield api.get(f"/mcp/sse?client_id={client}&token={text}").status
    yield api.request("GET", f"/mcp/sse?client_id={client}", headers=bearer(text)).status
    yield api.post("/mcp/push", {"client_id": client, "type": "echo", "data": {}}, **bearer(text)).status
    yield api.post("/mcp/messages", {"client_id": client, "data": {}}, **bearer(text)).status
    yield api.request("GET", "/mcp/admin/upstreams", headers=bearer(text)).status
    yield api.post("/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
                   Accept="application/json, text/event-stream", **bearer(text)).status
    yield api.get(f"/sse?token={text}", **bearer(text)).status
    yield api.post("/mcp/ticket", {}, **bearer(text)).status
    socket = phoenix.Socket(gateway.ws, client, token=text)
    yield socket.error("phx_join")["error"]
    yield socket.error("phx_join", {"token": text})["error"]
    socket.close()


def nobody_gets_in(gateway, client, text, cause):
    before = failures(gateway, cause)
    answers = list(doors(gateway, client, text))
    assert answers[:-2] == [401] * 8 and answers[-2:] == ["authentication_failed"] * 2, answers
    # A join without a token of its own repeats what was found about that of the address.
    assert failures(gateway, cause) - before >= 9


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
def test_alg_none(guarded, client, name):
    text = f"{encode({'alg': name})}.{encode(claims(client, capabilities=['admin']))}."
    nobody_gets_in(guarded, client, text, "algorithm")
    with_signature = signed({"alg": name}, claims(client, capabilities=["admin"]))
    nobody_gets_in(guarded, client, with_signature, "algorithm")


@pytest.mark.parametrize("name", ["RS256", "ES256", "EdDSA", "PS256", "HS384", "HS512", "hs256"])
def test_another_algorithm_than_the_keys(guarded, client, name):
    nobody_gets_in(guarded, client, signed({"alg": name}, claims(client)), "algorithm")


def test_the_public_key_as_a_shared_secret(start_gateway, client, tmp_path):
    from test_authentication import asymmetric
    _, public = asymmetric(tmp_path, "RS256")
    own = start_gateway({"security": {"admin_token": ADMIN, "authentication": {
        "keys": [{"algorithm": "RS256", "file": str(public)}]}}})
    for secret in (public.read_bytes(), public.read_bytes().strip()):
        nobody_gets_in(own, client, signed({"alg": "HS256"}, claims(client), secret), "algorithm")
        nobody_gets_in(own, client, signed({"alg": "RS256"}, claims(client), secret), "signature")


@pytest.mark.parametrize("kid", [
    "../../../../dev/null", "/dev/null", "' UNION SELECT 'x'; --", "http://127.0.0.1:1/jwks", "\0", "a" * 4000, "$(id)"])
def test_a_key_name_leads_nowhere(start_gateway, client, kid, tmp_path):
    from test_authentication import asymmetric
    _, public = asymmetric(tmp_path, "ES256")
    own = start_gateway({"security": {"admin_token": ADMIN, "authentication": {
        "keys": [{"algorithm": "ES256", "file": str(public), "id": "main"}]}}})
    nobody_gets_in(own, client, signed({"alg": "ES256", "kid": kid}, claims(client), b""), "unknown_key")


def test_headers_that_bring_their_own_key_are_not_believed(guarded, client):
    own = {"kty": "oct", "k": encode(b"mine")}
    for extra in ({"jwk": own}, {"jku": "http://127.0.0.1:1/"}, {"x5u": "http://127.0.0.1:1/"}, {"x5c": ["x"]}):
        nobody_gets_in(guarded, client, signed({"alg": "HS256", **extra}, claims(client), b"mine"), "signature")
    nobody_gets_in(guarded, client, signed({"alg": "HS256", "crit": ["exp"]}, claims(client)), "malformed")


def test_expired_by_a_second(guarded, client):
    before = failures(guarded, "expired")
    text = token(client, lifetime=-1)
    answers = list(doors(guarded, client, text))
    assert answers[:-2] == [401] * 8
    assert guarded.api.post("/mcp/push", {}, **bearer(text)).json["reason"] == "token_expired"
    assert failures(guarded, "expired") - before >= 9


def test_not_yet_valid(guarded, client):
    nobody_gets_in(guarded, client, token(client, nbf=int(time.time()) + 60), "not_yet_valid")
    nobody_gets_in(guarded, client, token(client, iat=int(time.time()) + 60), "not_yet_valid")


def test_without_an_end_or_with_one_too_far_away(guarded, client):
    nobody_gets_in(guarded, client, token(client, exp=None), "claims")
    nobody_gets_in(guarded, client, token(client, lifetime=100 * 86400), "claims")


def test_for_somebody_else(start_gateway, client):
    own = start_gateway({"security": {**AUTHENTICATED["security"], "authentication": {
        "audiences": ["gateway"], "issuers": ["https://issuer"]}}})
    good = {"aud": "gateway", "iss": "https://issuer"}
    assert own.api.post("/mcp/push", {"type": "echo", "data": {}}, **bearer(token(client, **good))).status == 202
    for audience in ("other", ["other"], [], "gateway2", "GATEWAY", None):
        nobody_gets_in(own, client, token(client, **{**good, "aud": audience}), "audience")
    for issuer in ("https://issuer.example", None):
        nobody_gets_in(own, client, token(client, **{**good, "iss": issuer}), "issuer")


@pytest.mark.parametrize("secret", ["", "secret", SECRET + "x", SECRET[:-1], "a secret for tests of 32 characters"])
def test_a_wrong_signature(guarded, client, secret):
    nobody_gets_in(guarded, client, token(client, "admin", secret=secret), "signature")
    nobody_gets_in(guarded, client, signed({"alg": "HS256"}, claims(client), digest=hashlib.sha512), "signature")


@pytest.mark.parametrize("text", [
    ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "%00", "e30.e30.", "A" * 7000, "Bearer", "tk_", "tk_" + "0" * 32,
    "lp1.abc.def"])
def test_what_is_no_token(guarded, client, text):
    answers = list(doors(guarded, client, text))
    assert answers[:-2] == [401] * 8, answers


def test_a_signature_is_not_taken_for_other_claims(guarded, client):
    good, bad = token(client).split("."), token(client, "admin").split(".")
    nobody_gets_in(guarded, client, f"{good[0]}.{bad[1]}.{good[2]}", "signature")


def test_a_member_that_stands_there_twice(guarded, client):
    payload = encode(claims(client)).encode()
    now = int(time.time())
    text = f'{{"sub":"nobody","sub":"{client}","exp":{now + 60}}}'.encode()
    nobody_gets_in(guarded, client, signed({"alg": "HS256"}, text), "malformed")


def test_a_ticket_is_not_good_twice(guarded, client):
    ticket = guarded.api.post("/mcp/ticket", {}, **bearer(token(client))).json["ticket"]
    def use():
        return guarded.api.post(f"/mcp/push?ticket={ticket}", {"type": "echo", "data": {}}).status
    before = failures(guarded, "ticket")
    assert [use() for _ in range(3)] == [202, 401, 401]
    assert failures(guarded, "ticket") - before == 2
    # Nor is one that somebody thinks of.
    assert guarded.api.post("/mcp/push?ticket=tk_" + "f" * 32, {"type": "echo", "data": {}}).status == 401


def test_a_ticket_cannot_be_had_for_a_ticket_without_end(guarded, client):
    """A ticket is as good as the token behind it, but never longer."""
    short = token(client, lifetime=2)
    ticket = guarded.api.post("/mcp/ticket", {}, **bearer(short)).json["ticket"]
    deadline = time.monotonic() + 2.2
    from wait import until
    until(lambda: time.monotonic() > deadline, "the end of the token")
    answer = guarded.api.post(f"/mcp/push?ticket={ticket}", {"type": "echo", "data": {}})
    assert (answer.status, answer.json["reason"]) == (401, "token_expired")


def test_another_clients_id(guarded, client):
    before = failures(guarded, "wrong_client")
    mine = token(client, "publish", "subscribe")
    assert guarded.api.request("GET", "/mcp/sse?client_id=bob", headers=bearer(mine)).status == 401
    assert guarded.api.request("GET", "/mcp/sse", headers={"X-Client-ID": "bob", **bearer(mine)}).status == 401
    assert guarded.api.post("/mcp/push", {"client_id": "bob", "type": "echo", "data": {}}, **bearer(mine)).status == 401
    socket = phoenix.Socket(guarded.ws, "bob", token=mine)
    assert socket.error("phx_join")["error"] == "authentication_failed"
    assert socket.error("phx_join", {"client_id": "bob"})["error"] == "authentication_failed"
    socket.close()
    assert failures(guarded, "wrong_client") - before == 5


def test_the_administrators_paths_without_the_administrators_token(guarded, client):
    # No path has a way up, whoever asks.
    assert guarded.api.request("GET", "/mcp/admin/../admin/upstreams", headers=bearer(ADMIN)).status == 400
    for path in ("/mcp/admin/upstreams", "/mcp/admin/revocations", "/mcp/admin/connections", "/mcp/admin/", "/mcp/admin"):
        for headers in ({}, bearer(""), bearer("x"), bearer(ADMIN[:-1]), bearer(ADMIN + "x"), bearer(ADMIN.upper()),
                        {"Authorization": ADMIN}, {"Authorization": f"Basic {ADMIN}"}):
            assert guarded.api.request("GET", path, headers=headers).status == 401, (path, headers)
            assert guarded.api.request("POST", path, {"everyone": True}, headers).status == 401, (path, headers)
        for capability in ("service", "publish", "admin:none", "admins", "mcp"):
            answer = guarded.api.request("GET", path, headers=bearer(token(client, capability)))
            assert answer.status == 403, (path, capability)
    assert metric(guarded, "mcp_gateway_authorization_denied_total", action="admin") >= 25


def test_with_authentication_off_the_administrators_paths_stay_closed(start_gateway):
    own = start_gateway({"security": {"admin_token": ADMIN}})
    for headers in ({}, bearer("x"), bearer(ADMIN[:-1]), bearer(ADMIN + "x")):
        assert own.api.request("GET", "/mcp/admin/upstreams", headers=headers).status == 401
        assert own.api.request("POST", "/mcp/admin/revocations", {"everyone": True}, headers).status == 401
    assert own.api.request("GET", "/mcp/admin/upstreams", headers=bearer(ADMIN)).status == 200
    assert own.api.request("POST", "/mcp/admin/revocations", {"everyone": True}, bearer(ADMIN)).status == 409
    assert failures(own, "administrator") >= 8


def test_how_long_a_comparison_takes_does_not_tell_how_much_was_right(guarded):
    """Guesses that share a beginning with the administrator's token take as long as others. The medians of many interleaved
    requests are compared; a comparison byte by byte over the network is far below the noise, so this only finds gross
    mistakes: that digests are compared to their end is what makes it true (GatekeeperTests)."""
    guesses = {"nothing": "x" * len(ADMIN), "nearly": ADMIN[:-1] + "x", "short": "x"}
    times = {name: [] for name in guesses}
    for _ in range(150):
        for name, guess in guesses.items():
            begun = time.perf_counter()
            assert guarded.api.request("GET", "/mcp/admin/upstreams", headers=bearer(guess)).status == 401
            times[name].append(time.perf_counter() - begun)
    medians = [statistics.median(one) for one in times.values()]
    assert max(medians) < 2 * min(medians), medians


def test_forged_tokens_leave_nothing_behind(guarded, client):
    """A thousand of them, each with a client and a key name of its own."""
    before = metric(guarded, "mcp_gateway_sessions")
    for n in range(1000):
        text = signed({"alg": "HS256", "kid": f"k{n}"}, claims(f"{client}.{n}"), "wrong")
        assert guarded.api.post("/mcp/push", {"type": "echo", "data": {}}, **bearer(text)).status == 401
    assert metric(guarded, "mcp_gateway_sessions") == before
