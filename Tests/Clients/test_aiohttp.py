"""Clients that somebody writes with aiohttp in an afternoon."""

import asyncio
import contextlib

import aiohttp
import phoenix
import pytest
from aiohttp_sse_client import client as sse_client
from multidict import MultiDict
from phoenix import GATEWAY


class Channel:
    """The least that speaks V1 or V2 over an aiohttp WebSocket."""

    def __init__(self, ws, version):
        self.ws, self.version = ws, version

    async def send(self, ref, event, payload, topic=GATEWAY):
        if self.version == phoenix.V2:
            await self.ws.send_json(["1", ref, topic, event, payload])
        else:
            await self.ws.send_json({"topic": topic, "event": event, "payload": payload, "ref": ref})

    async def receive(self):
        """`(ref, event, payload)` of the next frame."""
        frame = await self.ws.receive_json(timeout=15)
        if self.version == phoenix.V2:
            _, ref, _, event, payload = frame
            return ref, event, payload
        return frame["ref"], frame["event"], frame["payload"]


@pytest.mark.parametrize("version", [phoenix.V1, phoenix.V2], ids=["V1", "V2"])
@pytest.mark.parametrize("compress", [0, 15], ids=["plain", "deflate offered"])
async def test_an_aiohttp_websocket_receives_everything_and_answers_pings(gateway, client, version, compress):
    url = phoenix.url(gateway.ws, "/mcp/ws", client_id=client, vsn=version)
    async with aiohttp.ClientSession() as session:
        # A heartbeat of aiohttp is a control ping: unanswered, it ends the connection.
        async with session.ws_connect(url, heartbeat=0.2, compress=compress, max_msg_size=0) as ws:
            channel = Channel(ws, version)
            await channel.send("1", "phx_join", {})
            ref, event, payload = await channel.receive()
            assert (ref, event, payload["status"]) == ("1", "phx_reply", "ok")
            for start in range(0, 200, 50):
                await asyncio.to_thread(gateway.api.publish_numbers, 50, start, client_id=client)
                received = [await channel.receive() for _ in range(50)]
                assert [(event, payload["data"]["n"]) for _, event, payload in received] == \
                    [("message", n) for n in range(start, start + 50)]
            text = "0123456789" * 4000
            await channel.send("2", "message", {"type": "echo", "data": text})
            answers = {event: payload for _, event, payload in [await channel.receive(), await channel.receive()]}
            assert answers["phx_reply"]["status"] == "ok"
            assert answers["message"]["data"] == text


async def test_aiohttp_sse_client_receives_everything(gateway, client):
    url = f"http://{gateway.sse[0]}:{gateway.sse[1]}/mcp/sse?client_id={client}"
    async with sse_client.EventSource(url) as source:
        assert (await anext(source)).type == "connected"
        await asyncio.to_thread(gateway.api.publish_numbers, 200, client_id=client)
        events = [await asyncio.wait_for(anext(source), 15) for _ in range(200)]
        assert {event.type for event in events} == {"message"}
        numbers = [event.last_event_id.rpartition("-")[2] for event in events]
        assert numbers == [str(n) for n in range(200)]


async def test_aiohttp_sse_client_resumes_after_cuts_with_nothing_lost_or_repeated(gateway, client, proxy_to):
    """The cuts come between events: of a half event this client makes a whole one when it reconnects."""
    proxy = proxy_to(gateway.sse)
    url = f"http://{proxy.address[0]}:{proxy.address[1]}/mcp/sse?client_id={client}"
    seen, last = [], ""

    async def receive(source, count):
        nonlocal last
        while len(seen) < count:
            event = await asyncio.wait_for(anext(source), 15)
            if event.type == "message":
                seen.append(event.last_event_id)
                last = event.last_event_id

    for published in (30, 60, 90):
        headers = MultiDict({"Last-Event-Id": last} if last else {})
        async with sse_client.EventSource(url, headers=headers) as source:
            assert (await anext(source)).type == "connected"
            await asyncio.to_thread(gateway.api.publish_numbers, 15, published - 30, client_id=client)
            await receive(source, published - 15)
            proxy.cut()
            await asyncio.to_thread(gateway.api.publish_numbers, 15, published - 15, client_id=client)
            # It comes back by itself unless the end of the stream was an error to it.
            with contextlib.suppress(aiohttp.ClientError):
                await receive(source, published)
    async with sse_client.EventSource(url, headers=MultiDict({"Last-Event-Id": last})) as source:
        await receive(source, 90)
    assert [one.rpartition("-")[2] for one in seen] == [str(n) for n in range(90)]
    assert len({one.rpartition("-")[0] for one in seen}) == 1
