"""Configuration: what is wrong stops the start with file, line and expectation."""

import re

import pytest
import sse
from gateway import run_command

GOOD = """\
transports:
  http:
    port: 0
  http_sse:
    port: 0
    heartbeat_interval: 30s
  websocket:
    port: 0
storage:
  engine: memory
"""


def start(tmp_path, text, **options):
    file = tmp_path / "bad-gateway.yaml"
    file.write_text(text)
    return run_command("serve", "--config", str(file), cwd=tmp_path, **options)


def assert_names(done, line, *words):
    said = done.stdout + done.stderr
    assert done.returncode in (1, 2), (done.returncode, said)
    assert "Fatal error" not in said
    assert "bad-gateway.yaml" in said, said
    assert re.search(rf"(?:line |:){line}\b", said), f"line {line} is not named: {said}"
    for word in words:
        assert word in said, f"{word!r} is not named: {said}"


@pytest.mark.parametrize(
    "old, new, line, words",
    [
        ("    heartbeat_interval: 30s", "    hartbeat_interval: 30s", 6, ["hartbeat_interval"]),
        ("storage:", "storrage:", 9, ["storrage"]),
        ("    port: 0\nstorage", "    port: 0\n    colour: red\nstorage", 9, ["colour"]),
    ],
    ids=["nested", "top level", "added"],
)
def test_an_unknown_key_stops_the_start(tmp_path, old, new, line, words):
    assert old in GOOD
    assert_names(start(tmp_path, GOOD.replace(old, new)), line, *words)


@pytest.mark.parametrize("value", ["hello", "[1, 2]", "true", "{a: 1}"])
def test_a_wrong_type_stops_the_start(tmp_path, value):
    assert_names(start(tmp_path, GOOD.replace("    port: 0", f"    port: {value}", 1)), 3, "port")


@pytest.mark.parametrize(
    "old, new, line, word",
    [("    port: 0", "    port: 70000", 3, "port"), ("    port: 0", "    port: -1", 3, "port"),
     ("30s", "30 parsecs", 6, "heartbeat_interval"), ("30s", "-5s", 6, "heartbeat_interval"),
     ("memory", "papyrus", 10, "engine")],
)
def test_an_impossible_value_stops_the_start(tmp_path, old, new, line, word):
    assert_names(start(tmp_path, GOOD.replace(old, new, 1)), line, word)


def test_broken_yaml_stops_the_start(tmp_path):
    done = start(tmp_path, GOOD + "rate_limiting: [1, 2\n")
    assert done.returncode in (1, 2)
    assert "bad-gateway.yaml" in done.stdout + done.stderr


def test_a_missing_file_stops_the_start(tmp_path):
    done = run_command("serve", "--config", "nowhere.yaml", cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert "nowhere.yaml" in done.stdout + done.stderr


def test_a_bad_value_in_the_environment_names_its_variable(tmp_path):
    done = start(tmp_path, GOOD, env={"MCP_RATE_LIMIT": "many"})
    assert done.returncode in (1, 2)
    assert "MCP_RATE_LIMIT" in done.stdout + done.stderr


def test_the_config_subcommand_prints_values_with_their_origin(tmp_path):
    (tmp_path / "gateway.yaml").write_text(GOOD.replace("30s", "7s"))
    done = run_command("config", cwd=tmp_path, env={"MCP_RATE_LIMIT": "77"})
    assert done.returncode == 0, done
    heartbeat = next(line for line in done.stdout.splitlines() if "heartbeat_interval" in line)
    assert re.search(r"7s|7000", heartbeat) and "gateway.yaml" in heartbeat, heartbeat
    limit = next(line for line in done.stdout.splitlines() if "default_limit" in line)
    assert "77" in limit and "MCP_RATE_LIMIT" in limit, limit


def test_the_config_subcommand_refuses_what_serve_refuses(tmp_path):
    file = tmp_path / "bad-gateway.yaml"
    file.write_text(GOOD.replace("storage:", "storrage:"))
    assert_names(run_command("config", "--config", str(file), cwd=tmp_path), 9, "storrage")


@pytest.mark.parametrize(
    "environment, wanted", [({}, 30000), ({"MCP_TRANSPORTS_HTTP_SSE_HEARTBEAT_INTERVAL": "9s"}, 9000)]
)
def test_every_key_has_its_environment_variable(start_gateway, client, environment, wanted):
    gateway = start_gateway(env=environment)
    stream, connected = sse.open_connected(gateway.sse, client)
    with stream:
        assert connected["heartbeat_interval"] == wanted


def test_a_json_file_is_yaml_too(start_gateway, tmp_path):
    file = tmp_path / "gateway.json"
    file.write_text('{"transports":{"http":{"port":0},"http_sse":{"port":0},"websocket":{"port":0}}}')
    gateway = start_gateway(arguments=["--config", str(file)])
    assert gateway.api.get("/health").status == 200
