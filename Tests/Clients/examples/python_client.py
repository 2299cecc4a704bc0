"""The Python client of the requirements, as printed there but for what is marked.

Usage: python_client.py sse|websocket URL CLIENT_ID
"""
import asyncio
import sys
import uuid  # was missing

import aiohttp
from aiohttp_sse_client import client as sse_client

URL = sys.argv[2]  # was 'http://localhost:4001/mcp/sse?client_id=python_client' and 'ws://localhost:4002/mcp/ws'
CLIENT_ID = sys.argv[3]


# SSE Connection Example
async def connect_sse():
    async with sse_client.EventSource(
        f'{URL}?client_id={CLIENT_ID}'
    ) as event_source:
        try:
            async for event in event_source:
                if event.type == 'connected':
                    print(f"Connected: {event.data}")
                elif event.type == 'message':
                    print(f"Message received: {event.data}")
                elif event.type == 'vsm_update':
                    print(f"VSM Update: {event.data}")
                elif event.type == 'heartbeat':
                    # Handle keepalive
                    pass
        except Exception as e:
            print(f"SSE Error: {e}")


# WebSocket Connection Example
async def connect_websocket():
    session = aiohttp.ClientSession()
    try:
        async with session.ws_connect(
            URL,
            heartbeat=30,
            compress=15  # was True, which aiohttp refuses
        ) as ws:
            # Join the gateway channel
            await ws.send_json({
                "topic": "mcp:gateway",
                "event": "phx_join",
                "payload": {"client_id": CLIENT_ID},
                "ref": "1"
            })

            # Listen for messages
            async for msg in ws:
                if msg.type == aiohttp.WSMsgType.TEXT:
                    data = msg.json()
                    if data.get('event') == 'phx_reply' and data.get('payload', {}).get('status') == 'ok':
                        print("Successfully joined channel")
                        if data.get('ref') == "1":  # added: somebody has to call send_message
                            await send_message(ws, "echo", {"from": "python"})
                    elif data.get('event') == 'message':
                        print(f"Received: {data['payload']}")
                elif msg.type == aiohttp.WSMsgType.ERROR:
                    print(f"WebSocket error: {ws.exception()}")
                    break
    finally:
        await session.close()


# Send a message via WebSocket
async def send_message(ws, message_type, data):
    await ws.send_json({
        "topic": "mcp:gateway",
        "event": "message",
        "payload": {
            "type": message_type,
            "data": data
        },
        "ref": str(uuid.uuid4())
    })


# Main entry point
if __name__ == "__main__":
    # Choose transport based on use case
    if sys.argv[1] == "sse":
        asyncio.run(connect_sse())  # For server-push only
    else:
        asyncio.run(connect_websocket())  # For bidirectional
