"""What curl shows."""

import json
import subprocess
import threading

import pytest
import sse
from wait import until


class Curl:
    """A running `curl -N`; what it prints is parsed as an event stream."""

    def __init__(self, *arguments):
        self._process = subprocess.Popen(("curl", "-sN", *arguments), stdout=subprocess.PIPE)
        self.parser = sse.Parser()
        self.events = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while chunk := self._process.stdout.read1(65536):
            self.events += self.parser.feed(chunk)

    def of_type(self, type, count):
        def enough():
            chosen = [event for event in self.events if event.type == type]
            return chosen if len(chosen) >= count else None
        return until(enough, f"{count} events {type!r}, has {self.events[-3:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()


@pytest.mark.parametrize("port", ["sse", "http"])
def test_curl_follows_a_stream_and_resumes_it(gateway, client, port):
    address = getattr(gateway, port)
    url = f"http://{address[0]}:{address[1]}/mcp/sse?client_id={client}"
    with Curl(url) as curl:
        assert curl.of_type("connected", 1)[0].json["data"]["client_id"] == client
        gateway.api.publish_numbers(200, client_id=client)
        events = curl.of_type("message", 200)
        assert [one.json["data"]["n"] for one in events] == list(range(200))
    with Curl("-H", f"Last-Event-ID: {events[149].last_event_id}", url) as curl:
        assert curl.of_type("connected", 1)[0].json["data"]["replayed"] == 50
        again = curl.of_type("message", 50)
        assert [one.json["data"]["n"] for one in again] == list(range(150, 200))


def test_curl_publishes(gateway, client):
    address = f"http://{gateway.http[0]}:{gateway.http[1]}"
    body = json.dumps({"client_id": client, "data": {"n": 1}})
    done = subprocess.run(
        ("curl", "-s", "-w", "\n%{http_code}", "-H", "Content-Type: application/json", "-d", body,
         f"{address}/mcp/messages"),
        capture_output=True, text=True, timeout=15, check=True,
    )
    answer, _, status = done.stdout.rpartition("\n")
    assert status == "202"
    assert json.loads(answer)["queued"] == 1
