"""HTTP/2: many streams of one connection, each with a pace of its own, and bounds on what a client may do to it."""

import contextlib
import socket
import subprocess
import zlib

import certificates
import gateway as gateways
import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import httpx
import pytest
import sse
from test_mcp_http import INITIALIZE
from wait import PATIENCE, until


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(authority):
    return authority.issue("server")


@pytest.fixture
def start_secured(start_gateway, server):
    """A gateway whose streams are encrypted; its API is not, so that tests can use it as ever."""
    def start(config=None):
        base = {"tls": {"certificate": server[0], "key": server[1]}, "transports": {"http": {"tls": {"enabled": False}}}}
        return start_gateway(gateways.merged(base, config))
    return start


class Connection:
    """An HTTP/2 connection, frame by frame. A stream's data is not acknowledged unless it is told to be."""

    def __init__(self, address, context, window=65_535):
        plain = socket.create_connection(address, timeout=PATIENCE)
        context.set_alpn_protocols(["h2"])
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
        assert self.socket.selected_alpn_protocol() == "h2"
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        # The connection's own window is wide: only streams are slow here.
        self.h2.increment_flow_control_window(100_000_000)
        if window != 65_535:
            self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.data = {}
        self.headers = {}
        self.resets = {}
        self.ended = set()
        self.goaway = None
        self.closed = False
        self.flush()

    def flush(self):
        with contextlib.suppress(OSError):
            self.socket.sendall(self.h2.data_to_send())

    def get(self, path, **headers):
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", "127.0.0.1"), (":path", path)]
        self.h2.send_headers(stream, fields + list(headers.items()), end_stream=True)
        self.flush()
        return stream

    def step(self):
        """Takes what comes next."""
        try:
            received = self.socket.recv(65_536)
        except (ConnectionResetError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise AssertionError("the server is silent") from None
            received = b""
        if not received:
            self.closed = True
            return
        try:
            events = self.h2.receive_data(received)
        except h2.exceptions.ProtocolError:
            # The library hears nothing any more once it has read GOAWAY, and throws that away with what follows it.
            self.closed = True
            return
        for event in events:
            match event:
                case h2.events.ResponseReceived():
                    self.headers[event.stream_id] = dict(event.headers)
                case h2.events.DataReceived():
                    self.data[event.stream_id] = self.data.get(event.stream_id, b"") + event.data
                case h2.events.StreamEnded():
                    self.ended.add(event.stream_id)
                case h2.events.StreamReset():
                    self.resets[event.stream_id] = event.error_code
                case h2.events.ConnectionTerminated():
                    self.goaway = event.error_code
        self.flush()

    def until(self, condition):
        while not condition():
            assert not self.closed, f"closed; GOAWAY {self.goaway}, headers {self.headers}"
            self.step()

    def status(self, stream):
        self.until(lambda: stream in self.headers)
        return int(self.headers[stream][":status"])

    def open(self, client, **query):
        """An event stream that has said `connected`."""
        stream = self.get(sse.path(client, **query))
        assert self.status(stream) == 200
        self.until(lambda: b"event: connected" in self.data.get(stream, b""))
        return stream

    def acknowledge(self, stream, size):
        self.h2.increment_flow_control_window(size, stream_id=stream)
        self.flush()

    def close(self):
        self.socket.close()


def numbers(data):
    parser = sse.Parser()
    return [event.json["data"]["n"] for event in parser.feed(data) if event.type == "message"]


def test_httpx_reads_many_streams_of_one_connection(start_secured, authority, topic, new_client):
    own = start_secured()
    limits = httpx.Limits(max_connections=1)
    with httpx.Client(http1=False, http2=True, verify=authority.client(), limits=limits, timeout=PATIENCE,
                      base_url=f"https://127.0.0.1:{own.sse[1]}") as client, contextlib.ExitStack() as stack:
        streams = []
        for _ in range(20):
            answer = stack.enter_context(client.stream("GET", sse.path(new_client(), topics=topic)))
            assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert "connection" not in answer.headers
            lines = answer.iter_lines()
            while next(lines) != "event: connected":
                pass
            streams.append(lines)
        own.api.publish_numbers(1, topic=topic)
        for lines in streams:
            while '"data":{"n": 0}' not in next(lines):
                pass


def test_a_stalled_stream_does_not_stall_the_others(start_secured, authority, topic, new_client):
    own = start_secured()
    connection = Connection(own.sse, authority.client(), window=2_000)
    slow_client, fast_client = new_client(), new_client()
    slow = connection.open(slow_client, topics=topic)
    fast = connection.open(fast_client, topics=topic)
    # More than the slow one's window; only the fast one's is opened again and again.
    for n in range(200):
        own.api.publish(topic=topic, data={"n": n})
        connection.acknowledge(fast, 2_000)
    connection.until(lambda: len(numbers(connection.data[fast])) == 200)
    assert len(connection.data[slow]) <= 2_000
    # It goes on where it stopped, with nothing lost.
    connection.acknowledge(slow, 10_000_000)
    connection.until(lambda: len(numbers(connection.data[slow])) == 200)
    assert numbers(connection.data[slow]) == numbers(connection.data[fast]) == list(range(200))
    connection.close()


def test_a_stream_that_stalls_for_too_long_is_dropped_alone(start_secured, authority, new_client):
    own = start_secured({"session": {"max_unsent_bytes": "64KiB"}})
    connection = Connection(own.sse, authority.client())
    slow_client, other_client = new_client(), new_client()
    slow, other = connection.open(slow_client), connection.open(other_client)
    for _ in range(6):
        own.api.publish(client_id=slow_client, data="x" * 60_000)
    until(lambda: not own.api.client_health(slow_client)["connected"], "the slow one to be given up")
    own.api.publish_numbers(3, client_id=other_client)
    connection.until(lambda: numbers(connection.data[other]) == [0, 1, 2])
    assert own.api.client_health(other_client)["connected"]
    assert slow not in connection.headers or b"gateway_close" not in connection.data[slow]
    connection.close()


def test_a_stream_that_the_client_gives_up_is_gone(start_secured, authority, client):
    own = start_secured()
    connection = Connection(own.sse, authority.client())
    stream = connection.open(client)
    connection.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
    connection.flush()
    until(lambda: not own.api.client_health(client)["connected"], "the stream to be gone")
    assert connection.status(connection.get("/health")) == 200
    connection.close()


def test_streams_count_as_connections(start_secured, authority, new_client):
    own = start_secured({"transports": {"http_sse": {"max_connections": 3}}})
    connection = Connection(own.sse, authority.client())
    streams = [connection.open(new_client()) for _ in range(3)]
    refused = connection.get(sse.path(new_client()))
    assert connection.status(refused) == 503
    assert int(connection.headers[refused]["retry-after"]) > 0
    connection.h2.reset_stream(streams[0], h2.errors.ErrorCodes.CANCEL)
    connection.flush()
    until(lambda: connection.status(connection.get(sse.path(new_client()))) == 200, "a place to be free")
    connection.close()


def test_the_connection_itself_counts_too(start_secured, authority):
    own = start_secured({"transports": {"http": {"max_connections": 2}}})
    first, second = (Connection(own.sse, authority.client()) for _ in range(2))
    with pytest.raises((OSError, AssertionError)):
        Connection(own.sse, authority.client()).status(1)
    # Both places are taken by the connections: a request finds none. One that leaves makes room.
    assert first.status(first.get("/health")) == 503
    second.close()
    until(lambda: first.status(first.get("/health")) == 200, "a place to be free")
    first.close()


def test_bodies_and_errors(start_gateway, server, authority, client):
    own = start_gateway({"tls": {"certificate": server[0], "key": server[1]},
                         "transports": {"websocket": {"max_message_size": "64KiB"}}})
    with httpx.Client(http1=False, http2=True, verify=authority.client(), timeout=PATIENCE,
                      base_url=f"https://127.0.0.1:{own.http[1]}") as http:
        with http.stream("GET", sse.path(client)) as stream:
            lines = stream.iter_lines()
            while next(lines) != "event: connected":
                pass
            sent = http.post("/mcp/messages", json={"client_id": client, "data": {"n": 7}})
            assert sent.status_code == 202, sent.text
            while '"data":{"n":7}' not in next(lines):
                pass
        assert http.get("/nowhere").status_code == 404
        assert http.post("/mcp/messages", content=b"x" * 70_000).status_code == 413
        assert http.post("/mcp/messages", content=b"{", headers={"content-type": "application/json"}).status_code == 400
        upgrade = http.get("/mcp/ws")
        assert upgrade.status_code == 426 and "upgrade" not in upgrade.headers
        assert http.head("/").headers["content-length"] != "0"
        assert "<html" in http.get("/").text


def test_compressed_streams_of_one_connection(start_secured, authority, topic, new_client):
    own = start_secured()
    connection = Connection(own.sse, authority.client())
    # Two that take gzip and one that does not, side by side.
    streams = [connection.get(sse.path(new_client(), topics=topic), **{"accept-encoding": encoding})
               for encoding in ("gzip", "gzip", "identity")]
    assert [connection.status(stream) for stream in streams] == [200] * 3
    assert [connection.headers[stream].get("content-encoding") for stream in streams] == ["gzip", "gzip", None]
    unpack = [zlib.decompressobj(31), zlib.decompressobj(31), None]
    texts = [b"", b"", b""]

    def read(condition):
        def is_done():
            for at, stream in enumerate(streams):
                data, connection.data[stream] = connection.data.get(stream, b""), b""
                texts[at] += unpack[at].decompress(data) if unpack[at] else data
            return condition()
        connection.until(is_done)

    read(lambda: all(b"event: connected" in text for text in texts))
    rows = [{"number": n, "text": "the same words again and again"} for n in range(100)]
    for n in range(5):
        own.api.publish(topic=topic, data={"n": n, "rows": rows})
    read(lambda: all(text.count(b"event: message") == 5 for text in texts))
    assert [numbers(text) for text in texts] == [list(range(5))] * 3
    connection.close()


def test_mcp_over_one_connection(start_gateway, server, authority):
    own = start_gateway({"tls": {"certificate": server[0], "key": server[1]}})
    headers = {"Accept": "application/json, text/event-stream"}
    with httpx.Client(http1=False, http2=True, verify=authority.client(), timeout=PATIENCE, headers=headers,
                      base_url=f"https://127.0.0.1:{own.http[1]}") as http:
        answer = http.post("/mcp", json=INITIALIZE)
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2"), answer.text
        http.headers["Mcp-Session-Id"] = answer.headers["mcp-session-id"]
        assert http.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}).status_code == 202

        def call(tool, arguments, **meta):
            return {"jsonrpc": "2.0", "id": 7, "method": "tools/call",
                    "params": {"name": tool, "arguments": arguments, **({"_meta": meta} if meta else {})}}

        slow = call("slow", {"steps": 3, "milliseconds": 20}, progressToken=1)
        with http.stream("POST", "/mcp", json=slow) as stream:
            assert stream.headers["content-type"] == "text/event-stream" and "connection" not in stream.headers
            # Another call of the same connection does not wait for the stream.
            answer = http.post("/mcp", json=call("echo", {"text": "x"}))
            assert answer.json()["result"]["content"] == [{"type": "text", "text": "x"}]
            lines = [line for line in stream.iter_lines() if line.startswith("data: {")]
        assert ["progress" in line for line in lines] == [True, True, True, False]
        assert http.delete("/mcp").status_code == 200
        assert http.post("/mcp", json=call("echo", {})).status_code == 404


