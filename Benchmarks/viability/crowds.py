"""Crowds of clients that want in, and a gateway that cannot let all of them in."""

import heapq
import re
import selectors
import socket
import time

from experiment import Gateway

# Whoever has no answer by then tries again, as clients do.
PATIENCE = 5.0


class Bounded(Gateway):
    """A gateway that may have so many files open."""

    def __init__(self, binary, files, settings):
        super().__init__(binary, settings)
        self.files = files

    def spawn(self, command, environment=None):
        return super().spawn(["sh", "-c", f'ulimit -n {self.files} && exec "$@"', "sh", *command], environment)


class Clients:
    """Clients that want in, and come again when they are refused or sent away."""

    def __init__(self, port, request, accepted, heeds):
        self.address, self.request, self.accepted, self.heeds = ("127.0.0.1", port), request, accepted, heeds
        self.selector = selectors.DefaultSelector()
        self.due, self.inside, self.ended, self.looked = [], set(), 0, 0.0
        # When each came first, how long it took to get in, and who was refused at first.
        self.came, self.waited, self.refused = {}, {}, set()

    def come(self, number, at=0.0):
        heapq.heappush(self.due, (at, number))

    def begin(self, number):
        self.came.setdefault(number, time.monotonic())
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(self.address)
        self.selector.register(one, selectors.EVENT_WRITE, [number, time.monotonic() + PATIENCE])

    def turn(self, wait):
        now = time.monotonic()
        while self.due and self.due[0][0] <= now:
            self.begin(heapq.heappop(self.due)[1])
        for key, events in self.selector.select(wait):
            self.serve(key.fileobj, key.data, events)
        # Who has no answer is looked for now and then: there are thousands.
        if now - self.looked < 0.25:
            return
        self.looked = now
        for key in [key for key in self.selector.get_map().values() if key.data[1] < now and key.data[0] not in self.inside]:
            self.again(key.fileobj, key.data[0], 1)

    def serve(self, one, data, events):
        number = data[0]
        try:
            if events & selectors.EVENT_WRITE:
                one.sendall(self.request(number))
                self.selector.modify(one, selectors.EVENT_READ, data)
                return
            answer = one.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            answer = b""
        if number in self.inside:
            if not answer:
                self.inside.discard(number)
                self.ended += 1
                self.again(one, number, 1)
        elif answer.startswith(self.accepted):
            self.inside.add(number)
            self.waited.setdefault(number, time.monotonic() - self.came[number])
        else:
            if number not in self.waited:
                self.refused.add(number)
            told = re.search(rb"(?i)\r\nretry-after: (\d+)", answer)
            self.again(one, number, int(told.group(1)) if told and self.heeds else 1)

    def again(self, one, number, wait):
        self.selector.unregister(one)
        one.close()
        self.come(number, time.monotonic() + wait)

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def socket_request(number):
    return (f"GET /mcp/ws?vsn=2.0.0&client_id=crowd-{number} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").encode()


def stream_request(number):
    return f"GET /mcp/sse?client_id=stream-{number} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def fill(crowd, wait=1.5):
    """Until nobody more of the crowd gets in. Returns how many are."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < wait:
        crowd.turn(0.01)
        if len(crowd.inside) > last:
            last, since = len(crowd.inside), time.monotonic()
    return last
