"""The subcommands that ask a running gateway, in text and as JSON."""

import json
import subprocess

import admin
import gateway as gateways
import phoenix
import pytest
import sse
from wait import until


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with gateways.Gateway(tmp_path_factory.mktemp("admin-commands"), admin.CONFIG) as one:
        yield one


COMMANDS = ["stats", "connections", "old", "analyze", "transports", "upstreams", "pool", "ring", "breakers", "vsm"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_answers_in_text_and_as_json(own, name):
    assert admin.shown(own, name).strip()
    assert isinstance(admin.answered(own, name), dict)


ALL = COMMANDS + ["trace", "errors", "cleanup", "disconnect", "top", "completions", "serve", "config", "call", "send", "listen", "load-test", "plan", "check-history", "drain", "token mint", "token inspect", "token revoke"]


@pytest.mark.parametrize("name", ALL)
def test_help_is_complete(own, name):
    done = gateways.run_command(*name.split(), "--help", cwd=own.directory)
    assert done.returncode == 0
    text = done.stdout
    assert text.startswith("OVERVIEW: ") and f"USAGE: mcp-gateway {name}" in text
    # Every option says what it is.
    listing = text.split("OPTIONS:")[1].splitlines()
    for line, after in zip(listing, listing[1:] + [""]):
        if line.startswith("  -"):
            assert len(line) > 26 and line[26:].strip() or after.startswith(" " * 20), line


def test_stats_are_those_of_the_api(own, client):
    with phoenix.join(own.ws, client)[0] as socket:
        own.api.publish_numbers(3, client_id=client)
        assert socket.numbers(3) == [0, 1, 2]
        said = admin.answered(own, "stats")
        now = own.api.get("/mcp/stats").json
        assert said["websocket"]["connections"] == now["websocket"]["connections"] >= 1
        assert said["websocket"]["messages_sent"] == now["websocket"]["messages_sent"] >= 3
        line = next(line for line in admin.shown(own, "stats").splitlines() if line.startswith("connections"))
        assert line.split() == ["connections", str(now["websocket"]["connections"]), str(now["http_sse"]["connections"])]


def test_connections_are_shown(own, client):
    with phoenix.join(own.ws, client)[0]:
        found = admin.answered(own, "connections", "--client", client, "--transport", "websocket", "--sort", "unsent")
        assert [one["client_id"] for one in found["connections"]] == [client]
        text = admin.shown(own, "connections", "--client", client)
        assert client in text and "websocket" in text and text.rstrip().endswith("1 of 1")
        assert admin.answered(own, "old", "--hours", "0")["matches"] >= 1
        assert client in admin.shown(own, "old", "--hours", "0")
        assert admin.command(own, "connections", "--sort", "colour").returncode == 1


def test_a_client_is_traced(own, client):
    socket, _ = phoenix.join(own.ws, client)
    assert "connected" in admin.shown(own, "trace", client)
    assert admin.answered(own, "trace", client)["events"][0]["event"] == "connected"
    assert "traced for" in admin.shown(own, "trace", client, "--arm", "--ttl", "60")
    own.api.publish(client_id=client)
    assert "message_accepted" in until(
        lambda: (text := admin.shown(own, "trace", client)) and "message_accepted" in text and text, "the message")
    assert admin.shown(own, "trace", client, "--end") == "ended\n"
    socket.close()


def test_a_trace_is_followed_as_it_happens(own, client):
    host, port = own.http
    following = subprocess.Popen(
        [gateways.BINARY, "trace", client, "--follow", "--count", "2", "--json", "--url", f"http://{host}:{port}"],
        env=gateways.clean_environment(MCP_ADMIN_TOKEN=admin.TOKEN), stdout=subprocess.PIPE, text=True)
    asked = admin.Admin(own.http)
    until(lambda: (answer := asked.get(f"/mcp/admin/trace/{client}")).status == 200 and answer.json["traced"], "the trace")
    own.api.publish_numbers(2, client_id=client)
    lines = [json.loads(line) for line in following.stdout]
    assert following.wait(10) == 0
    assert [(one["event"], one["sequence"]) for one in lines] == [("message_accepted", 0), ("message_accepted", 1)]


def test_the_systems_are_followed_as_they_speak(own):
    """The units report with each beat, so that there is something to see at once."""
    shown = admin.shown(own, "vsm", "--follow", "--topics", "s1_operations", "--count", "2")
    assert [line.split()[:2] for line in shown.splitlines()] == [["s1_operations", "unit_reports"]] * 2
    assert admin.command(own, "vsm", "--follow", "--topics", "s9", "--count", "1").returncode == 1
    assert admin.command(own, "vsm", "--topics", "s5_policy").returncode == 2


def test_errors_are_shown(own, client):
    socket, _ = phoenix.join(own.ws, client)
    assert admin.shown(own, "errors", client) == "none\n"
    socket.connection.send("not a frame")
    socket.close_code()
    assert "1007" in until(
        lambda: (text := admin.shown(own, "errors", client)) != "none\n" and text, "the error")
    assert admin.answered(own, "errors", client)["errors"][0]["code"] == 1007
    assert admin.shown(own, "errors", client, "--transport", "http_sse") == "none\n"


def test_connections_are_closed(own, client):
    socket, _ = phoenix.join(own.ws, client)
    assert admin.shown(own, "disconnect", client) == "closed 1 connections\n"
    assert socket.close_code() == 1001
    stream, _ = sse.open_connected(own.sse, client)
    dry = admin.shown(own, "cleanup", "--max-idle", "0", "--dry-run")
    assert client in dry and "would close" in dry
    assert admin.answered(own, "cleanup", "--max-idle", "0")["cleaned"] >= 1
    stream.expect("gateway_close")
    stream.close()


def test_top_shows_what_is_live(own, client):
    with phoenix.join(own.ws, client)[0]:
        text = admin.shown(own, "top", "--count", "2")
        assert text.count("CONNECTIONS") == 2 and "websocket" in text and "demo" in text
        snapshot = json.loads(admin.command(own, "top", "--count", "1", "--json").stdout)
        assert snapshot["stats"]["websocket"]["connections"] >= 1


def test_exit_codes(own, tmp_path):
    def run(*arguments, **environment):
        return gateways.run_command(*arguments, cwd=tmp_path, env=environment, patience=30).returncode
    url = f"http://{own.http[0]}:{own.http[1]}"
    assert run("pool", "--url", url, "--token", admin.TOKEN) == 0
    assert run("pool", "--url", url, MCP_ADMIN_TOKEN=admin.TOKEN) == 0
    assert run("pool", "--url", url) == 1
    assert run("pool", "--url", url, "--token", "wrong") == 1
    assert run("pool", "--url", "nonsense") == 2
    assert run("pool", "--colour") == 2
    assert run("pool", "--url", "http://127.0.0.1:9", "--token", "x") == 3
    assert "MCP_ADMIN_TOKEN" in admin.command(own, "pool", token=None).stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions(own, shell):
    done = gateways.run_command("completions", shell, cwd=own.directory)
    assert done.returncode == 0
    assert all(word in done.stdout for name in ALL for word in name.split())
    if shell == "bash":
        check = subprocess.run(["bash", "-n"], input=done.stdout, text=True, capture_output=True)
        assert check.returncode == 0, check.stderr
