"""A client on both transports loses its WebSocket, in every way in which one can lose it, while messages come."""

import itertools
import json
import os
import pathlib
import signal
import socket as sockets
import struct
import subprocess
import sys
import threading
import time

import gateway as gateways
import pytest
import sse
from api import API
from wait import until

RATE = 100
HERE = pathlib.Path(__file__).parent


class History:
    """What happened, in the form that `mcp-gateway check-history` reads."""

    def __init__(self):
        self._lock = threading.Lock()
        self.events = []
        self.seen = []
        """(time, sequence, connection) of each message, in the order of arrival."""

    def note(self, event, **members):
        with self._lock:
            self.events.append({"event": event, "at": time.time() * 1000, **members})

    def deliver(self, client, connection, envelope):
        self.note("deliver", client=client, connection=connection, epoch=envelope["epoch"],
                  sequence=envelope["sequence"], id=envelope["id"])
        with self._lock:
            self.seen.append((time.monotonic(), envelope["sequence"], connection))

    def check(self, directory):
        file = pathlib.Path(directory) / "history.jsonl"
        file.write_text("".join(json.dumps(event) + "\n" for event in self.events))
        result = gateways.run_command("check-history", str(file), cwd=directory, patience=60)
        assert result.returncode == 0, result.stdout + result.stderr

    def last(self):
        """The last sequence before the first hole."""
        with self._lock:
            had = {sequence for _, sequence, _ in self.seen}
        return next(number for number in itertools.count() if number not in had) - 1


