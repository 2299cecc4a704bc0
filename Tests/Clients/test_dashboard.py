"""`/metrics/dashboard` in Chromium."""

import os
import base64
import pathlib
import re
from urllib.parse import urlsplit

import admin
import gateway as gateways
import phoenix
import pytest
import sse
from api import API
from wait import until

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with gateways.Gateway(tmp_path_factory.mktemp("dashboard"), admin.CONFIG) as one:
        yield one


def address(own, token=True):
    return f"http://{own.http[0]}:{own.http[1]}/metrics/dashboard" + (f"?token={admin.TOKEN}" if token else "")


@pytest.fixture
def page(browser, own):
    with browser.open(address(own)) as one:
        one.until("document.querySelector('#live').classList.contains('on')", "the page to be live")
        one.until("!document.querySelector('#clients').hidden", "what administrators see")
        yield one
        assert one.errors == []


def text(page, selector):
    return page.run(f"document.querySelector({selector!r}).innerText")


def numbers(page, transport):
    row = page.run(
        f"[...document.querySelector('#transports tr[data-key={transport}]').cells].map((cell) => cell.innerText)")
    return [one.strip() for one in row]


def test_figures_are_those_of_the_statistics(own, page, new_client):
    sockets = [phoenix.join(own.ws, new_client())[0] for _ in range(7)]
    stream, _ = sse.open_connected(own.sse, new_client())
    client = new_client()
    sockets.append(phoenix.join(own.ws, client)[0])
    own.api.publish_numbers(25, client_id=client)
    assert sockets[-1].numbers(25) == list(range(25))

    def agree():
        stats = own.api.get("/mcp/stats").json
        shown = int(text(page, "#connections").replace(",", ""))
        return (
            shown == stats["websocket"]["connections"] + stats["http_sse"]["connections"] >= 9
            and numbers(page, "websocket")[1] == str(stats["websocket"]["connections"])
            and numbers(page, "http_sse")[1] == str(stats["http_sse"]["connections"])
            and f"{stats['sessions']} sessions" in text(page, "#connections-aside")
        )
    until(agree, "the page's figures to be those of /mcp/stats")
    assert "ready" in text(page, "#readiness")

    def timed():
        # Latency is of what has been delivered since the last look.
        own.api.publish_numbers(1, client_id=client)
        return re.search(r"[\d.]+ ?(ms|s)", text(page, "#latency"))

    until(timed, "the latency")
    for one in (*sockets, stream):
        one.close()
    until(lambda: text(page, "#connections") == "0", "the closed connections to leave the page")


def test_a_traced_client_s_events_appear_within_a_second(own, page, client):
    socket, _ = phoenix.join(own.ws, client)
    page.do(f"document.querySelector('#query').value = {client!r}; document.querySelector('#search').requestSubmit()")
    page.until(f"[...document.querySelectorAll('#found .open')].some((one) => one.innerText == {client!r})", "the client")
    page.do("document.querySelector('#found .open').click()")
    page.until("document.querySelector('#trace-events').innerText.includes('connected')", "the client's history")
    until(lambda: admin.Admin(own.http).ask(f"trace/{client}")["traced"], "the trace to begin")
    own.api.publish(client_id=client, data={"n": 1})
    page.until("document.querySelector('#trace-events').innerText.includes('message accepted')", "the event", 1)
    page.do("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    assert page.run("document.querySelector('#trace').hidden")
    socket.close()


def press(page, key, text=None):
    code = {"Enter": 13, "Tab": 9, "Escape": 27}.get(key, ord(key.upper()[0]) if len(key) == 1 else 0)
    text = "\r" if key == "Enter" else text
    more = {"text": text} if text else {}
    page.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **more)
    page.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)


