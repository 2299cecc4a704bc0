"""Phoenix Channels by hand: both serializers, frame by frame."""

import itertools
import json
import time
from typing import Any, NamedTuple
from urllib.parse import urlencode

from wait import PATIENCE
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

GATEWAY = "mcp:gateway"
V1, V2 = "1.0.0", "2.0.0"
MISSING = object()


class Frame(NamedTuple):
    join_ref: Any
    ref: Any
    topic: str
    event: str
    payload: Any


class Closed(AssertionError):
    """The server ended the connection."""

    def __init__(self, code, reason):
        super().__init__(f"closed with {code} {reason!r}")
        self.code = code


def url(address, path="/mcp/ws/websocket", scheme="ws", **query):
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{scheme}://{host}:{address[1]}{path}" + ("?" + urlencode(query) if query else "")


class Socket:
    """A WebSocket that speaks one version. What was not asked for waits in `inbox`."""

    def __init__(self, address, client=None, version=V2, path="/mcp/ws/websocket", connection=None, **query):
        self.version = version
        if version is not None:
            query["vsn"] = version
        if client is not None:
            query["client_id"] = client
        options = {"max_size": None, "open_timeout": PATIENCE, "close_timeout": PATIENCE, **(connection or {})}
        scheme = "wss" if "ssl" in options else "ws"
        self.connection = connect(url(address, path, scheme, **query), **options)
        self.inbox = []
        self.join_refs = {}
        self._refs = map(str, itertools.count(1))

    # Sending

    def send(self, frame):
        """A whole frame, in this socket's version. V1 sends `join_ref` only when it is given."""
        self.connection.send(self.encode(frame))

    def encode(self, frame):
        if self.version == V2:
            return json.dumps(list(frame))
        fields = {"topic": frame.topic, "event": frame.event, "payload": frame.payload, "ref": frame.ref}
        if frame.join_ref is not None:
            fields["join_ref"] = frame.join_ref
        return json.dumps(fields)

    def push(self, event, payload=None, topic=GATEWAY, ref=MISSING, join_ref=MISSING):
        """Sends an event on a channel and returns its ref."""
        ref = next(self._refs) if ref is MISSING else ref
        if join_ref is MISSING:
            join_ref = self.join_refs.get(topic) if self.version == V2 else None
        self.send(Frame(join_ref, ref, topic, event, {} if payload is None else payload))
        return ref

    def call(self, event, payload=None, topic=GATEWAY, **refs):
        """Sends an event and returns the payload of its reply: `{status, response}`."""
        return self.reply(self.push(event, payload, topic, **refs)).payload

    def ok(self, event, payload=None, topic=GATEWAY, **refs):
        """Sends an event, whose reply must be ok, and returns the response."""
        answer = self.call(event, payload, topic, **refs)
        assert answer["status"] == "ok", answer
        return answer["response"]

    def error(self, event, payload=None, topic=GATEWAY, **refs):
        """Sends an event, whose reply must be an error, and returns the response."""
        answer = self.call(event, payload, topic, **refs)
        assert answer["status"] == "error", answer
        return answer["response"]

    def join(self, payload=None, topic=GATEWAY):
        """Joins a channel as phoenix.js does (join_ref = ref) and returns the reply's response."""
        ref = next(self._refs)
        self.join_refs[topic] = ref
        return self.ok("phx_join", payload, topic, ref=ref, join_ref=ref if self.version == V2 else None)

    def leave(self, topic=GATEWAY):
        """Leaves, and takes what was still on its way. Returns the frames that came before the end."""
        before = self.take_until(self.push("phx_leave", topic=topic))
        self.expect("phx_close", topic=topic)
        self.join_refs.pop(topic, None)
        return before

    # Receiving

    def receive(self, patience=PATIENCE):
        """The next frame from the wire."""
        try:
            text = self.connection.recv(timeout=max(patience, 0.001))
        except ConnectionClosed as closed:
            received = closed.rcvd
            raise Closed(received.code if received else 1006, received.reason if received else "") from None
        except TimeoutError:
            raise AssertionError(f"no frame within {patience} s; waiting in the inbox: {self.inbox}") from None
        return self.decode(text)

    def decode(self, text):
        assert isinstance(text, str), f"a binary frame: {text!r}"
        frame = json.loads(text)
        if self.version == V2:
            assert isinstance(frame, list) and len(frame) == 5, frame
            return Frame(*frame)
        assert isinstance(frame, dict) and set(frame) == {"topic", "event", "payload", "ref"}, frame
        return Frame(None, frame["ref"], frame["topic"], frame["event"], frame["payload"])

    def first(self, wanted, patience=PATIENCE):
        """The first frame that `wanted` likes, from the inbox or the wire."""
        for at, frame in enumerate(self.inbox):
            if wanted(frame):
                return self.inbox.pop(at)
        deadline = time.monotonic() + patience
        while True:
            frame = self.receive(deadline - time.monotonic())
            if wanted(frame):
                return frame
            self.inbox.append(frame)

    def expect(self, event, topic=None, patience=PATIENCE):
        return self.first(lambda frame: frame.event == event and topic in (None, frame.topic), patience)

    def reply(self, ref, patience=PATIENCE):
        def is_reply(frame):
            return frame.event == "phx_reply" and frame.ref == ref and type(frame.ref) is type(ref)
        return self.first(is_reply, patience)

    def take_until(self, ref):
        """Every frame up to the reply to `ref`, in order; the reply itself is dropped."""
        answer = self.reply(ref)
        before, self.inbox = self.inbox, []
        assert answer.payload["status"] == "ok", answer
        return before

    def barrier(self):
        """A heartbeat there and back: what the server had to say to earlier frames is in the result."""
        return self.take_until(self.push("heartbeat", topic="phoenix", join_ref=None))

    def message(self, topic=None, event="message", patience=PATIENCE):
        """The envelope of the next message."""
        return self.expect(event, topic, patience).payload

    def messages(self, count, topic=None):
        return [self.message(topic) for _ in range(count)]

    def numbers(self, count, topic=None):
        return [envelope["data"]["n"] for envelope in self.messages(count, topic)]

    def close_code(self, patience=PATIENCE):
        """Waits until the server closes and returns the code. Frames before it go to the inbox."""
        deadline = time.monotonic() + patience
        while True:
            try:
                self.inbox.append(self.receive(deadline - time.monotonic()))
            except Closed as closed:
                return closed.code

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def join(address, client, payload=None, version=V2, **query):
    """A socket that has joined `mcp:gateway`, and the response of that join."""
    socket = Socket(address, client, version, **query)
    return socket, socket.join(payload)


def event_id(envelope):
    """The id by which a client resumes after this message."""
    return f"{envelope['epoch']}-{envelope['sequence']}"
