"""What attackers send. None gets in, none takes more than its share, and each shows in `mcp_gateway_refused_total`.

That memory stays bounded is proven where the bound is tested: floods of pings, fragments and bombs in test_socket_bounds,
slow handshakes there too, random client ids in test_access.
"""

import json
import zlib

import phoenix
import pytest
import raw
from raw import CONTINUATION, PING, TEXT, RawSocket, Wire, frame, request
from test_metrics import scrape
from wait import until


def refused(own, reason):
    return scrape(own)["mcp_gateway_refused_total", ("reason", reason)]


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    import gateway as gateways
    config = {"listen": {"handshake_timeout": "500ms"}}
    with gateways.Gateway(tmp_path_factory.mktemp("target"), config) as one:
        yield one


@pytest.fixture
def counted(target, new_client):
    """Says what the attack must be counted as; the gateway must serve others as before."""
    expected = []
    before = scrape(target)

    yield expected.append
    for reason in expected:
        until(lambda: refused(target, reason) > before["mcp_gateway_refused_total", ("reason", reason)], reason)
    assert expected, "the test says what is counted"
    socket, _ = phoenix.join(target.ws, new_client())
    with socket:
        socket.ok("message", {"type": "echo", "data": 1})


@pytest.mark.parametrize("path", [
    "/../etc/passwd", "/mcp/../../etc/passwd", "/%2e%2e/etc/passwd", "/mcp/%2E./x", "/..%2fetc/passwd", "/a/..", "/..\\etc",
    "/mcp/health/..%2f..%2fadmin",
])
def test_a_path_that_leads_out(target, counted, path):
    counted("path_traversal")
    assert raw.exchange(target.http, f"GET {path} HTTP/1.1") == 400


@pytest.mark.parametrize("headers", [
    ("Content-Length: 3", "Content-Length: 4"), ("Transfer-Encoding: chunked", "Content-Length: 3"),
    ("X: a\rb",), ("X\0: a",), ("X : a",), (" folded: a",), ("Host: other",),
], ids=repr)
def test_headers_that_can_be_read_in_two_ways(target, counted, headers):
    counted("malformed_request")
    with Wire(target.http) as wire:
        wire.send(request("POST /mcp/push HTTP/1.1", *headers, body=b"abc\r\n\r\nGET /mcp/stats HTTP/1.1\r\n\r\n"))
        assert wire.status() in (400, None)
        assert wire.ended() and wire.received.count(b"HTTP/1.1 ") <= 1, "no second request was found in it"


def test_a_header_in_a_parameter_stays_a_parameter(target):
    with Wire(target.sse) as wire:
        wire.send(request("GET /mcp/sse?client_id=a%0d%0aSet-Cookie:%20x=1 HTTP/1.1"))
        assert wire.status() == 400
        assert b"set-cookie" not in wire.head().lower()


