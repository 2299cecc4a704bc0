"""Spans reach a receiver of OTLP; W3C trace context comes in and goes on."""

import json

import phoenix
import pytest
import sse
from api import API
from collector import Collector
from mcp_upstream import Upstream
from wait import until
from webhook import BackEnd

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def collector():
    one = Collector()
    yield one
    one.close()


def traced(collector, **more):
    return {"tracing": {"endpoint": collector.url, "interval": "20ms", "delivery_ratio": 1, **more}}


def test_a_publish_its_route_and_its_deliveries(start_gateway, collector, new_client):
    gateway = start_gateway(traced(collector, service_name="chat", headers="x-token=secret-of-mine"))
    topic, clients = "news", [new_client() for _ in range(3)]
    sockets = [phoenix.join(gateway.ws, one, {"topics": [topic]})[0] for one in clients]
    answer = gateway.api.request(
        "POST", "/mcp/messages", {"topic": topic, "data": {"n": 0}}, {"traceparent": PARENT, "tracestate": "a=b"})
    assert answer.status == 202
    publish = collector.wait(trace=TRACE, kind=collector.PRODUCER)[0]
    assert publish.parent == "00f067aa0ba902b7" and publish.name == f"publish {topic}"
    assert publish.attributes["messaging.message.id"] == answer.json["id"]
    assert publish.resource["service.name"] == "chat" and publish.end >= publish.start > 1.7e18
    route = collector.wait(trace=TRACE, name="route")[0]
    assert route.parent == publish.id and route.attributes["mcp_gateway.delivered"] == 3
    deliveries = collector.wait(3, kind=collector.CONSUMER)
    assert {one.attributes["messaging.client.id"] for one in deliveries} == set(clients)
    assert all(one.links == [(TRACE, publish.id)] and one.trace != TRACE for one in deliveries)
    assert all(socket.numbers(1) == [0] for socket in sockets)
    path, headers, _ = collector.requests[0]
    assert path == "/v1/traces" and headers["content-type"] == "application/x-protobuf"
    assert headers["x-token"] == "secret-of-mine"


def test_the_context_travels_in_meta(start_gateway, collector, client):
    gateway = start_gateway(traced(collector))
    stream, _ = sse.open_connected(gateway.sse, client)
    gateway.api.publish(client_id=client, meta={"traceparent": PARENT, "tracestate": "v=1"})
    meta = stream.expect("message").json["meta"]
    publish = collector.wait(trace=TRACE, kind=collector.PRODUCER)[0]
    assert meta == {"traceparent": f"00-{TRACE}-{publish.id}-01", "tracestate": "v=1"}
    # What nobody wants to see is passed on, and nothing more.
    unwanted = PARENT[:-1] + "0"
    gateway.api.publish(client_id=client, meta={"traceparent": unwanted})
    assert stream.expect("message").json["meta"] == {"traceparent": unwanted}
    gateway.api.publish(client_id=client, meta={"traceparent": "nonsense", "tracestate": "x"})
    assert stream.expect("message").json["meta"]["traceparent"] != "nonsense"
    stream.close()


def test_without_a_collector_a_context_is_passed_on_and_nothing_is_added(gateway, client):
    stream, _ = sse.open_connected(gateway.sse, client)
    gateway.api.publish(client_id=client)
    gateway.api.publish(client_id=client, meta={"traceparent": PARENT})
    first, second = stream.messages(2)
    assert "meta" not in first.json and second.json["meta"] == {"traceparent": PARENT}
    assert gateway.api.post("/mcp/messages", {"client_id": client, "data": 1, "meta": 7}).status == 422
    stream.close()


