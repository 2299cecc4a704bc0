"""The same id from the same sender is accepted once and answered alike."""

import uuid

import phoenix


def test_a_repeated_publish_is_delivered_once_and_answered_alike(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    with socket:
        mine = str(uuid.uuid4())
        message = {"client_id": client, "type": "n", "data": 1, "id": mine}
        first = gateway.api.post("/mcp/messages", message)
        second = gateway.api.post("/mcp/messages", message)
        assert (first.status, first.json) == (second.status, second.json) and first.status == 202
        gateway.api.publish(client_id=client, data="after")
        assert [socket.message()["data"] for _ in range(2)] == [1, "after"]


def test_a_repeated_push_of_a_client_is_delivered_once_and_answered_alike(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    with socket:
        message = {"type": "echo", "data": "mine", "id": str(uuid.uuid4())}
        assert socket.ok("message", message) == socket.ok("message", message)
        pushed = gateway.api.post("/mcp/push", {**message, "client_id": client})
        assert pushed.json["id"] == message["id"]
        socket.ok("message", {"type": "echo", "data": "after"})
        assert [socket.message()["data"] for _ in range(2)] == ["mine", "after"]


def test_a_repeated_operation_keeps_its_operation_id(gateway, client):
    socket, _ = phoenix.join(gateway.ws, client)
    with socket:
        message = {"type": "order.new", "data": {}, "id": str(uuid.uuid4())}
        first = socket.ok("message", message)
        assert first == socket.ok("message", message)
        assert first["operation_id"] != first["id"]


def test_another_sender_may_use_the_same_id(gateway, new_client):
    shared = str(uuid.uuid4())
    for name in (new_client(), new_client()):
        socket, _ = phoenix.join(gateway.ws, name)
        with socket:
            socket.ok("message", {"type": "echo", "data": name, "id": shared})
            assert socket.message()["data"] == name


def test_a_refused_message_may_be_sent_again_with_its_id(gateway, client):
    mine = str(uuid.uuid4())
    assert gateway.api.post("/mcp/messages", {"client_id": client, "id": mine}).status == 422
    assert gateway.api.post("/mcp/messages", {"client_id": client, "data": 1, "id": mine}).status == 202
