"""Peers that vanish without a word: nothing tells the gateway, no packet comes back. Runs in a network namespace of its own,
whose loopback interface goes down; prints how long each kind of connection was kept.

    unshare -rn python half_open.py DIRECTORY CONFIGURATION
"""

import fcntl
import json
import pathlib
import socket
import struct
import sys
import time

import gateway as gateways
import phoenix
import sse
from wait import until

SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def switch_loopback(up):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP if up else 0))


def main(directory, configuration):
    switch_loopback(True)
    own = gateways.Gateway(pathlib.Path(directory), json.loads(configuration)).start()

    def gone():
        lines = [json.loads(line) for line in own.text().splitlines() if line.startswith("{")]
        return [line.get("transport") for line in lines if line.get("message") == "disconnected"]

    try:
        sockets = [phoenix.join(own.ws, f"socket-{n}", connection={"ping_interval": None})[0] for n in range(10)]
        streams = [sse.open_connected(own.sse, f"stream-{n}")[0] for n in range(10)]
        switch_loopback(False)
        cut = time.monotonic()
        kept = {}
        for transport in ("websocket", "http_sse"):
            until(lambda: gone().count(transport) == 10, f"all of {transport} to be given up; gone: {gone()}", 30)
            kept[transport] = time.monotonic() - cut
        # It lives on, and whoever can reach it is served.
        switch_loopback(True)
        until(lambda: phoenix.join(own.ws, "later")[0], "a later client")
        print(json.dumps(kept))
        own.stop()
        del sockets, streams
    finally:
        own.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
