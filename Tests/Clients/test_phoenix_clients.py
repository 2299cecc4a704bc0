"""Phoenix clients from PyPI that nobody here wrote."""

import asyncio
import queue
import threading

import phoenix_channels_python_client as channels
import phxsocket
import pytest
from chunnel.socket import Socket as ChunnelSocket
from gql import Client as GraphQLClient, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.phoenix_channel_websockets import PhoenixChannelWebsocketsTransport
from phoenix import GATEWAY, url
from phoenix_channels_python_client.exceptions import PHXConnectionError
from phx_events.client import PHXChannelsClient as EventsClient
from realtime import AsyncRealtimeClient
from realtime.types import RealtimeSubscribeStates
from wait import PATIENCE, until


# phxsocket: V1, integer refs that begin with 0, a heartbeat before anything else

@pytest.mark.parametrize("path", ["/mcp/ws", "/mcp/ws/websocket"])
def test_phxsocket_joins_receives_in_order_echoes_pings_and_leaves(gateway, client, path):
    socket = phxsocket.Client(url(gateway.ws, path), {"client_id": client})
    assert socket.connect()
    channel = socket.channel(GATEWAY, {})
    messages, pongs, closed = queue.Queue(), queue.Queue(), threading.Event()
    channel.on("message", messages.put)
    channel.on("pong", pongs.put)
    channel.on_close = closed.set
    assert channel.join()["client_id"] == client

    gateway.api.publish_numbers(200, client_id=client)
    assert [messages.get(timeout=PATIENCE)["data"]["n"] for _ in range(200)] == list(range(200))

    sent = channel.push("message", {"type": "echo", "data": {"n": 7}}, reply=True)
    assert sent.wait_for_response()["status"] == "ok"
    assert messages.get(timeout=PATIENCE)["data"] == {"n": 7}

    channel.push("ping", {})
    assert isinstance(pongs.get(timeout=PATIENCE)["timestamp"], int)

    beat = socket.push("phoenix", "heartbeat", {}, reply=True)
    assert beat.wait_for_response() == {"status": "ok", "response": {}}

    left = socket.push(GATEWAY, "phx_leave", {}, reply=True)
    assert left.wait_for_response() == {"status": "ok", "response": {}}
    assert closed.wait(PATIENCE)
    socket.close()


def test_phxsocket_joins_free_topics(gateway, client, topic):
    socket = phxsocket.Client(url(gateway.ws), {"client_id": client})
    socket.connect()
    channel = socket.channel(topic, {})
    messages = queue.Queue()
    channel.on("message", messages.put)
    channel.join()
    gateway.api.publish_numbers(50, topic=topic)
    assert [messages.get(timeout=PATIENCE)["data"]["n"] for _ in range(50)] == list(range(50))
    socket.close()


# chunnel: V1, integer refs that begin with 1

async def test_chunnel_joins_receives_in_order_echoes_pings_and_leaves(gateway, client):
    async with ChunnelSocket(url(gateway.ws), {"client_id": client}) as socket:
        channel = socket.channel(GATEWAY, {})
        assert (await channel.join())["client_id"] == client

        async def receive(event):
            message = await asyncio.wait_for(channel.receive(), PATIENCE)
            assert message.event == event
            return message.payload

        await asyncio.to_thread(gateway.api.publish_numbers, 200, client_id=client)
        assert [(await receive("message"))["data"]["n"] for _ in range(200)] == list(range(200))

        sent = await channel.push("message", {"type": "echo", "data": {"n": 7}})
        assert (await sent.response())["id"]
        assert (await receive("message"))["data"] == {"n": 7}

        await channel.push("ping", {})
        assert isinstance((await receive("pong"))["timestamp"], int)

        beat = await socket._send_message("phoenix", "heartbeat", {})
        assert await beat.response() == {}

        await channel.leave()
        await receive("phx_close")


# phoenix-channels-python-client: V1 and V2, string refs, drops pushes of a foreign join_ref, reconnects by itself

versions = pytest.mark.parametrize("version", list(channels.PhoenixChannelsProtocolVersion), ids=["V1", "V2"])


@versions
async def test_phoenix_channels_python_client_receives_in_order_and_leaves(gateway, client, topic, version):
    address = url(gateway.ws, client_id=client)
    async with channels.PHXChannelsClient(address, "no key", protocol_version=version) as phoenix_client:
        received = {GATEWAY: [], topic: []}

        async def take(message):
            if str(message.event) == "message":
                received[message.topic].append(message.payload)

        await phoenix_client.subscribe_to_topic(GATEWAY, take)
        await phoenix_client.subscribe_to_topic(topic, take)
        for n in range(0, 200, 2):
            await asyncio.to_thread(gateway.api.publish, client_id=client, data={"n": n})
            await asyncio.to_thread(gateway.api.publish, topic=topic, data={"n": n + 1})
        await asyncio.to_thread(until, lambda: sum(map(len, received.values())) >= 200, "200 messages")
        assert [one["data"]["n"] for one in received[GATEWAY]] == list(range(0, 200, 2))
        assert [one["data"]["n"] for one in received[topic]] == list(range(1, 200, 2))

        await phoenix_client.unsubscribe_from_topic(topic)
        assert not phoenix_client.is_topic_joined(topic)
        assert phoenix_client.is_topic_joined(GATEWAY)


