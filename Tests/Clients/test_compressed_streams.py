"""gzip event streams: every client reads the same, at once, and what many get is compressed once."""

import json
import socket
import time

import aiohttp
import httpx
import pytest
import requests
import sse
from api import API
from nginx import Nginx
from test_curl import Curl
from wait import PATIENCE, until

GZIP = {"Accept-Encoding": "gzip"}
LONG = {"rows": [{"number": n, "name": f"row number {n}", "text": "grüß Gott 👋"} for n in range(100)]}
NOISE = "".join(chr(33 + (n * n * 7919 + n * 31) % 90) for n in range(70_000)).replace("\\", "/").replace('"', "'")


def address_of(address):
    return f"http://{address[0]}:{address[1]}"


@pytest.fixture(params=["direct", "nginx"])
def way(request, gateway, tmp_path):
    """The port for event streams, and the same behind nginx with its default buffering."""
    if request.param == "direct":
        yield gateway.sse
    else:
        with Nginx(tmp_path, gateway.sse) as nginx:
            yield nginx.address


@pytest.mark.parametrize("asked, encoding", [
    ("gzip", "gzip"), ("gzip, deflate, br, zstd", "gzip"), ("*", "gzip"), ("gzip;q=0.2, identity;q=0", "gzip"),
    ("identity;q=0, *;q=0.1", "gzip"), ("gzip;q=0", None), ("identity", None), ("br", None), ("gzip;q=0, *", None),
    ("gzip;q=0.5, identity;q=0.8", None), ("gzip;q=nonsense", None), ("", None),
])
def test_the_client_chooses(gateway, client, asked, encoding):
    stream, _ = sse.open_connected(gateway.sse, client, headers={"Accept-Encoding": asked})
    with stream:
        assert stream.headers["Content-Encoding"] == encoding
        assert stream.headers["Vary"] == "Accept-Encoding"
        gateway.api.publish(client_id=client, data=LONG)
        assert stream.expect("message").json["data"] == LONG


@pytest.mark.parametrize("asked", ["identity;q=0", "*;q=0", "gzip;q=0, identity;q=0"])
def test_a_client_that_takes_nothing_is_told(gateway, client, asked):
    answer = API(gateway.sse).get(sse.path(client), **{"Accept-Encoding": asked})
    assert answer.status == 406
    assert answer.json["error"] == "not_acceptable"


def test_a_compressed_stream_says_what_a_plain_one_says(way, gateway, new_client, topic):
    streams = [sse.open_connected(way, new_client(), topics=topic, headers=headers)[0]
               for headers in (GZIP, GZIP, {}, GZIP)]
    sent = [LONG, "short", NOISE, 1, "x" * 900, "y" * 1100, "z" * 300_000, LONG]
    for data in sent:
        gateway.api.publish(topic=topic, data=data)
        for stream in streams:
            event = stream.expect("message")
            assert event.json["data"] == data
            assert event.last_event_id == f"{event.json['epoch']}-{event.json['sequence']}"
    assert [bool(stream.gunzip) for stream in streams] == [True, True, False, True]
    for stream in streams:
        stream.close()


def test_a_long_broadcast_takes_less_than_half_of_its_bytes(gateway, new_client, topic):
    streams = [sse.open_connected(gateway.sse, new_client(), topics=topic, headers=headers)[0]
               for headers in (GZIP, {})]
    for _ in range(10):
        gateway.api.publish(topic=topic, data=LONG)
    for stream in streams:
        stream.messages(10)
    compressed, plain = (stream.received for stream in streams)
    assert compressed * 2 < plain
    for stream in streams:
        stream.close()


def test_what_is_replayed_comes_through(gateway, client):
    with sse.open_connected(gateway.sse, client, headers=GZIP)[0] as stream:
        gateway.api.publish_numbers(1, client_id=client)
        place = stream.expect("message").last_event_id
    for data in (LONG, "short", NOISE):
        gateway.api.publish(client_id=client, data=data)
    stream, connected = sse.open_connected(gateway.sse, client, header_id=place, headers=GZIP)
    with stream:
        assert connected["recovered"] and connected["replayed"] == 3
        assert [event.json["data"] for event in stream.messages(3)] == [LONG, "short", NOISE]


def test_operations_come_through(gateway, client):
    connection = sse.Stream(gateway.http, "/mcp/events", GZIP)
    with connection as stream:
        assert stream.gunzip
        gateway.api.post("/mcp/push", {"client_id": client, "type": "order", "data": LONG})
        until(lambda: stream.expect("message").json["from"] == client, "the operation")


def test_heartbeats_and_comments_come_through(start_gateway, client):
    own = start_gateway({"transports": {"http_sse": {"heartbeat_interval": "2s", "keepalive_interval": "500ms"}}})
    with sse.open_connected(own.sse, client, headers=GZIP)[0] as stream:
        stream.expect("heartbeat")
        stream.expect("heartbeat")
        assert stream.parser.comments


def test_the_end_of_a_stream_is_a_whole_gzip_file(start_gateway, client):
    own = start_gateway()
    with sse.open_connected(own.sse, client, headers=GZIP)[0] as stream:
        for data in (LONG, "short", NOISE, LONG):
            own.api.publish(client_id=client, data=data)
        stream.messages(4)
        assert not stream.gunzip.eof
        own.terminate()
        assert [event.type for event in stream.rest()] == ["gateway_close"]
        # zlib has compared the checksum and the length by then.
        assert stream.gunzip.eof and not stream.gunzip.unused_data


