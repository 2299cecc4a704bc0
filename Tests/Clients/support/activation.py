"""Starts a gateway as a service manager does that holds its sockets and wants to be told (sd_listen_fds, sd_notify)."""

import os
import socket
import subprocess
import sys
import time

import gateway as gateways
from wait import until

LAUNCHER = """
import os, sys
program, count = sys.argv[1], int(sys.argv[2])
held = [int(text) for text in sys.argv[3:3 + count]]
# First out of the way, then to where they are expected.
moved = [os.dup2(one, 100 + place) for place, one in enumerate(held)]
for place, one in enumerate(moved):
    os.dup2(one, 3 + place, inheritable=True)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(count)
os.execv(program, [program] + sys.argv[3 + count:])
"""


def listening(port=0):
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", port))
    one.listen(4096)
    return one


class Notifications:
    """The socket that a service manager listens on."""

    def __init__(self, path):
        self.path = str(path)
        self.all = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.setblocking(False)

    def lines(self):
        while True:
            try:
                self.all += self._socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.all

    def wait(self, line, count=1):
        until(lambda: self.lines().count(line) >= count, f"{line} from the gateway; it said {self.all}")

    def close(self):
        self._socket.close()


class ActivatedGateway(gateways.Gateway):
    """A gateway on sockets that outlive it."""

    NAMES = ("http", "http_sse", "websocket")

    def __init__(self, directory, config=None, env=None, sockets=None):
        super().__init__(directory, config, env)
        self.sockets = sockets or {name: listening() for name in self.NAMES}

    def start(self):
        self._log_file = self.log.open("ab")
        self._ready_line = None
        descriptors = [self.sockets[name].fileno() for name in self.NAMES]
        environment = {**self._env, "LISTEN_FDNAMES": ":".join(self.NAMES)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, gateways.BINARY, str(len(descriptors)), *map(str, descriptors),
             *self._arguments],
            cwd=self.directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, pass_fds=descriptors)
        return self._started()

    def close_sockets(self):
        for one in self.sockets.values():
            one.close()