@versions
async def test_phoenix_channels_python_client_gets_its_heartbeats_acknowledged(gateway, client, version):
    beats = []
    async with channels.PHXChannelsClient(
        url(gateway.ws, client_id=client), "no key", protocol_version=version,
        heartbeat_interval_s=0.05, on_heartbeat_ack=lambda: beats.append(1),
    ) as phoenix_client:
        await phoenix_client.subscribe_to_topic(GATEWAY)
        await asyncio.to_thread(until, lambda: len(beats) >= 5, "five acknowledged heartbeats")


@versions
async def test_phoenix_channels_python_client_comes_back_after_a_cut_and_misses_nothing(
    gateway, client, proxy_to, version
):
    """It keeps no position, so what was on its way may come twice; the message's id tells."""
    proxy = proxy_to(gateway.ws)
    policy = channels.ReconnectPolicy(base_delay_s=0.05, rapid_disconnect_limit=1000) \
        if "rapid_disconnect_limit" in channels.ReconnectPolicy.model_fields \
        else channels.ReconnectPolicy(base_delay_s=0.05)
    async with channels.PHXChannelsClient(
        url(proxy.address, client_id=client), "no key", protocol_version=version, reconnect_policy=policy,
    ) as phoenix_client:
        received = {}

        async def take(message):
            if str(message.event) == "message":
                received.setdefault(message.payload["id"], message.payload["data"]["n"])

        await phoenix_client.subscribe_to_topic(GATEWAY, take)
        for size, start in ((1500, 0), (4000, 40)):
            proxy.cut_after(size)
            await asyncio.to_thread(gateway.api.publish_numbers, 40, start, client_id=client)
            await asyncio.to_thread(
                until, lambda: len(received) >= start + 40, "everything to arrive after the cut", 40
            )
        assert list(received.values()) == list(range(80))


async def test_phoenix_channels_python_client_takes_a_refusal_as_final(gateway, client):
    """A handshake refused with 403 ends it at once; so the gateway must not answer something else."""
    options = {"additional_headers": {"Origin": "http://elsewhere.example"}}
    with pytest.raises(PHXConnectionError):
        async with channels.PHXChannelsClient(url(gateway.ws, client_id=client), "no key", **options):
            pass


# realtime (Supabase): V1 over …/websocket, topics realtime:*, heartbeats whose ref is null

async def test_supabase_realtime_subscribes_stays_and_unsubscribes(gateway, client):
    host, port = gateway.ws
    socket = AsyncRealtimeClient(f"ws://{host}:{port}/mcp/ws", params={"client_id": client}, auto_reconnect=False)
    await socket.connect()
    states = []
    channel = await socket.channel(client).subscribe(lambda state, error: states.append((state, error)))
    assert states == [(RealtimeSubscribeStates.SUBSCRIBED, None)]
    answer = await asyncio.to_thread(gateway.api.publish, topic=f"realtime:{client}", data={"n": 1})
    assert answer["delivered"] == 1
    await channel.send_broadcast("cursor", {"x": 1})
    await channel.unsubscribe()
    await asyncio.to_thread(until, lambda: channel.is_closed, "the channel to close")
    assert socket.is_connected
    await socket.close()


# phx_events: V1 JSON in binary frames, null refs

async def test_phx_events_receives_in_order(gateway, client, topic):
    loop = asyncio.get_running_loop()
    received, done = [], asyncio.Event()
    async with EventsClient(url(gateway.ws, client_id=client), event_loop=loop) as events_client:

        async def take(message, _):
            received.append(message.payload["data"]["n"])
            if len(received) == 200:
                done.set()

        joined = events_client.register_topic_subscription(topic)
        events_client.register_event_handler("message", [take], topic)
        processing = asyncio.create_task(events_client.start_processing())
        await asyncio.wait_for(joined.wait(), PATIENCE)
        await asyncio.to_thread(gateway.api.publish_numbers, 200, topic=topic)
        await asyncio.wait_for(done.wait(), PATIENCE)
        assert received == list(range(200))
        processing.cancel()


# gql: V1, integer refs, the channel of a GraphQL server

async def test_gql_joins_its_channel_and_is_told_that_nobody_answers_queries_here(gateway, client):
    transport = PhoenixChannelWebsocketsTransport(
        url(gateway.ws, client_id=client, vsn="1.0.0"), heartbeat_interval=0.05
    )
    async with GraphQLClient(transport=transport) as session:
        for _ in range(3):
            with pytest.raises(TransportQueryError):
                await session.execute(gql("{ hello }"))
