"""EventSource and WebSocket as Chromium has them."""

import pytest

pytestmark = pytest.mark.xdist_group("browser")

STREAM = """
    window.received = []; window.connected = []; window.beats = 0
    window.source = new EventSource("/mcp/sse?client_id=CLIENT&topics=TOPIC")
    source.addEventListener("connected", (event) => connected.push(JSON.parse(event.data).data))
    source.addEventListener("message", (event) =>
        received.push({eventId: event.lastEventId, ...JSON.parse(event.data)}))
    source.addEventListener("data_update", (event) => received.push(JSON.parse(event.data)))
    source.addEventListener("heartbeat", () => { beats += 1 })
"""

SOCKET = """
    window.received = []; window.replies = {}; window.opened = 0
    window.last = null; window.closes = []
    window.start = () => {
        const scheme = "ws://" + location.host
        window.socket = new WebSocket(scheme + "/mcp/ws?client_id=CLIENT")
        socket.onopen = () => {
            opened += 1
            const payload = last ? {last_event_id: last} : {}
            send("phx_join", payload, "join" + opened)
        }
        socket.onmessage = (event) => {
            const frame = JSON.parse(event.data)
            if (frame.event == "phx_reply") replies[frame.ref] = frame.payload
            if (frame.event != "message") return
            received.push(frame.payload)
            last = `${frame.payload.epoch}-${frame.payload.sequence}`
        }
        socket.onclose = (event) => { closes.push(event.code); start() }
    }
    window.send = (event, payload, ref) =>
        socket.send(JSON.stringify({topic: "mcp:gateway", event, payload, ref}))
    start()
"""


@pytest.fixture
def open_page(browser, proxy_to):
    """Opens a page of a port through a proxy, so that page and gateway have one origin."""
    pages = []

    def open_page(address):
        proxy = proxy_to(address)
        origin = f"http://{proxy.address[0]}:{proxy.address[1]}"
        page = browser.open(f"{origin}/health")
        page.call("Page.setBypassCSP", enabled=True)
        page.go(f"{origin}/health")
        page.proxy = proxy
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()


def fill(script, client, topic="none"):
    return script.replace("CLIENT", client).replace("TOPIC", topic)


@pytest.mark.parametrize("port", ["sse", "http"])
def test_eventsource_receives_everything_in_order(gateway, client, topic, open_page, port):
    page = open_page(getattr(gateway, port))
    page.do(fill(STREAM, client, topic))
    page.until("connected.length", "the first event")
    assert page.run("connected[0].client_id") == client
    for n in range(200):
        gateway.api.publish(**({"topic": topic} if n % 2 else {"client_id": client}), data={"n": n})
    page.until("received.length >= 200", "200 messages")
    assert page.run("received.map((one) => one.data.n)") == list(range(200))
    assert page.run("received.every((one) => one.eventId == `${one.epoch}-${one.sequence}`)")


def test_eventsource_gets_own_event_names_and_every_letter(gateway, client, open_page):
    page = open_page(gateway.sse)
    page.do(fill(STREAM, client))
    page.until("connected.length", "the first event")
    text = "a\u2028b\u2029 grüß 👨‍👩‍👧‍👦 \n\r\u0000 \\ \" </script>"
    gateway.api.publish(client_id=client, event="data_update", data=text)
    page.until("received.length", "the event")
    assert page.run("received[0].data") == text


def test_eventsource_resumes_by_itself_with_nothing_lost_or_repeated(gateway, client, open_page):
    page = open_page(gateway.sse)
    page.do(fill(STREAM, client))
    page.until("connected.length", "the first event")
    published = 0
    for turn, size in enumerate((3000, 700, 5000), 1):
        page.proxy.cut_after(size)
        gateway.api.publish_numbers(40, start=published, client_id=client)
        published += 40
        page.until(f"received.length >= {published}", "everything to arrive after the cut", 30)
        assert page.run("connected.length") >= turn + 1
    gateway.api.publish_numbers(1, start=published, client_id=client)
    page.until(f"received.length > {published}", "the message after the last cut")
    assert page.run("received.map((one) => one.data.n)") == list(range(published + 1))
    assert page.run("connected.slice(1).every((one) => one.recovered && one.reason === null)")


def test_eventsource_resumes_after_a_quiet_cut(gateway, client, open_page):
    page = open_page(gateway.sse)
    page.do(fill(STREAM, client))
    page.until("connected.length", "the first event")
    gateway.api.publish_numbers(10, client_id=client)
    page.until("received.length == 10", "ten messages")
    page.proxy.refuse()
    page.proxy.cut()
    gateway.api.publish_numbers(10, start=10, client_id=client)
    page.until("source.readyState == 0", "the browser to notice")
    page.proxy.refuse(False)
    page.until("received.length >= 20", "what was published meanwhile", 30)
    assert page.run("received.map((one) => one.data.n)") == list(range(20))


@pytest.mark.parametrize("port", ["ws", "http"])
def test_websocket_receives_everything_in_order_and_echoes(gateway, client, open_page, port):
    page = open_page(getattr(gateway, port))
    page.do(fill(SOCKET, client))
    page.until("replies.join1", "the reply to the join")
    assert page.run("replies.join1.status") == "ok"
    gateway.api.publish_numbers(200, client_id=client)
    page.until("received.length >= 200", "200 messages")
    assert page.run("received.map((one) => one.data.n)") == list(range(200))
    page.do("send('message', {type: 'echo', data: {n: 200}}, 'echo')")
    page.until("replies.echo && received.length > 200", "the echo")
    assert page.run("replies.echo.status") == "ok"


def test_websocket_resumes_after_cuts_with_nothing_lost_or_repeated(gateway, client, open_page):
    page = open_page(gateway.ws)
    page.do(fill(SOCKET, client))
    page.until("replies.join1", "the reply to the join")
    published = 0
    for size in (3000, 800, 5000):
        page.proxy.cut_after(size)
        gateway.api.publish_numbers(40, start=published, client_id=client)
        published += 40
        page.until(f"received.length >= {published}", "everything to arrive after the cut", 30)
    gateway.api.publish_numbers(1, start=published, client_id=client)
    page.until(f"received.length > {published}", "the message after the last cut")
    assert page.run("received.map((one) => one.data.n)") == list(range(published + 1))
    assert page.run("closes.length") >= 3
    assert page.run("Object.values(replies).slice(1).every((one) => one.response.recovered)")
