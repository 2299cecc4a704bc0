"""HTTP and WebSocket byte by byte, for what no decent client would send."""

import base64
import contextlib
import os
import re
import socket
import struct
import time

from wait import PATIENCE

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0


class Wire:
    """A TCP connection to a port of the gateway."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        self.received = b""

    def send(self, data):
        """False when the server has hung up already."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def read(self):
        """More bytes, or b'' at the end."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        except TimeoutError:
            raise AssertionError(f"the server is silent; so far: {self.received[:500]!r}") from None
        self.received += data
        return data

    def status(self):
        """The status code of the answer; None when the connection ended without one."""
        while b"\r\n" not in self.received:
            if not self.read():
                break
        match = re.match(rb"HTTP/1\.[01] (\d{3})", self.received)
        return int(match.group(1)) if match else None

    def head(self):
        while b"\r\n\r\n" not in self.received:
            if not self.read():
                break
        return self.received.partition(b"\r\n\r\n")[0]

    def ended(self):
        """Waits for the end of the connection."""
        while self.read():
            pass
        return True

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def request(line, *headers, body=b""):
    return "\r\n".join((line, "Host: 127.0.0.1", *headers, "", "")).encode() + body


def exchange(address, line, *headers, body=b""):
    """The status code of one request."""
    with Wire(address) as wire:
        wire.send(request(line, *headers, body=body))
        return wire.status()


def upgrade(address, path, *headers, key=True):
    """The status code of a WebSocket handshake."""
    fields = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    if key:
        fields.append("Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode())
    return exchange(address, f"GET {path} HTTP/1.1", *fields, *headers)


def frame(opcode, payload, final=True, masked=True):
    """One WebSocket frame as a client sends it."""
    first = (0x80 if final else 0) | opcode
    bit = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    return head + (b"\0\0\0\0" if masked else b"") + payload


class RawSocket(Wire):
    """A WebSocket after its handshake."""

    def __init__(self, address, path):
        super().__init__(address)
        key = base64.b64encode(os.urandom(16)).decode()
        self.send(request(
            f"GET {path} HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
        ))
        head = self.head()
        assert b" 101 " in head.split(b"\r\n")[0], head
        self.received = self.received.partition(b"\r\n\r\n")[2]

    def next(self):
        """`(opcode, payload)` of the next frame; `(None, b'')` when the connection ended."""
        while True:
            if (parsed := self._parse()) is not None:
                return parsed
            if not self.read():
                return None, b""

    def _parse(self):
        data = self.received
        if len(data) < 2:
            return None
        size, at = data[1] & 0x7F, 2
        if size >= 126:
            wide = 2 if size == 126 else 8
            if len(data) < 2 + wide:
                return None
            size, at = int.from_bytes(data[2:2 + wide], "big"), 2 + wide
        if len(data) < at + size:
            return None
        self.received = data[at + size:]
        return data[0] & 0x0F, data[at:at + size]

    def close_code(self):
        """The code with which the server closes; 1006 when it ends without a close frame."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            opcode, payload = self.next()
            if opcode is None:
                return 1006
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big") if payload else 1005
        raise AssertionError("the server does not close")
