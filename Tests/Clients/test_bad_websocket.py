"""WebSocket clients that do it wrong: each gets its error, the others do not notice."""

import json

import phoenix
import pytest
import raw
from phoenix import GATEWAY, V1, V2, Socket
from raw import BINARY, CONTINUATION, TEXT, RawSocket, frame
from wait import until

pytestmark = pytest.mark.usefixtures("bystander")

PROTOCOL_ERRORS = {1002, 1003, 1007, 1008}
"""With any of these a server may end a connection whose text is no Phoenix frame."""


def path(client, vsn=V2):
    return f"/mcp/ws/websocket?client_id={client}&vsn={vsn}"


@pytest.fixture
def wire(gateway, client):
    with RawSocket(gateway.ws, path(client)) as one:
        yield one


def join(wire):
    wire.send(frame(TEXT, json.dumps(["1", "1", GATEWAY, "phx_join", {}]).encode()))
    opcode, payload = wire.next()
    assert opcode == TEXT and json.loads(payload)[4]["status"] == "ok"


# The handshake

@pytest.mark.parametrize("vsn", ["3.0.0", "0.9", "2", "latest", "", "1.0.0.0.0", "-1.0.0", "10.0.0"])
def test_an_unknown_version_is_forbidden(gateway, client, vsn):
    assert raw.upgrade(gateway.ws, path(client, vsn)) == 403


@pytest.mark.parametrize("bad", ["a%20b", "a/b", "%C3%BC", "x" * 129, "a%00b", "%FF", "a%0d%0ab"])
def test_a_bad_client_id_is_refused_at_the_handshake(gateway, bad):
    assert raw.upgrade(gateway.ws, path(bad)) in (400, 403)


@pytest.mark.parametrize("good", ["x" * 128, "aZ09._-:%40", "a%3Ab"])
def test_an_unusual_but_proper_client_id_is_accepted(gateway, good):
    assert raw.upgrade(gateway.ws, path(good)) == 101


@pytest.mark.parametrize("payload", [{}, {"client_id": ""}, {"client_id": "a b"}, {"client_id": 7}, {"client_id": None}])
def test_a_join_without_a_proper_client_id_is_refused(gateway, payload):
    with Socket(gateway.ws) as socket:
        response = socket.error("phx_join", payload, ref="1", join_ref="1")
        assert response["error"] and response["reason"]
        socket.barrier()


def test_a_join_as_somebody_else_than_the_query_said_is_refused(gateway, client, new_client):
    with Socket(gateway.ws, client) as socket:
        assert socket.error("phx_join", {"client_id": new_client()}, ref="1", join_ref="1")["reason"]


def test_a_get_without_upgrade_is_no_stream(gateway, client):
    assert raw.exchange(gateway.ws, f"GET {path(client)} HTTP/1.1") in (400, 426)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_another_method_is_refused(gateway, client, method):
    assert raw.exchange(gateway.ws, f"{method} {path(client)} HTTP/1.1", "Content-Length: 0") in (400, 405)


def test_a_handshake_without_key_is_refused(gateway, client):
    assert raw.upgrade(gateway.ws, path(client), key=False) == 400


def test_a_handshake_of_another_websocket_version_is_told_13(gateway, client):
    with raw.Wire(gateway.ws) as wire:
        wire.send(raw.request(
            f"GET {path(client)} HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Version: 8", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ))
        assert wire.status() in (400, 426)


# Origin

@pytest.mark.parametrize("origin", ["http://elsewhere.example", "https://elsewhere.example:4002", "null"])
def test_a_foreign_origin_is_forbidden(gateway, client, origin):
    assert raw.upgrade(gateway.ws, path(client), f"Origin: {origin}") == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_loopback_origin_is_accepted_on_loopback(gateway, client, host):
    assert raw.upgrade(gateway.ws, path(client), f"Origin: http://{host}:3000") == 101


@pytest.mark.parametrize("host", ["localhost.elsewhere.example", "127.0.0.1.elsewhere.example", "elsewhere.example#localhost"])
def test_an_origin_that_only_looks_like_loopback_is_forbidden(gateway, client, host):
    assert raw.upgrade(gateway.ws, path(client), f"Origin: http://{host}") == 403


# Frames that are no Phoenix frames

@pytest.mark.parametrize(
    "text",
    ["{", "", "nonsense", "[", '["1","1"]', "[]", "[1,2,3,4]", "7", "null", '"text"', '{"topic":"x"}',
     '["1","1",5,"phx_join",{}]', '["1","1","mcp:gateway",null,{}]', '["1","1","mcp:gateway","message"]'],
)
@pytest.mark.parametrize("joined", [True, False], ids=["joined", "not joined"])
def test_text_that_is_no_v2_frame_ends_the_connection(wire, text, joined):
    if joined:
        join(wire)
    wire.send(frame(TEXT, text.encode()))
    assert wire.close_code() in PROTOCOL_ERRORS


