"""A broadcast server with the Python library `websockets`, as its documentation writes one: what any client sends goes to
all others. Compression is the library's own: permessage-deflate for each connection, if the client offers it."""

import asyncio
import sys

import websockets

clients = set()


async def handle(connection, *_):
    clients.add(connection)
    try:
        async for message in connection:
            websockets.broadcast(clients - {connection}, message)
    finally:
        clients.discard(connection)


async def main(port):
    async with websockets.serve(handle, "127.0.0.1", port, ping_interval=None):
        print(f"ready {websockets.__version__ if hasattr(websockets, '__version__') else websockets.version.version}", flush=True)
        await asyncio.Future()


asyncio.run(main(int(sys.argv[1])))
