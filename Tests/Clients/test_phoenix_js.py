"""phoenix.js 1.8.3 itself, in Chromium. pyview-web carries it; nothing of it is kept here."""

import importlib.resources
import json

import pytest

pytestmark = pytest.mark.xdist_group("browser")

CONNECT = """
    document.head.insertAdjacentHTML("beforeend", '<meta name="csrf-token" content="none">')
    0, eval(SOURCE)
    window.Socket = liveSocket.socket.constructor
    window.received = []
    window.open_ = (path, params) => {
        window.states = []
        window.socket = new Socket(path, {params, heartbeatIntervalMs: 200, reconnectAfterMs: () => 20})
        socket.onOpen(() => states.push("open"))
        socket.onClose((event) => states.push(event.code))
        socket.connect()
    }
    window.join = (topic, params) => new Promise((resolve, reject) => {
        window.channel = socket.channel(topic, params)
        channel.on("message", (payload) => received.push(payload))
        channel.join()
            .receive("ok", resolve)
            .receive("error", (reason) => reject(new Error(JSON.stringify(reason))))
            .receive("timeout", () => reject(new Error("timeout")))
    })
    window.push = (event, payload) => new Promise((resolve) =>
        channel.push(event, payload)
            .receive("ok", (response) => resolve({status: "ok", response}))
            .receive("error", (response) => resolve({status: "error", response}))
            .receive("timeout", () => resolve({status: "timeout"})))
"""


@pytest.fixture(scope="module")
def phoenix_js():
    source = importlib.resources.files("pyview").joinpath("static/assets/app.js").read_text()
    return "(() => {" + CONNECT.replace("SOURCE", json.dumps(source)) + "})()"


@pytest.fixture
def page(browser, gateway, phoenix_js, proxy_to):
    """A page of the gateway, behind a proxy, with phoenix.js in it."""
    proxy = proxy_to(gateway.ws)
    with browser.open(f"http://{proxy.address[0]}:{proxy.address[1]}/health") as one:
        one.call("Page.setBypassCSP", enabled=True)
        one.go(f"http://{proxy.address[0]}:{proxy.address[1]}/health")
        one.do(phoenix_js)
        one.proxy = proxy
        yield one


def connect(page, client, topic="mcp:gateway", params="{}"):
    page.do(f"open_('/mcp/ws', {{client_id: '{client}', compression: true}})")
    return page.run(f"join('{topic}', {params})")


def numbers(page):
    return page.run("received.map((one) => one.data.n)")


def test_phoenix_js_joins_receives_in_order_echoes_pings_and_leaves(gateway, client, page):
    assert connect(page, client)["client_id"] == client
    gateway.api.publish_numbers(200, client_id=client)
    page.until("received.length >= 200", "200 messages")
    assert numbers(page) == list(range(200))

    assert page.run("push('message', {type: 'echo', data: {n: 'ü'}})")["status"] == "ok"
    page.until("received.length == 201 && received[200].data.n == 'ü'", "the echo")
    assert page.run("push('message', {type: 'echo'})")["response"]["error"] == "invalid_message"

    page.do("window.pong = null; channel.on('pong', (payload) => { pong = payload }); channel.push('ping', {})")
    page.until("pong && Number.isInteger(pong.timestamp)", "the pong")

    page.run("new Promise((resolve) => channel.leave().receive('ok', () => resolve(true)))")
    page.until("channel.state == 'closed'", "the channel to close")
    assert page.run("socket.isConnected()")
    assert page.run("states") == ["open"]


def test_phoenix_js_joins_rooms_and_free_topics(gateway, client, page, topic):
    connect(page, client, params=f"{{room: 'r.{client}', client_id: '{client}'}}")
    gateway.api.publish_numbers(1, topic=f"room:r.{client}")
    page.until("received.length == 1", "the message of the room")
    page.run(f"join('{topic}', {{}})")
    gateway.api.publish_numbers(5, start=1, topic=topic)
    page.until("received.length >= 6", "the messages of the topic")
    assert numbers(page) == list(range(6))


def test_phoenix_js_heartbeats_are_answered(page, client):
    connect(page, client)
    page.do("""window.pings = 0; socket.onMessage((frame) => {
        if (frame.topic == "phoenix" && frame.payload.status == "ok") pings += 1 })""")
    page.until("pings >= 5", "five answered heartbeats")
    assert page.run("states") == ["open"]


def test_phoenix_js_comes_back_after_cuts_and_resumes_with_nothing_lost_or_repeated(gateway, client, page):
    """Its join parameters may be a function, so it can tell the last id at each join."""
    page.do(f"open_('/mcp/ws', {{client_id: '{client}'}})")
    page.run("""join("mcp:gateway", () => {
        const last = received.at(-1)
        return last ? {last_event_id: `${last.epoch}-${last.sequence}`} : {}
    })""")
    published = 0
    for size in (3000, 900, 6000):
        page.proxy.cut_after(size)
        gateway.api.publish_numbers(50, start=published, client_id=client)
        published += 50
        page.until(f"received.length >= {published}", "everything to arrive after the cut")
    gateway.api.publish_numbers(1, start=published, client_id=client)
    page.until(f"received.length > {published}", "the message after the last cut")
    assert numbers(page) == list(range(published + 1))
    assert page.run("states.filter((state) => state == 'open').length") >= 4


def test_phoenix_js_sends_its_token_as_a_subprotocol(client, page):
    page.do(f"""
        window.states = []
        window.socket = new Socket("/mcp/ws", {{params: {{client_id: '{client}'}}, authToken: "any token"}})
        socket.connect()""")
    assert page.run("join('mcp:gateway', {})")["client_id"] == client
    assert page.run("socket.conn.protocol") == "phoenix"
