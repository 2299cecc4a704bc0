"""What stands in deploy/: checked by the programs that it is for."""

import json
import pathlib
import re
import shutil
import socket as socket_module
import subprocess
import urllib.parse

import jsonschema
import phoenix
import pytest
import yaml
from api import API
from gateway import REPOSITORY, run_command
from nginx import program as nginx
from wait import until

DEPLOY = REPOSITORY / "deploy"


def run(*arguments, cwd=None):
    done = subprocess.run(arguments, cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def promtool():
    found = shutil.which("promtool")
    assert found, "promtool is not installed (package prometheus)"
    return found


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    done = run_command("config", "schema", cwd=tmp_path_factory.mktemp("schema"))
    assert done.returncode == 0, done
    schema = json.loads(done.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_rules_are_rules_and_do_what_they_say(promtool):
    said = run(promtool, "check", "rules", "rules.yml", cwd=DEPLOY / "prometheus")
    assert "SUCCESS" in said
    run(promtool, "check", "config", "prometheus.yml", cwd=DEPLOY / "prometheus")
    assert "SUCCESS" in run(promtool, "test", "rules", "rules-test.yml", cwd=DEPLOY / "prometheus")


def test_the_metrics_are_what_promtool_likes(promtool, gateway):
    text = gateway.api.get("/metrics").body
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def names(text):
    return set(re.findall(r"\b((?:mcp_gateway|process)_[a-z0-9_]+)\b", text))


def test_rules_and_dashboard_use_metrics_that_there_are(start_gateway, client):
    gateway = start_gateway({"storage": {"engine": "sqlite"}, "tracing": {"endpoint": "http://127.0.0.1:9"}})
    phoenix.join(gateway.ws, client)
    there = names(re.sub(r"^#.*$", "", gateway.api.get("/metrics").body.decode(), flags=re.M))
    rules = yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())
    recorded = {rule["record"] for group in rules["groups"] for rule in group["rules"] if "record" in rule}
    used = set()
    for group in rules["groups"]:
        for rule in group["rules"]:
            expression = rule["expr"]
            for name in recorded:
                expression = expression.replace(name, "")
            used |= names(expression)
    dashboard = json.loads((DEPLOY / "grafana/mcp-gateway.json").read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        for target in panel["targets"]:
            used |= names(target["expr"])
    assert used and used <= there, used - there


def test_a_prometheus_scrapes_it_and_its_rules_find_data(promtool, start_gateway, tmp_path, client):
    gateway = start_gateway()
    socket, _ = phoenix.join(gateway.ws, client)
    program = shutil.which("prometheus")
    assert program, "prometheus is not installed (package prometheus)"
    with socket_module.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    configuration = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "200ms", "evaluation_interval": "200ms"}
    configuration["rule_files"] = [str(DEPLOY / "prometheus/rules.yml")]
    configuration["scrape_configs"][0]["static_configs"][0]["targets"] = ["%s:%d" % gateway.http]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    log = (tmp_path / "prometheus.log").open("wb")
    process = subprocess.Popen(
        [program, f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}",
         "--web.listen-address=%s:%d" % address], stdout=log, stderr=log)
    try:
        def ask(query):
            try:
                answer = API(address).get("/api/v1/query?" + urllib.parse.urlencode({"query": query}))
            except OSError:
                return None
            return answer.json["data"]["result"] if answer.status == 200 else None

        until(lambda: ask("up{job='mcp-gateway'} == 1"), "a scrape", 60)
        found = until(lambda: ask("mcp_gateway_connections{transport='websocket'}"), "connections", 60)
        assert found[0]["value"][1] == "1"
        gateway.api.publish_numbers(5, client_id=client)
        assert socket.numbers(5) == list(range(5))
        until(lambda: ask("mcp_gateway_messages_sent_total{transport='websocket'} >= 5"), "messages", 60)
        until(lambda: ask("instance_transport:mcp_gateway_messages_sent:rate1m"), "a recorded rate", 60)
        assert not ask("ALERTS{alertstate='firing'}")
    finally:
        process.terminate()
        process.wait(30)


def test_nginx_takes_its_configuration(tmp_path):
    text = (DEPLOY / "nginx.conf").read_text().replace("/run/nginx.pid", str(tmp_path / "nginx.pid"))
    (tmp_path / "nginx.conf").write_text(text)
    assert "successful" in run(
        nginx(), "-t", "-p", str(tmp_path), "-e", str(tmp_path / "error.log"), "-c", str(tmp_path / "nginx.conf"))


def test_the_units_are_units():
    checker = shutil.which("systemd-analyze")
    units = sorted((DEPLOY / "systemd").iterdir())
    assert len(units) == 4
    for unit in units:
        sections = re.findall(r"^\[(\w+)\]$", unit.read_text(), re.M)
        assert sections[0] == "Unit" and sections[-1] == "Install", unit
    sockets = {re.search(r"^FileDescriptorName=(\w+)$", unit.read_text(), re.M).group(1)
               for unit in units if unit.suffix == ".socket"}
    assert sockets == {"http", "http_sse", "websocket"}
    if checker:
        # The program is not installed where tests run; that is all it may say.
        done = subprocess.run([checker, "verify", "--man=no", *map(str, units)], capture_output=True, text=True, timeout=60)
        said = [line for line in done.stderr.splitlines() if "mcp-gateway" in line and "not executable" not in line]
        assert not said, said


def test_the_shipped_file_and_the_examples_fit_the_schema(schema):
    schema.validate(yaml.safe_load((REPOSITORY / "gateway.yaml").read_text()))
    examples = 0
    for page in [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]:
        for block in re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.M | re.S):
            if "scrape_configs" in block:
                continue
            schema.validate(yaml.safe_load(block))
            examples += 1
    assert examples > 3


def test_the_schema_knows_what_the_gateway_refuses(schema, tmp_path):
    for wrong in (
        {"transports": {"http_sse": {"hartbeat_interval": "20s"}}}, {"transports": {"http": {"port": 70000}}},
        {"storage": {"engine": "oracle"}}, {"session": {"retention": "a while"}}, {"debug": "very"}, {"nonsense": 1},
        {"routes": [{"type": "a"}]}, {"session": {"log_bytes": "many"}},
    ):
        assert not schema.is_valid(wrong), wrong
        file = tmp_path / "wrong.yaml"
        file.write_text(yaml.safe_dump(wrong))
        assert run_command("config", "--config", str(file), cwd=tmp_path).returncode == 1, wrong
    for right in ({}, {"drain": None}, {"listen": {"host": "::"}}, {"websocket": {"port": 1}}, {"session": {"retention": 500}},
                  {"mcpServers": {"time": {"command": "uvx", "args": ["mcp-server-time"]}}}):
        schema.validate(right)


def test_the_effective_configuration_fits_the_schema(schema, tmp_path):
    done = run_command("config", cwd=tmp_path)
    schema.validate(yaml.safe_load(done.stdout))