def test_the_keyboard_is_enough(own, page, client):
    stream, _ = sse.open_connected(own.sse, client)
    press(page, "/", "/")
    page.until("document.activeElement.id == 'query' && document.activeElement.value == ''", "the search field")
    page.call("Input.insertText", text=client)
    press(page, "Enter")
    page.until(f"[...document.querySelectorAll('#found .open')].some((one) => one.innerText == {client!r})", "the client")
    # The list is made anew now and then, which takes the focus with it: one goes there again.
    def reach():
        for _ in range(12):
            press(page, "Tab")
            if page.run("document.activeElement.classList.contains('open')"):
                return True
        press(page, "Escape")
        press(page, "/", "/")
        return False

    until(reach, "the client in the order of the Tab key")
    outline = page.run("(() => { const style = getComputedStyle(document.activeElement); return style.outlineStyle + ' ' + style.boxShadow })()")
    assert outline != "none none", "where one is can be seen"
    press(page, "Enter")
    page.until("!document.querySelector('#trace').hidden && document.querySelector('#trace-events').innerText.includes('connected')",
               "the client's history")
    press(page, "Escape")
    page.until("document.querySelector('#trace').hidden", "the trace to close")
    theme = page.run("getComputedStyle(document.body).backgroundColor")
    press(page, "t", "t")
    press(page, "t", "t")
    until(lambda: page.run("getComputedStyle(document.body).backgroundColor") != theme or press(page, "t", "t"), "another theme")
    press(page, "i", "i")
    page.until("document.activeElement.id == 'reload-tools'", "the inspector")
    press(page, "Enter")
    page.until("[...document.querySelectorAll('#tools b')].map((one) => one.innerText).includes('add')", "the tools")
    stream.close()


def test_errors_appear(own, page, client):
    socket, _ = phoenix.join(own.ws, client)
    socket.connection.send("not a frame")
    assert socket.close_code() == 1007
    page.until(f"document.querySelector('#recent').innerText.includes({client!r})", "the error")


def test_a_tool_is_called(own, page):
    page.do("document.querySelector('#reload-tools').click()")
    page.until("[...document.querySelectorAll('#tools b')].map((one) => one.innerText).includes('add')", "the tools")
    page.do("[...document.querySelectorAll('#tools button')].find((one) => one.querySelector('b').innerText == 'add').click()")
    assert set(eval(page.run("document.querySelector('#arguments').value"))) == {"a", "b"}
    page.do("document.querySelector('#arguments').value = '{\"a\": 2, \"b\": 40}'; document.querySelector('#call').requestSubmit()")
    page.until("document.querySelector('#result').innerText == '42'", "the answer")
    page.until("document.querySelector('#calls').innerText.includes('add')", "the call among the last ones")


def test_without_the_token_no_client_is_named(own, browser, client):
    socket, _ = phoenix.join(own.ws, client)
    with browser.open(address(own, token=False)) as page:
        page.until("document.querySelector('#live').classList.contains('on')", "the page to be live")
        page.until("!document.querySelector('#unlock').hidden", "the page to ask for the token")
        page.until("document.querySelector('#connections').innerText != '–'", "the open figures")
        assert page.run("document.querySelector('#clients').hidden")
        assert client not in page.run("document.body.innerText")
        assert page.errors == []
        page.do(f"document.querySelector('#token').value = {admin.TOKEN!r}; document.querySelector('#token-form').requestSubmit()")
        page.until("document.querySelector('#clients')?.hidden === false", "the page to open")
        assert "token" not in page.run("location.href")
    socket.close()


def test_the_page_is_closed_where_others_reach_it(start_gateway, browser):
    own = start_gateway(admin.CONFIG | {"listen": {"host": "0.0.0.0"}, "security": {**admin.CONFIG["security"], "allow_anonymous": True}})
    api = API(own.http)
    assert api.get("/metrics/dashboard/stream").status == 401
    stream = sse.Stream(own.http, "/metrics/dashboard/stream", {"Authorization": f"Bearer {admin.TOKEN}"})
    stream.expect("snapshot")
    stream.expect("clients")
    stream.close()


