"""The official Python SDK against the gateway, with real servers behind it."""

import json
import subprocess
import sys

import pytest
from mcp_sdk import SERVERS, children_of, run_client, text
from wait import until

DEMO = ["echo", "add", "slow", "fail", "ask", "big"]


def run_first_generation(gateway, steps, **options):
    return run_client("first", gateway.http, steps, **options)


def run_second_generation(gateway, mode, steps, **options):
    return run_client("second", gateway.http, steps, mode=mode, **options)


def test_the_demo_server_shows_everything(gateway):
    said = run_first_generation(gateway, [
        ["list_tools", {}],
        ["call_tool", {"name": "echo", "arguments": {"text": "héllo\n\"there\""}}],
        ["call_tool", {"name": "add", "arguments": {"a": 2, "b": 40}}],
        ["call_tool", {"name": "slow", "arguments": {"steps": 3, "milliseconds": 10}}],
        ["call_tool", {"name": "fail", "arguments": {}}],
        ["call_tool", {"name": "ask", "arguments": {}}],
        ["call_tool", {"name": "big", "arguments": {"bytes": 3_000_000}}],
        ["call_tool", {"name": "nobody's", "arguments": {}}],
        ["send_ping", {}],
        ["list_prompts", {}],
        ["list_resources", {}],
        ["set_logging_level", {"level": "debug"}],
    ])
    steps = said["steps"]
    assert said["initialize"]["protocolVersion"] == "2025-11-25"
    assert said["initialize"]["serverInfo"]["name"] == "mcp-gateway"
    assert [tool["name"] for tool in steps[0]["result"]["tools"]] == DEMO
    assert text(steps[1]) == "héllo\n\"there\""
    assert text(steps[2]) == "42"
    assert text(steps[3]) == "took 3 steps"
    assert [one[:2] for one in steps[3]["progress"]] == [[1, 3], [2, 3], [3, 3]]
    assert steps[4]["result"]["isError"] is True
    assert '"answer":"Ada"' in text(steps[5])
    assert len(text(steps[6])) == 3_000_000
    assert steps[7]["error"]["code"] == -32602
    assert steps[8]["result"] == {}
    assert steps[9]["result"]["prompts"] == steps[10]["result"]["resources"] == []
    assert steps[11]["result"] == {}


@pytest.mark.parametrize("mode,version", [
    ("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28"), ("auto", "2026-07-28"),
])
def test_the_second_generation_in_every_mode(start_gateway, mode, version):
    gateway = start_gateway({
        "mcpServers": {"time": {"command": str(SERVERS / "mcp-server-time")}}, "mcp": {"list_timeout": "30s"},
    })
    said = run_second_generation(gateway, mode, [
        ["list_tools", {}],
        ["call_tool", {"name": "echo", "arguments": {"text": "x"}}],
        ["call_tool", {"name": "slow", "arguments": {"steps": 2, "milliseconds": 10}}],
        ["call_tool", {"name": "fail", "arguments": {}}],
        ["call_tool", {"name": "ask", "arguments": {}}],
        ["call_tool", {"name": "big", "arguments": {"bytes": 3_000_000}}],
        ["call_tool", {"name": "get_current_time", "arguments": {"timezone": "UTC"}}],
        ["call_tool", {"name": "nobody's", "arguments": {}}],
        ["list_prompts", {}], ["list_resources", {}], ["list_resource_templates", {}],
    ])
    steps = said["steps"]
    assert said["protocol_version"] == version
    assert [tool["name"] for tool in steps[0]["result"]["tools"]] == ["get_current_time", "convert_time", *DEMO]
    assert text(steps[1]) == "x"
    assert [one[:2] for one in steps[2]["progress"]] == [[1, 2], [2, 2]]
    assert steps[3]["result"]["isError"] is True
    assert '"answer":"Ada"' in text(steps[4])
    assert len(text(steps[5])) == 3_000_000
    assert json.loads(text(steps[6]))["timezone"] == "UTC"
    assert steps[7]["error"]["code"] == -32602


