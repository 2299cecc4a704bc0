"""`GET /metrics`, read by the parser of Prometheus' own client: figures that are true, and that move."""

import os
import socket
import time

import phoenix
import sse
from gateway import run_command
from prometheus_client.parser import text_string_to_metric_families
from wait import until


def scrape(own):
    answer = own.api.get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        assert family.documentation and family.type != "unknown", family.name
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in samples, "a figure stands there once"
            samples[key] = sample.value
    return samples


def of(samples, name, transport):
    return samples[f"mcp_gateway_{name}", ("transport", transport)]


def test_figures_equal_the_statistics_and_move(start_gateway, client, new_client, topic):
    own = start_gateway()
    before = scrape(own)
    assert of(before, "connections", "websocket") == of(before, "messages_sent_total", "websocket") == 0
    one, _ = phoenix.join(own.ws, client, {"topics": [topic]})
    stream, _ = sse.open_connected(own.sse, new_client(), topics=topic)
    own.api.publish_numbers(50, topic=topic)
    assert one.numbers(50) == stream.numbers(50) == list(range(50))
    one.ok("message", {"type": "echo", "data": {"n": 1}})
    assert one.numbers(1) == [1]
    after = scrape(own)
    statistics = own.api.get("/mcp/stats").json
    for transport, sent in (("websocket", 51), ("http_sse", 50)):
        figures = statistics[transport]
        assert of(after, "connections", transport) == figures["connections"] == 1
        assert of(after, "messages_sent_total", transport) == figures["messages_sent"] == sent
        assert of(after, "sent_bytes_total", transport) == figures["bytes_sent"] > 0
        assert of(after, "delivery_seconds_count", transport) == sent
        assert 0 < of(after, "delivery_seconds_sum", transport) < 60
        buckets = [value for key, value in after.items() if key[0] == "mcp_gateway_delivery_seconds_bucket"
                   and ("transport", transport) in key]
        assert buckets == sorted(buckets) and buckets[-1] == sent
    received = of(after, "messages_received_total", "websocket")
    assert received == statistics["websocket"]["messages_received"] == 2, "a join and a push"
    assert after["mcp_gateway_sessions",] == statistics["sessions"] == 2
    assert after["mcp_gateway_topics",] == statistics["topics"] == 1
    assert after["mcp_gateway_ready",] == 1
    one.close()
    stream.close()
    until(lambda: of(scrape(own), "connections", "websocket") == of(scrape(own), "connections", "http_sse") == 0,
          "no connections")


def test_the_process_is_measured(gateway):
    samples = scrape(gateway)
    descriptors = len(os.listdir(f"/proc/{gateway.process.pid}/fd"))
    assert abs(samples["process_open_fds",] - descriptors) <= 5
    with open(f"/proc/{gateway.process.pid}/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    assert 0.5 < samples["process_resident_memory_bytes",] / resident < 2
    assert samples["process_cpu_seconds_total",] > 0
    lags = [value for key, value in samples.items() if key[0] == "mcp_gateway_event_loop_lag_seconds"]
    assert lags and all(0 <= lag < 60 for lag in lags)


def test_the_store_is_measured(start_gateway, new_client, tmp_path):
    own = start_gateway({"storage": {"engine": "sqlite", "path": str(tmp_path / "gateway.db")}})
    own.api.publish_numbers(10, client_id=new_client())
    samples = scrape(own)
    assert samples["mcp_gateway_storage_messages_total",] == 10
    assert samples["mcp_gateway_storage_commits_total",] >= 1 and samples["mcp_gateway_storage_up",] == 1


def test_acknowledgements_are_timed(start_gateway, client, new_client):
    own = start_gateway()
    one, _ = phoenix.join(own.ws, client, {"ack": True})
    other, _ = phoenix.join(own.ws, new_client())
    own.api.publish_numbers(3, client_id=client)
    assert one.numbers(3) == [0, 1, 2]
    assert of(scrape(own), "acknowledgement_seconds_count", "websocket") == 0
    one.ok("ack", {"sequence": 0})
    one.ok("ack", {"sequence": 2})
    one.ok("ack", {"sequence": 1})
    after = scrape(own)
    assert of(after, "acknowledgement_seconds_count", "websocket") == 2, "one for each that says something new"
    assert 0 < of(after, "acknowledgement_seconds_sum", "websocket") < 60
    one.close()
    other.close()


def test_bytes_that_wait_are_counted(start_gateway, client, topic):
    own = start_gateway()
    assert of(scrape(own), "queued_bytes", "http_sse") == 0
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled.connect(own.http)
    stalled.sendall(f"GET /mcp/sse?client_id={client}&topics={topic} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    until(lambda: of(scrape(own), "connections", "http_sse") == 1, "the stream")

    def publish(count):
        for _ in range(count):
            own.api.publish(topic=topic, data={"text": "x" * 50_000})

    def waits():
        # What the kernel takes does not wait; of what waits a scrape tells two seconds later.
        publish(6)
        give_up = time.monotonic() + 2.5
        while time.monotonic() < give_up:
            if of(scrape(own), "queued_bytes", "http_sse") > 50_000:
                return True
        return False

    publish(40)
    until(waits, "bytes to wait for a client that does not read", patience=60)
    stalled.close()
    until(lambda: of(scrape(own), "queued_bytes", "http_sse") == 0, "nothing to wait any more")


def test_tools_are_told_apart_up_to_a_bound(start_gateway):
    own = start_gateway({"mcp": {"tool_metrics": 1}})
    for arguments in (["add", "a=2", "b=40"], ["echo", "text=hi"], ["echo", "text=again"], ["add", "a=1", "b=1"]):
        done = run_command("call", *arguments, "--url", "http://%s:%d/mcp" % own.http, cwd=own.directory)
        assert done.returncode == 0, done
    after = scrape(own)
    counts = {dict(key[1:])["tool"]: value for key, value in after.items() if key[0] == "mcp_gateway_tool_seconds_count"}
    # Each event loop has a first tool of its own.
    assert sum(counts.values()) == 4 and "other" in counts and len(counts) <= 3
    off = start_gateway({"mcp": {"tool_metrics": 0}})
    assert run_command("call", "add", "a=2", "b=40", "--url", "http://%s:%d/mcp" % off.http, cwd=off.directory).returncode == 0
    assert not [key for key in scrape(off) if key[0] == "mcp_gateway_tool_seconds_count"]


def test_turns_of_event_loops_are_timed(gateway):
    def turns():
        return sum(value for key, value in scrape(gateway).items() if key[0] == "mcp_gateway_event_loop_delay_seconds_count")

    first = turns()
    until(lambda: turns() > first, "a turn")
