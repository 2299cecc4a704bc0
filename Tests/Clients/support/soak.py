"""Load, faults, and a history of it all: what `make soak` runs two hundred times and the tests run once for each fault."""

import contextlib
import http.client
import json
import logging
import random
import resource
import signal
import socket
import struct
import subprocess
import threading
import time

import gateway as gateways
import longpoll
import phoenix
import sse
from api import API
from proxy import Proxy
from wait import until
from websockets.exceptions import WebSocketException

# Connections are cut here all the time.
logging.getLogger("websockets").setLevel(logging.CRITICAL)

CONFIG = {
    "storage": {"engine": "sqlite", "retry_interval": "50ms", "lock_timeout": "50ms"},
    "session": {"offline_messages": 50_000, "offline_bytes": "256MiB", "max_unsent_bytes": "64KiB"},
    "transports": {"websocket": {"longpoll": {"window": "1s"}}},
}
FAULTS = ("kill", "stop", "cut", "cut_inside", "refuse", "full", "stall", "slow", "switch")
GONE = (OSError, http.client.HTTPException, WebSocketException, AssertionError, KeyError, ValueError, EOFError)
"""What a connection that is cut anywhere can look like to a client."""


class History:
    """JSON Lines as `mcp-gateway check-history` reads them, in the order in which things were seen."""

    def __init__(self, path):
        self.path = path
        self._file = open(path, "w")
        self._lock = threading.Lock()

    def note(self, event, **members):
        line = json.dumps({"event": event, **members}) + "\n"
        with self._lock:
            self._file.write(line)

    def check(self):
        """What is wrong with it; nothing if all promises hold."""
        self._file.close()
        done = subprocess.run(
            [gateways.BINARY, "check-history", str(self.path)], capture_output=True, text=True, timeout=300)
        return None if done.returncode == 0 else (done.stdout + done.stderr)[-4000:]


class Device:
    """One client: what it has had, and one or two connections that come back whenever they are cut."""

    def __init__(self, world, name, transports, acknowledges):
        self.world, self.name = world, name
        self.transports, self.acknowledges = list(transports), acknowledges
        self.lock = threading.RLock()
        self.epoch, self.before, self.had, self.last_message = None, None, {}, None
        # Whether it has an id to resume from: until then it stays with one transport. A gateway that sees another one
        # come without an id takes what the kernel has for delivered (docs/delivery.md).
        self.is_placed = False
        self.stalled, self.slow = threading.Event(), threading.Event()
        self.lines = [Line(self, [transport]) for transport in transports]
        if len(transports) == 3:
            # One connection at a time, now by this transport and now by that.
            self.lines = [Line(self, list(transports))]

    @property
    def last_id(self):
        with self.lock:
            return f"{self.epoch}-{self.before - 1}" if self.epoch and self.before else None

    def began(self, line, resume, answer):
        """A connection begins: the data of `connected`, or a join's reply."""
        epoch, start = answer["epoch"], answer["next_sequence"] - answer["replayed"]
        with self.lock:
            line.epoch = epoch
            self.note("connect", connection=line.name, epoch=epoch, resume=resume, recovered=answer["recovered"])
            if answer["reason"] == "trimmed" and resume and int(resume.rpartition("-")[2]) + 1 < start:
                self.note("gap", connection=line.name, epoch=epoch,
                          **{"from": int(resume.rpartition("-")[2]) + 1, "to": start - 1})
            if self.epoch != epoch:
                self.epoch, self.before, self.had, self.last_message = epoch, None, {}, None
            others = any(one.is_open and one is not line and one.epoch == epoch for one in self.lines)
            if not answer["recovered"] and not others:
                self.before = max(start, self.before or 0)
                self._advance()

    def got(self, line, kind, envelope):
        """A message or a gap has come."""
        data = envelope["data"]
        with self.lock:
            if kind == "gap":
                self.note("gap", connection=line.name, epoch=line.epoch, **{"from": data["from"], "to": data["to"]})
                self._have(line.epoch, range(data["from"], data["to"] + 1), False)
            else:
                place = envelope["sequence"]
                self.note(
                    "deliver", connection=line.name, epoch=envelope["epoch"], sequence=place, id=envelope["id"])
                self._have(line.epoch, (place,), True)

    def _have(self, epoch, places, is_message):
        if epoch != self.epoch:
            return
        for place in places:
            if place >= (self.before or 0):
                self.had[place] = is_message
        self._advance()

    def _advance(self):
        while self.before is not None and self.before in self.had:
            if self.had.pop(self.before):
                self.last_message = self.before
            self.before += 1
            self.is_placed = True

    def acknowledgement(self, line):
        """The sequence to acknowledge on this connection, if there is one."""
        with self.lock:
            if not self.acknowledges or self.last_message is None or line.epoch != self.epoch:
                return None
            self.note("ack", epoch=self.epoch, sequence=self.last_message)
            return self.last_message

    def note(self, event, **members):
        self.world.history.note(event, client=self.name, **members)

    def start(self):
        for line in self.lines:
            line.thread.start()

    def settle(self):
        """Everything that waits has been read. A device that lacks something in between comes back for it."""
        self.stalled.clear()
        self.slow.clear()
        deadline = time.monotonic() + 60
        since, seen = time.monotonic(), None
        while True:
            answer = self.world.gateway.api.client_health(self.name)
            with self.lock:
                if answer is None:
                    # Nothing was ever sent to it.
                    return
                if answer["epoch"] == self.epoch and (self.before or 0) > answer["sequence"]:
                    self.note("settled")
                    return
                present = (self.epoch, self.before)
            if present != seen:
                since, seen = time.monotonic(), present
            elif time.monotonic() - since > 1:
                since = time.monotonic()
                for line in self.lines:
                    line.drop()
            assert time.monotonic() < deadline, f"{self.name} is at {present}, the gateway at {answer}"
            time.sleep(0.01)


