"""`mcp-gateway plan`: capacity planning from measured figures."""

import json
import subprocess

import gateway as gateways


def plan(*arguments, cwd):
    return subprocess.run(
        [gateways.BINARY, "plan", *arguments], cwd=cwd, env=gateways.clean_environment(), capture_output=True,
        text=True, timeout=120)


def test_a_plan_is_made_of_what_was_measured(tmp_path):
    # What lies where it is run is not what is measured.
    (tmp_path / "gateway.yaml").write_text("this: is not valid\n")
    done = plan("--connections", "50000", "--sample", "200", "--seconds", "1", "--save", "figures.json", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "measuring: 200 connections by WebSocket" in done.stderr
    made = json.loads(done.stdout)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert made["figures"] == figures
    for transport in ("websocket", "http_sse"):
        assert 500 < figures[transport]["bytes_per_connection"] < 100_000
        assert 0 < figures[transport]["delivery_us"] < 10_000 and 0 < figures[transport]["opening_us"] < 100_000
    assert figures["base_bytes"] > 1e6 and figures["message_us"] > 0
    assert made["nodes"] == made["nodes_needed"] + 1 and made["settings"]["net.core.somaxconn"]

    # The same figures make the same plan, and another demand another one.
    again = json.loads(plan("--connections", "50000", "--from", "figures.json", "--json", cwd=tmp_path).stdout)
    assert again["cores"] == made["cores"] and again["nodes"] == made["nodes"]
    more = json.loads(
        plan("--connections", "500000", "--from", "figures.json", "--cores", "2", "--memory", "4", "--json", cwd=tmp_path).stdout)
    assert more["nodes"] > again["nodes"] and abs(more["cores"] / again["cores"] - 10) < 0.01
    text = plan("--connections", "500000", "--from", "figures.json", "--streams", "1", cwd=tmp_path).stdout
    assert "100 % of them event streams" in text and "transports.http_sse.max_connections" in text


def test_what_is_wrong_is_said(tmp_path):
    assert plan("--connections", "0", cwd=tmp_path).returncode == 2
    missing = plan("--connections", "5", "--from", "nothing.json", cwd=tmp_path)
    assert missing.returncode == 1 and "nothing.json" in missing.stderr
    (tmp_path / "other.json").write_text("{}")
    other = plan("--connections", "5", "--from", "other.json", cwd=tmp_path)
    assert other.returncode == 1 and "no figures" in other.stderr
