"""An event stream whose client does not read."""

import contextlib
import socket


@contextlib.contextmanager
def silent(address, client):
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(address)
        connection.sendall(
            f"GET /mcp/sse?client_id={client}&slow_consumer_policy=drop_oldest HTTP/1.1\r\nHost: {address[0]}\r\n\r\n"
            .encode())
        connection.recv(64)
        yield connection
