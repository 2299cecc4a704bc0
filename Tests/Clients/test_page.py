"""The try-it page at `/`."""

import json
import re
import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
from wait import until

pytestmark = pytest.mark.xdist_group("browser")

CLICK_CONNECT = """
    [...document.querySelectorAll("button, input[type=submit], input[type=button]")]
        .filter((one) => !one.disabled && /^\\s*(dis)?connect|^\\s*(start|open|join)/i.test(one.innerText || one.value))
        .filter((one) => !/disconnect/i.test(one.innerText || one.value))
        .map((one) => one.click()).length
"""


@pytest.fixture
def page(browser, gateway):
    with browser.open(f"http://{gateway.http[0]}:{gateway.http[1]}/") as one:
        yield one


def client_of(url):
    return next(iter(parse_qs(urlsplit(url).query).get("client_id", [])), None)


def stream_client(page):
    """The client id with which the page opened its event stream."""
    urls = [request["url"] for request in page.requests if "/mcp/sse" in request["url"]]
    return next((client for client in map(client_of, urls) if client), None)


def socket_client(page):
    """The client id with which the page opened its WebSocket, from the address or the join."""
    clients = [client for client in map(client_of, page.sockets) if client]
    for text in page.frames_sent:
        frame = json.loads(text)
        payload = frame[4] if isinstance(frame, list) else frame.get("payload", {})
        clients += [payload["client_id"]] if "client_id" in payload else []
    return next(iter(clients), None)


def connect(gateway, page):
    """Waits until the gateway knows the page's connections; presses what says connect, if it has to be asked."""
    def connected():
        by_stream, by_socket = stream_client(page), socket_client(page)
        if not (by_stream and by_socket):
            return None
        healths = [gateway.api.client_health(one) for one in (by_stream, by_socket)]
        if not all(healths):
            return None
        has = "http_sse" in healths[0]["transports"] and "websocket" in healths[1]["transports"]
        return (by_stream, by_socket) if has else None

    try:
        return until(connected, "the page to connect by itself", 3)
    except AssertionError:
        page.do(CLICK_CONNECT)
        return until(connected, "the page to connect by both transports when asked to")


def test_the_page_loads_without_errors(page):
    page.until("document.readyState == 'complete'", "the page to load")
    assert page.run("document.title")
    assert page.errors == []


def test_the_page_needs_nothing_from_elsewhere(gateway, page):
    page.until("document.readyState == 'complete'", "the page to load")
    own = f"{gateway.http[0]}:{gateway.http[1]}"
    elsewhere = [request["url"] for request in page.requests if re.match("(http|ws)s?://", request["url"])]
    assert [url for url in elsewhere if urlsplit(url).hostname != gateway.http[0]] == [], own


def test_the_page_connects_by_both_transports_and_shows_what_is_published(gateway, page):
    by_stream, by_socket = connect(gateway, page)
    for client in {by_stream, by_socket}:
        marker = f"marker-{uuid.uuid4()}"
        gateway.api.publish(client_id=client, data={"text": marker})
        page.until(f"document.body.innerText.includes('{marker}')", "the published message on the page")
    assert page.errors == []


def test_the_page_shows_markup_as_text(gateway, page):
    by_stream, by_socket = connect(gateway, page)
    for client in {by_stream, by_socket}:
        marker = f"marker-{uuid.uuid4()}"
        gateway.api.publish(client_id=client, data={"text": f"<b id='{marker}'>{marker}</b>"})
        page.until(f"document.body.innerText.includes('{marker}')", "the published message on the page")
        assert page.run(f"document.getElementById('{marker}') === null")
    assert page.errors == []