@pytest.mark.parametrize("modern", [False, True])
def test_a_tool_call_by_the_conventions_for_mcp(start_gateway, collector, modern):
    upstream = Upstream("one", modern=modern, legacy=not modern)
    gateway = start_gateway({**traced(collector), "mcpServers": {"one": {"url": upstream.url}}, "mcp": {"demo": False}})
    try:
        answer = API(gateway.http).request("POST", "/mcp", json.dumps({
            "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
                "name": "read", "arguments": {},
                "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "traceparent": PARENT,
                          "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
                          "io.modelcontextprotocol/clientCapabilities": {}}}}), {
            "content-type": "application/json", "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "read"})
        assert answer.status == 200, answer
        server = collector.wait(kind=collector.SERVER)[0]
        client = collector.wait(kind=collector.CLIENT)[0]
        assert server.name == client.name == "tools/call read"
        assert (server.trace, server.parent, client.parent) == (TRACE, "00f067aa0ba902b7", server.id)
        assert server.attributes["mcp.method.name"] == "tools/call"
        assert server.attributes["gen_ai.tool.name"] == "read"
        assert server.attributes["jsonrpc.request.id"] == "7"
        assert server.failure is None
        given = [body for kind, _, body in upstream.requests if body and body.get("method") == "tools/call"][-1]
        assert given["params"]["_meta"]["traceparent"] == f"00-{TRACE}-{client.id}-01"
    finally:
        upstream.close()


def test_a_call_that_fails_says_so(start_gateway, collector):
    gateway = start_gateway(traced(collector))
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream",
               "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "fail", "traceparent": PARENT}
    API(gateway.http).request("POST", "/mcp", json.dumps({
        "jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": {
            "name": "fail", "arguments": {}, "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {}}}}), headers)
    server = collector.wait(kind=collector.SERVER)[0]
    assert server.trace == TRACE, "the header counts where _meta says nothing"
    assert server.attributes["error.type"] == "tool_error" and server.failure


def test_a_webhook_gets_the_context(start_gateway, collector, client):
    back = BackEnd()
    gateway = start_gateway({
        **traced(collector),
        "routes": [{"type": "order", "handler": {"webhook": back.on("/orders", (200, {"ok": True}))}}]})
    answer = gateway.api.request(
        "POST", "/mcp/push", {"client_id": client, "type": "order", "data": {}}, {"traceparent": PARENT})
    assert answer.status == 202, answer
    hook = collector.wait(name="webhook message")[0]
    assert hook.trace == TRACE and hook.attributes["mcp_gateway.webhook.event"] == "message"
    given = back.calls[0].headers["traceparent"]
    assert given.startswith(f"00-{TRACE}-") and given != PARENT
    back.close()


def test_a_collector_that_fails_costs_spans_and_nothing_else(start_gateway, collector, client):
    collector.statuses[:] = [503, 400]
    gateway = start_gateway(traced(collector, queue=4))
    for _ in range(50):
        gateway.api.publish(client_id=client)
    figures = until(
        lambda: (now := gateway.api.get("/mcp/stats").json["tracing"])["exported"] + now["failed"] > 0 and now,
        "spans to be counted")
    assert figures["dropped"] > 0
    text = gateway.api.get("/metrics").body.decode()
    assert "mcp_gateway_spans_exported_total" in text and 'mcp_gateway_spans_lost_total{cause="queue"}' in text


def test_what_is_left_is_sent_at_the_end(start_gateway, collector, client):
    gateway = start_gateway(traced(collector, interval="1h"))
    gateway.api.publish(client_id=client)
    gateway.stop()
    assert collector.find(kind=collector.PRODUCER)


def test_the_port_of_grpc_is_told(start_gateway):
    gateway = start_gateway(env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"})
    assert "4318" in gateway.text() and "gRPC" in gateway.text()


def test_nothing_is_sampled_at_ratio_zero(start_gateway, collector, client):
    gateway = start_gateway(traced(collector, sample_ratio=0))
    gateway.api.publish(client_id=client)
    gateway.api.publish(client_id=client, meta={"traceparent": PARENT})
    assert {one.trace for one in collector.wait(kind=collector.PRODUCER)} == {TRACE}


def test_messages_and_routes_are_logged_on_request(start_gateway, client):
    gateway = start_gateway({"log_messages": True, "trace_routing": True, "log": {"format": "json"}})
    stream, _ = sse.open_connected(gateway.sse, client)
    answer = gateway.api.publish(client_id=client, meta={"traceparent": PARENT})
    stream.expect("message")
    gateway.api.post("/mcp/push", {"client_id": client, "type": "echo", "data": {}})
    stream.expect("message")

    def lines(message):
        found = [json.loads(line) for line in gateway.text().splitlines() if line.startswith("{")]
        return [one for one in found if one["message"] == message]

    until(lambda: len(lines("message delivered")) == 2, "two deliveries in the log")
    accepted = lines("message accepted")[0]
    assert accepted["message_id"] == answer["id"] and accepted["trace_id"] == TRACE and accepted["to"] == client
    delivered = lines("message delivered")[0]
    assert (delivered["client_id"], delivered["sequence"], delivered["trace_id"]) == (client, "0", TRACE)
    assert [one["route"] for one in lines("message routed")] == ["client_id", "echo echo"]
    assert f"{client}=http_sse:0" in lines("message routed")[0]["recipients"]
    stream.close()
