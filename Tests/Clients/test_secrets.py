"""Nothing that is secret is ever said: every key and every token that is one is recognisable, is used well and badly, and
is then looked for in whatever the gateway writes, answers, sends to collectors and shows of itself."""

import base64
import pathlib
import signal

import gateway as gateways
import phoenix
import pytest
import sealed
import sse
import yaml
from collector import Collector
from recording_upstream import Upstream
from tokens import bearer, token
from wait import until
from webhook import BackEnd

MARK = "s3cr3t"
ADMIN = f"{MARK}-of-the-administrator"
KEY_BASE = f"{MARK}-key-base-of-all-nodes-32-characters"
WEBHOOK = f"{MARK}-of-webhooks"
HEADER = f"{MARK}-of-an-upstream-header"
VARIABLE = f"{MARK}-of-an-upstream-variable"
COLLECTOR = f"{MARK}-of-the-collector"
KEY = b"the key that messages are sealed"
ENCRYPTION = base64.b64encode(KEY).decode()
PASSWORD = f"{MARK}-in-an-address"
QUERY = f"{MARK}-in-a-query"

PROGRAM = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("method") == "initialize":
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {
            "protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}},
            "serverInfo": {"name": "program", "version": "1"}}}), flush=True)
    elif message.get("method") == "tools/list":
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {
            "tools": [{"name": "local", "inputSchema": {"type": "object"}}]}}), flush=True)
    elif "id" in message:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no"}}), flush=True)