# What a client may not do


def test_the_number_of_streams_is_bounded(start_secured, authority):
    own = start_secured({"http2": {"max_concurrent_streams": 5}})
    connection = Connection(own.sse, authority.client())
    connection.until(lambda: connection.h2.remote_settings.max_concurrent_streams == 5)
    connection.close()


def test_header_lists_are_bounded(start_secured, authority):
    own = start_secured({"http2": {"max_header_list_size": "4KiB"}})
    connection = Connection(own.sse, authority.client())
    refused = connection.get("/health", **{f"x-{n}": "y" * 500 for n in range(10)})
    assert connection.status(refused) == 431
    connection.close()
    # Far more than any request needs is not even read.
    connection = Connection(own.sse, authority.client())
    connection.get("/health", **{f"x-{n}": "y" * 500 for n in range(60)})
    while not connection.closed and connection.goaway is None and not connection.resets:
        connection.step()
    assert not connection.headers
    other = Connection(own.sse, authority.client())
    assert other.status(other.get("/health")) == 200
    other.close()


@pytest.mark.parametrize("flood", ["resets", "pings", "settings"])
def test_floods_end_the_connection(start_secured, authority, new_client, flood):
    own = start_secured({"http2": {"max_resets_per_second": 50, "max_control_frames_per_second": 50}})
    bystander = Connection(own.sse, authority.client())
    watched = bystander.open(client := new_client())
    connection = Connection(own.sse, authority.client())
    with contextlib.suppress(OSError):
        for _ in range(100):
            if flood == "resets":
                stream = connection.get("/health")
                connection.h2.reset_stream(stream)
            elif flood == "pings":
                connection.h2.ping(b"12345678")
            else:
                connection.socket.sendall(b"\0\0\0\x04\0\0\0\0\0")
            connection.flush()
    until(lambda: connection.closed or connection.step(), "the end")
    assert connection.goaway in (None, h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
    own.api.publish_numbers(2, client_id=client)
    bystander.until(lambda: numbers(bystander.data[watched]) == [0, 1])
    bystander.close()


def test_drain_says_goaway_and_ends_every_stream(start_secured, authority, new_client):
    own = start_secured()
    connection = Connection(own.sse, authority.client())
    streams = [connection.open(new_client()) for _ in range(3)]
    idle = Connection(own.sse, authority.client())
    assert idle.status(idle.get("/health")) == 200
    own.terminate()
    while not connection.closed:
        connection.step()
    assert connection.goaway == h2.errors.ErrorCodes.NO_ERROR
    for stream in streams:
        assert b"event: gateway_close" in connection.data[stream]
        assert stream in connection.ended
    while not idle.closed:
        idle.step()
    assert idle.goaway == h2.errors.ErrorCodes.NO_ERROR
    own.stop()


def test_an_idle_connection_ends(start_secured, authority, client):
    own = start_secured({"listen": {"keep_alive_timeout": "300ms"}})
    connection = Connection(own.sse, authority.client())
    assert connection.status(connection.get("/health")) == 200
    busy = Connection(own.sse, authority.client())
    stream = busy.open(client)
    while not connection.closed:
        connection.step()
    assert connection.goaway == h2.errors.ErrorCodes.NO_ERROR
    own.api.publish_numbers(2, client_id=client)
    busy.until(lambda: numbers(busy.data[stream]) == [0, 1])
    busy.close()


def test_h2load(start_secured, authority):
    own = start_secured()
    done = subprocess.run(
        ["h2load", "--requests=2000", "--clients=10", "--max-concurrent-streams=10",
         f"https://127.0.0.1:{own.sse[1]}/health"], capture_output=True, text=True, timeout=60)
    assert "2000 succeeded, 0 failed, 0 errored" in done.stdout, done.stdout + done.stderr


@pytest.mark.xdist_group("browser")
def test_fifty_streams_in_one_page(start_gateway, server, authority, browser, topic):
    own = start_gateway({"tls": {"certificate": server[0], "key": server[1]}})
    api = httpx.Client(verify=authority.client(), timeout=PATIENCE)
    base = f"https://127.0.0.1:{own.http[1]}"
    page = browser.open(f"{base}/health")
    try:
        page.do(f"""
            window.received = Array.from({{length: 50}}, () => [])
            window.connected = 0
            window.sources = received.map((list, n) => {{
                const source = new EventSource(`/mcp/sse?client_id=page-${{n}}&topics={topic}`)
                source.addEventListener("connected", () => {{ connected += 1 }})
                source.addEventListener("message", (event) => list.push(JSON.parse(event.data).data.n))
                return source
            }})
        """)
        # Over HTTP/1.1 a browser would stop at six.
        page.until("connected == 50", "fifty streams", 30)
        for n in range(20):
            assert api.post(f"{base}/mcp/messages", json={"topic": topic, "data": {"n": n}}).status_code == 202
        page.until("received.every((list) => list.length == 20)", "twenty messages on each", 30)
        assert page.run("received.every((list) => list.every((n, at) => n == at))")
        assert page.run("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
        assert api.get(f"{base}/mcp/stats").json()["http_sse"]["connections"] == 50
    finally:
        page.close()
        api.close()