@pytest.mark.parametrize(
    "text",
    ["{", "nonsense", "[]", '["1","1","mcp:gateway","phx_join",{}]', "{}", '{"topic":"mcp:gateway"}',
     '{"topic":5,"event":"phx_join","payload":{},"ref":"1"}', '{"topic":"mcp:gateway","payload":{},"ref":"1"}'],
)
def test_text_that_is_no_v1_frame_ends_the_connection(gateway, client, text):
    with RawSocket(gateway.ws, path(client, V1)) as wire:
        wire.send(frame(TEXT, text.encode()))
        assert wire.close_code() in PROTOCOL_ERRORS


@pytest.mark.parametrize("payload", ["7", "null", '"text"', "[]", "true"])
@pytest.mark.parametrize("event", ["message", "phx_join", "ack"])
@pytest.mark.parametrize("version", [V1, V2], ids=["V1", "V2"])
def test_a_payload_that_is_no_object_is_refused(gateway, client, event, payload, version):
    with Socket(gateway.ws, client, version) as socket:
        socket.join()
        if version == V2:
            text = f'["1","x","{GATEWAY}","{event}",{payload}]'
        else:
            text = f'{{"topic":"{GATEWAY}","event":"{event}","payload":{payload},"ref":"x"}}'
        socket.connection.send(text)
        try:
            assert socket.reply("x").payload["status"] == "error"
            socket.barrier()
        except phoenix.Closed as closed:
            assert closed.code in PROTOCOL_ERRORS


@pytest.mark.parametrize(
    "payload", [b'["1","1","\xff","phx_join",{}]', b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\xaf"]
)
def test_invalid_utf8_is_closed_with_1007(wire, payload):
    wire.send(frame(TEXT, payload))
    assert wire.close_code() == 1007


def test_an_unreadable_binary_frame_ends_the_connection_or_is_refused(wire):
    join(wire)
    wire.send(frame(BINARY, b"\x07\xff\xff\xff\xff"))
    assert wire.close_code() in PROTOCOL_ERRORS


# Sizes

def test_a_frame_beyond_the_limit_is_closed_with_1009(wire):
    join(wire)
    wire.send(frame(TEXT, b"x" * 65_537))
    assert wire.close_code() == 1009


def test_a_frame_that_announces_too_much_is_closed_before_it_comes(wire):
    wire.send(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 10)
    assert wire.close_code() in (1002, 1009)


def test_a_frame_at_the_limit_is_accepted(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    with socket:
        overhead = len(socket.encode(phoenix.Frame("1", "big", GATEWAY, "message", {"type": "echo", "data": ""})))
        text = "x" * (65_536 - overhead)
        socket.ok("message", {"type": "echo", "data": text}, ref="big", join_ref="1")
        assert socket.message()["data"] == text


def test_a_fragmented_message_beyond_the_limit_is_closed_with_1009(wire):
    join(wire)
    wire.send(frame(TEXT, b"[" * 60_000, final=False))
    for _ in range(20):
        if not wire.send(frame(CONTINUATION, b" " * 60_000, final=False)):
            break
    assert wire.close_code() == 1009


def test_a_fragmented_message_below_the_limit_is_accepted(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    with socket:
        text = " ".join(f"ü{n * n}" for n in range(15_000))
        whole = socket.encode(phoenix.Frame("1", "big", GATEWAY, "message", {"type": "echo", "data": text}))
        socket.connection.send([whole[at:at + 20_000] for at in range(0, len(whole), 20_000)])
        assert socket.reply("big").payload["status"] == "ok"
        assert socket.message()["data"] == text


@pytest.mark.parametrize("field", ["topic", "event", "ref"])
def test_long_names_are_refused_or_carried_but_never_fatal(gateway, client, field):
    values = {"topic": GATEWAY, "event": "message", "ref": "1", **{field: "x" * 40_000}}
    with Socket(gateway.ws, client) as socket:
        socket.join()
        socket.send(phoenix.Frame("1", values["ref"], values["topic"], values["event"], {"type": "echo", "data": {}}))
        try:
            assert socket.reply(values["ref"]).payload["status"] in ("ok", "error")
        except phoenix.Closed as closed:
            assert closed.code in PROTOCOL_ERRORS | {1009}


def test_a_client_that_vanishes_in_the_middle_of_a_frame_is_forgotten(gateway, client):
    with RawSocket(gateway.ws, path(client)) as wire:
        join(wire)
        wire.send(frame(TEXT, b"x" * 1000)[:500])
    until(lambda: not gateway.api.client_health(client)["connected"], "the end to be noticed")


def test_a_client_may_say_goodbye(wire):
    join(wire)
    wire.send(frame(raw.CLOSE, (1000).to_bytes(2, "big") + b"bye"))
    assert wire.close_code() == 1000
    assert wire.ended()


def test_a_ping_is_answered_with_its_payload(wire):
    wire.send(frame(raw.PING, b"are you there?"))
    assert wire.next() == (raw.PONG, b"are you there?")
