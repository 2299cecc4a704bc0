"""Encrypted messages, against an implementation of AES-GCM and HKDF that is not the gateway's."""

import base64
import copy

import phoenix
import pytest
import sse
from cryptography.exceptions import InvalidTag
from sealed import client_key, configured, new_key, open_sealed, seal
from wait import until

KEY, OLD = new_key(), new_key()
AES = "aes-256-gcm"


@pytest.fixture(scope="module")
def sealing(tmp_path_factory):
    import gateway as gateways
    config = {**configured(now=KEY, before=OLD), "routes": [{"type": "*", "handler": "echo"}]}
    with gateways.Gateway(tmp_path_factory.mktemp("sealing"), config) as one:
        yield one


def connect(gateway, client, **query):
    return phoenix.join(gateway.ws, client, encryption=AES, **query)


def refused(frame_or_answer):
    return frame_or_answer == {"error": "decryption_failed", "reason": "the message cannot be decrypted", "retry_after": None}


@pytest.mark.parametrize("version", [phoenix.V1, phoenix.V2])
def test_a_socket_gets_what_only_its_client_can_read(sealing, client, version):
    socket, _ = phoenix.join(sealing.ws, client, version=version, encryption=AES)
    with socket:
        sealing.api.publish(client_id=client, type="chat", data={"text": "hush ✓", "n": 1})
        sealing.api.publish(client_id=client, type="chat", data="x" * 20_000)
        first, second = socket.message(), socket.message()
        assert set(first) == {"epoch", "sequence", "key_id", "encrypted", "iv", "tag"} and first["key_id"] == "now"
        assert "hush" not in str(first)
        opened = open_sealed(first, KEY, client)
        assert (opened["type"], opened["data"]) == ("chat", {"text": "hush ✓", "n": 1})
        assert open_sealed(second, KEY, client)["data"] == "x" * 20_000
        assert first["iv"] != second["iv"] and second["sequence"] == first["sequence"] + 1


def test_an_event_stream_and_a_resume(sealing, client):
    stream, _ = sse.open_connected(sealing.sse, client, encryption=AES, headers={"Accept-Encoding": "gzip"})
    sealing.api.publish(client_id=client, data={"n": 1})
    event = stream.expect("message")
    assert open_sealed(event.json, KEY, client)["data"] == {"n": 1}
    stream.close()
    sealing.api.publish(client_id=client, data={"n": 2})
    stream = sse.open(sealing.sse, client, header_id=event.last_event_id, encryption=AES)
    stream.expect("connected")
    assert open_sealed(stream.expect("message").json, KEY, client)["data"] == {"n": 2}
    stream.close()
    # Whoever does not ask gets it as ever.
    plain = sse.open(sealing.sse, client, header_id=event.last_event_id)
    plain.expect("connected")
    assert plain.expect("message").json["data"] == {"n": 2}
    plain.close()


def test_what_is_sent_down_is_bound_to_its_client_and_its_place(sealing, new_client):
    client, other = new_client(), new_client()
    socket, _ = connect(sealing, client)
    with socket:
        sealing.api.publish(client_id=client, data={})
        good = socket.message()
    open_sealed(good, KEY, client)
    changed = [({**good, "sequence": good["sequence"] + 1}, client), ({**good, "epoch": "0"}, client), (good, other),
               ({**good, "key_id": "before"}, client)]
    for envelope, name in changed:
        with pytest.raises(InvalidTag):
            open_sealed(envelope, KEY, name)


@pytest.mark.parametrize("nonce", [12, 16])
@pytest.mark.parametrize("key_id", ["now", "before"])
def test_a_client_sends_by_its_socket(sealing, client, nonce, key_id):
    key = {"now": KEY, "before": OLD}[key_id]
    socket, joined = connect(sealing, client)
    with socket:
        sent = {"type": "note", "data": {"secret": [1, 2, 3]}}
        socket.ok("message", seal(sent, key, key_id, client, joined["epoch"], 0, nonce=nonce))
        assert open_sealed(socket.message(), KEY, client)["data"] == {"secret": [1, 2, 3]}
        # Encryption is offered, not demanded.
        socket.ok("message", {"type": "note", "data": "plain"})
        assert open_sealed(socket.message(), KEY, client)["data"] == "plain"


def test_a_client_sends_by_http(sealing, client):
    stream, connected = sse.open_connected(sealing.sse, client, encryption=AES)
    body = {"client_id": client, **seal({"type": "note", "data": 7}, KEY, "now", client, connected["epoch"], 5)}
    answer = sealing.api.post("/mcp/push", body)
    assert answer.status == 202, answer
    assert open_sealed(stream.expect("message").json, KEY, client)["data"] == 7
    again = sealing.api.post("/mcp/push", body)
    assert again.status == 422 and refused(again.json)
    # The client inside is not asked for: only the one outside is proven by the key.
    inside = seal({"client_id": "somebody", "type": "note", "data": 8}, KEY, "now", client, connected["epoch"], 6)
    assert sealing.api.post("/mcp/push", {"client_id": client, **inside}).status == 202
    assert open_sealed(stream.expect("message").json, KEY, client)["from"] == client
    stream.close()


