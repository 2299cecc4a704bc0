"""When more clients come than may begin: some wait, the others are told when to come again."""

import contextlib
import socket
import time

import certificates
import phoenix
import pytest
import raw
import sse
from api import API
from wait import PATIENCE
from websockets.exceptions import InvalidStatus

PACE = {"listen": {"handshake_rate": 20, "handshake_burst": 5, "handshake_delay": "500ms"}}


def test_too_many_streams_wait_and_then_are_sent_away(start_gateway, new_client):
    own = start_gateway(PACE)
    began = time.monotonic()
    wires = []
    for _ in range(40):
        wires.append(raw.Wire(own.sse))
        wires[-1].send(f"GET {sse.path(new_client())} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    statuses = [wire.status() for wire in wires]
    passed = time.monotonic() - began
    accepted = statuses.count(200)
    assert 5 < accepted <= 5 + 20 * passed + 1
    assert set(statuses) == {200, 503}
    returns = [wire.head().lower().partition(b"retry-after: ")[2].split()[0] for wire in wires
               if wire.status() == 503]
    assert all(1 <= int(seconds) <= 60 for seconds in returns)
    # Spread: at twenty a second not more than twenty come back in any second.
    assert max(returns.count(seconds) for seconds in returns) <= 21
    # The API and the probes are not paced.
    for _ in range(30):
        assert API(own.sse).get("/health").status == 200


def test_sockets_are_paced_too(start_gateway, new_client):
    own = start_gateway({"listen": {"handshake_rate": 1, "handshake_burst": 2, "handshake_delay": 0}})
    sockets = [phoenix.join(own.ws, new_client())[0] for _ in range(2)]
    with pytest.raises(InvalidStatus) as refusal:
        phoenix.Socket(own.ws, new_client())
    assert refusal.value.response.status_code == 503
    assert int(refusal.value.response.headers["Retry-After"]) >= 1
    for one in sockets:
        one.close()


def test_what_was_sent_while_waiting_is_not_lost(start_gateway, new_client, client):
    own = start_gateway({"listen": {"handshake_rate": 5, "handshake_burst": 1, "handshake_delay": "5s"}})
    first = [phoenix.Socket(own.ws, new_client()) for _ in range(2)]
    wire = raw.Wire(own.ws)
    # The first frames come right behind the handshake, before it is answered.
    frame = b'["1","1","mcp:gateway","phx_join",{}]'
    wire.send(
        f"GET /mcp/ws?client_id={client}&vsn=2.0.0 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        + bytes([0x81, 0x80 | len(frame), 0, 0, 0, 0]) + frame)
    assert wire.status() == 101
    while b"phx_reply" not in wire.received:
        assert wire.read()
    for one in first:
        one.close()


def test_one_that_leaves_while_it_waits_is_forgotten(start_gateway, new_client):
    own = start_gateway({"listen": {"handshake_rate": 5, "handshake_burst": 1, "handshake_delay": "5s"}})
    for _ in range(5):
        wire = raw.Wire(own.sse)
        wire.send(f"GET {sse.path(new_client())} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        wire.socket.close()
    stream, _ = sse.open_connected(own.sse, new_client())
    assert own.api.get("/mcp/stats").json["http_sse"]["connections"] == 1
    stream.close()


def test_tls_is_paced_before_it_costs_anything(start_gateway, tmp_path, new_client):
    authority = certificates.Authority(tmp_path)
    certificate, key = authority.issue("server")
    own = start_gateway({**PACE, "tls": {"certificate": certificate, "key": key}})
    context = authority.client()
    began = time.monotonic()
    # All of them come at the same time.
    plain = [socket.create_connection(own.sse, timeout=PATIENCE) for _ in range(40)]
    accepted = []
    for one in plain:
        with contextlib.suppress(OSError):
            accepted.append(context.wrap_socket(one, server_hostname="127.0.0.1"))
    passed = time.monotonic() - began
    assert 5 < len(accepted) <= 5 + 20 * passed + 1
    assert len(accepted) < 40
    # Whoever has been let in waits for no second turn.
    for one in accepted:
        one.sendall(f"GET {sse.path(new_client())} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert [one.recv(12) for one in accepted] == [b"HTTP/1.1 200"] * len(accepted)
    for one in accepted:
        one.close()
