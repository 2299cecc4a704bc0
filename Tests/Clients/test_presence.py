"""Who is on a topic: presence_state and presence_diff, by every transport."""

import asyncio

import phoenix
import pytest
import sse
from longpoll import Poller
from realtime import AsyncRealtimeClient
from wait import until


@pytest.fixture
def present(start_gateway):
    return start_gateway({"presence": {"topics": ["room:*", "realtime:*"], "interval": "20ms", "max_members": 4}})


class Roster:
    """What phoenix.js makes of the events (`Presence.syncState`, `Presence.syncDiff`), by reference."""

    def __init__(self):
        self.state = None

    def take(self, event, payload):
        if event == "presence_state":
            self.state = {key: refs(value) for key, value in payload.items()}
            return
        for key, value in payload["joins"].items():
            here = self.state.setdefault(key, set())
            assert not here & refs(value), "told twice"
            here |= refs(value)
        for key, value in payload["leaves"].items():
            assert refs(value) <= self.state[key], "left without having been there"
            self.state[key] -= refs(value)
            if not self.state[key]:
                del self.state[key]

    @property
    def counts(self):
        return {key: len(value) for key, value in (self.state or {}).items()}


def refs(value):
    return {meta["phx_ref"] for meta in value["metas"]}


def is_presence(frame):
    return frame.event in ("presence_state", "presence_diff")


def follow(socket, roster, counts, topic):
    """Reads until the roster shows these."""
    while roster.counts != counts:
        frame = socket.first(is_presence)
        payload = frame.payload
        if frame.topic != topic:
            assert payload["type"] == frame.event and payload["topic"] == topic
            payload = payload["data"]
        roster.take(frame.event, payload)


@pytest.mark.parametrize("version", [phoenix.V1, phoenix.V2])
def test_a_joiner_gets_the_state_and_everybody_the_differences(present, client, version):
    topic = f"room:{client}"
    a, b = f"{client}-a", f"{client}-b"
    one, of_one = phoenix.Socket(present.ws, a, version=version), Roster()
    one.join(topic=topic)
    follow(one, of_one, {a: 1}, topic)
    two, of_two = phoenix.Socket(present.ws, b, version=version), Roster()
    two.join(topic=topic)
    follow(two, of_two, {a: 1, b: 1}, topic)
    follow(one, of_one, {a: 1, b: 1}, topic)
    assert of_one.state == of_two.state
    # A second connection of the same client is a second meta.
    again = phoenix.Socket(present.ws, b, version=version)
    again.join(topic=topic)
    follow(one, of_one, {a: 1, b: 2}, topic)
    again.close()
    follow(one, of_one, {a: 1, b: 1}, topic)
    two.leave(topic)
    follow(one, of_one, {a: 1}, topic)
    statistics = present.api.get("/mcp/stats").json["presence"]
    assert statistics == {"topics": 1, "members": 1, "unlisted": 0}
    one.close()
    two.close()
    until(lambda: present.api.get("/mcp/stats").json["presence"]["topics"] == 0, "the topic to be forgotten")


def test_streams_and_the_gateway_channel_get_it_in_an_envelope(present, client):
    topic = f"room:{client}"
    a, b = f"{client}-a", f"{client}-b"
    with sse.open(present.sse, a, topics=topic) as stream:
        told = stream.expect("presence_state").json
        assert (told["topic"], told["type"]) == (topic, "presence_state")
        assert list(told["data"]) == [a] and told["data"][a]["metas"][0]["transport"] == "http_sse"
        one, roster = phoenix.Socket(present.ws, b), Roster()
        one.join({"topics": [topic]})
        follow(one, roster, {a: 1, b: 1}, topic)
        joined = stream.expect("presence_diff").json["data"]
        assert list(joined["joins"]) == [b] and joined["leaves"] == {}
        one.ok("unsubscribe", {"topic": topic})
        left = stream.expect("presence_diff").json["data"]
        assert left == {"joins": {}, "leaves": joined["joins"]}
        one.close()


def test_long_poll_has_it_too(present, client):
    topic = f"room:{client}"
    one = Poller(present.ws, client)
    one.join(topic=topic)
    frame = one.until(is_presence)
    assert (frame.topic, frame.event) == (topic, "presence_state")
    assert frame.payload[client]["metas"][0]["transport"] == "longpoll"


def test_whoever_comes_beyond_the_bound_is_served_but_not_listed(present, client):
    topic = f"room:{client}"
    sockets = []
    for n in range(5):
        sockets.append(phoenix.Socket(present.ws, f"{client}-{n}"))
        sockets[-1].join(topic=topic)
    for socket in sockets:
        follow(socket, Roster(), {f"{client}-{n}": 1 for n in range(4)}, topic)
    assert present.api.get("/mcp/stats").json["presence"] == {"topics": 1, "members": 4, "unlisted": 1}
    for socket in sockets:
        socket.close()


def test_other_topics_have_none(present, client):
    one = phoenix.Socket(present.ws, client)
    one.join(topic=f"other:{client}")
    one.ok("subscribe", {"topic": f"plain:{client}"}, topic=f"other:{client}")
    assert not any(is_presence(frame) for frame in one.inbox)
    one.close()


async def test_the_presence_class_of_a_phoenix_client_follows(present, client):
    host, port = present.ws
    a, b = f"{client}-a", f"{client}-b"
    joins, leaves = [], []

    async def connect(name):
        socket = AsyncRealtimeClient(f"ws://{host}:{port}/mcp/ws", params={"client_id": name}, auto_reconnect=False)
        await socket.connect()
        return socket

    first = await connect(a)
    channel = first.channel(client)
    channel.on_presence_join(lambda key, current, new: joins.append(key))
    channel.on_presence_leave(lambda key, current, left: leaves.append(key))
    await channel.subscribe()
    await asyncio.to_thread(until, lambda: set(channel.presence_state()) == {a}, "oneself")
    second = await connect(b)
    await second.channel(client).subscribe()
    await asyncio.to_thread(until, lambda: set(channel.presence_state()) == {a, b}, "the other")
    await second.close()
    await asyncio.to_thread(until, lambda: set(channel.presence_state()) == {a}, "the other to go")
    assert joins == [a, b] and leaves == [b]
    await first.close()