def test_what_has_come_is_refused_when_it_comes_again(sealing, client):
    socket, joined = connect(sealing, client)
    epoch = joined["epoch"]
    with socket:
        messages = [seal({"type": "n", "data": n}, KEY, "now", client, epoch, n) for n in range(100)]
        socket.ok("message", messages[10])
        # Late, but not too late, and not yet there.
        socket.ok("message", messages[3])
        for repeated in (messages[10], messages[3]):
            assert refused(socket.error("message", repeated))
        # The same number with another text is a repetition too.
        assert refused(socket.error("message", seal({"type": "n", "data": 0}, KEY, "now", client, epoch, 10)))
        socket.ok("message", messages[99])
        assert refused(socket.error("message", messages[20]))
    # By a new connection, and by the other transport.
    socket, joined = connect(sealing, client)
    with socket:
        assert joined["epoch"] == epoch
        assert refused(socket.error("message", messages[99]))
    assert sealing.api.post("/mcp/push", {"client_id": client, **messages[99]}).status == 422


def test_wrong_ones_are_refused_alike_and_counted(sealing, client, new_client):
    socket, joined = connect(sealing, client)
    epoch = joined["epoch"]
    message = {"type": "n", "data": 1}
    good = seal(message, KEY, "now", client, epoch, 1)
    flipped = {name: copy.deepcopy(good) for name in ("encrypted", "iv", "tag")}
    for name, one in flipped.items():
        text = one[name]
        one[name] = ("A" if text[0] != "A" else "B") + text[1:]
    wrong = [
        *flipped.values(),
        {**good, "sequence": 2}, {**good, "sequence": -1}, {**good, "sequence": "1"}, {**good, "key_id": "before"},
        {**good, "key_id": "unknown"}, {**good, "iv": "AAAA"}, {**good, "tag": good["tag"][:8]}, {**good, "iv": 7},
        {**good, "encrypted": "*"}, {"encrypted": good["encrypted"]},
        seal(message, KEY, "now", client, "0", 1), seal(message, KEY, "now", new_client(), epoch, 1),
        seal(message, new_key(), "now", client, epoch, 1), seal(message, KEY, "now", client, epoch, 1, direction="down"),
        seal(message, KEY, "now", client, epoch, 1, nonce=13), seal(message, KEY, "now", client, epoch, 1, bound=b""),
    ]
    metric = 'mcp_gateway_refused_total{reason="decryption"}'

    def count():
        text = sealing.api.get("/metrics").body.decode()
        return int(next(line for line in text.splitlines() if line.startswith(metric)).split()[-1])

    before = count()
    with socket:
        for one in wrong:
            assert refused(socket.error("message", one)), one
        assert count() - before == len(wrong)
        # None of them has used the number up.
        socket.ok("message", good)


def test_what_is_inside_must_be_a_message(sealing, client):
    socket, joined = connect(sealing, client)
    with socket:
        answer = socket.error("message", seal([1], KEY, "now", client, joined["epoch"], 1))
        assert answer["error"] == "invalid_message"
        answer = socket.error("message", seal({"type": "n"}, KEY, "now", client, joined["epoch"], 2))
        assert answer == {"error": "invalid_message", "reason": "missing_fields", "retry_after": None}


def test_encryption_has_to_be_configured_and_named(gateway, sealing, client):
    for one, name in ((gateway, AES), (sealing, "rot13")):
        answer = one.api.get(f"/mcp/sse?client_id={client}&encryption={name}")
        assert answer.status == 400 and answer.json["error"] == "bad_request"


@pytest.mark.parametrize("keys", ["short:AAAA", ["k1"], ["a b:" + "A" * 43], ["k:" + "A" * 42 + "B"], ["k:" + "*" * 43]])
def test_wrong_keys_stop_the_start_and_are_not_repeated(tmp_path, keys):
    import gateway as gateways
    import yaml
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump({"security": {"encryption_keys": keys}}))
    done = gateways.run_command("config", "--config", "gateway.yaml", cwd=tmp_path)
    assert done.returncode != 0 and "security.encryption_keys" in done.stderr
    assert (keys if isinstance(keys, str) else keys[0]) not in done.stderr


SCRIPT = """
    (async () => {{
        const {{ GatewayClient }} = await import("/client.js");
        window.got = []; window.errors = [];
        window.client = new GatewayClient({{ clientId: {client!r}, transports: [{transport!r}],
            encryption: {{ keyId: "now", key: {key!r} }} }});
        client.on("message", (message) => got.push(message));
        client.on("error", (error) => errors.push(String(error)));
        client.connect();
        await Promise.all([1, 2, 3].map((n) => client.send("note", {{ n, text: "hush ✓" }})));
        return true;
    }})()
"""


@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("transport", ["websocket", "http_sse"])
def test_the_javascript_client_encrypts_both_ways(browser, sealing, client, transport):
    key = base64.b64encode(client_key(KEY, client)).decode()
    with browser.open(f"http://{sealing.http[0]}:{sealing.http[1]}/") as page:
        assert page.run(SCRIPT.format(client=client, transport=transport, key=key)) is True
        sealing.api.publish(client_id=client, type="chat", data={"n": 4})
        until(lambda: page.run("got.length") == 4, "the messages")
        assert page.run("got.map((one) => [one.type, one.data.n, one.data.text ?? null])") == [
            ["note", 1, "hush ✓"], ["note", 2, "hush ✓"], ["note", 3, "hush ✓"], ["chat", 4, None]]
        assert page.run("errors") == []
        said = "".join(page.frames_sent) + "".join(one.get("postData", "") for one in page.requests)
        assert "hush" not in said
        page.run("client.close()")
