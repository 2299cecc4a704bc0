"""The official SDK 2.x, in an environment of its own."""

import contextlib

from mcp import Client, MCPError
from mcp.client.sse import sse_client
from steps import CALLBACKS, main, plain


@contextlib.asynccontextmanager
async def connect(job, run):
    server = sse_client(job["url"]) if job["transport"] == "sse" else job["url"]
    async with Client(server, mode=job["mode"], message_handler=run.message, **CALLBACKS) as client:
        run.said["protocol_version"] = client.protocol_version
        run.said["server"] = plain(client.server_info)
        yield client


async def cancel(client, task):
    task.cancel()


main(connect, MCPError, cancel)
