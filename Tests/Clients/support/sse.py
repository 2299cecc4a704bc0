"""Server-Sent Events as the WHATWG standard parses them, from a raw stream."""

import contextlib
import http.client
import json
import queue
import socket
import threading
import zlib
from typing import NamedTuple
from urllib.parse import urlencode

from wait import PATIENCE


class Event(NamedTuple):
    type: str
    data: str
    last_event_id: str
    own_id: bool
    """Whether the block had an `id:` line of its own."""
    named: bool
    """Whether the block had an `event:` line."""

    @property
    def json(self):
        return json.loads(self.data)


class Parser:
    """Bytes in, events out; comments and `retry` are kept aside."""

    def __init__(self):
        self._buffer = b""
        self._fresh = True
        self.last_event_id = ""
        self.retry = None
        self.comments = []
        self._clear()

    def _clear(self):
        self._type, self._data, self._id = "", [], None

    def feed(self, chunk):
        self._buffer += chunk
        if self._fresh and len(self._buffer) >= 3:
            self._buffer = self._buffer.removeprefix(b"\xef\xbb\xbf")
            self._fresh = False
        events = []
        while (line := self._line()) is not None:
            event = self._take(line.decode("utf-8"))
            if event:
                events.append(event)
        return events

    def _line(self):
        for at, byte in enumerate(self._buffer):
            if byte == 0x0A:
                line, self._buffer = self._buffer[:at], self._buffer[at + 1:]
                return line
            if byte == 0x0D:
                if at + 1 == len(self._buffer):
                    return None
                skip = 2 if self._buffer[at + 1] == 0x0A else 1
                line, self._buffer = self._buffer[:at], self._buffer[at + skip:]
                return line
        return None

    def _take(self, line):
        if line == "":
            return self._dispatch()
        name, colon, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "" and colon:
            self.comments.append(value)
        elif name == "event":
            self._type = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value)
        return None

    def _dispatch(self):
        if self._id is not None:
            self.last_event_id = self._id
        event = None
        if self._data:
            event = Event(
                self._type or "message", "\n".join(self._data), self.last_event_id,
                self._id is not None, self._type != "",
            )
        self._clear()
        return event


class Stream:
    """An open event stream, read by a thread of its own."""

    def __init__(self, address, path, headers):
        self._connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
        self._connection.connect()
        self._socket = self._connection.sock
        self._connection.request("GET", path, headers={"Accept": "text/event-stream", **headers})
        self.response = self._connection.getresponse()
        assert self.response.status == 200, f"{self.response.status} {self.response.read()!r}"
        self.headers = self.response.headers
        self._socket.settimeout(None)
        self.raw = b""
        self.received = 0
        """Bytes of the body as they came."""
        self.gunzip = zlib.decompressobj(31) if self.headers["Content-Encoding"] == "gzip" else None
        self.parser = Parser()
        self.ended = threading.Event()
        self._events = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            while chunk := self.response.read1(65536):
                self.received += len(chunk)
                if self.gunzip:
                    chunk = self.gunzip.decompress(chunk)
                self.raw += chunk
                for event in self.parser.feed(chunk):
                    self._events.put(event)
        self.ended.set()
        self._events.put(None)

    @property
    def last_event_id(self):
        """What a browser would send as `Last-Event-ID`."""
        return self.parser.last_event_id

    def next(self, patience=PATIENCE):
        """The next event of any type."""
        try:
            event = self._events.get(timeout=patience)
        except queue.Empty:
            raise AssertionError(f"no event within {patience} s; so far:\n{self.raw[-2000:]!r}") from None
        if event is None:
            self._events.put(None)
            raise AssertionError(f"the stream ended; so far:\n{self.raw[-2000:]!r}")
        return event

    def expect(self, type="message", patience=PATIENCE):
        """The next event of this type. Others in between are passed over."""
        while True:
            event = self.next(patience)
            if event.type == type:
                return event

    def messages(self, count):
        return [self.expect("message") for _ in range(count)]

    def numbers(self, count):
        return [event.json["data"]["n"] for event in self.messages(count)]

    def rest(self):
        """Waits for the end of the stream and returns the events that were left."""
        assert self.ended.wait(PATIENCE), "the stream did not end"
        left = []
        while (event := self._events.get()) is not None:
            left.append(event)
        self._events.put(None)
        return left

    def close(self):
        """Says goodbye (FIN) and lets the reader drain."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self.ended.wait(PATIENCE)
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def path(client=None, **query):
    """`/mcp/sse` with its query."""
    pairs = {**({"client_id": client} if client is not None else {}), **query}
    return "/mcp/sse" + ("?" + urlencode(pairs) if pairs else "")


def open(address, client=None, header_id=None, headers=None, **query):
    """A stream for `client`. `header_id` becomes `Last-Event-ID`; other keywords go into the query."""
    headers = dict(headers or {})
    if header_id is not None:
        headers["Last-Event-ID"] = header_id
    return Stream(address, path(client, **query), headers)


def open_connected(address, client=None, **options):
    """A stream and the data of its first event, `connected`."""
    stream = open(address, client, **options)
    event = stream.next()
    assert event.type == "connected", event
    return stream, event.json["data"]
