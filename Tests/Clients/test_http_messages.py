"""`POST /mcp/messages` and `POST /mcp/push`: answers and recipients."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import phoenix
import pytest
import sse
from api import API


UNREADABLE = (400, 422)


def assert_error(answer, status, code=None):
    assert answer.status in (status if isinstance(status, tuple) else (status,)), answer
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json
    assert set(body) == {"error", "reason", "retry_after"}, body
    assert isinstance(body["error"], str) and isinstance(body["reason"], str)
    if code:
        assert body["error"] == code, body
    return body


def test_a_message_to_a_connected_client_is_delivered(gateway, client):
    socket, response = phoenix.join(gateway.ws, client)
    with socket:
        answer = gateway.api.post("/mcp/messages", {"client_id": client, "type": "chat", "data": {"n": 1}})
        assert answer.status == 202
        assert answer.headers["Content-Type"].startswith("application/json")
        body = answer.json
        assert uuid.UUID(body["id"]).version == 7
        assert (body["delivered"], body["queued"]) == (1, 0)
        assert body["results"] == [{"client_id": client, "sequence": 0, "transport": "websocket"}]
        envelope = socket.message()
        assert (envelope["id"], envelope["type"], envelope["data"]) == (body["id"], "chat", {"n": 1})
        assert (envelope["epoch"], envelope["sequence"]) == (response["epoch"], 0)
        assert "from" not in envelope and "topic" not in envelope


def test_the_result_names_the_transport(gateway, client):
    stream, _ = sse.open_connected(gateway.sse, client)
    with stream:
        body = gateway.api.publish(client_id=client)
        assert body["results"] == [{"client_id": client, "sequence": 0, "transport": "http_sse"}]


def test_a_message_to_an_absent_client_is_queued_and_comes_on_connect(gateway, client):
    body = gateway.api.publish(client_id=client, data={"n": 0})
    assert (body["delivered"], body["queued"]) == (0, 1)
    assert body["results"][0]["client_id"] == client
    assert body["results"][0]["transport"] == "queued"
    socket, _ = phoenix.join(gateway.ws, client)
    with socket:
        envelope = socket.message()
        assert (envelope["id"], envelope["data"]) == (body["id"], {"n": 0})


def test_several_clients_are_addressed_at_once(gateway, new_client):
    clients = [new_client() for _ in range(3)]
    socket, _ = phoenix.join(gateway.ws, clients[0])
    stream, _ = sse.open_connected(gateway.sse, clients[1])
    body = gateway.api.publish(client_ids=clients, data={"n": 0})
    assert (body["delivered"], body["queued"]) == (2, 1)
    assert {one["client_id"]: one["transport"] for one in body["results"]} == \
        dict(zip(clients, ("websocket", "http_sse", "queued")))
    absent, _ = phoenix.join(gateway.ws, clients[2])
    received = [socket.message(), stream.expect().json, absent.message()]
    assert {one["id"] for one in received} == {body["id"]}
    for one in (socket, stream, absent):
        one.close()


def test_a_client_named_twice_gets_the_message_once(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    with socket:
        gateway.api.publish(client_ids=[client, client], data={"n": 0})
        assert socket.numbers(1) == [0]
        assert socket.barrier() == []


def test_results_name_at_most_a_hundred_clients(gateway, new_client):
    clients = [new_client() for _ in range(130)]
    body = gateway.api.publish(client_ids=clients)
    assert body["queued"] == 130
    assert len(body["results"]) == 100


def test_a_topic_counts_its_subscribers(gateway, topic, new_client):
    clients = [new_client(), new_client()]
    socket, _ = phoenix.join(gateway.ws, clients[0], {"topics": [topic]})
    stream, _ = sse.open_connected(gateway.sse, clients[1], topics=topic)
    with socket, stream:
        body = gateway.api.publish(topic=topic, data={"n": 0})
        assert (body["delivered"], body["queued"]) == (2, 0)
        assert sorted(one["client_id"] for one in body["results"]) == sorted(clients)
        assert socket.message()["topic"] == topic
        assert stream.expect().json["topic"] == topic


def test_a_broadcast_reaches_every_session(start_gateway, new_client):
    gateway = start_gateway()
    socket, _ = phoenix.join(gateway.ws, new_client())
    stream, _ = sse.open_connected(gateway.sse, new_client())
    with socket, stream:
        body = gateway.api.publish(broadcast=True, data={"n": 0})
        assert body["delivered"] == 2
        assert socket.numbers(1) == stream.numbers(1) == [0]


def test_an_own_id_is_kept(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    with socket:
        mine = str(uuid.uuid4())
        assert gateway.api.publish(client_id=client, data={"n": 0}, id=mine)["id"] == mine
        assert socket.message()["id"] == mine


def test_priority_travels(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    with socket:
        for priority in ("high", "low"):
            gateway.api.publish(client_id=client, priority=priority)
            assert socket.message()["priority"] == priority


def test_a_transport_of_auto_leaves_the_choice_to_the_gateway(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    stream, _ = sse.open_connected(gateway.sse, client)
    with socket, stream:
        assert gateway.api.publish(client_id=client, transport="auto")["delivered"] == 1


def test_concurrent_publishers_leave_no_hole(gateway, client):
    """Eight at a time: each message once, and the sequence without gaps."""
    socket, _ = phoenix.join(gateway.ws, client)
    with socket, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: gateway.api.publish(client_id=client, data={"n": n}), range(400)))
        envelopes = socket.messages(400)
        assert [one["sequence"] for one in envelopes] == list(range(400))
        assert {one["data"]["n"] for one in envelopes} == set(range(400))


# The way up for SSE clients

@pytest.mark.parametrize("port", ["http", "sse"])
@pytest.mark.parametrize("where", ["body", "query", "header"])
def test_a_push_is_what_a_channel_message_is(gateway, client, port, where):
    stream, _ = sse.open_connected(gateway.sse, client)
    with stream:
        message = {"type": "echo", "data": {"n": 5}, **({"client_id": client} if where == "body" else {})}
        path = f"/mcp/push?client_id={client}" if where == "query" else "/mcp/push"
        headers = {"X-Client-ID": client} if where == "header" else {}
        answer = API(getattr(gateway, port)).request("POST", path, message, headers)
        assert answer.status in (200, 202), answer
        assert {"id", "operation_id"} <= set(answer.json)
        envelope = stream.expect().json
        assert (envelope["id"], envelope["from"], envelope["data"]) == (answer.json["id"], client, {"n": 5})


def test_a_push_to_another_client_and_to_a_topic_arrives(gateway, client, new_client, topic):
    other = new_client()
    socket, _ = phoenix.join(gateway.ws, other, {"topics": [topic]})
    with socket:
        for n, target in enumerate(({"to": other}, {"topic": topic})):
            answer = gateway.api.post(
                "/mcp/push", {"client_id": client, "type": "chat", "data": {"n": n}, **target}
            )
            assert answer.status in (200, 202), answer
            envelope = socket.message()
            assert (envelope["from"], envelope["data"]) == (client, {"n": n})


@pytest.mark.parametrize("missing", ["type", "data"])
def test_a_push_without_type_or_data_is_refused(gateway, client, missing):
    message = {"client_id": client, "type": "echo", "data": {}}
    del message[missing]
    body = assert_error(gateway.api.post("/mcp/push", message), 422, "invalid_message")
    assert body["reason"].partition(":")[0] == "missing_fields"


@pytest.mark.parametrize("bad", [None, "", "a b", "ü", "x" * 129, 7])
def test_a_push_without_a_proper_client_id_is_refused(gateway, bad):
    message = {"type": "echo", "data": {}, **({} if bad is None else {"client_id": bad})}
    assert_error(gateway.api.post("/mcp/push", message), UNREADABLE)


# What is refused

@pytest.mark.parametrize(
    "body", ["{", "", "nonsense", '{"client_id":"x","data":}', b'{"client_id":"x","data":"\xff"}', '{"a":1}{"b":2}'],
    ids=["cut off", "empty", "nonsense", "no value", "not UTF-8", "two objects"],
)
def test_broken_json_is_refused(gateway, bystander, body):
    assert_error(gateway.api.post("/mcp/messages", body), UNREADABLE)


@pytest.mark.parametrize("body", ["[]", "7", '"text"', "null"])
def test_json_that_is_no_object_is_refused(gateway, bystander, body):
    assert_error(gateway.api.post("/mcp/messages", body), UNREADABLE)


def test_a_message_without_data_is_refused(gateway, client):
    body = assert_error(gateway.api.post("/mcp/messages", {"client_id": client}), 422, "invalid_message")
    assert body["reason"].partition(":")[0] == "missing_fields"


def test_a_message_to_nobody_is_refused(gateway):
    body = assert_error(gateway.api.post("/mcp/messages", {"data": {}}), 422, "invalid_message")
    assert "client_id" in body["reason"]


@pytest.mark.parametrize("bad", ["", "a b", "a/b", "ü", "x" * 129, 7, None, ["a"]])
def test_a_message_to_a_bad_client_id_is_refused(gateway, bystander, bad):
    answer = gateway.api.post("/mcp/messages", {"client_id": bad, "data": {}})
    assert_error(answer, UNREADABLE)


@pytest.mark.parametrize("field, value", [("priority", "urgent"), ("transport", "pigeon"), ("type", 7)])
def test_values_that_the_contract_does_not_know_are_refused(gateway, client, field, value):
    answer = gateway.api.post("/mcp/messages", {"client_id": client, "data": {}, field: value})
    assert_error(answer, UNREADABLE)
