"""The official SDK 1.x, in an environment of its own."""

import contextlib

import mcp.types as types
from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamablehttp_client
from mcp.client.websocket import websocket_client
from mcp.shared.exceptions import McpError
from steps import CALLBACKS, main, plain

TRANSPORTS = {"http": streamablehttp_client, "sse": sse_client, "websocket": websocket_client}


@contextlib.asynccontextmanager
async def connect(job, run):
    async def message(one):
        if isinstance(one, types.ServerNotification):
            await run.message(one.root)

    async with TRANSPORTS[job["transport"]](job["url"]) as streams:
        async with ClientSession(*streams[:2], message_handler=message, **CALLBACKS) as session:
            run.said["initialize"] = plain(await session.initialize())
            run.said["protocol_version"] = run.said["initialize"]["protocolVersion"]
            if len(streams) > 2:
                run.said["session_id"] = streams[2]()
            yield session


async def cancel(session, task):
    # This generation says nothing by itself when a call is given up.
    notice = types.CancelledNotificationParams(requestId=session._request_id - 1, reason="enough")
    await session.send_notification(types.ClientNotification(types.CancelledNotification(params=notice)))


main(connect, McpError, cancel)
