"""phoenix.js's own long-poll in Chromium: as a fallback where no WebSocket gets through, and from the start."""

import pytest
from test_phoenix_js import connect, numbers, page, phoenix_js  # noqa: F401

pytestmark = pytest.mark.xdist_group("browser")

WITHOUT_SOCKETS = """
    // A network that lets no WebSocket through.
    window.Blocked = class { constructor() { this.readyState = 0; setTimeout(() => this.onerror?.(new Event("error"))) } close() {} }
    window.open_ = (path, params) => {
        sessionStorage.clear()
        window.states = []
        window.socket = new Socket(path, {params, transport: FALLBACK ? Blocked : socketLongPoll(), reconnectAfterMs: () => 20,
            longPollFallbackMs: FALLBACK ? 500 : undefined})
        socket.onOpen(() => states.push("open"))
        socket.onClose((event) => states.push(event.code))
        socket.connect()
    }
    window.socketLongPoll = () => new Socket("/mcp/ws", {}).getLongPollTransport()
"""


def use_long_poll(page, fallback):  # noqa: F811
    page.do(f"window.FALLBACK = {'true' if fallback else 'false'}; {WITHOUT_SOCKETS}")


@pytest.mark.parametrize("fallback", [True, False])
def test_phoenix_js_receives_in_order_echoes_and_leaves(gateway, client, page, fallback):  # noqa: F811
    use_long_poll(page, fallback)
    assert connect(page, client)["transport"] == "longpoll"
    gateway.api.publish_numbers(100, client_id=client)
    page.until("received.length >= 100", "100 messages")
    assert numbers(page) == list(range(100))
    assert page.run("push('message', {type: 'echo', data: {n: 'ü'}})")["status"] == "ok"
    page.until("received.length == 101 && received[100].data.n == 'ü'", "the echo")
    page.do("window.blob = null; channel.on('echo', (payload) => { blob = payload })")
    page.do("channel.push('echo', new Uint8Array([0, 255, 1]).buffer)")
    page.until("blob && blob.encoding == 'base64' && blob.data == 'AP8B'", "the binary echo")
    page.run("new Promise((resolve) => channel.leave().receive('ok', () => resolve(true)))")
    page.until("channel.state == 'closed'", "the channel to close")
    assert page.run("socket.conn.constructor.name") != "WebSocket" and not page.sockets


def test_phoenix_js_comes_back_after_cuts_with_nothing_lost_or_repeated(gateway, client, page):  # noqa: F811
    use_long_poll(page, False)
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
    assert numbers(page) == list(range(published))


def test_phoenix_js_sends_and_receives_binary_frames(gateway, client, page):  # noqa: F811
    connect(page, client)
    page.do("window.blob = null; channel.on('echo', (payload) => { blob = payload })")
    page.do("channel.push('echo', new Uint8Array([0, 255, 1]).buffer)")
    page.until("blob && [...new Uint8Array(blob)].join() == '0,255,1'", "the same bytes")
    assert page.run("""new Promise((resolve) => channel.push('ping', new Uint8Array([7]).buffer)
        .receive('ok', (bytes) => resolve(new Uint8Array(bytes)[0])))""") == 7
