"""A gateway with an admin token, and its administrator."""

import json
import subprocess

import gateway as gateways
from api import API

TOKEN = "a-token-for-tests-of-the-admin-api"
CONFIG = {"security": {"admin_token": TOKEN}, "dashboard": {"interval": "200ms"}}


class Admin(API):
    """The admin API."""

    def request(self, method, path, body=None, headers=None):
        return super().request(method, path, body, {"Authorization": f"Bearer {TOKEN}", **(headers or {})})

    def ask(self, path):
        answer = self.get("/mcp/admin/" + path)
        assert answer.status == 200, f"{answer.status} {answer.body!r} for {path}"
        return answer.json

    def do(self, path, body=None):
        answer = self.post("/mcp/admin/" + path, body or {})
        assert answer.status == 200, f"{answer.status} {answer.body!r} for {path}"
        return answer.json


def command(gateway, *arguments, token=TOKEN, patience=30):
    """A subcommand of the binary, at a gateway."""
    host, port = gateway.http
    extra = {"MCP_ADMIN_TOKEN": token} if token else {}
    return subprocess.run(
        [gateways.BINARY, *arguments, "--url", f"http://{host}:{port}"], cwd=gateway.directory,
        env=gateways.clean_environment(**extra), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=patience)


def shown(gateway, *arguments):
    """What a subcommand that works prints for people."""
    done = command(gateway, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def answered(gateway, *arguments):
    """What it prints with --json."""
    return json.loads(shown(gateway, *arguments, "--json"))
