"""`mcp-gateway send` and `mcp-gateway listen`: a client on the command line."""

import json
import subprocess

import admin
import gateway as gateways
import pytest
import sse
from wait import until


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with gateways.Gateway(tmp_path_factory.mktemp("send-and-listen"), admin.CONFIG) as one:
        yield one


def listening(own, *arguments):
    host, port = own.http
    return subprocess.Popen(
        [gateways.BINARY, "listen", *arguments, "--url", f"http://{host}:{port}"],
        env=gateways.clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_what_is_sent_arrives(own, client):
    stream, _ = sse.open_connected(own.sse, client)
    said = admin.answered(own, "send", "--client", client, "--type", "greeting", "--id", "one", "text=hello", "n=3")
    assert (said["id"], said["delivered"]) == ("one", 1)
    message = stream.expect("message").json
    assert (message["type"], message["data"]) == ("greeting", {"text": "hello", "n": 3})
    # The same id is accepted once.
    assert admin.answered(own, "send", "--client", client, "--type", "greeting", "--id", "one", "text=hello", "n=3")["id"] == "one"
    assert "1 delivered, 0 queued" in admin.shown(own, "send", "--client", client, '{"n":4}')
    assert stream.expect("message").json["data"] == {"n": 4}
    stream.close()


def test_a_listener_shows_messages_and_goes_on_later(own, client, topic):
    text = listening(own, client, "--topics", topic, "--count", "1")
    assert "connected" in text.stdout.readline()
    assert "1 delivered" in admin.shown(own, "send", "--topic", topic, "text=hello")
    assert text.wait(10) == 0
    assert text.stdout.read().split() == ["0", "message", f"[{topic}]", '{"text":"hello"}']

    # It is away while this comes.
    admin.shown(own, "send", "--client", client, "text=again")
    epoch = own.api.get(f"/mcp/health/{client}").json["epoch"]
    later = listening(own, client, "--after", f"{epoch}-0", "--count", "1", "--json")
    lines = [json.loads(line) for line in later.stdout]
    assert later.wait(10) == 0
    assert [one["type"] for one in lines] == ["connected", "message"]
    assert lines[0]["data"]["recovered"] is True and lines[1]["data"] == {"text": "again"}


def test_a_stream_that_ends_says_how_to_go_on(own, client):
    one = listening(own, client)
    assert "connected" in one.stdout.readline()
    admin.shown(own, "send", "--client", client, "text=hello")
    assert "hello" in one.stdout.readline()
    until(lambda: "closed 1" in admin.shown(own, "disconnect", client), "the connection")
    _, said = one.communicate(timeout=10)
    epoch = own.api.get(f"/mcp/health/{client}").json["epoch"]
    assert f"--after {epoch}-0 goes on" in said


def test_refusals(own, tmp_path):
    def run(*arguments):
        return gateways.run_command(*arguments, cwd=tmp_path, patience=30)
    url = f"http://{own.http[0]}:{own.http[1]}"
    assert run("send", "--url", url, "x=1").returncode == 2
    assert run("send", "--url", url, "--client", "a", "--topic", "b").returncode == 2
    refused = run("send", "--url", url, "--client", "no such name!", "x=1")
    assert refused.returncode == 1 and refused.stderr
    assert run("listen", "no such name!", "--url", url).returncode == 1
    assert run("listen", "somebody", "--url", "http://127.0.0.1:9").returncode == 3
    assert run("send", "--client", "a", "--url", "http://127.0.0.1:9").returncode == 3
