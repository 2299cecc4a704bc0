"""`mcp-gateway load-test`: against the gateway, and against servers that nobody here wrote."""

import asyncio
import contextlib
import json
import re
import signal
import subprocess
import threading
import time
from html.parser import HTMLParser

import aiohttp.web
import gateway as gateways
import pytest
import websockets.asyncio.server


def load_test(*arguments, timeout=60):
    return subprocess.run(
        [gateways.BINARY, "load-test", *arguments], env=gateways.clean_environment(), capture_output=True, text=True,
        timeout=timeout)


def report_of(*arguments):
    done = load_test("--json", "--quiet", *arguments)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with gateways.Gateway(tmp_path_factory.mktemp("load-test"), {"debug": True}) as one:
        yield one


def base(own, path=""):
    host, port = own.http
    return f"http://{host}:{port}{path}"


QUICK = ["--connections", "10", "--ramp", "0.2", "--duration", "1", "--rate", "50"]


@pytest.mark.parametrize("transport", ["phoenix", "echo", "mcp"])
def test_each_message_is_answered(own, transport):
    code, report = report_of(base(own), "--transport", transport, *QUICK)
    assert code == 0
    assert (report["connections_opened"], report["connections_open"]) == (10, 10)
    assert report["sent"] == report["received"] == report["latency_ms"]["count"] == 50
    assert set(report["errors"].values()) == {0} and report["error_rate"] == 0
    latency = report["latency_ms"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["max"]


def test_what_is_published_reaches_every_stream(own):
    code, report = report_of(base(own, "/mcp/sse"), *QUICK)
    assert code == 0
    assert report["published"] == 50 and report["received"] == 500
    assert set(report["errors"].values()) == {0}


def test_thresholds_decide_the_exit_code(own, tmp_path):
    page = tmp_path / "report.html"
    done = load_test(base(own), *QUICK, "--max-p99", "0.0001", "--min-rate", "1", "--html", str(page))
    assert done.returncode == 1
    assert re.search(r"FAILED  p99 is [0-9.]+ [mµ]s, and may be 0.1 µs", done.stdout)
    assert "errors" in done.stderr, "progress is shown while it lasts"
    text = page.read_text()

    class Checker(HTMLParser):
        found = set()

        def handle_starttag(self, tag, attributes):
            self.found.add(tag)
            assert not {"src", "href"} & {name for name, _ in attributes}, "nothing from elsewhere"

    Checker().feed(text)
    assert {"svg", "polyline", "table", "style"} <= Checker.found and "script" not in Checker.found
    assert load_test(base(own), *QUICK, "--max-p99", "60000", "--max-errors", "0").returncode == 0


def test_what_cannot_be_reached_is_said():
    done = load_test("ws://127.0.0.1:1", *QUICK)
    assert done.returncode == 3 and "Connection refused" in done.stderr
    done = load_test("ftp://x", *QUICK)
    assert done.returncode == 2 and "ws, wss, http or https" in done.stderr
    done = load_test("http://127.0.0.1:1/what", *QUICK)
    assert done.returncode == 2 and "--transport" in done.stderr
    done = load_test("--connections", "0")
    assert done.returncode == 2 and "--connections" in done.stderr


def test_a_refusal_is_said_in_the_servers_words(own):
    code, report = report_of(base(own, "/nothing").replace("http", "ws"), *QUICK)
    assert code == 3 and report["errors"]["refused"] == 10
    done = load_test(base(own), "--transport", "phoenix", "--channel", "phoenix", *QUICK)
    assert done.returncode == 3 and "unmatched topic" in done.stderr
    code, report = report_of(base(own, "/mcp"), "--tool", "no-such-tool", *QUICK)
    assert code == 0 and report["errors"]["failed_answer"] == 50 and report["error_rate"] > 0.8


def test_an_interruption_ends_it_with_a_report(own):
    one = subprocess.Popen(
        [gateways.BINARY, "load-test", base(own), "--connections", "5", "--ramp", "0", "--duration", "600", "--json"],
        env=gateways.clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "sending" not in one.stderr.readline():
        assert one.poll() is None
    one.send_signal(signal.SIGINT)
    report = json.loads(one.communicate(timeout=30)[0])
    assert one.returncode == 0
    assert report["interrupted"] and report["received"] > 0 and report["seconds"] < 60


@contextlib.contextmanager
def serving(start):
    """Runs an asyncio server in a thread; `start` gives its port."""
    loop = asyncio.new_event_loop()
    port = asyncio.run_coroutine_threadsafe
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield port(start(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def test_a_foreign_echo_server():
    async def start():
        async def echo(connection):
            async for message in connection:
                await connection.send(message)

        server = await websockets.asyncio.server.serve(echo, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    with serving(start) as port:
        code, report = report_of(f"ws://127.0.0.1:{port}/", "--transport", "echo", *QUICK)
        assert code == 0 and report["received"] == 50


def test_a_foreign_stream_and_a_server_that_stalls():
    """Latency counts from when a message was due: a server that sleeps is not spared."""

    async def start():
        queues = []

        async def events(request):
            response = aiohttp.web.StreamResponse(headers={"content-type": "text/event-stream"})
            await response.prepare(request)
            queue = asyncio.Queue()
            queues.append(queue)
            with contextlib.suppress(ConnectionError):
                while True:
                    await response.write(b"data: " + await queue.get() + b"\n\n")
            return response

        async def publish(request):
            body = await request.read()
            if request.query.get("slow"):
                time.sleep(0.05)  # the whole server stands still
            for queue in queues:
                queue.put_nowait(body)
            return aiohttp.web.Response(status=202)

        app = aiohttp.web.Application()
        app.router.add_get("/events", events)
        app.router.add_post("/publish", publish)
        runner = aiohttp.web.AppRunner(app)
        await runner.setup()
        await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner.addresses[0][1]

    with serving(start) as port:
        address = f"http://127.0.0.1:{port}"
        arguments = ["--connections", "4", "--ramp", "0.1", "--duration", "1", "--rate", "40"]
        code, report = report_of(f"{address}/events", *arguments, "--publish-url", f"{address}/publish")
        assert code == 0 and report["received"] == 160
        # 40 a second cannot be done in 50 ms each: the last one has waited for about a second.
        code, slow = report_of(f"{address}/events", *arguments, "--publish-url", f"{address}/publish?slow=1")
        assert slow["received"] == 160 and slow["latency_ms"]["max"] > 500


def test_a_slow_upgrade_is_waited_for_and_a_slow_server_is_not_fast():
    async def start():
        async def slowly(_, request):
            await asyncio.sleep(0.4)

        async def echo(connection):
            async for message in connection:
                await asyncio.sleep(0.05)
                await connection.send(message)

        server = await websockets.asyncio.server.serve(echo, "127.0.0.1", 0, process_request=slowly)
        return server.sockets[0].getsockname()[1]

    with serving(start) as port:
        code, report = report_of(
            f"ws://127.0.0.1:{port}/", "--transport", "echo", "--connections", "1", "--ramp", "0", "--duration", "1", "--rate", "40")
        assert code == 0 and report["connections_opened"] == 1 and report["errors"]["not_sent"] == 0
        assert report["received"] == 40 and report["received_per_second"] < 25, "it answers 20 a second"
