"""The description at `/openapi.json` against the gateway, by schemathesis: what it allows, and what it does not."""

import http.client
import os
import pathlib
import re
import subprocess
import sys

import admin
import gateway as gateways
import pytest
import tokens
from admin import Admin

DOCUMENTS = [gateways.REPOSITORY / "docs" / name for name in ("http-api.md", "operations.md", "security.md")]
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance," \
    "response_schema_conformance,unsupported_method,allow_header_conformance"
PATIENCE = 240
QUICK = {"debug": True, "transports": {"websocket": {"longpoll": {"window": "200ms"}}}}
# Endless answers, which are looked at one by one below, and the end of the gateway.
EXCLUDED = [
    "/mcp/sse", "/mcp/events", "/metrics/dashboard/stream", "/mcp/admin/trace/{client_id}/stream", "/sse",
    "/mcp/admin/vsm/events", "/mcp/admin/drain",
]


def describe(gateway):
    answer = gateway.api.get("/openapi.json")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    return answer.json


def schemathesis(gateway, directory, *arguments):
    """A run with a bounded number of examples and a fixed seed."""
    host, port = gateway.http
    command = [
        str(pathlib.Path(sys.executable).parent / "schemathesis"), "run", f"http://{host}:{port}/openapi.json",
        "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "3", "--no-shrink",
        "--continue-on-failure", "--seed", "7", "--request-timeout", "12", "--warnings", "off",
        "--suppress-health-check", "all", "--no-color",
    ]
    for path in EXCLUDED:
        command += ["--exclude-path", path]
    support = pathlib.Path(__file__).parent / "support"
    environment = {
        **os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(directory), "PYTHONPATH": str(support),
        "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
    }
    return subprocess.run(
        [*command, *arguments], cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=PATIENCE)


@pytest.mark.timeout(PATIENCE + 30)
@pytest.mark.parametrize("who", ["anonymous", "administrator"])
def test_answers_are_as_described(start_gateway, tmp_path, who):
    gateway = start_gateway({**admin.CONFIG, **QUICK})
    # Served with authentication only.
    arguments = ["--exclude-path-regex", "^/[.]well-known/"]
    if who == "administrator":
        arguments += ["-H", f"Authorization: Bearer {admin.TOKEN}"]
    done = schemathesis(gateway, tmp_path, *arguments)
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]


@pytest.mark.timeout(PATIENCE + 30)
@pytest.mark.parametrize("who", ["anonymous", "client", "administrator"])
def test_answers_are_as_described_with_authentication(start_gateway, tmp_path, who):
    gateway = start_gateway({**tokens.AUTHENTICATED, **QUICK})
    token = {"anonymous": None, "client": tokens.token("alice", "publish:*", "mcp"), "administrator": tokens.ADMIN}[who]
    done = schemathesis(gateway, tmp_path, *(["-H", f"Authorization: Bearer {token}"] if token else []))
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]


STREAMS = ["/mcp/sse?client_id=described", "/mcp/events", "/metrics/dashboard/stream",
           "/mcp/admin/trace/described/stream", "/sse", "/mcp/admin/vsm/events?topics=s5_policy"]


@pytest.mark.parametrize("path", STREAMS)
def test_streams_are_as_described(start_gateway, path):
    gateway = start_gateway(admin.CONFIG)
    described = describe(gateway)["paths"]
    name = re.sub(r"/described/", "/{client_id}/", path.partition("?")[0])
    connection = http.client.HTTPConnection(*gateway.http, timeout=10)
    connection.request("GET", path, headers={
        "Authorization": f"Bearer {admin.TOKEN}", "Accept": "text/event-stream"})
    answer = connection.getresponse()
    [media] = described[name]["get"]["responses"]["200"]["content"]
    assert answer.status == 200
    assert answer.headers["Content-Type"].partition(";")[0] == media
    connection.close()


def test_the_drain_is_as_described(start_gateway):
    gateway = start_gateway(admin.CONFIG)
    described = describe(gateway)["paths"]["/mcp/admin/drain"]["post"]["responses"]
    assert set(described) >= {"202", "401", "403"}
    assert gateway.api.post("/mcp/admin/drain", {}).status == 401
    assert Admin(gateway.http).post("/mcp/admin/drain", {}).status == 202


def test_every_path_of_the_documents_is_described(gateway):
    described = {re.sub(r"\{\w+\}", "*", path) for path in describe(gateway)["paths"]}
    named = set()
    for document in DOCUMENTS:
        # What stands after a method, or alone: `GET /mcp/stats`, `/mcp/admin/audit`.
        for path in re.findall(r"`(?:[A-Z, ]+ )?(/(?:mcp|metrics|health|ready|sse|messages|\.well-known)[\w./:-]*)`",
                               document.read_text()):
            named.add(re.sub(r":\w+|\bNAME\b|\bCLIENT\b", "*", path.rstrip("/.")))
    assert len(named) > 20
    assert named - described - {"/mcp/admin", "/mcp/ws/longpoll"} == set()


def test_every_described_path_is_served(start_gateway):
    gateway = start_gateway({**admin.CONFIG, "debug": True})
    admins = Admin(gateway.http)
    for path, operations in describe(gateway)["paths"].items():
        if path.startswith("/.well-known"):
            continue  # with authentication only
        answer = admins.request("PATCH", re.sub(r"\{\w+\}", "nobody", path))
        assert answer.status in (400, 404, 405), path
        assert b"no such path" not in answer.body, path
        if answer.status == 405:
            wanted = {method.upper() for method in operations}
            assert set(answer.headers["Allow"].replace("HEAD", "").replace(" ", "").split(",")) - {""} == wanted, path