def test_slow_loris(target, counted):
    counted("request_timeout")
    with Wire(target.http) as wire:
        wire.send(b"POST /mcp/push HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        assert wire.status() == 408


def test_a_flood_of_pings(target, counted, client):
    counted("control_frames")
    with RawSocket(target.ws, f"/mcp/ws/websocket?client_id={client}&vsn=2.0.0") as wire:
        wire.send(frame(PING, b"x" * 125) * 1000)
        wire.ended()


def test_tiny_fragments(target, counted, client):
    counted("websocket_protocol")
    with RawSocket(target.ws, f"/mcp/ws/websocket?client_id={client}&vsn=2.0.0") as wire:
        wire.send(frame(TEXT, b"[", final=False) + frame(CONTINUATION, b" ", final=False) * 20_000)
        wire.ended()


def test_a_deflate_bomb(target, counted, client):
    counted("inflation")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = (deflater.compress(b"[" + b" " * (60 << 20)) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
    data = bytearray(frame(TEXT, bomb))
    data[0] |= 0x40
    with Wire(target.ws) as wire:
        wire.send(request(
            f"GET /mcp/ws/websocket?client_id={client}&vsn=2.0.0 HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Extensions: permessage-deflate"))
        assert b"permessage-deflate" in wire.head()
        wire.send(bytes(data))
        wire.ended()


@pytest.mark.parametrize("depth", [65, 60_000])
def test_deep_json(target, counted, client, depth):
    counted("malformed_message")
    body = b'{"client_id":"%s","type":"a","data":%s1%s}' % (client.encode(), b"[" * depth, b"]" * depth)
    assert target.api.post("/mcp/push", body, **{"Content-Type": "application/json"}).status == 400


def test_deep_json_on_a_channel(target, counted, client):
    counted("malformed_frame")
    socket, _ = phoenix.join(target.ws, client)
    with socket:
        socket.connection.send('["1","2","mcp:gateway","message",' + "[" * 5000 + "]" * 5000 + "]")
        assert socket.close_code() == 1007


def test_huge_keys(target, counted, client):
    counted("malformed_message")
    body = {"client_id": client, "type": "echo", "data": {"k" * 65_536: 1}}
    assert target.api.post("/mcp/push", body).status == 202
    body["data"] = {"k" * 65_537: 1}
    assert "validation.max_key_length" in target.api.post("/mcp/push", body).json["reason"]
    body["data"] = {f"k{n}": n for n in range(10_001)}
    assert "validation.max_keys" in target.api.post("/mcp/push", body).json["reason"]


def test_a_body_beyond_the_bound(target, counted):
    counted("message_too_large")
    assert target.api.post("/mcp/push", json.dumps({"k" * 1_200_000: 1})).status == 413


def test_headers_without_end(target, counted):
    counted("headers_too_large")
    with Wire(target.http) as wire:
        wire.send(request("GET /health HTTP/1.1", *(f"X-{n}: {'v' * 200}" for n in range(100))))
        assert wire.status() in (431, None)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"])
def test_a_socket_of_another_origin(target, counted, client, origin):
    counted("origin")
    assert raw.upgrade(target.ws, f"/mcp/ws?client_id={client}", f"Origin: {origin}") == 403


def test_a_name_that_points_here(target, counted):
    """DNS rebinding: a page's own name resolves to loopback."""
    counted("host")
    with Wire(target.http) as wire:
        wire.send(b"POST /mcp HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        assert wire.status() == 421


TEXTS = ["<SCRIPT>alert(1)</script>", "javascript:alert(1)", "<img onerror=alert(1)>", "${jndi:ldap://x}", "\u003cscript"]


@pytest.mark.parametrize("text", TEXTS)
def test_threats_are_counted_and_delivered(target, client, text):
    def threats():
        return sum(value for key, value in scrape(target).items() if key[0] == "mcp_gateway_threats_total")

    before = threats()
    assert target.api.post("/mcp/push", {"client_id": client, "type": "echo", "data": {"a": [text]}}).status == 202
    assert threats() == before + 1


def test_threats_are_refused_if_told_so(start_gateway, client):
    own = start_gateway({"validation": {"threats": "block", "duplicate_keys": "refuse", "max_keys": 5}})
    for text in TEXTS:
        answer = own.api.post("/mcp/push", {"client_id": client, "type": "echo", "data": text})
        assert (answer.status, answer.json["reason"]) == (422, "potential_injection")
    socket, _ = phoenix.join(own.ws, client)
    with socket:
        assert socket.error("message", {"type": "echo", "data": {"x": TEXTS[0]}})["reason"] == "potential_injection"
        socket.ok("message", {"type": "echo", "data": "version=1; 2 < 3"})
    twice = '{"client_id":"%s","type":"echo","data":{"a":1,"\\u0061":2}}' % client
    assert "duplicate_keys" in own.api.post("/mcp/push", twice).json["reason"]
    many = {"client_id": client, "type": "echo", "data": {str(n): n for n in range(6)}}
    assert "validation.max_keys" in own.api.post("/mcp/push", many).json["reason"]