@pytest.mark.parametrize("key", ["compression", "compress"])
def test_it_can_be_switched_off(start_gateway, client, key):
    own = start_gateway({"transports": {"http_sse": {key: False}}})
    with sse.open_connected(own.sse, client, headers=GZIP)[0] as stream:
        assert stream.headers["Content-Encoding"] is None and stream.headers["Vary"] is None


def test_a_higher_level_makes_it_smaller(start_gateway, client):
    sizes = []
    for level in (1, 9):
        own = start_gateway({"transports": {"http_sse": {"compression_level": level}}})
        with sse.open_connected(own.sse, client, headers=GZIP)[0] as stream:
            before = stream.received
            own.api.publish(client_id=client, data=" ".join(f"word {n * 7919 % 211}" for n in range(1500)))
            stream.expect("message")
            sizes.append(stream.received - before)
    assert sizes[1] < sizes[0]


def test_a_client_that_does_not_read_is_given_up_after_keep_alive_timeout(start_gateway, new_client):
    own = start_gateway({
        "transports": {"http_sse": {"keep_alive_timeout": "1s"}},
        "session": {"log_bytes": "256MiB", "max_unsent_bytes": "256MiB"}})
    lazy, busy = new_client(), new_client()
    with sse.open_connected(own.sse, busy)[0] as stream, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(own.sse)
        deaf.sendall(f"GET {sse.path(lazy)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until(lambda: (own.api.client_health(lazy) or {}).get("connected"), "the stream")
        # More than the kernel keeps for a peer that does not read.
        began = time.monotonic()
        for _ in range(10):
            own.api.publish(client_id=lazy, durable=False, data="x" * 1_000_000)
        until(lambda: not own.api.client_health(lazy)["connected"], "the end of the stream that is not read")
        assert time.monotonic() - began >= 1
        own.api.publish_numbers(1, client_id=busy)
        assert stream.numbers(1) == [0]
        assert own.api.client_health(busy)["connected"]


# Clients that ask for gzip by themselves.


def test_curl(way, gateway, client):
    with Curl("--compressed", address_of(way) + sse.path(client)) as curl:
        assert curl.of_type("connected", 1)
        gateway.api.publish_numbers(50, client_id=client)
        assert [one.json["data"]["n"] for one in curl.of_type("message", 50)] == list(range(50))
        gateway.api.publish(client_id=client, data=LONG)
        assert curl.of_type("message", 51)[-1].json["data"] == LONG


def follow(chunks, publish, sent=(LONG, "short", NOISE, LONG)):
    """Reads decoded pieces; publishes when the stream has begun, and the next message when one has arrived."""
    parser, got = sse.Parser(), []
    for chunk in chunks:
        for event in parser.feed(chunk):
            if event.type == "message":
                got.append(event.json["data"])
            if len(got) == len(sent):
                assert got == list(sent)
                return
            publish(sent[len(got)])


def test_requests(way, gateway, client):
    with requests.get(address_of(way) + sse.path(client), stream=True, timeout=PATIENCE) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        # Byte by byte, as it must be read to see an event at once: a long one would take this test's parser minutes.
        follow(response.iter_content(chunk_size=1), lambda data: gateway.api.publish(client_id=client, data=data),
               ["short", "a" * 2000, "short"])


def test_httpx(way, gateway, client):
    with httpx.stream("GET", address_of(way) + sse.path(client), timeout=PATIENCE) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        follow(response.iter_bytes(), lambda data: gateway.api.publish(client_id=client, data=data))


async def test_aiohttp(way, gateway, client):
    parser, sent, got = sse.Parser(), [LONG, "short", NOISE, LONG], []
    async with aiohttp.ClientSession() as session, session.get(address_of(way) + sse.path(client)) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        async for chunk in response.content.iter_any():
            for event in parser.feed(chunk):
                if event.type == "message":
                    got.append(event.json["data"])
                if len(got) == len(sent):
                    assert got == sent
                    return
                gateway.api.publish(client_id=client, data=sent[len(got)])


@pytest.mark.xdist_group("browser")
def test_chromium(way, gateway, client, browser):
    with browser.open(address_of(way) + "/health") as page:
        page.do(f"""
            window.received = []; window.connected = 0
            window.source = new EventSource({json.dumps(sse.path(client))})
            source.addEventListener("connected", () => {{ connected += 1 }})
            source.addEventListener("message", (event) =>
                received.push({{eventId: event.lastEventId, ...JSON.parse(event.data)}}))
        """)
        page.until("connected", "the first event")
        asked = [one for one in page.responses if "/mcp/sse" in one["url"]]
        assert [one["headers"].get("Content-Encoding") for one in asked] == ["gzip"]
        for number, data in enumerate([LONG, "short", NOISE, LONG], 1):
            gateway.api.publish(client_id=client, data=data)
            page.until(f"received.length == {number}", "the message")
            assert page.run(f"received[{number - 1}].data") == data
        assert page.run("received.every((one) => one.eventId == `${one.epoch}-${one.sequence}`)")
        assert page.run("connected") == 1


def test_events_pass_nginx_unbuffered_without_compression_too(gateway, client, tmp_path):
    with Nginx(tmp_path, gateway.sse) as nginx:
        with sse.open_connected(nginx.address, client)[0] as stream:
            for number in range(20):
                gateway.api.publish_numbers(1, start=number, client_id=client)
                assert stream.numbers(1) == [number]


def test_a_stream_that_breaks_off_gives_what_it_had(gateway, client, proxy_to):
    proxy = proxy_to(gateway.sse)
    with sse.open_connected(proxy.address, client, headers=GZIP)[0] as stream:
        gateway.api.publish_numbers(10, client_id=client)
        assert stream.numbers(10) == list(range(10))
        proxy.cut()
        assert stream.ended.wait(PATIENCE)
        assert not stream.gunzip.eof