def test_nothing_comes_from_elsewhere_and_the_policy_is_strict(own, page):
    hosts = {urlsplit(one["url"]).netloc for one in page.requests if one["url"].startswith("http")}
    assert hosts == {f"{own.http[0]}:{own.http[1]}"}
    policy = API(own.http).get("/metrics/dashboard").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_no_snapshot_is_made_while_nobody_looks(start_gateway):
    own = start_gateway(admin.CONFIG)
    streams = [sse.Stream(own.http, "/metrics/dashboard/stream", {}) for _ in range(3)]
    first = [one.expect("snapshot").json["at"] for one in streams]
    # All viewers are shown the same one.
    later = [{one.expect("snapshot").json["at"] for _ in range(5)} for one in streams]
    assert set.intersection(*later)
    assert first
    for one in streams:
        one.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width,height", [(1440, 900), (390, 844)])
def test_it_fits_in_both_themes(own, browser, new_client, theme, width, height):
    client = new_client()
    socket, _ = phoenix.join(own.ws, client)
    with browser.open(address(own)) as page:
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        page.until("!document.querySelector('#clients').hidden", "what administrators see")
        own.api.publish_numbers(50, client_id=client)
        page.until("document.querySelector('#found').innerText.length > 0", "the clients")
        page.do("document.querySelector('#reload-tools').click()")
        page.until("document.querySelectorAll('#tools b').length > 0", "the tools")
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
        dark = page.run("getComputedStyle(document.body).backgroundColor") == "rgb(17, 21, 20)"
        assert dark == (theme == "dark")
        if directory := os.environ.get("MCP_SCREENSHOTS"):
            image = page.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
            pathlib.Path(directory, f"dashboard-{theme}-{width}.png").write_bytes(base64.b64decode(image["data"]))
        assert page.errors == []
    socket.close()


def test_the_viable_system_is_drawn_as_it_lives(browser, start_gateway, new_client):
    """The flow moves with the traffic, what is refused leaves it, a pain comes and goes, and names are text."""
    hostile = "<img src=x onerror=alert(1)>"
    own = start_gateway({
        **admin.CONFIG, "viability": {
            "interval": "100ms", "variety_window": "500ms", "algedonic": {"deadline": "200ms", "calm": "200ms"}},
        "transports": {"http_sse": {"max_connections": 10}},
        "policy": {"purpose": hostile, "rules": [{"type": "noise", "normal": "refuse"}]}})
    with browser.open(address(own)) as page:
        page.until("!document.querySelector('#viable-system').hidden", "the panel")
        page.until("document.querySelector('#flow').textContent.includes('0/s in')", "a node at rest")
        assert text(page, "#mode") == "normal" and text(page, "#purpose") == hostile
        client = new_client()
        stream, _ = sse.open_connected(own.sse, client)

        def flows():
            for kind in ("order", "noise"):
                for size in (1, 200, 3000):
                    own.api.post("/mcp/push", {"client_id": client, "type": kind, "to": client, "data": "x" * size})
            return page.run("(([shown]) => shown && parseFloat(shown[1]) > 0)([document.querySelector('#flow').textContent.match(/([0-9.,]+).s refused/)])")

        until(flows, "what is refused")
        words = "document.querySelector('#flow').textContent"
        until(lambda: flows() is not None and page.run(f"{words}.match(/variety in: [0-9.]+ bits/) !== null"), "the variety")
        assert page.run("getComputedStyle(document.querySelector('#flow .grains:not(.idle)')).animationName") == "flow"
        assert page.run("document.querySelector('#flow').getAttribute('aria-label').includes('come in')")
        page.until("document.querySelector('#loops').innerText.includes('messages: 0 kept')", "the rules")
        assert page.run("[...document.querySelectorAll('#loops .system')].map((one) => one.innerText).filter(Boolean).join(' ')") == "S1 S2 S3 S3* S4 S5"
        crowd = [sse.open_connected(own.sse, new_client())[0] for _ in range(9)]
        page.until("document.querySelector('#pain').innerText.includes('connection shortage')", "the pain")
        page.until("document.querySelector('#signals').innerText.includes('told to')", "the signal")
        for one in (stream, *crowd):
            one.close()
        page.until("document.querySelector('#signals').innerText.includes('over after')", "the relief")
        page.until("document.querySelector('#pain').children.length === 0", "no pain")
        page.until("document.querySelector('#flow').textContent.includes('nothing refused')", "a node at rest again")
        assert page.errors == []
