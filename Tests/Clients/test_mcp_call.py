"""`mcp-gateway call`: the tools of a running gateway from the command line."""

import json
import subprocess

import certificates
import gateway as gateways
import pytest
from mcp_sdk import EVERYTHING


@pytest.fixture
def run(gateway, tmp_path):
    def run(*arguments, stdin=None, url=None):
        host, port = gateway.http
        return subprocess.run(
            [gateways.BINARY, "call", "--url", url or f"http://{host}:{port}/mcp", *arguments], cwd=tmp_path,
            env=gateways.clean_environment(), input=stdin, capture_output=True, text=True, timeout=30)
    return run


def test_tools_are_listed(run):
    done = run()
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["echo", "add", "slow", "fail", "ask", "big"]
    assert done.stdout.splitlines()[0] == "echo  Says what it is told"
    assert len(json.loads(run("--json").stdout)["tools"]) == 6
    assert run("--server", "demo").stdout == done.stdout


@pytest.mark.parametrize("arguments,stdin", [
    (["a=2", "b=40"], None), (['{"a":2,"b":40}'], None), (["-"], '{"a": 2,\n "b": 40}'),
])
def test_a_tool_is_called(run, arguments, stdin):
    done = run("add", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


def test_values_are_json_where_they_can_be(run):
    assert run("echo", "text=a = b").stdout == "a = b\n"
    assert run("echo", 'text="2"').stdout == "2\n"
    # A number is no text for this tool.
    assert run("echo", "text=2").returncode == 1
    result = json.loads(run("--json", "echo", "text=hé").stdout)
    assert result["content"] == [{"type": "text", "text": "hé"}]


def test_progress_goes_beside_the_result(run):
    done = run("slow", "steps=2", "milliseconds=5")
    assert done.stdout == "took 2 steps\n"
    assert done.stderr.splitlines() == ["1/2 step 1 of 2", "2/2 step 2 of 2"]


def test_large_results(run):
    assert len(run("big", "bytes=3000000").stdout) == 3_000_001


def test_exit_codes(run):
    done = run("fail")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "this tool always fails\n")
    assert json.loads(run("--json", "fail").stdout)["isError"] is True
    done = run("nobody's")
    assert done.returncode == 1 and "Unknown tool" in done.stderr
    done = run("ask")
    assert done.returncode == 1 and "capability" in done.stderr
    for wrong in (["add", "a"], ["add", "a=1", "a=2"], ["add", "{"], ["add", "=1"], ["--timeout", "0"],
                  ["--header", "x"], ["--nonsense"]):
        assert run(*wrong).returncode == 2, wrong
    assert run("add", "-", stdin="[1]").returncode == 2
    assert run(url="ftp://x").returncode == 2
    done = run(url="http://127.0.0.1:9/mcp")
    assert done.returncode == 3 and "no gateway at 127.0.0.1:9" in done.stderr
    done = run("--server", "nobody")
    assert done.returncode == 1 and "nobody" in done.stderr
    done = run("--timeout", "1", "slow", "steps=1", "milliseconds=20000")
    assert done.returncode == 1 and "no answer within 1 s" in done.stderr


def test_a_gateway_with_a_certificate(start_gateway, run, tmp_path_factory):
    authority = certificates.Authority(tmp_path_factory.mktemp("certificates"))
    certificate, key = authority.issue("server")
    host, port = start_gateway({"tls": {"certificate": certificate, "key": key}}).http
    done = run("--ca", authority.file, "add", "a=1", "b=2", url=f"https://{host}:{port}/mcp")
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
    # A name as well as an address; and nobody is trusted without a reason.
    assert run("--ca", authority.file, "add", "a=1", "b=2", url=f"https://localhost:{port}").stdout == "3\n"
    assert run("add", "a=1", "b=2", url=f"https://{host}:{port}/mcp").returncode == 3
    assert run("--ca", "/nowhere", url=f"https://{host}:{port}/mcp").returncode == 2


def test_what_is_no_text_is_named(start_gateway, tmp_path):
    gateway = start_gateway({"mcpServers": {"everything": EVERYTHING}})
    host, port = gateway.http
    for tool, said in (
        ("test_image_content", "[image image/png, 70 bytes]"),
        ("test_embedded_resource", "This is an embedded resource content."),
    ):
        done = subprocess.run(
            [gateways.BINARY, "call", "--url", f"http://{host}:{port}/mcp/", tool], capture_output=True, text=True,
            timeout=30, env=gateways.clean_environment(), cwd=tmp_path)
        assert done.stdout.strip() == said, done.stderr
    done = subprocess.run(
        [gateways.BINARY, "call", "--url", f"http://localhost:{port}/mcp", "--json", "exact"], capture_output=True,
        text=True, timeout=30, env=gateways.clean_environment(), cwd=tmp_path)
    assert '"big":123456789012345678901234567890,"one":1.0,"exponent":1E+2' in done.stdout, done.stderr
