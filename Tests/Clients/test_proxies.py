"""Whose word counts on where a client comes from."""

import socket
import struct

import certificates
import pytest
import raw
from api import API
from wait import until

LIMIT = {"security": {"max_connections_per_ip": 2}, "log_connections": True}
TRUSTING = {**LIMIT, "listen": {"trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]}}
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def get(address, client, prefix=b"", wrap=None, **headers):
    """Asks for a stream; the connection stays open."""
    wire = raw.Wire(address)
    if prefix:
        wire.send(prefix)
    if wrap:
        wire.socket = wrap.wrap_socket(wire.socket, server_hostname="127.0.0.1")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    wire.send(f"GET /mcp/sse?client_id={client} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
    return wire


@pytest.mark.parametrize("header, value", [
    ("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-For", "6.6.6.6, 192.0.2.7, 10.0.0.1"),
    ("Forwarded", "for=192.0.2.7"), ("Forwarded", 'for=6.6.6.6, for="192.0.2.7:80";proto=https, for=10.1.1.1'),
])
def test_a_trusted_proxy_names_the_client(start_gateway, new_client, header, value):
    own = start_gateway(TRUSTING)
    wires = [get(own.sse, new_client(), **{header: value}) for _ in range(2)]
    assert [wire.status() for wire in wires] == [200, 200]
    assert get(own.sse, new_client(), **{header: value}).status() == 429
    assert get(own.sse, new_client(), **{header: "192.0.2.8" if header[0] == "X" else "for=192.0.2.8"}).status() == 200
    until(lambda: own.text().count("192.0.2.7") >= 2, "the client's address in the log")
    assert "6.6.6.6" not in own.text()
    # A place that is left is free again.
    wires[0].socket.close()
    until(lambda: get(own.sse, new_client(), **{header: value}).status() == 200, "a place to be free")


def test_nobody_else_is_believed(start_gateway, new_client):
    own = start_gateway(LIMIT)
    wires = [get(own.sse, new_client(), **{"X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.7"})
             for _ in range(5)]
    assert [wire.status() for wire in wires] == [200] * 5
    assert "192.0.2.7" not in own.text()


def version1(address):
    return f"PROXY TCP4 {address} 198.51.100.1 4711 443\r\n".encode()


def version2(address):
    body = socket.inet_aton(address) + socket.inet_aton("198.51.100.1") + struct.pack("!HH", 4711, 443)
    return SIGNATURE + b"\x21\x11" + struct.pack("!H", len(body) + 4) + body + b"\x04\0\x01\0"


PROXIED = {**LIMIT, "listen": {"trusted_proxies": "127.0.0.1", "proxy_protocol": True}}


@pytest.mark.parametrize("header", [version1, version2])
def test_the_proxy_protocol(start_gateway, new_client, header):
    own = start_gateway(PROXIED)
    wires = [get(own.sse, new_client(), header("192.0.2.7")) for _ in range(2)]
    assert [wire.status() for wire in wires] == [200, 200]
    assert get(own.sse, new_client(), header("192.0.2.7")).status() == 429
    assert get(own.sse, new_client(), header("192.0.2.8")).status() == 200
    until(lambda: "192.0.2.7" in own.text(), "the client's address in the log")
    # The address of a client behind the proxy gives nobody the right to name another.
    forged = get(own.sse, new_client(), header("192.0.2.9"), **{"X-Forwarded-For": "6.6.6.6"})
    assert forged.status() == 200
    assert "6.6.6.6" not in own.text()


@pytest.mark.parametrize("header", [version1, version2])
def test_the_proxy_protocol_byte_by_byte_and_before_tls(start_gateway, new_client, tmp_path, header):
    authority = certificates.Authority(tmp_path)
    certificate, key = authority.issue("server")
    own = start_gateway({**PROXIED, "tls": {"certificate": certificate, "key": key},
                         "transports": {"http_sse": {"tls": {"enabled": False}}}})
    wire = raw.Wire(own.sse)
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in header("192.0.2.7"):
        wire.send(bytes([byte]))
    wire.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    assert wire.status() == 200
    encrypted = get(own.http, new_client(), header("192.0.2.8"), authority.client())
    assert encrypted.status() == 200
    until(lambda: "192.0.2.8" in own.text(), "the client's address in the log")


def test_a_health_check_of_the_proxy_itself(start_gateway):
    own = start_gateway(PROXIED)
    for header in (b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x20\0\0\0"):
        wire = raw.Wire(own.sse)
        wire.send(header + b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert wire.status() == 200


@pytest.mark.parametrize("beginning", [
    b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", b"PROXY TCP4 1.1.1.1\r\n", SIGNATURE + b"\x31\x11\0\x0c", b"\r\n\r\n",
])
def test_what_is_no_header_ends_the_connection(start_gateway, beginning):
    own = start_gateway(PROXIED)
    wire = raw.Wire(own.sse)
    wire.send(beginning)
    if beginning != b"\r\n\r\n":
        assert wire.ended() and wire.received == b""
        until(lambda: "no PROXY header" in own.text(), "a line in the log")
    else:
        # It may still become one.
        wire.send(b"\0\r\nQUIT\n\x20\0\0\0GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert wire.status() == 200


def test_a_header_from_somebody_else_is_no_request(start_gateway):
    own = start_gateway({"listen": {"trusted_proxies": "192.0.2.1", "proxy_protocol": True}})
    assert API(own.sse).get("/health").status == 200
    wire = raw.Wire(own.sse)
    wire.send(version1("192.0.2.7") + b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    assert wire.status() == 400


def test_force_ssl(start_gateway):
    own = start_gateway({"listen": {"force_ssl": True, "trusted_proxies": "127.0.0.1", "public_host": "a.example"}})
    answer = own.api.get("/mcp/stats?x=1")
    assert (answer.status, answer.headers["Location"]) == (301, "https://a.example/mcp/stats?x=1")
    answer = own.api.post("/mcp/messages", {"client_id": "a", "data": 1})
    assert (answer.status, answer.headers["Location"]) == (307, "https://a.example/mcp/messages")
    assert own.api.get("/mcp/stats", **{"X-Forwarded-Proto": "https"}).status == 200
    assert own.api.get("/mcp/stats", **{"Forwarded": "for=192.0.2.1;proto=https"}).status == 200
    assert own.api.get("/mcp/stats", **{"X-Forwarded-Proto": "http"}).status == 301
    assert own.api.get("/health").status == 200
    assert own.api.get("/ready").status == 200