class Line:
    """One connection of a device, made again whenever it ends."""

    def __init__(self, device, transports):
        self.device, self.world, self.transports = device, device.world, transports
        self.turn, self.count = 0, 0
        self.epoch = None
        self.name = None
        self.is_open = False
        self._drop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def drop(self):
        """Ends the connection; the next one may be by another transport."""
        self._drop.set()

    def _run(self):
        while self.world.go_on.wait() and not self.world.is_over:
            self._drop.clear()
            if self.device.is_placed:
                self.turn += 1
            elif self is not self.device.lines[0]:
                time.sleep(0.01)
                continue
            transport = self.transports[self.turn % len(self.transports)]
            with self.world.counting:
                if not self.world.go_on.is_set():
                    continue
                self.count += 1
                self.name = f"{self.device.name}/{self.transports[0]}/{self.count}"
                self.is_open = True
            try:
                getattr(self, "_" + transport)()
            except GONE:
                pass
            finally:
                self.device.note("disconnect", connection=self.name)
                self.is_open = False
            # As clients do: not at once again and again.
            time.sleep(0.01)

    def _pause(self):
        """Waits as long as the device does not read.

        Returns whether to go on with the connection."""
        while self.device.stalled.is_set() and not self._drop.is_set() and not self.world.is_over:
            time.sleep(0.005)
        if self.device.slow.is_set():
            time.sleep(0.003)
        return not self._drop.is_set() and not self.world.is_over

    def _sse(self):
        resume = self.device.last_id
        header = f"Last-Event-ID: {resume}\r\n" if resume else ""
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            connection.connect(self.world.proxies["sse"].address)
            connection.settimeout(5)
            connection.sendall(
                f"GET {sse.path(self.device.name)} HTTP/1.1\r\nHost: soak\r\n{header}\r\n".encode())
            rest = b""
            while b"\r\n\r\n" not in rest:
                rest += self._receive(connection)
            head, _, rest = rest.partition(b"\r\n\r\n")
            assert b" 200 " in head.split(b"\r\n")[0], head
            parser = sse.Parser()
            while True:
                for event in parser.feed(rest):
                    if event.type == "connected":
                        self.device.began(self, resume, event.json["data"])
                    elif event.type in ("message", "gap"):
                        self.device.got(self, event.type, event.json)
                if not self._pause():
                    return
                connection.settimeout(0.1)
                try:
                    rest = self._receive(connection)
                except TimeoutError:
                    rest = b""

    @staticmethod
    def _receive(connection):
        data = connection.recv(4096)
        if not data:
            raise EOFError
        return data

    def _join(self, resume):
        return {**({"last_event_id": resume} if resume else {}), **({"ack": True} if self.device.acknowledges else {})}

    def _ws(self):
        resume = self.device.last_id
        options = {"max_queue": 4, "open_timeout": 5, "close_timeout": 0.2}
        one = phoenix.Socket(self.world.proxies["ws"].address, self.device.name, connection=options)
        try:
            self.device.began(self, resume, one.join(self._join(resume)))
            last = time.monotonic()
            while self._pause():
                if one.inbox:
                    self._take(one.inbox.pop(0))
                else:
                    try:
                        self._take(one.decode(one.connection.recv(timeout=0.05)))
                    except TimeoutError:
                        pass
                if time.monotonic() - last > 0.02:
                    last = time.monotonic()
                    sequence = self.device.acknowledgement(self)
                    if sequence is not None:
                        one.push("ack", {"sequence": sequence})
        finally:
            with contextlib.suppress(Exception):
                # Without a goodbye that waits for an answer.
                one.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.connection.socket.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(Exception):
                one.close()

    def _longpoll(self):
        resume = self.device.last_id
        poller = longpoll.Poller(self.world.proxies["ws"].address, self.device.name)
        self.device.began(self, resume, poller.join(self._join(resume)))
        for frame in poller.inbox:
            self._take(frame)
        while self._pause():
            status, frames = poller.poll()
            assert status in (200, 204), status
            for frame in frames:
                self._take(frame)
            sequence = self.device.acknowledgement(self)
            if sequence is not None:
                poller.push("ack", {"sequence": sequence}, ref="9")

    def _take(self, frame):
        if frame.event in ("message", "gap"):
            self.device.got(self, frame.event, frame.payload)


