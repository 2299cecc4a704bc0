"""HTTP clients that do it wrong: each gets its error, the others do not notice."""

import json

import pytest
import raw
import sse
from api import API
from raw import Wire, exchange, request
from wait import until

pytestmark = pytest.mark.usefixtures("bystander")

PORTS = ["http", "sse", "ws"]
JSON = "Content-Type: application/json"
TOO_BIG = 1_048_577


def assert_error(answer, status, code=None):
    assert answer.status == status, answer
    assert set(answer.json) == {"error", "reason", "retry_after"}, answer
    if code:
        assert answer.json["error"] == code


# client_id

@pytest.mark.parametrize("port", ["sse", "http"])
@pytest.mark.parametrize("query", ["", "?client_id=", "?client_id=a%20b", "?client_id=a/b", "?client_id=%C3%BC",
                                   "?client_id=%FF", "?client_id=" + "x" * 129, "?client_id=a%0Ab", "?clientid=a"])
def test_a_stream_without_a_proper_client_id_is_refused(gateway, port, query):
    assert_error(API(getattr(gateway, port)).get("/mcp/sse" + query), 400)


@pytest.mark.parametrize("good", ["x" * 128, "aZ09._-:@"])
def test_an_unusual_but_proper_client_id_is_accepted(gateway, good):
    with sse.open(gateway.sse, good) as stream:
        assert stream.next().json["data"]["client_id"] == good


# Methods and content types

@pytest.mark.parametrize(
    "port, method, path",
    [("sse", "POST", "/mcp/sse"), ("sse", "PUT", "/mcp/sse"), ("sse", "DELETE", "/mcp/sse"),
     ("http", "POST", "/mcp/sse"), ("http", "GET", "/mcp/messages"), ("http", "DELETE", "/mcp/messages"),
     ("http", "GET", "/mcp/push"), ("sse", "GET", "/mcp/push"), ("http", "POST", "/mcp/stats"),
     ("http", "POST", "/health"), ("sse", "DELETE", "/ready")],
)
def test_a_wrong_method_is_405(gateway, port, method, path):
    body = {} if method in ("POST", "PUT") else None
    answer = API(getattr(gateway, port)).request(method, path + "?client_id=x", body)
    assert_error(answer, 405)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data"])
@pytest.mark.parametrize("path", ["/mcp/messages", "/mcp/push"])
def test_a_wrong_content_type_is_415(gateway, client, path, kind):
    body = json.dumps({"client_id": client, "type": "note", "data": {}})
    assert_error(gateway.api.request("POST", path, body, {"Content-Type": kind}), 415)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"])
def test_parameters_and_case_of_the_content_type_do_not_matter(gateway, client, kind):
    answer = gateway.api.request("POST", "/mcp/messages", {"client_id": client, "data": {}}, {"Content-Type": kind})
    assert answer.status == 202


# Sizes

@pytest.mark.parametrize("path", ["/mcp/messages", "/mcp/push"])
def test_a_body_beyond_the_limit_is_413(gateway, client, path):
    body = json.dumps({"client_id": client, "type": "note", "data": "x" * TOO_BIG}).encode()
    with Wire(gateway.http) as wire:
        wire.send(request(f"POST {path} HTTP/1.1", JSON, f"Content-Length: {len(body)}"))
        wire.send(body)
        assert wire.status() == 413
        while b"message_too_large" not in wire.received and wire.read():
            pass
        assert b'"message_too_large"' in wire.received


@pytest.mark.parametrize("port, path", [("http", "/mcp/messages"), ("sse", "/mcp/push")])
def test_a_chunked_body_that_never_ends_is_413(gateway, port, path):
    with Wire(getattr(gateway, port)) as wire:
        wire.send(request(f"POST {path} HTTP/1.1", JSON, "Transfer-Encoding: chunked"))
        chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
        for _ in range(1024):
            if not wire.send(chunk):
                break
        assert wire.status() in (413, None)


def test_a_body_that_never_comes_holds_up_nobody(gateway, client):
    with Wire(gateway.http) as wire:
        wire.send(request("POST /mcp/messages HTTP/1.1", JSON, "Content-Length: 1000", body=b'{"client_id"'))
        assert gateway.api.publish(client_id=client)["queued"] == 1


@pytest.mark.parametrize("port", PORTS)
def test_an_oversized_header_is_refused(gateway, port):
    status = exchange(getattr(gateway, port), "GET /health HTTP/1.1", "X-Padding: " + "x" * 200_000)
    assert status in (400, 431, None)


@pytest.mark.parametrize("port", PORTS)
def test_too_many_headers_are_refused(gateway, port):
    fields = [f"X-Padding-{number}: {'x' * 100}" for number in range(5000)]
    assert exchange(getattr(gateway, port), "GET /health HTTP/1.1", *fields) in (400, 431, None)


@pytest.mark.parametrize("port", PORTS)
def test_an_oversized_request_line_is_refused(gateway, port):
    path = "/health?" + "x" * 200_000
    assert exchange(getattr(gateway, port), f"GET {path} HTTP/1.1") in (400, 414, 431, None)


@pytest.mark.parametrize("port", PORTS)
def test_headers_that_never_end_are_refused(gateway, port):
    with Wire(getattr(gateway, port)) as wire:
        wire.send(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        for number in range(10_000):
            if not wire.send(f"X-{number}: {'x' * 100}\r\n".encode()):
                break
        assert wire.status() in (400, 431, None)


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize(
    "bytes_", [b"\r\n\r\n\r\n", b"NONSENSE\r\n\r\n", b"GET /health\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
               b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 100, b"GET /health HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
               b"GET /health HTTP/1.1\r\nbad header\r\n\r\n"],
)
def test_what_is_no_http_is_refused_or_cut_off(gateway, port, bytes_):
    with Wire(getattr(gateway, port)) as wire:
        wire.send(bytes_)
        wire.socket.shutdown(raw.socket.SHUT_WR)
        assert wire.status() in (400, 426, 505, None)


@pytest.mark.parametrize("port", PORTS)
def test_smuggling_by_two_lengths_is_refused(gateway, port):
    status = exchange(
        getattr(gateway, port), "POST /mcp/push HTTP/1.1", JSON, "Content-Length: 4", "Content-Length: 5", body=b"{}  "
    )
    assert status in (400, 404, None)


def test_a_stream_request_that_brings_a_body_is_still_a_stream(gateway, client):
    with Wire(gateway.sse) as wire:
        wire.send(request(f"GET /mcp/sse?client_id={client} HTTP/1.1", JSON, "Content-Length: 2", body=b"{}"))
        assert wire.status() in (200, 400)


def test_a_client_that_vanishes_from_its_stream_is_forgotten(gateway, client):
    with Wire(gateway.sse) as wire:
        wire.send(request(f"GET /mcp/sse?client_id={client} HTTP/1.1"))
        assert wire.status() == 200
    until(lambda: not gateway.api.client_health(client)["connected"], "the end to be noticed")


# Hosts (RFC 9112 3.2)

@pytest.mark.parametrize("lines", [b"", b"Host: a\r\nHost: a\r\n", b"Host: a\r\nhost: b\r\n"])
def test_a_request_has_one_host(gateway, lines):
    with Wire(gateway.http) as wire:
        wire.send(b"GET /health HTTP/1.1\r\n" + lines + b"\r\n")
        assert wire.status() == 400


def test_a_request_of_http_1_0_needs_no_host(gateway):
    with Wire(gateway.http) as wire:
        wire.send(b"GET /health HTTP/1.0\r\n\r\n")
        assert wire.status() == 200
