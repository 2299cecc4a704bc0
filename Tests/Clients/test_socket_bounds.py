"""What a WebSocket may cost, and how long a silent or slow one is kept. Each bound at its edge."""

import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import time
import zlib

import phoenix
import pytest
import raw
from phoenix import GATEWAY
from raw import CLOSE, CONTINUATION, PING, PONG, TEXT, RawSocket, Wire, frame, request
from wait import until

JOIN = json.dumps(["1", "1", GATEWAY, "phx_join", {}]).encode()


def path(client):
    return f"/mcp/ws/websocket?client_id={client}&vsn=2.0.0"


def joined(address, client):
    wire = RawSocket(address, path(client))
    wire.send(frame(TEXT, JOIN))
    opcode, payload = wire.next()
    assert opcode == TEXT and json.loads(payload)[4]["status"] == "ok"
    return wire


def farewell(wire):
    """What the gateway says at the end: its `gateway_close` and the close frame's code and reason."""
    announced = None
    while True:
        opcode, payload = wire.next()
        assert opcode is not None, "the connection ended without a close frame"
        if opcode == TEXT and json.loads(payload)[3] == "gateway_close":
            announced = json.loads(payload)[4]
        if opcode == CLOSE:
            return announced, int.from_bytes(payload[:2], "big"), payload[2:].decode()