class Publisher:
    """Sends one message after the other, and again under the same id what got no answer."""

    def __init__(self, world, name, seed):
        self.world, self.name = world, name
        self.chance = random.Random(seed)
        self.count = self.accepted = 0
        self.unanswered = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        api = None
        while not self.world.publishing_is_over or self.unanswered:
            self.world.go_on.wait()
            if api is None or api.address != self.world.gateway.http:
                api = API(self.world.gateway.http)
            if self.unanswered is None:
                self.count += 1
                device = self.chance.choice(self.world.devices)
                self.unanswered = {
                    "client_id": device.name, "id": f"{self.name}-{self.count}", "type": "soak",
                    "durable": self.chance.random() < 0.8,
                    "data": {"n": self.count, "text": "x" * self.chance.choice((10, 10, 100, 3000))},
                }
            try:
                answer = api.post("/mcp/messages", self.unanswered)
            except (OSError, http.client.HTTPException):
                self._note("none")
                api = None
                time.sleep(0.01)
                continue
            if answer.status == 202:
                self.accepted += 1
                self._note("accepted")
            else:
                assert answer.status == 503, answer
                # What could not be stored may have reached a client that was connected, and is not sent again.
                self._note("none" if answer.json["error"] == "insufficient_resources" else "refused")
                time.sleep(0.005)
            self.unanswered = None

    def _note(self, answer):
        one = self.unanswered
        self.world.history.note(
            "publish", publisher=self.name, client=one["client_id"], id=one["id"], durable=one["durable"],
            answer=answer)