class Publisher:
    """A hundred numbered messages a second, from a thread."""

    def __init__(self, gateway, client, history):
        self.api, self.client, self.history = API(gateway.http), client, history
        self.count = 0
        self.latest = 0.0
        """How late a message was at most that this machine had no time to send: nothing else can be quicker."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        start = time.monotonic()
        while not self._over.is_set():
            self.publish()
            late = time.monotonic() - start - self.count / RATE
            self.latest = max(self.latest, late)
            self._over.wait(max(0, -late))

    def publish(self):
        name = f"m{self.count}"
        answer = self.api.publish(client_id=self.client, id=name, data={"n": self.count})
        self.history.note("publish", publisher="p", client=self.client, id=answer["id"], durable=True, answer="accepted")
        self.count += 1

    def stop(self):
        self._over.set()
        self._thread.join(10)


class Stream:
    """The event stream, which lives through everything."""

    def __init__(self, gateway, client, history):
        self.stream, connected = sse.open_connected(gateway.sse, client)
        self.switches = []
        history.note("connect", client=client, connection="sse", epoch=connected["epoch"], resume=None,
                     recovered=connected["recovered"])

        def read():
            while True:
                try:
                    event = self.stream.next(patience=600)
                except AssertionError:
                    return
                if event.type == "message":
                    history.deliver(client, "sse", event.json)
                elif event.type == "transport_switched":
                    self.switches.append((time.monotonic(), event.json["data"]))

        threading.Thread(target=read, daemon=True).start()


class Reader:
    """The WebSocket, in a process of its own that can be stopped and told not to read."""

    numbers = itertools.count(1)

    def __init__(self, address, client, history, acknowledges, after=None):
        self.name = f"ws{next(self.numbers)}"
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "support" / "socket_reader.py"), address[0], str(address[1]), client,
             "ack" if acknowledges else "plain", after or ""],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ})
        joined = json.loads(self.process.stdout.readline())
        assert "active" in joined, joined
        self.active = joined["active"]
        history.note("connect", client=client, connection=self.name, epoch=joined["epoch"], resume=after,
                     recovered=joined["recovered"])

        def read():
            for line in self.process.stdout:
                history.deliver(client, self.name, json.loads(line))

        self.thread = threading.Thread(target=read, daemon=True)
        self.thread.start()

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        self.thread.join(10)


class Link:
    """A TCP forwarder that can fall silent or be cut."""

    def __init__(self, target):
        self.target, self.silent, self.pairs = target, False, []
        self.listener = sockets.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = sockets.create_connection(self.target)
            except OSError:
                return
            self.pairs.append((near, far))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while data := source.recv(65536):
                # Taken and dropped: for both sides the other has fallen silent.
                if not self.silent:
                    sink.sendall(data)
            if not self.silent:
                sink.shutdown(sockets.SHUT_WR)
        except OSError:
            if not self.silent:
                self._cut(sink)

    @staticmethod
    def _cut(one):
        """Ends a connection by a reset, although another thread may be reading from it."""
        try:
            one.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
            one.shutdown(sockets.SHUT_RD)
        except OSError:
            pass
        one.close()

    def end(self):
        for pair in self.pairs:
            for one in pair:
                self._cut(one)
        self.pairs = []

    def close(self):
        self.listener.close()
        self.end()


def finish(reader, link):
    reader.say("finish")


def reset(reader, link):
    reader.say("reset")


def silence(reader, link):
    link.silent = True


def stall(reader, link):
    reader.say("stall")


def pause(reader, link):
    reader.process.send_signal(signal.SIGSTOP)


def cut(reader, link):
    link.end()


@pytest.fixture
def both(start_gateway, client, tmp_path):
    """A gateway, a client on both transports, and a hundred messages a second."""
    # On a busy machine a probe may be late, and each loss doubles the wait for the way back: it stays within the patience
    # of these tests.
    gateway = start_gateway({"routing": {"maximum_dwell": "3s"}})
    link, history = Link(gateway.ws), History()
    started = []

    def connect(acknowledges, after=None):
        reader = Reader(link.address, client, history, acknowledges, after)
        started.append(reader)
        return reader

    yield gateway, link, history, connect
    link.close()
    for reader in started:
        reader.kill()


@pytest.mark.parametrize("acknowledges", [True, False], ids=["acknowledging", "silent"])
@pytest.mark.parametrize("way", [finish, reset, silence, stall, pause, cut], ids=lambda way: way.__name__)
def test_the_stream_goes_on_within_a_second_and_hands_back(both, client, tmp_path, way, acknowledges):
    gateway, link, history, connect = both
    stream = Stream(gateway, client, history)
    reader = connect(acknowledges)
    assert reader.active
    publisher = Publisher(gateway, client, history)
    until(lambda: sum(name == reader.name for _, _, name in history.seen) >= 50, "messages on the socket")

    lost = time.monotonic()
    way(reader, link)
    first = until(lambda: next((seen for seen in history.seen if seen[2] == "sse" and seen[0] > lost), None),
                  "messages on the stream")
    assert first[0] - lost < 1.0 + publisher.latest, f"{way.__name__}: the stream went on after {first[0] - lost:.2f} s"
    until(lambda: sum(name == "sse" for _, _, name in history.seen) >= 100, "the stream to carry them")
    assert stream.switches[-1][1]["to"] == "http_sse"

    # And back, when there is a link again.
    reader.kill()
    link.end()
    link.silent = False
    place = history.last()
    back = connect(acknowledges, f"{history.events[0]['epoch']}-{place}")
    until(lambda: sum(name == back.name for _, _, name in history.seen) >= 50, "the socket to carry them again")

    publisher.stop()
    if not acknowledges and way in (finish, reset, cut):
        # What the kernel had taken dies with such a connection; clients resume for it (docs/delivery.md).
        pass
    else:
        until(lambda: history.last() == publisher.count - 1, "every message")
        history.note("settled", client=client)
    history.check(tmp_path)


def test_who_comes_back_does_not_wait_for_the_end_of_the_socket_that_fell_silent(both, client, tmp_path):
    gateway, link, history, connect = both
    stream = Stream(gateway, client, history)
    reader = connect(True)
    publisher = Publisher(gateway, client, history)
    until(lambda: sum(name == reader.name for _, _, name in history.seen) >= 50, "messages on the socket")
    silence(reader, link)
    until(lambda: sum(name == "sse" for _, _, name in history.seen) >= 50, "the stream to carry them")
    # Another network, as a telephone changes it: the gateway still believes in the old connection.
    back = Reader(gateway.ws, client, history, True, f"{history.events[0]['epoch']}-{history.last()}")
    try:
        until(lambda: sum(name == back.name for _, _, name in history.seen) >= 50, "the new socket to carry them")
        assert API(gateway.http).get("/mcp/stats").json["websocket"]["connections"] == 2, "the old one is still there"
        publisher.stop()
        until(lambda: history.last() == publisher.count - 1, "every message")
        history.note("settled", client=client)
        history.check(tmp_path)
    finally:
        back.kill()


def test_a_flapping_link_is_left_alone(both, client, tmp_path):
    """Up for 150 ms, down for 150 ms, for some seconds: the stream carries on, and the socket is seldom returned to."""
    gateway, link, history, connect = both
    stream = Stream(gateway, client, history)
    reader = connect(True)
    publisher = Publisher(gateway, client, history)
    until(lambda: len(history.seen) >= 20, "messages")
    epoch = history.events[0]["epoch"]
    started = time.monotonic()
    losses = 0
    while time.monotonic() - started < 6:
        cut(reader, link)
        losses += 1
        reader.kill()
        reader = connect(True, f"{epoch}-{history.last()}")
    until(lambda: sum(name == "sse" for _, _, name in history.seen) >= 100, "the stream to carry them")
    away = [data for _, data in stream.switches if data["to"] == "http_sse"]
    # The first loss, and one for each time that the socket was back for a moment.
    assert losses >= 4 and len(away) <= 3, (losses, stream.switches)
    publisher.stop()
    until(lambda: history.last() == publisher.count - 1, "every message")
    history.note("settled", client=client)
    history.check(tmp_path)
