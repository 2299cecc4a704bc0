"""A Phoenix client in a process of its own, for tests that stop it or keep it from reading.

Arguments: host, port, client id, `ack` or `plain`, event id to resume after or nothing. Prints the join's response and
then each envelope, a line of JSON each. Reads words from standard input: `stall` stops reading, `reset` and `finish` end
the connection without a goodbye.
"""

import base64
import json
import os
import select
import socket
import struct
import sys
import threading

host, port, client, mode, after = sys.argv[1:6]
acknowledges = mode == "ack"
sock = socket.create_connection((host, int(port)))
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
stalled = threading.Event()
lock = threading.Lock()


def send(opcode, payload):
    mask = os.urandom(4)
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    with lock:
        sock.sendall(bytes([0x80 | opcode]) + length + mask + masked)


def push(frame):
    send(1, json.dumps(frame).encode())


def exactly(count):
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


def receive():
    first, second = exactly(2)
    size = second & 0x7F
    if size == 126:
        size = struct.unpack("!H", exactly(2))[0]
    elif size == 127:
        size = struct.unpack("!Q", exactly(8))[0]
    return first & 0x0F, exactly(size)


def say(value):
    print(json.dumps(value), flush=True)


def listen():
    for line in sys.stdin:
        word = line.strip()
        if word == "stall":
            stalled.set()
        elif word in ("reset", "finish"):
            if word == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # Closing is not enough while the other thread reads: this ends both directions.
                os.close(os.dup(sock.fileno()))
            stalled.set()
            if word == "finish":
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


key = base64.b64encode(os.urandom(16)).decode()
sock.sendall((f"GET /mcp/ws/websocket?vsn=2.0.0&compression=false&client_id={client} HTTP/1.1\r\nHost: {host}:{port}\r\n"
              "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
              f"Sec-WebSocket-Key: {key}\r\n\r\n").encode())
head = b""
while not head.endswith(b"\r\n\r\n"):
    head += exactly(1)
assert b" 101 " in head, head
push(["1", "1", "mcp:gateway", "phx_join", {"ack": acknowledges, **({"last_event_id": after} if after else {})}])
threading.Thread(target=listen, daemon=True).start()
try:
    while True:
        # Short waits, so that a stalled reader leaves what comes where it is.
        if stalled.is_set():
            threading.Event().wait()
        if not select.select([sock], [], [], 0.02)[0]:
            continue
        opcode, payload = receive()
        if opcode == 9:
            send(10, payload)
        elif opcode == 8:
            break
        elif opcode == 1:
            _, ref, _, event, body = json.loads(payload)
            if event == "phx_reply" and ref == "1":
                say(body["response"])
            elif event == "message":
                say(body)
                if acknowledges:
                    push(["1", None, "mcp:gateway", "ack", {"sequence": body["sequence"]}])
except (OSError, ValueError):
    pass