def test_the_checker_of_the_new_revision_is_content(gateway):
    host, port = gateway.http
    done = subprocess.run(
        [SERVERS / "mcpcheck", f"http://{host}:{port}/mcp", "--json"], capture_output=True, text=True, timeout=90,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    checks = json.loads(done.stdout)["checks"]
    assert [check["status"] for check in checks] == ["pass"] * 8, [one for one in checks if one["status"] != "pass"]


@pytest.fixture
def repository(tmp_path):
    for command in (["init", "-q"], ["-c", "user.name=A", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_real_stdio_servers_at_one_address(start_gateway, repository):
    gateway = start_gateway({
        "mcpServers": {
            "time": {"command": str(SERVERS / "mcp-server-time")},
            "git": {"command": str(SERVERS / "mcp-server-git"), "args": ["--repository", str(repository)]},
            "fetch": {"command": str(SERVERS / "mcp-server-fetch")},
        },
        # Three Python programs start at once on a machine that may be busy.
        "mcp": {"list_timeout": "30s"},
    })
    said = run_first_generation(gateway, [
        ["list_tools", {}],
        ["call_tool", {"name": "get_current_time", "arguments": {"timezone": "Europe/Berlin"}}],
        ["call_tool", {"name": "git_log", "arguments": {"repo_path": str(repository)}}],
        ["call_tool", {"name": "echo", "arguments": {"text": "still here"}}],
        ["list_prompts", {}],
    ])
    steps = said["steps"]
    names = [tool["name"] for tool in steps[0]["result"]["tools"]]
    assert names[0:2] == ["get_current_time", "convert_time"]
    assert {"git_log", "git_status", "fetch"} < set(names)
    assert names[-6:] == DEMO
    assert json.loads(text(steps[1]))["timezone"] == "Europe/Berlin"
    assert "first" in text(steps[2])
    assert text(steps[3]) == "still here"
    assert [prompt["name"] for prompt in steps[4]["result"]["prompts"]] == ["fetch"]
    # The client has ended its session: nothing of it is left, not even a zombie.
    until(lambda: not children_of(gateway.process.pid), "the servers' processes to end", 15)


def test_a_server_that_cannot_start_takes_nothing_from_the_others(start_gateway):
    gateway = start_gateway({
        "mcpServers": {
            "missing": {"command": "/nowhere/at-all"},
            "dying": {"command": sys.executable, "args": ["-c", "pass"]},
            "babbling": {"command": sys.executable, "args": ["-c", "print('hello', flush=True); input()"]},
            "refused": {"url": "http://127.0.0.1:9/mcp"},
        },
    })
    said = run_first_generation(gateway, [
        ["list_tools", {}], ["call_tool", {"name": "echo", "arguments": {"text": "alive"}}],
    ])
    assert [tool["name"] for tool in said["steps"][0]["result"]["tools"]] == DEMO
    assert text(said["steps"][1]) == "alive"
    assert "cannot run /nowhere/at-all" in gateway.text()


def test_names_that_collide_carry_their_servers(start_gateway):
    time = {"command": str(SERVERS / "mcp-server-time")}
    gateway = start_gateway({
        "mcpServers": {"east": time, "west": time}, "mcp": {"demo": False, "list_timeout": "30s"},
    })
    said = run_first_generation(gateway, [
        ["list_tools", {}],
        ["call_tool", {"name": "west__get_current_time", "arguments": {"timezone": "UTC"}}],
    ])
    assert [tool["name"] for tool in said["steps"][0]["result"]["tools"]] == [
        "east__get_current_time", "east__convert_time", "west__get_current_time", "west__convert_time",
    ]
    assert json.loads(text(said["steps"][1]))["timezone"] == "UTC"


def test_a_file_of_a_desktop_client_is_taken_as_it_is(start_gateway, tmp_path):
    file = tmp_path / "desktop.json"
    file.write_text(json.dumps({
        "globalShortcut": "", "mcpServers": {"time": {"command": "${SERVERS}/mcp-server-time", "args": []}},
    }))
    gateway = start_gateway(
        arguments=["--port", "0", "--sse-port", "0", "--ws-port", "0", "--mcp-servers", str(file),
                   "--set", "mcp.list_timeout=30s"],
        env={"SERVERS": str(SERVERS)},
    )
    said = run_first_generation(gateway, [["list_tools", {}]])
    assert said["steps"][0]["result"]["tools"][0]["name"] == "get_current_time"


def test_a_gateway_behind_a_gateway(gateway, start_gateway):
    host, port = gateway.http
    front = start_gateway({
        "mcpServers": {"inner": {"url": f"http://{host}:{port}/mcp"}}, "mcp": {"demo": False},
    })
    said = run_first_generation(front, [
        ["list_tools", {}],
        ["call_tool", {"name": "slow", "arguments": {"steps": 2, "milliseconds": 10}}],
        ["call_tool", {"name": "ask", "arguments": {}}],
        ["call_tool", {"name": "big", "arguments": {"bytes": 100_000}}],
    ])
    assert [tool["name"] for tool in said["steps"][0]["result"]["tools"]] == DEMO
    assert [one[:2] for one in said["steps"][1]["progress"]] == [[1, 2], [2, 2]]
    assert '"answer":"Ada"' in text(said["steps"][2])
    assert len(text(said["steps"][3])) == 100_000
