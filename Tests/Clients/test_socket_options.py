"""Keys that set what the kernel does with a socket, seen from the kernel."""

import ctypes
import os
import pathlib
import re
import socket
import subprocess

import phoenix
import pytest

PIDFD_OPEN, PIDFD_GETFD = 434, 438


def socket_of(process, port, peer_port):
    """The gateway's own end of a connection."""
    rows = pathlib.Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]
    fields = [row.split() for row in rows]
    wanted = (f":{port:04X}", f":{peer_port:04X}")
    inode, = [row[9] for row in fields if (row[1][8:], row[2][8:]) == wanted]
    directory = pathlib.Path(f"/proc/{process.pid}/fd")
    number, = [int(entry.name) for entry in directory.iterdir() if os.readlink(entry) == f"socket:[{inode}]"]
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.syscall(PIDFD_OPEN, process.pid, 0)
    assert handle >= 0, os.strerror(ctypes.get_errno())
    descriptor = libc.syscall(PIDFD_GETFD, handle, number, 0)
    os.close(handle)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    return socket.socket(fileno=descriptor)


@pytest.mark.parametrize("wanted", [True, False])
def test_tcp_nodelay(start_gateway, client, wanted):
    own = start_gateway({"transports": {"websocket": {"tcp_nodelay": wanted}}})
    one, _ = phoenix.join(own.ws, client)
    with socket_of(own.process, own.ws[1], one.connection.local_address[1]) as theirs:
        assert bool(theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) is wanted
    one.close()


def test_tcp_user_timeout(start_gateway, client):
    own = start_gateway({"listen": {"tcp_user_timeout": "7s"}})
    one, _ = phoenix.join(own.ws, client)
    with socket_of(own.process, own.ws[1], one.connection.local_address[1]) as theirs:
        assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000
    one.close()


def test_backlog(start_gateway):
    own = start_gateway({"listen": {"backlog": 77}})
    table = subprocess.run(["ss", "-ltn", f"sport = :{own.ws[1]}"], capture_output=True, text=True, check=True).stdout
    queues = [int(row.split()[2]) for row in table.splitlines() if re.search(rf":{own.ws[1]}\b", row)]
    assert queues and set(queues) == {77}, table