class World:
    """A gateway under load, its clients behind proxies, and what goes wrong with them."""

    def __init__(self, directory, run, seed):
        self.directory, self.run = directory, run
        self.chance = random.Random(f"{seed}/{run}")
        self.history = History(directory / f"history-{run}.jsonl")
        self.go_on = threading.Event()
        self.go_on.set()
        self.counting = threading.Lock()
        self.is_over = self.publishing_is_over = False
        self.kills = 0
        self.gateway = gateways.Gateway(directory, CONFIG).start()
        self.proxies = {"sse": Proxy(self.gateway.sse), "ws": Proxy(self.gateway.ws)}
        kinds = [
            (("ws",), True), (("ws",), False), (("sse",), False), (("longpoll",), True), (("sse",), False),
            # Only who acknowledges may lose what the kernel has without a hole, when another connection takes over.
            (("sse", "ws"), True), (("ws", "sse", "longpoll"), True), (("sse", "longpoll", "ws"), False),
        ]
        self.devices = [
            Device(self, f"r{run}-{number}-{'-'.join(transports)}", transports, acknowledges)
            for number, (transports, acknowledges) in enumerate(kinds)]
        self.publishers = [Publisher(self, f"r{run}-p{number}", f"{seed}/{run}/{number}") for number in range(4)]

    def live(self, faults, seconds=0.25):
        """Publishes, with these faults one after the other, and lets everybody read to the end."""
        try:
            for device in self.devices:
                device.start()
            for publisher in self.publishers:
                publisher.thread.start()
            for fault in faults:
                # Here time is what is tested: when it happens.
                time.sleep(self.chance.uniform(0, seconds))
                getattr(self, "_" + fault)()
            time.sleep(self.chance.uniform(0, seconds))
            self.publishing_is_over = True
            for publisher in self.publishers:
                publisher.thread.join(60)
                assert not publisher.thread.is_alive(), f"{publisher.name} has no answer to {publisher.unanswered}"
            for device in self.devices:
                device.settle()
        finally:
            self.is_over = True
            self.go_on.set()
            for device in self.devices:
                for line in device.lines:
                    line.drop()
            for line in [line for device in self.devices for line in device.lines]:
                if line.thread.is_alive():
                    line.thread.join(20)
            for proxy in self.proxies.values():
                proxy.close()
        problem = self.history.check() or self.gateway.crash()
        self.gateway.stop()
        return problem

    @property
    def accepted(self):
        return sum(publisher.accepted for publisher in self.publishers)

    # MARK: faults

    def _kill(self):
        """The process ends without a word, and another one begins with what it left."""
        with self.counting:
            self.go_on.clear()
        self.gateway.process.kill()
        for device in self.devices:
            device.stalled.clear()
        # Whatever had reached the clients is read before the crash is noted.
        lines = [line for device in self.devices for line in device.lines]
        self.gateway.kill()
        for proxy in self.proxies.values():
            proxy.cut_gently()
        until(lambda: not any(line.is_open for line in lines), "all connections have ended", 30)
        crashed = self.gateway.crash()
        assert not crashed, crashed
        self.history.note("crash")
        self.kills += 1
        for device in self.devices:
            device.is_placed = False
        self.gateway = gateways.Gateway(self.directory, CONFIG).start()
        self.proxies["sse"].target, self.proxies["ws"].target = self.gateway.sse, self.gateway.ws
        self.go_on.set()

    def _stop(self):
        """The process stands still for a while."""
        self.gateway.process.send_signal(signal.SIGSTOP)
        time.sleep(self.chance.uniform(0.05, 0.8))
        self.gateway.process.send_signal(signal.SIGCONT)

    def _cut(self):
        for proxy in self.proxies.values():
            proxy.cut()

    def _cut_inside(self):
        """In the middle of a message."""
        for proxy in self.proxies.values():
            proxy.cut_after(self.chance.randrange(20_000))

    def _refuse(self):
        """Nobody comes through for a while."""
        for proxy in self.proxies.values():
            proxy.refuse()
            proxy.cut()
        time.sleep(self.chance.uniform(0.05, 0.4))
        for proxy in self.proxies.values():
            proxy.refuse(False)

    def _full(self):
        """No file can grow for a while."""
        pid = self.gateway.process.pid
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (self.chance.randrange(4096, 400_000), hard))
        time.sleep(self.chance.uniform(0.05, 0.5))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    def _stall(self):
        """Some clients do not read; some of them not before the end."""
        chosen = self.chance.sample(self.devices, 3)
        for device in chosen:
            device.stalled.set()
        time.sleep(self.chance.uniform(0.1, 0.6))
        for device in chosen[:2]:
            device.stalled.clear()

    def _slow(self):
        for device in self.chance.sample(self.devices, 3):
            device.slow.set()

    def _switch(self):
        """Clients end a connection, and those that know several transports take the next."""
        for device in self.devices:
            self.chance.choice(device.lines).drop()