def peak_memory(own):
    """Bytes that the gateway has ever held at once."""
    status = pathlib.Path(f"/proc/{own.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def still_serves(own, client):
    with phoenix.join(own.ws, client)[0] as socket:
        own.api.publish_numbers(3, client_id=client)
        assert socket.numbers(3) == [0, 1, 2]


# Control frames

@pytest.mark.parametrize("opcode", [PING, PONG], ids=["pings", "pongs"])
def test_control_frames_up_to_the_bound_and_one_beyond(start_gateway, new_client, opcode):
    own = start_gateway({"transports": {"websocket": {"max_control_frames": 5}}})
    with joined(own.ws, new_client()) as wire:
        wire.send(frame(opcode, b"x") * 5)
        if opcode == PING:
            assert [wire.next() for _ in range(5)] == [(PONG, b"x")] * 5
        wire.send(frame(TEXT, json.dumps([None, "2", "phoenix", "heartbeat", {}]).encode()))
        assert wire.next()[0] == TEXT
    with joined(own.ws, new_client()) as wire:
        wire.send(frame(opcode, b"x") * 6)
        announced, code, reason = farewell(wire)
        assert code == announced["code"] == 4029
        assert announced["reconnect"] == "after" and announced["retry_after_ms"] > 0
        assert "max_control_frames" in reason
        assert wire.ended()


def test_a_flood_of_pings_ends_early_and_costs_nothing(start_gateway, new_client):
    own = start_gateway()
    still_serves(own, new_client())
    before = peak_memory(own)
    wires = [joined(own.ws, new_client()) for _ in range(20)]
    for wire in wires:
        wire.send(frame(PING, b"x" * 125) * 2000)
    for wire in wires:
        assert farewell(wire)[1] == 4029
        wire.close()
    assert peak_memory(own) - before < 16 << 20
    still_serves(own, new_client())


# Fragments

def test_fragments_up_to_the_bound_and_one_beyond(start_gateway, new_client):
    own = start_gateway({"transports": {"websocket": {"max_fragments": 3}}})
    with RawSocket(own.ws, path(new_client())) as wire:
        wire.send(frame(TEXT, JOIN[:5], final=False) + frame(CONTINUATION, b"", final=False) + frame(CONTINUATION, JOIN[5:]))
        opcode, payload = wire.next()
        assert opcode == TEXT and json.loads(payload)[4]["status"] == "ok"
        wire.send(frame(TEXT, b"[", final=False) + frame(CONTINUATION, b" ", final=False) * 3)
        announced, code, reason = farewell(wire)
        assert code == announced["code"] == 1008 and "3 fragments" in reason


@pytest.mark.parametrize("payload", [b"", b" "], ids=["empty", "of one byte"])
def test_a_flood_of_tiny_fragments_ends_early_and_costs_nothing(start_gateway, new_client, payload):
    own = start_gateway()
    still_serves(own, new_client())
    before = peak_memory(own)
    wires = [joined(own.ws, new_client()) for _ in range(20)]
    for wire in wires:
        wire.send(frame(TEXT, b"[", final=False) + frame(CONTINUATION, payload, final=False) * 20_000)
    for wire in wires:
        assert farewell(wire)[1] == 1008
        wire.close()
    assert peak_memory(own) - before < 16 << 20
    still_serves(own, new_client())


# Compressed bombs

def test_bombs_are_told_1009_and_memory_stays_bounded(start_gateway, new_client):
    own = start_gateway()
    still_serves(own, new_client())
    before = peak_memory(own)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    # 60 KB that would become 60 MB.
    bomb = (deflater.compress(b"[" + b" " * (60 << 20)) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert len(bomb) < 65_536
    data = bytearray(frame(TEXT, bomb))
    data[0] |= 0x40
    wires = []
    for _ in range(20):
        wire = Wire(own.ws)
        wire.send(request(
            f"GET {path(new_client())} HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Extensions: permessage-deflate"))
        assert b"permessage-deflate" in wire.head()
        wire.send(bytes(data))
        wires.append(wire)
    for wire in wires:
        wire.ended()
        assert wire.received.partition(b"\r\n\r\n")[2].find(b"\x03\xf1") >= 0, "close code 1009"
        wire.close()
    assert peak_memory(own) - before < 24 << 20
    still_serves(own, new_client())


# Silence

def timeouts(**milliseconds):
    return {"transports": {"websocket": {key: f"{value}ms" for key, value in milliseconds.items()}}}


def test_a_client_that_does_not_answer_pings_is_told_1008(start_gateway, client):
    own = start_gateway(timeouts(ping_interval=500, pong_timeout=300, idle_timeout=60_000))
    with joined(own.ws, client) as wire:
        assert wire.next() == (PING, b"")
        announced, code, reason = farewell(wire)
        assert code == announced["code"] == 1008 and announced["reconnect"] == "now"
        assert "pong_timeout" in reason


def test_the_idle_timeout_does_not_wait_for_a_longer_pong_timeout(start_gateway, client):
    own = start_gateway(timeouts(ping_interval=1500, pong_timeout=1400, idle_timeout=1600))
    with joined(own.ws, client) as wire:
        announced, code, reason = farewell(wire)
        assert code == announced["code"] == 1008 and "idle_timeout" in reason


@pytest.mark.parametrize("opcode", [PING, PONG], ids=["pings", "pongs"])
def test_control_frames_are_activity(start_gateway, client, opcode):
    own = start_gateway(timeouts(ping_interval=900, pong_timeout=500, idle_timeout=1000))
    with joined(own.ws, client) as wire:
        # Well beyond every timeout; the gateway has no reason to ask.
        end = time.monotonic() + 3
        while time.monotonic() < end:
            wire.send(frame(opcode, b"here"))
            if opcode == PING:
                assert wire.next() == (PONG, b"here")
            time.sleep(0.05)
        wire.send(frame(TEXT, json.dumps([None, "2", "phoenix", "heartbeat", {}]).encode()))
        assert wire.next()[0] == TEXT


def test_a_client_that_does_not_answer_the_close_frame_is_cut_off(start_gateway, client):
    own = start_gateway({**timeouts(ping_interval=500, pong_timeout=300, idle_timeout=60_000),
                         "listen": {"close_timeout": "700ms"}})
    with joined(own.ws, client) as wire:
        farewell(wire)
        closed = time.monotonic()
        # Neither a close frame nor an end from this side.
        assert wire.ended()
        assert 0.4 < time.monotonic() - closed < 5


# Slow handshakes

def test_a_thousand_slow_handshakes_hinder_nobody_and_end_in_time(start_gateway, new_client):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    own = start_gateway({"listen": {"handshake_timeout": "3s", "close_timeout": "1s"}})
    wires = [Wire(own.ws) for _ in range(1000)]
    begun = time.monotonic()
    for at, wire in enumerate(wires):
        if at % 2:
            wire.send(f"GET {path('slow')} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: {at}".encode())
    still_serves(own, new_client())
    assert time.monotonic() - begun < 3, "served while all of them are there"
    for wire in wires:
        # There is no request yet that could be answered.
        assert wire.status() is None
        wire.ended()
        wire.close()
    assert time.monotonic() - begun < 10
    still_serves(own, new_client())


# Peers that vanish

def test_half_open_peers_of_both_transports_are_gone_in_time(tmp_path):
    configuration = {
        "log_connections": True,
        # Of event streams the second is not asked for: they have a key of their own.
        "listen": {"close_timeout": "1s", "tcp_user_timeout": "300s"},
        "transports": {
            "websocket": {"ping_interval": "1s", "pong_timeout": "900ms", "idle_timeout": "60s"},
            "http_sse": {"keepalive_interval": "1s", "heartbeat_interval": "30s", "keep_alive_timeout": "2s"},
        },
    }
    scenario = pathlib.Path(__file__).parent / "support/half_open.py"
    done = subprocess.run(
        ["unshare", "--map-root-user", "--net", sys.executable, str(scenario), str(tmp_path), json.dumps(configuration)],
        env={**os.environ, "PYTHONPATH": str(scenario.parent)}, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    kept = json.loads(done.stdout.splitlines()[-1])
    # What the documentation says, a tick of the wheel each, and the kernel's next attempt.
    assert kept["websocket"] < 1 + 0.9 + 1 + 2
    assert kept["http_sse"] < 1 + 2 + 4


# Channels


def test_the_channels_of_a_connection_are_bounded(start_gateway, client, topic):
    own = start_gateway({"transports": {"websocket": {"max_channels": 3}}})
    one, _ = phoenix.join(own.ws, client)
    for n in range(2):
        assert one.join(topic=f"{topic}:{n}") is not None
    answer = one.call("phx_join", {}, f"{topic}:2", join_ref="9", ref="9")
    assert answer["status"] == "error" and answer["response"]["reason"] == "too many channels joined", answer
    # Who leaves one may join another.
    one.ok("phx_leave", {}, f"{topic}:0")
    assert one.call("phx_join", {}, f"{topic}:2", join_ref="10", ref="10")["status"] == "ok"
    one.close()
