"""The try-it page and the JavaScript client at a gateway that wants tokens."""

import gateway as gateways
import pytest
from tokens import AUTHENTICATED, bearer, token
from wait import until

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with gateways.Gateway(tmp_path_factory.mktemp("page-token"), AUTHENTICATED) as one:
        yield one


def connected(page):
    return page.run("""[...document.querySelectorAll(".link")].filter((one) => one.dataset.state === "open").length""")


def test_the_page_asks_for_a_token_and_connects_with_it(browser, guarded, client):
    with browser.open(f"http://{guarded.http[0]}:{guarded.http[1]}/?client_id={client}") as page:
        page.until("document.body.innerText.includes('wants a token')", "the page to say what is missing")
        text = token(client, "publish:*", "subscribe:*", "send:*")
        page.do(f"""const field = document.getElementById("token"); field.value = "{text}";
                    field.dispatchEvent(new Event("input")); document.getElementById("apply").click()""")
        until(lambda: connected(page) == 2, "both transports")
        # The token of an event stream is in no address: a ticket stands there, once.
        assert not [one["url"] for one in page.requests if text in one["url"]]
        assert [one["url"] for one in page.requests if "/mcp/sse" in one["url"] and "ticket=tk_" in one["url"]]
        assert not [url for url in page.sockets if text in url]
        guarded.api.post("/mcp/messages", {"client_id": client, "type": "chat", "data": {"text": "through the door"}}, **bearer(text))
        page.until("document.body.innerText.includes('through the door')", "the message")
        page.do("""document.querySelector("input[value=client]").click(); document.querySelector("#send button.primary").click()""")
        page.until("/accepted: 1 delivered/.test(document.getElementById('result').innerText)", "what the page sent")
        assert page.run("document.getElementById('curl').textContent.includes('$TOKEN')")
        assert text not in page.run("JSON.stringify(sessionStorage) + JSON.stringify(localStorage) + document.cookie + location.href")


def test_a_stream_with_tickets_comes_back_with_another_one(browser, guarded, client):
    text = token(client)
    with browser.open(f"http://{guarded.http[0]}:{guarded.http[1]}/") as page:
        assert page.run(f"""(async () => {{
            const {{ GatewayClient }} = await import("/client.js");
            window.got = []; window.ups = 0;
            window.client = new GatewayClient({{ clientId: "{client}", transports: ["http_sse"], token: "{text}", tickets: true }});
            client.on("connected", () => ups++); client.on("message", (message) => got.push(message.data.n));
            client.connect();
            return true;
        }})()""")
        until(lambda: page.run("ups") == 1, "the first connection")
        page.do("client.disconnect()")
        guarded.api.post("/mcp/messages", {"client_id": client, "type": "x", "data": {"n": 1}}, **bearer(token("back-end", "service")))
        page.do("client.connect()")
        until(lambda: page.run("got.length") == 1 and page.run("ups") == 2, "what came meanwhile")
        tickets = [one["url"].split("ticket=")[1].split("&")[0] for one in page.requests if "ticket=" in one["url"] and client in one["url"]]
        assert len(tickets) == len(set(tickets)) == 2


def test_a_wrong_token_is_told_and_not_tried_again(browser, guarded, client):
    with browser.open(f"http://{guarded.http[0]}:{guarded.http[1]}/") as page:
        assert page.run(f"""(async () => {{
            const {{ GatewayClient }} = await import("/client.js");
            window.states = [];
            window.client = new GatewayClient({{ clientId: "{client}", transports: ["http_sse"], token: "a.b.c", tickets: true }});
            client.on("state", ({{ state }}) => states.push(state));
            client.connect();
            return true;
        }})()""")
        until(lambda: page.run("states.includes('stopped')"), "the client to give up")
        assert page.run("states") == ["connecting", "stopped"]
