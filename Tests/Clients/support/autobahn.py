"""A WebSocket client that can break every rule, and that forgives none: for the cases of the Autobahn test suite."""

import os
import socket
import struct
import zlib
from typing import NamedTuple

from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Wire, request

NORMAL, PROTOCOL_ERROR, INVALID_PAYLOAD = 1000, 1002, 1007
ONCE, FRAMES, OCTETS = "at once", "frame by frame", "octet by octet"
TAIL = b"\0\0\xff\xff"


class Frame(NamedTuple):
    opcode: int
    payload: bytes = b""
    final: bool = True
    reserved: int = 0

    def encoded(self):
        """As a client sends it: masked, with a key that is not zero."""
        key = os.urandom(4)
        size = len(self.payload)
        first = (0x80 if self.final else 0) | self.reserved << 4 | self.opcode
        if size < 126:
            head = struct.pack("!BB", first, 0x80 | size)
        elif size < 65536:
            head = struct.pack("!BBH", first, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", first, 0x80 | 127, size)
        return head + key + masked(self.payload, key)


def masked(payload, key):
    size = len(payload)
    wide = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(wide, "little")).to_bytes(size, "little")


def fragments(opcode, payload, size, reserved=0):
    """One message in frames of `size`; one frame if there is no size."""
    parts = [payload[at:at + size] for at in range(0, len(payload), size)] if size else [payload]
    last = len(parts) - 1
    return [
        Frame(opcode if at == 0 else CONTINUATION, part, at == last, reserved if at == 0 else 0)
        for at, part in enumerate(parts)
    ]


class Violation(AssertionError):
    """The server broke a rule of RFC 6455 or RFC 7692."""


def must(holds, rule):
    if not holds:
        raise Violation(rule)


class Fuzzer(Wire):
    """After the handshake. `offer` is the value of Sec-WebSocket-Extensions."""

    def __init__(self, address, offer=None):
        super().__init__(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        if offer:
            lines.append(f"Sec-WebSocket-Extensions: {offer}")
        self.send(request("GET /mcp/echo HTTP/1.1", *lines))
        head = self.head()
        self.received = self.received.partition(b"\r\n\r\n")[2]
        lines = head.decode().split("\r\n")
        must(lines[0].startswith("HTTP/1.1 101 "), f"a handshake is answered with 101: {head!r}")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        must(headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the accept value of RFC 6455 1.3")
        self.extension = headers.get("sec-websocket-extensions")
        must(offer or not self.extension, "no extension without an offer")
        self.parameters = dict(
            (name.strip(), value.strip()) for name, _, value in
            (part.partition("=") for part in (self.extension or "").split(";")[1:]))
        self._buffer = bytearray(self.received)
        self._ended = False

    # Sending

    def play(self, frames, how=ONCE, chop=None):
        """Sends frames; a server that has hung up meanwhile is not noticed here."""
        encoded = [frame.encoded() for frame in frames]
        if how == FRAMES:
            pieces = encoded
        else:
            data = b"".join(encoded)
            chop = 1 if how == OCTETS else chop
            pieces = [data[at:at + chop] for at in range(0, len(data), chop)] if chop else [data]
        for piece in pieces:
            if not self.send(piece):
                return

    def compressed(self, opcode, payload, size=0):
        """The frames of a message, compressed as what was agreed on demands."""
        bits = int(self.parameters.get("client_max_window_bits") or 15)
        deflater = zlib.compressobj(6, zlib.DEFLATED, -bits)
        data = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)
        must(data.endswith(TAIL), "zlib ends a flush so")
        return fragments(opcode, data[:-4], size, reserved=4)

    # Receiving

    def _take(self, count):
        while len(self._buffer) < count and not self._ended:
            try:
                data = self.socket.recv(262_144)
            except ConnectionResetError:
                data = b""
            except TimeoutError:
                raise AssertionError("the server is silent") from None
            self._ended = not data
            self._buffer += data
        if len(self._buffer) < count:
            return None
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _frame(self):
        """The next frame, or None at the end."""
        head = self._take(2)
        if head is None:
            must(not self._buffer, "the connection ends between two frames")
            return None
        final, reserved, opcode = bool(head[0] & 0x80), head[0] >> 4 & 7, head[0] & 15
        must(not head[1] & 0x80, "a server does not mask (RFC 6455 5.1)")
        size = head[1]
        if size == 126:
            size = int.from_bytes(self._take(2), "big")
            must(size >= 126, "lengths are minimal (RFC 6455 5.2)")
        elif size == 127:
            size = int.from_bytes(self._take(8), "big")
            must(65536 <= size < 1 << 63, "lengths are minimal (RFC 6455 5.2)")
        must(opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG), "no reserved opcode (RFC 6455 5.2)")
        if opcode >= CLOSE:
            must(final and size <= 125, "control frames are short and whole (RFC 6455 5.5)")
        must(reserved == 0 or reserved == 4 and self.extension and opcode in (TEXT, BINARY),
             "reserved bits belong to what was agreed on (RFC 6455 5.2, RFC 7692 6)")
        payload = self._take(size)
        must(payload is not None, "frames arrive whole")
        return opcode, payload, final, reserved

    def next(self):
        """The next event: `("text"|"binary"|"pong"|"ping", payload)`, `("close", code)` or `("end",)`."""
        kind, compressed, parts = None, False, []
        while True:
            frame = self._frame()
            if frame is None:
                must(kind is None, "messages arrive whole")
                return ("end",)
            opcode, payload, final, reserved = frame
            if opcode == CLOSE:
                must(len(payload) != 1, "a close frame has no or two bytes of code (RFC 6455 5.5.1)")
                payload[2:].decode()
                return ("close", int.from_bytes(payload[:2], "big") if payload else None)
            if opcode in (PING, PONG):
                must(kind is None or not final, "control frames come between fragments")
                return ("ping" if opcode == PING else "pong", payload)
            must((opcode == CONTINUATION) == (kind is not None), "fragments follow their message (RFC 6455 5.4)")
            if kind is None:
                kind, compressed = opcode, reserved == 4
            parts.append(payload)
            if final:
                break
        payload = b"".join(parts)
        if compressed:
            # A fresh inflater: the answer promised to take no context over. A small window: that was promised too.
            must("server_no_context_takeover" in self.parameters, "the gateway promises to keep no context")
            bits = int(self.parameters.get("server_max_window_bits") or 15)
            inflater = zlib.decompressobj(-bits)
            payload = inflater.decompress(payload + TAIL)
            must(not inflater.unconsumed_tail, "all of it is data")
        if kind == TEXT:
            payload.decode()
        return ("text" if kind == TEXT else "binary", payload)

    def echoes(self, opcode, payload):
        """The next event is this message."""
        kind, received = self.next()
        assert kind == ("text" if opcode == TEXT else "binary")
        # Not `==` in the assertion: what differs may be large.
        same = received == payload
        assert same, f"{len(payload)} bytes went out, {len(received)} other ones came back"

    def is_silent(self, seconds=0.05):
        """Whether nothing has come. There is no event that shows it, so this is the one wait for a span of time."""
        if self._buffer:
            return False
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) is None
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(15)

    def finish(self):
        """A clean end: our close frame, its answer, and the server ends the connection first (RFC 6455 7.1.1)."""
        self.play([Frame(CLOSE, NORMAL.to_bytes(2, "big"))])
        assert self.rest() == [("close", NORMAL), ("end",)]

    def rest(self):
        """Every event up to the end."""
        events = []
        while not events or events[-1] != ("end",):
            events.append(self.next())
        return events
