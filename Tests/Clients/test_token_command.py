"""`mcp-gateway token`: mint, inspect, revoke."""

import json
import time

import admin
import gateway as gateways
import pytest
from tokens import ADMIN, SECRET, AUTHENTICATED, bearer, token


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with gateways.Gateway(tmp_path_factory.mktemp("token-command"), AUTHENTICATED) as one:
        yield one


def run(tmp_path, *arguments, secret=SECRET, **more):
    return gateways.run_command("token", *arguments, cwd=tmp_path, env={"SECRET_KEY_BASE": secret, **more})


def minted(tmp_path, *arguments):
    done = run(tmp_path, "mint", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def echo(gateway, text):
    return gateway.api.post("/mcp/push", {"type": "echo", "data": {}}, **bearer(text)).status


def revoke(gateway, *arguments):
    return admin.command(gateway, "token", "revoke", *arguments, token=ADMIN)


def test_what_is_minted_lets_in(guarded, client, tmp_path):
    text = minted(tmp_path, client, "--can", "publish:room:*", "--tier", "gold")
    assert echo(guarded, text) == 202
    def publish(topic):
        return guarded.api.post("/mcp/messages", {"topic": topic, "type": "x", "data": {}}, **bearer(text)).status
    assert publish("room:1") == 202 and publish("hall:1") == 403


def test_inspect_tells_what_a_token_says_and_whether_it_is_taken(client, tmp_path):
    done = run(tmp_path, "mint", client, "--can", "subscribe:room:1", "--lifetime", "60", "--json")
    made = json.loads(done.stdout)
    shown = run(tmp_path, "inspect", made["token"])
    assert shown.returncode == 0 and shown.stdout.endswith("taken\n")
    assert client in shown.stdout and "subscribe:room:1" in shown.stdout and made["jti"] in shown.stdout
    said = json.loads(run(tmp_path, "inspect", made["token"], "--json").stdout)
    assert said["valid"] is True and said["header"]["alg"] == "HS256"
    assert said["claims"]["exp"] - said["claims"]["iat"] == 60 and abs(said["claims"]["iat"] - time.time()) < 30
    assert said["claims"]["jti"] == made["jti"] and said["claims"]["capabilities"] == ["subscribe:room:1"]


@pytest.mark.parametrize("reason, make", [
    ("expired", lambda: token("a", lifetime=-5)),
    ("signature", lambda: token("a", secret="another secret of 32 characters…")),
    ("claims", lambda: token("a", exp=None)),
])
def test_inspect_says_why_a_token_is_refused(tmp_path, reason, make):
    done = run(tmp_path, "inspect", make(), "--json")
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert said["valid"] is False and said["reason"] == reason
    text = run(tmp_path, "inspect", make())
    assert text.returncode == 1 and text.stdout.endswith(f"refused: {reason}\n")


def test_issuer_and_audience_are_those_that_the_configuration_wants(tmp_path):
    (tmp_path / "gateway.yaml").write_text(
        "security: {authentication: {issuers: https://issuer.example, audiences: [chat, other]}}\n")
    said = json.loads(run(tmp_path, "inspect", minted(tmp_path, "alice"), "--json").stdout)
    assert said["valid"] and said["claims"]["iss"] == "https://issuer.example" and said["claims"]["aud"] == "chat"
    wrong = run(tmp_path, "inspect", minted(tmp_path, "alice", "--audience", "nobody"))
    assert wrong.returncode == 1 and wrong.stdout.endswith("refused: audience\n")


@pytest.mark.parametrize("way", ["id", "sub"])
def test_what_is_revoked_is_good_no_more(guarded, client, tmp_path, way):
    text = minted(tmp_path, client, "--id", f"id-of-{client}")
    assert echo(guarded, text) == 202
    done = revoke(guarded, *(["--id", f"id-of-{client}"] if way == "id" else ["--sub", client]))
    assert done.returncode == 0 and done.stdout == "revoked\n", done.stderr
    assert echo(guarded, text) == 401
    assert json.loads(revoke(guarded, "--sub", client, "--json").stdout) == {"revoked": True}


@pytest.mark.parametrize("arguments, code, word", [
    (["mint", "alice", "--can", "fly:*"], 2, "subscribe"), (["mint", "alice", "--lifetime", "0"], 2, "max_token_lifetime"),
    (["mint", "alice", "--lifetime", "99999999"], 2, "max_token_lifetime"), (["mint", ""], 2, "256"),
    (["inspect", "no.token"], 1, "no token"), (["revoke"], 2, "--everyone"), (["revoke", "--id", "a", "--sub", "b"], 2, "one of"),
])
def test_what_is_wrong_is_said(tmp_path, arguments, code, word):
    done = run(tmp_path, *arguments)
    assert done.returncode == code and word in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_without_a_secret_there_is_no_token(tmp_path):
    done = gateways.run_command("token", "mint", "alice", cwd=tmp_path)
    assert done.returncode == 1 and "SECRET_KEY_BASE" in done.stderr and done.stdout == ""
