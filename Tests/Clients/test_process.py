"""The process: start, ready, drain, end."""

import json
import re
import socket

import phoenix
import sse
from api import API
from gateway import run_command
from wait import until


def test_without_any_configuration_there_is_a_working_gateway_on_loopback(start_gateway, client):
    gateway = start_gateway(
        arguments=["--port", "0"], env={"MCP_SSE_PORT": "0", "MCP_WS_PORT": "0"},
    )
    for host, port in gateway.addresses.values():
        assert host in ("127.0.0.1", "::1") and port > 0
    stream, _ = sse.open_connected(gateway.sse, client)
    with stream:
        gateway.api.post("/mcp/push", {"client_id": client, "type": "echo", "data": {"n": 1}})
        assert stream.numbers(1) == [1]
    until(lambda: "auth" in gateway.text().lower(), "the banner that authentication is off")


def test_the_ready_line_is_one_line_with_three_addresses(start_gateway):
    gateway = start_gateway()
    lines = [line for line in gateway.text().splitlines() if line.startswith("ready ")]
    assert len(lines) == 1
    assert re.fullmatch(r"ready http=\S+ http_sse=\S+ websocket=\S+", lines[0])
    assert set(gateway.addresses) == {"http", "http_sse", "websocket"}
    assert len({port for _, port in gateway.addresses.values()}) == 3


def test_every_printed_address_answers(start_gateway):
    gateway = start_gateway()
    line = next(line for line in gateway.text().splitlines() if line.startswith("ready "))
    for address in re.findall(r"[=,]([^=, ]+:[0-9]+)", line):
        host, _, port = address.rpartition(":")
        assert API((host.strip("[]"), int(port))).get("/health").status == 200, address


def test_sigterm_closes_everything_politely_and_ends_with_zero(start_gateway, new_client):
    gateway = start_gateway()
    clients = [new_client() for _ in range(3)]
    v1, _ = phoenix.join(gateway.ws, clients[0], version=phoenix.V1)
    v2, _ = phoenix.join(gateway.ws, clients[1])
    stream, _ = sse.open_connected(gateway.sse, clients[2])
    gateway.terminate()
    for one in (v1, v2):
        assert one.close_code() == 1012
        goodbye = next(frame.payload for frame in one.inbox if frame.event == "gateway_close")
        assert goodbye["code"] == 1012
        assert goodbye["reason"]
        assert goodbye["reconnect"] in ("now", "after")
        assert isinstance(goodbye["retry_after_ms"], int)
    assert stream.ended.wait(10)
    gateway.stop(patience=10)


def test_while_it_drains_it_is_not_ready(start_gateway, client):
    gateway = start_gateway()
    phoenix.join(gateway.ws, client)
    api = API(gateway.http)
    assert api.get("/ready").status == 200
    gateway.terminate()

    def not_ready():
        try:
            return api.get("/ready").status == 503
        except OSError:
            return True

    until(not_ready, "/ready to answer 503, or nobody to answer")
    gateway.stop(patience=10)


def test_messages_that_were_accepted_before_sigterm_still_arrive(start_gateway, client):
    gateway = start_gateway()
    socket, _ = phoenix.join(gateway.ws, client)
    gateway.api.publish_numbers(200, client_id=client)
    gateway.terminate()
    assert socket.close_code() == 1012
    numbers = [frame.payload["data"]["n"] for frame in socket.inbox if frame.event == "message"]
    assert numbers == list(range(200))
    gateway.stop(patience=10)


def test_idle_connections_and_half_requests_do_not_delay_the_end(start_gateway):
    gateway = start_gateway()
    held = []
    for address in (gateway.http, gateway.sse, gateway.ws):
        for start in (b"", b"GET /health HT", b"POST /mcp/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"):
            one = socket.create_connection(address)
            one.sendall(start)
            held.append(one)
    API(gateway.http).get("/health")
    gateway.stop(patience=10)
    for one in held:
        one.close()


def test_a_port_in_use_stops_the_start_with_its_number(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = tmp_path / "gateway.yaml"
        ports = {"http": {"port": 0}, "http_sse": {"port": port}, "websocket": {"port": 0}}
        file.write_text(json.dumps({"transports": ports, "storage": {"engine": "memory"}}))
        done = run_command("serve", "--config", str(file), cwd=tmp_path)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert str(port) in said
    assert "in use" in said.lower() or "already" in said.lower(), said
    assert "ready " not in done.stdout
    assert "Fatal error" not in said


def test_help_names_the_subcommands(tmp_path):
    done = run_command("--help", cwd=tmp_path)
    assert done.returncode == 0
    for word in ("serve", "config"):
        assert word in done.stdout


def test_an_unknown_flag_or_subcommand_is_wrong_usage(tmp_path):
    for arguments in (("serve", "--no-such-flag"), ("no-such-subcommand",)):
        done = run_command(*arguments, cwd=tmp_path)
        assert done.returncode == 2, (arguments, done)
        assert done.stderr
