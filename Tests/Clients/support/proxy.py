"""A TCP proxy that can cut what runs through it."""

import contextlib
import socket
import struct
import threading

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with zero seconds: closing sends a reset, and nothing more arrives."""


class Proxy:
    """Forwards 127.0.0.1:port to `target`. `cut()` breaks every connection without a goodbye."""

    def __init__(self, target):
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._lock = threading.Lock()
        self._pairs = []
        self._budget = None
        self._refusing = False
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Resets all present connections. New ones are accepted as before."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            self._reset(pair)

    def cut_gently(self):
        """Ends all present connections; what has come from the server is still read by the clients."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for client, server in pairs:
            for side, how in ((server, socket.SHUT_RDWR), (client, socket.SHUT_WR)):
                with contextlib.suppress(OSError):
                    side.shutdown(how)

    def cut_after(self, count):
        """Resets the connections once `count` more bytes went down to clients, wherever in a message that is."""
        with self._lock:
            self._budget = count

    def refuse(self, refusing=True):
        """While refusing, connections are reset as soon as they come."""
        self._refusing = refusing

    def close(self):
        self._listener.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self._refusing:
                self._reset((client,))
                continue
            try:
                server = socket.create_connection(self.target)
            except OSError:
                self._reset((client,))
                continue
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = (client, server)
            with self._lock:
                self._pairs.append(pair)
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source, sink, down):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                allowed = self._allowed(len(data)) if down else len(data)
                sink.sendall(data[:allowed])
                if allowed < len(data):
                    # Let the client read what was sent: a reset would take it back.
                    sink.shutdown(socket.SHUT_WR)
                    self._forget(source)
                    self._reset((source,))
                    return
            if self._forget(source):
                sink.shutdown(socket.SHUT_WR)

    def _allowed(self, count):
        with self._lock:
            if self._budget is None:
                return count
            allowed = min(count, self._budget)
            self._budget = None if allowed < count else self._budget - allowed
            return allowed

    def _forget(self, side):
        """Whether the pair of `side` was still there, that is, has not been cut."""
        with self._lock:
            kept = [pair for pair in self._pairs if side not in pair]
            known = len(kept) < len(self._pairs)
            self._pairs = kept
        return known

    @staticmethod
    def _reset(sockets):
        for one in sockets:
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RD)
            with contextlib.suppress(OSError):
                one.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