"""


class Secrets:
    """What must not be seen, under its name."""

    def __init__(self):
        self.named = {
            "admin token": ADMIN, "key base": KEY_BASE, "webhook secret": WEBHOOK, "upstream header": HEADER,
            "encryption key": ENCRYPTION.rstrip("="), "upstream variable": VARIABLE, "collector header": COLLECTOR, "password of an address": PASSWORD,
            "query of an address": QUERY,
        }

    def token(self, name, *arguments, **more):
        return self.keep(name, token(*arguments, secret=more.pop("secret", KEY_BASE), **more))

    def keep(self, name, text):
        self.named[name] = text
        return text

    def check(self, place, text):
        if isinstance(text, bytes):
            text = text.decode(errors="replace")
        for name, secret in self.named.items():
            # Of a token the signature is what nobody may have.
            wanted = secret.rpartition(".")[2] if secret.count(".") == 2 else secret
            assert wanted not in text, f"{name} is in {place}: …{text[max(0, text.index(wanted) - 200):][:400]}…"


@pytest.fixture
def doors():
    """A collector, a back end and an MCP server."""
    collector, back_end, upstream = Collector(), BackEnd(), Upstream()
    yield collector, back_end, upstream
    for one in (collector, back_end, upstream):
        one.close()


def configuration(collector, back_end, upstream):
    program = ["-c", PROGRAM]
    return {
        "log": {"level": "debug"}, "debug": True, "log_messages": True, "trace_routing": True, "log_connections": True,
        "security": {"secret_key_base": KEY_BASE, "admin_token": ADMIN, "encryption_keys": [f"k1:{ENCRYPTION}"]},
        "webhooks": {"secret": WEBHOOK},
        "tracing": {"endpoint": collector.url, "interval": "20ms", "delivery_ratio": 1,
                    "headers": f"authorization=Bearer {COLLECTOR}"},
        "routes": [
            {"type": "good", "handler": {"webhook": back_end.on("/good", (200, {"fine": True}))}},
            {"type": "bad", "handler": {"webhook": back_end.on("/bad", (500, None)), "timeout": "1s"}},
            {"type": "gone", "handler": {
                "webhook": f"http://user:{PASSWORD}@127.0.0.1:1/gone?key={QUERY}", "timeout": "1s"}},
            {"type": "*", "handler": "echo"},
        ],
        "mcpServers": {
            "good": {"url": upstream.url + f"?key={QUERY}", "headers": {"Authorization": f"Bearer {HEADER}"}},
            "gone": {"url": f"http://user:{PASSWORD}@127.0.0.1:1/mcp?key={QUERY}", "headers": {"X-Key": HEADER}},
            "program": {"command": "python3", "args": program, "env": {"KEY": VARIABLE}},
            "broken": {"command": "/no/such/program", "env": {"KEY": VARIABLE}},
        },
    }


def use(gateway, secrets):
    """Every door, with what is good and with what is not. Returns what was answered."""
    answers = []
    _, port = gateway.http

    def ask(method, path, body=None, **headers):
        answer = gateway.api.request(method, path, body, headers)
        answers.append((f"{method} {path.partition('?')[0]}", answer.body + str(answer.headers).encode()))
        return answer

    good = secrets.token("good token", "alice", "publish:*", "subscribe:*", "mcp")
    wrong = {
        "forged": secrets.token("forged token", "alice", secret="another-secret-of-32-characters-"),
        "expired": secrets.token("expired token", "alice", lifetime=-10),
        "foreign": secrets.token("token of another client", "mallory"),
        "nonsense": secrets.keep("nonsense", f"{MARK}-that-is-no-token"),
    }
    # Headers and queries.
    for text in (good, *wrong.values()):
        ask("GET", "/mcp/stats", Authorization=f"Bearer {text}")
        ask("GET", f"/mcp/stats?token={text}")
        ask("POST", f"/mcp/push?token={text}", {"client_id": "alice", "type": "good", "data": {}})
        ask("POST", "/mcp/push", {"client_id": "alice", "type": "bad", "data": {}}, Authorization=f"Bearer {text}")
        ask("POST", "/mcp/push", {"client_id": "alice", "type": "gone", "data": {}}, Authorization=f"Bearer {text}")
        ask("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, Authorization=f"Bearer {text}",
            Accept="application/json, text/event-stream")
        ask("GET", f"/metrics/dashboard?token={text}")
        ask("GET", "/no/such/path?token=" + text, Authorization=f"Bearer {text}")
        ask("GET", "/mcp/admin/pool", Authorization=f"Bearer {text}")
        ask("GET", "/mcp/admin/pool", Cookie=f"mcp_gateway_admin_{port}={text}")
        ask("BREW", f"/mcp/admin/pool?token={text}", Authorization=f"Bearer {text}")
    # Tickets: used, used again, unknown.
    ticket = secrets.keep("ticket", gateway.api.post("/mcp/ticket", {}, **bearer(good)).json["ticket"])
    stream, _ = sse.open_connected(gateway.sse, "alice", ticket=ticket)
    for text in (ticket, secrets.keep("unknown ticket", f"tk_{MARK}000000000000000")):
        ask("GET", f"/mcp/sse?client_id=alice&ticket={text}")
    # Encrypted messages: good, and of nobody.
    sealed_stream, connected = sse.open_connected(gateway.sse, "alice", token=good, encryption="aes-256-gcm")
    secrets.keep("client's key", base64.b64encode(sealed.client_key(KEY, "alice")).decode().rstrip("="))
    for key in (KEY, bytes(32)):
        body = sealed.seal({"type": "any", "data": {}}, key, "k1", "alice", connected["epoch"], 1 + key[0])
        ask("POST", "/mcp/push", {"client_id": "alice", **body}, Authorization=f"Bearer {good}")
    sealed_stream.expect("message")
    sealed_stream.close()
    # Sockets: address, subprotocol, join, refresh.
    for text in (good, *wrong.values()):
        encoded = base64.b64encode(text.encode()).decode().rstrip("=")
        for open_socket, payload in (
            (lambda: phoenix.Socket(gateway.ws, "alice", token=text), {}),
            (lambda: phoenix.Socket(gateway.ws, "alice", connection={
                "subprotocols": ["phoenix", f"base64url.bearer.phx.{encoded}"]}), {}),
            (lambda: phoenix.Socket(gateway.ws, "alice"), {"token": text}),
        ):
            socket = open_socket()
            answers.append(("a join", str(socket.call("phx_join", payload))))
            socket.push("access_token", {"token": text})
            socket.close()
    # MCP: a session that uses the servers.
    headers = {"Authorization": f"Bearer {good}", "Accept": "application/json, text/event-stream"}
    begun = ask("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}, **headers)
    assert begun.status == 200, begun
    headers["Mcp-Session-Id"] = begun.headers["Mcp-Session-Id"]
    ask("POST", "/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}, **headers)
    ask("POST", "/mcp", {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}, **headers)
    ask("POST", "/mcp", {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "tool"}}, **headers)
    # A revoked token comes back.
    revoked = secrets.token("revoked token", "bob", jti="one")
    assert gateway.api.post("/mcp/admin/revocations", {"jti": "one"}, **bearer(ADMIN)).status == 200
    ask("GET", "/mcp/stats", Authorization=f"Bearer {revoked}")
    ask("POST", f"/mcp/push?token={revoked}", {"client_id": "bob", "type": "good", "data": {}})
    # What administrators do is remembered: wrong bodies too.
    for path in ("trace/alice", "disconnect/bob", "cleanup", "reload"):
        ask("POST", f"/mcp/admin/{path}?token={good}", {}, Authorization=f"Bearer {ADMIN}")
    stream.close()
    return answers


READ = ("connection-stats connections vsm transports pool ring breakers analysis upstreams calls old errors/alice "
        "trace/alice blocklist allowlist suspects audit revocations").split()


@pytest.mark.timeout(120)
def test_no_secret_is_said(start_gateway, doors, tmp_path):
    collector, back_end, upstream = doors
    secrets = Secrets()
    gateway = start_gateway(configuration(*doors))
    for place, text in use(gateway, secrets):
        secrets.check(f"the answer to {place}", text)
    # It has really been used: servers and back ends got theirs.
    assert any(one.headers["Authorization"] == f"Bearer {HEADER}" for one, _ in upstream.requests)
    assert back_end.to("/good")[0].is_signed_with(WEBHOOK)
    until(lambda: collector.requests, "spans")
    assert collector.requests[0][1]["authorization"] == f"Bearer {COLLECTOR}"
    for path in READ:
        answer = gateway.api.request("GET", f"/mcp/admin/{path}", headers=bearer(ADMIN))
        secrets.check(f"/mcp/admin/{path}", answer.body)
    for path in ("/metrics", "/mcp/stats", "/health/gateway", "/mcp/health/alice", "/", "/openapi.json"):
        answer = gateway.api.request("GET", path, headers=bearer(ADMIN))
        assert answer.status == 200, path
        secrets.check(path, answer.body)
    with collector.lock:
        secrets.check("spans", "\n".join(f"{one.name} {one.attributes} {one.resource} {one.failure}" for one in collector.spans))
    secrets.check("the command line", pathlib.Path(f"/proc/{gateway.process.pid}/cmdline").read_bytes())
    gateway.stop()
    text = gateway.text()
    assert '"message":"connected"' in text and '"message":"administrator"' in text
    secrets.check("the log", text)


def test_configurations_are_shown_without_secrets(start_gateway, doors, tmp_path):
    secrets = Secrets()
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(gateways.merged(gateways.Gateway.BASE, configuration(*doors))))
    environment = {"SECRET_KEY_BASE": KEY_BASE, "MCP_ADMIN_TOKEN": ADMIN, "OTEL_EXPORTER_OTLP_HEADERS": f"a={COLLECTOR}"}
    for arguments in (["config"], ["config", "--json"], ["config", "--config", str(file)],
                      ["config", "--config", str(file), "--json"]):
        done = gateways.run_command(*arguments, cwd=tmp_path, env=environment)
        assert "security.admin_token" in done.stdout or "admin_token" in done.stdout, done
        secrets.check(" ".join(arguments), done.stdout + done.stderr)


@pytest.mark.parametrize("key, value", [
    ("security.admin_token", [f"{MARK}-list"]), ("security.secret_key_base", "s3cr3t"),
    ("webhooks.secret", "s3cr3t"), ("tracing.headers", {"a": f"{MARK}-map"}),
    ("mcpServers", {"a": {"url": f"no-scheme://user:{MARK}@host"}}),
    ("mcpServers", {"a": {"command": "x", "env": {"KEY": [f"{MARK}-list"]}}}),
    ("mcpServers", {"a": {"url": "http://127.0.0.1:1", "headers": {"KEY": [f"{MARK}-list"]}}}),
])
def test_wrong_values_are_refused_without_saying_them(tmp_path, key, value):
    config = value
    for part in reversed(key.split(".")):
        config = {part: config}
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(config))
    done = gateways.run_command("config", "--config", str(file), cwd=tmp_path)
    assert MARK not in done.stdout + done.stderr, done


def test_a_crash_says_no_secret(tmp_path, doors):
    """Its report has the stack, not what is in memory."""
    secrets = Secrets()
    one = gateways.Gateway(tmp_path, configuration(*doors), env={
        "SWIFT_BACKTRACE": "enable=yes,interactive=no,color=no,symbolicate=off,registers=none", "EXTRA_SECRET": ADMIN})
    one.start()
    try:
        one.api.get("/mcp/stats", **bearer(ADMIN))
        one.process.send_signal(signal.SIGABRT)
        until(lambda: "Backtrace took" in one.text() or one.process.poll() is not None, "the report", 60)
        # What is sent from outside does not happen again by itself when the report is done.
        one.process.send_signal(signal.SIGABRT)
        one.process.wait(60)
        one._reader.join(10)
        assert one.crash(), one.text()[-2000:]
        secrets.check("the report of a crash", one.text())
    finally:
        one.kill()


def test_commands_take_the_token_from_the_environment(start_gateway, tmp_path):
    """Whoever lists processes sees their arguments: no subcommand has to be told a secret there."""
    done = gateways.run_command("connections", "--help", cwd=tmp_path)
    assert "MCP_ADMIN_TOKEN" in done.stdout, done.stdout
