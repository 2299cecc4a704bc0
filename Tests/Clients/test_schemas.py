"""A JSON Schema for each type of message."""

import json

import gateway as gateways
import phoenix
import pytest
import yaml
from tokens import metric, ADMIN

SCHEMAS = {"chat": {"type": "object", "required": ["text"], "additionalProperties": False,
                    "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 5},
                                   "place": {"properties": {"floor": {"type": "integer"}}}}},
           "closed": False}


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    directory = tmp_path_factory.mktemp("schemas")
    (directory / "schemas.json").write_text(json.dumps(SCHEMAS))
    with gateways.Gateway(directory, {"validation": {"schemas": str(directory / "schemas.json")},
                                      "security": {"admin_token": ADMIN}}) as one:
        yield one


def push(gateway, client, type, data):
    return gateway.api.post("/mcp/push", {"client_id": client, "type": type, "data": data})


def test_what_fits_is_taken_and_types_without_a_schema_are_not_checked(checked, client):
    for data in ({"text": "hello"}, {"text": "a", "place": {"floor": 3.0, "more": [1]}}):
        assert push(checked, client, "chat", data).status == 202
    assert push(checked, client, "other", {"text": 1}).status == 202


@pytest.mark.parametrize("type, data, words", [
    ("chat", {}, "data/text: is required"), ("chat", {"text": "longer"}, "data/text: may have 5 characters"),
    ("chat", [], "data: must be object"), ("chat", {"text": "a", "x": 1}, "data/x: must not be there"),
    ("chat", {"text": "a", "place": {"floor": "2"}}, "data/place/floor: must be integer"),
    ("closed", {}, "data: must not be there"),
])
def test_what_differs_is_refused_with_its_place(checked, client, type, data, words):
    before = metric(checked, "mcp_gateway_refused_total", reason="schema")
    answer = push(checked, client, type, data)
    assert answer.status == 422 and answer.json["error"] == "invalid_message", answer
    assert answer.json["reason"] == words + " (validation.schemas)"
    with phoenix.join(checked.ws, client)[0] as socket:
        assert words in json.dumps(socket.error("message", {"type": type, "data": data}))
        socket.ok("message", {"type": "chat", "data": {"text": "fits"}})
    assert metric(checked, "mcp_gateway_refused_total", reason="schema") == before + 2


@pytest.mark.parametrize("text, words", [
    ("{", "object"), ('{"chat": {"$ref": "#"}}', "/chat/$ref"), (None, "cannot be read")])
def test_a_wrong_file_stops_the_start(tmp_path, text, words):
    if text is not None:
        (tmp_path / "schemas.json").write_text(text)
    settings = gateways.merged(gateways.Gateway.BASE, {"validation": {"schemas": "schemas.json"}})
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(settings))
    done = gateways.run_command("serve", cwd=tmp_path)
    assert done.returncode == 1 and "validation.schemas" in done.stderr and words in done.stderr
