"""SIGHUP and POST /mcp/admin/reload: what changes, what is named as needing a restart."""

import signal

import phoenix
import pytest
import yaml
from websockets.exceptions import InvalidStatus
from wait import until

TOKEN = "an-admin-token"


def change(gateway, **sections):
    file = gateway.directory / "gateway-under-test.yaml"
    now = yaml.safe_load(file.read_text())
    for name, values in sections.items():
        if isinstance(values, dict):
            now.setdefault(name, {}).update(values)
        else:
            now[name] = values
    file.write_text(yaml.safe_dump(now))


def test_bounds_take_effect_and_open_connections_stay(start_gateway, new_client):
    gateway = start_gateway()
    first, _ = phoenix.join(gateway.ws, new_client())
    base = yaml.safe_load((gateway.directory / "gateway-under-test.yaml").read_text())["transports"]["websocket"]
    change(gateway, transports={"websocket": {**base, "max_connections": 1}})
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: "configuration reloaded" in gateway.text(), "the reload")
    assert "transports.websocket.max_connections" in gateway.text()
    with pytest.raises(InvalidStatus) as refused:
        phoenix.join(gateway.ws, new_client())
    assert refused.value.response.status_code == 503
    gateway.api.publish_numbers(1, client_id="nobody", durable=False)
    first.close()


def test_keys_that_need_a_restart_are_named_until_there_is_one(start_gateway):
    gateway = start_gateway(env={"MCP_ADMIN_TOKEN": TOKEN})
    admin = {"Authorization": f"Bearer {TOKEN}"}
    assert gateway.api.post("/mcp/admin/reload", {}).status == 401
    nothing = gateway.api.post("/mcp/admin/reload", {}, **admin)
    assert nothing.status == 200 and nothing.json == {"reloaded": [], "restart_required": []}
    change(gateway, session={"log_messages": 17}, drain={"rate": 7}, log_connections=True)
    for changed in (["log_connections", "drain.rate"], []):
        told = gateway.api.post("/mcp/admin/reload", {}, **admin).json
        assert sorted(told["reloaded"]) == sorted(changed), told
        assert told["restart_required"] == ["session.log_messages"], told
    assert "need a restart" in gateway.text() and "session.log_messages" in gateway.text()
    change(gateway, session={"log_messages": "many"})
    wrong = gateway.api.post("/mcp/admin/reload", {}, **admin)
    assert wrong.status == 422 and "session.log_messages" in wrong.json["reason"], wrong


def test_connections_are_logged_from_the_reload_on(start_gateway, client):
    gateway = start_gateway()
    phoenix.join(gateway.ws, client)[0].close()
    assert client not in gateway.text()
    change(gateway, log_connections=True)
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: "configuration reloaded" in gateway.text(), "the reload")
    phoenix.join(gateway.ws, client)[0].close()
    until(lambda: gateway.text().count(client) >= 2, "lines for the beginning and the end")
