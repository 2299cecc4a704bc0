"""What is published arrives as it was meant, whatever its bytes are."""

import json

import phoenix
import pytest
import sse

TEXTS = {
    "umlauts": "grüß Gott, naïve façade",
    "emoji": "👋🏽 👨‍👩‍👧‍👦 🇪🇺",
    "line separators": "a\u2028b\u2029c\u0085d",
    "controls": "tab\t newline\n return\r both\r\n null\u0000 bell\u0007 delete\u007f",
    "escapes": 'quote " backslash \\ slash / \\u0041 \\n',
    "event stream syntax": "data: x\n\nid: 7\nevent: evil\n\n: comment\nretry: 1\n\n",
    "html": "<script>alert('&amp;')</script>",
    "byte order mark": "\ufeffx\ufeff",
    "astral and combining": "𝒳 e\u0301 \u202eright to left",
    "empty": "",
}


@pytest.fixture
def receivers(gateway, client, new_client):
    """A stream and both versions of a socket, subscribed to one topic."""
    topic = f"data:{client}"
    stream, _ = sse.open_connected(gateway.sse, new_client(), topics=topic)
    sockets = [phoenix.join(gateway.ws, new_client(), {"topics": [topic]}, v)[0] for v in (phoenix.V1, phoenix.V2)]

    def receive():
        envelopes = [stream.next().json, *(socket.message() for socket in sockets)]
        return [envelope["data"] for envelope in envelopes]

    yield topic, receive
    for one in (stream, *sockets):
        one.close()


def publish_raw(gateway, body):
    answer = gateway.api.post("/mcp/messages", body)
    assert answer.status == 202, answer


@pytest.mark.parametrize("escaped", [True, False], ids=["escaped", "raw"])
@pytest.mark.parametrize("name", TEXTS)
def test_text_arrives_unchanged(gateway, receivers, name, escaped):
    topic, receive = receivers
    data = {"text": TEXTS[name], TEXTS[name]: 1}
    publish_raw(gateway, json.dumps({"topic": topic, "data": data}, ensure_ascii=escaped))
    assert receive() == [data] * 3


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_pretty_printed_json_arrives_as_one_event(gateway, receivers, newline):
    topic, receive = receivers
    data = {"list": [1, 2, {"three": [True, None]}], "text": "x"}
    body = json.dumps({"topic": topic, "data": data}, indent=4).replace("\n", newline)
    publish_raw(gateway, body)
    assert receive() == [data] * 3
    publish_raw(gateway, json.dumps({"topic": topic, "data": "next"}))
    assert receive() == ["next"] * 3


@pytest.mark.parametrize(
    "text", ["9007199254740993", "123456789012345678901234567890", "0.1", "1.0", "-0.0", "1e-7", "5e300", "1E400"]
)
def test_numbers_keep_their_digits(gateway, receivers, text):
    """The payload is carried, not read: no double stands in between."""
    topic, _ = receivers
    stream, _ = sse.open_connected(gateway.sse, topic.replace(":", "."), topics=topic)
    with stream:
        publish_raw(gateway, f'{{"topic":"{topic}","data":{{"n":{text}}}}}')
        read = json.loads(stream.next().data, parse_float=str, parse_int=str)
        assert read["data"]["n"] == text


def test_data_of_half_a_megabyte_arrives(gateway, receivers):
    topic, receive = receivers
    data = {"text": "0123456789äöü" * 33_000}
    publish_raw(gateway, json.dumps({"topic": topic, "data": data}))
    assert receive() == [data] * 3


def test_deeply_nested_data_arrives(gateway, receivers):
    topic, receive = receivers
    data = json.loads("[" * 60 + "]" * 60)
    publish_raw(gateway, json.dumps({"topic": topic, "data": data}))
    assert receive() == [data] * 3


def test_an_event_name_cannot_break_out_of_its_line(gateway, client):
    answer = gateway.api.post(
        "/mcp/messages", {"client_id": client, "event": "x\ndata: forged\n\n", "data": {"n": 1}}
    )
    assert answer.status in (400, 422), answer
    stream, _ = sse.open_connected(gateway.sse, client)
    with stream:
        gateway.api.publish_numbers(1, start=2, client_id=client)
        assert stream.next().json["data"] == {"n": 2}
