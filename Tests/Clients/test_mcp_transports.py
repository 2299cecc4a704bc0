"""MCP by every transport, with every client of the official SDK that has it."""

import http.client
import json
import os

import certificates
import phoenix
import pytest
from longpoll import Poller
from mcp_sdk import EVERYTHING, children_of, run_client, text
from wait import until

CLIENTS = [
    ("first", "http", "legacy"), ("first", "sse", "legacy"), ("first", "websocket", "legacy"),
    ("second", "http", "legacy"), ("second", "http", "2026-07-28"), ("second", "http", "auto"),
    ("second", "sse", "legacy"),
]
EVERY_CLIENT = pytest.mark.parametrize("generation,transport,mode", CLIENTS)
WITH_SESSION = pytest.mark.parametrize(
    "generation,transport,mode", [one for one in CLIENTS if one[2] == "legacy"])


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    """A gateway in front of the server that does everything."""
    import gateway as gateways
    with gateways.Gateway(tmp_path_factory.mktemp("mcp"), {"mcpServers": {"everything": EVERYTHING}}) as one:
        yield one


@EVERY_CLIENT
def test_lists_calls_and_progress(front, generation, transport, mode):
    said = run_client(generation, front.http, [
        ["list_tools", {}],
        ["call_tool", {"name": "echo", "arguments": {"text": "héllo\n\"there\""}}],
        ["call_tool", {"name": "slow", "arguments": {"steps": 3, "milliseconds": 5}}],
        ["call_tool", {"name": "test_tool_with_progress", "arguments": {}}],
        ["call_tool", {"name": "test_error_handling", "arguments": {}}],
        ["call_tool", {"name": "big", "arguments": {"bytes": 3_000_000 if transport == "http" else 300_000}}],
        ["call_tool", {"name": "nobody's", "arguments": {}}],
        ["list_resources", {}], ["list_resource_templates", {}], ["list_prompts", {}],
        ["read_resource", {"uri": "test://template/7/data"}],
        ["get_prompt", {"name": "test_prompt_with_arguments", "arguments": {"arg1": "a", "arg2": "b"}}],
    ], transport, mode)
    steps = said["steps"]
    assert said["protocol_version"] == ("2025-11-25" if mode == "legacy" else "2026-07-28")
    assert {"echo", "test_simple_text"} < {tool["name"] for tool in steps[0]["result"]["tools"]}
    assert text(steps[1]) == "héllo\n\"there\""
    assert [one[:2] for one in steps[2]["progress"]] == [[1, 3], [2, 3], [3, 3]]
    assert [one[0] for one in steps[3]["progress"]] == [0, 50, 100]
    assert steps[4]["result"]["isError"] is True
    assert len(text(steps[5])) >= 300_000
    assert steps[6]["error"]["code"] == -32602
    assert [one["uri"] for one in steps[7]["result"]["resources"]][:1] == ["test://static-text"]
    assert steps[8]["result"]["resourceTemplates"][0]["uriTemplate"] == "test://template/{id}/data"
    assert len(steps[9]["result"]["prompts"]) == 4
    assert json.loads(steps[10]["result"]["contents"][0]["text"]) == {"id": "7", "templateTest": True}
    assert "a, b" in steps[11]["result"]["messages"][0]["content"]["text"]


# Without sessions the gateway turns a question into `input_required`, and the client's next call into its answer.
@pytest.mark.parametrize(
    "generation,transport,mode", [one for one in CLIENTS if one[2] == "legacy"] + [("second", "http", "2026-07-28")])
def test_questions_of_a_server(front, generation, transport, mode):
    steps = run_client(generation, front.http, [
        ["call_tool", {"name": "test_elicitation", "arguments": {"message": "Who?"}}],
        ["call_tool", {"name": "test_sampling", "arguments": {"prompt": "hi"}}],
        ["call_tool", {"name": "test_roots", "arguments": {}}],
        ["call_tool", {"name": "test_elicitation_url", "arguments": {}}],
        ["call_tool", {"name": "two_questions", "arguments": {}}],
        ["call_tool", {"name": "ask", "arguments": {}}],
    ], transport, mode)["steps"]
    assert json.loads(text(steps[0]).removeprefix("User response: ")) == {
        "action": "accept", "content": {"answer": "Ada"}}
    assert text(steps[1]) == "LLM response: sampled"
    assert json.loads(text(steps[2]))["roots"] == [{"uri": "file:///somewhere", "name": "here"}]
    assert json.loads(text(steps[3]))["action"] == "accept"
    assert json.loads(text(steps[4])) == [True, True]
    assert json.loads(text(steps[5]).removeprefix("the client answered: "))["content"] == {"answer": "Ada"}


@WITH_SESSION
def test_what_servers_say_by_themselves(front, generation, transport, mode):
    said = run_client(generation, front.http, [
        ["list_tools", {}],
        ["subscribe_resource", {"uri": "test://watched-resource"}],
        ["call_tool", {"name": "touch", "arguments": {}}],
        ["heard", {"method": "notifications/resources/updated"}],
        ["call_tool", {"name": "add_tool", "arguments": {"name": "another"}}],
        ["heard", {"method": "notifications/tools/list_changed"}],
        ["list_tools", {}],
        ["set_logging_level", {"level": "info"}],
        ["call_tool", {"name": "test_tool_with_logging", "arguments": {}}],
        ["heard", {"method": "notifications/message"}],
        ["unsubscribe_resource", {"uri": "test://watched-resource"}],
        ["call_tool", {"name": "touch", "arguments": {}}],
        ["send_ping", {}],
    ], transport, mode)
    assert all("result" in step for step in said["steps"]), said["steps"]
    assert "another" not in str(said["steps"][0])
    assert "another" in {tool["name"] for tool in said["steps"][6]["result"]["tools"]}
    methods = [one["method"] for one in said["messages"]]
    assert methods.count("notifications/resources/updated") == 1
    # Three together are told once.
    assert methods.count("notifications/tools/list_changed") == 1
    assert methods.count("notifications/message") == 3


@EVERY_CLIENT
def test_a_cancelled_call_is_cancelled_at_its_server(start_gateway, generation, transport, mode):
    # A gateway of its own: clients without sessions share the server's process with those that were here before.
    gateway = start_gateway({"mcpServers": {"everything": EVERYTHING}})
    steps = run_client(generation, gateway.http, [
        ["cancelled", {"name": "wait", "arguments": {}}],
        ["call_tool", {"name": "told", "arguments": {}}],
    ], transport, mode)["steps"]
    told = json.loads(text(steps[1]))
    assert len(told["cancelled"]) == 1 and isinstance(told["cancelled"][0]["requestId"], int)


@WITH_SESSION
def test_the_end_of_a_session_is_that_of_its_servers(start_gateway, generation, transport, mode):
    gateway = start_gateway({"mcpServers": {"everything": EVERYTHING}, "mcp": {"session_idle_timeout": "1s"}})
    said = run_client(
        generation, gateway.http, [["call_tool", {"name": "test_simple_text", "arguments": {}}]], transport, mode)
    assert "simple text" in text(said["steps"][0])
    # By DELETE, with the stream, or because a client without a connection does not come back.
    until(lambda: not children_of(gateway.process.pid), "the server's process to end")


@pytest.mark.parametrize("generation", ["first", "second"])
def test_a_stream_that_breaks_is_resumed(front, proxy_to, generation):
    proxy = proxy_to(front.http)
    # In the middle of the events of the call, wherever that is in one of them.
    proxy.cut_after(6000)
    steps = run_client(generation, proxy.address, [
        ["call_tool", {"name": "slow", "arguments": {"steps": 60, "milliseconds": 20}}],
        ["call_tool", {"name": "echo", "arguments": {"text": "still here"}}],
    ])["steps"]
    assert [one[0] for one in steps[0]["progress"]] == list(range(1, 61))
    assert text(steps[0]) == "took 60 steps"
    assert text(steps[1]) == "still here"
    assert proxy._budget is None, "nothing has been cut"


# Bytes: WebSocket.

def connect(address, headers=None, subprotocols=("mcp",), compression="deflate", connection=None, **query):
    from websockets.sync.client import connect as open_socket
    return open_socket(
        phoenix.url(address, "/mcp/socket", "wss" if connection else "ws", **query), subprotocols=subprotocols, additional_headers=headers,
        compression=compression, **(connection or {}), open_timeout=15, close_timeout=5)


def initialize(id=1, session=None, version="2025-11-25"):
    message = {"jsonrpc": "2.0", "id": id, "method": "initialize", "params": {
        "protocolVersion": version, "capabilities": {"elicitation": {}, "sampling": {}, "roots": {}},
        "clientInfo": {"name": "raw", "version": "1"}}}
    return {**message, "mcpSessionId": session} if session else message


def call(id, name, arguments=None, meta=None):
    params = {"name": name, "arguments": arguments or {}, **({"_meta": meta} if meta else {})}
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}


class Socket:
    def __init__(self, address, **options):
        self.connection = connect(address, **options)

    def send(self, message):
        self.connection.send(message if isinstance(message, (str, bytes)) else json.dumps(message))

    def receive(self, patience=15):
        return json.loads(self.connection.recv(timeout=patience))

    def ask(self, message):
        self.send(message)
        return self.receive()

    def begin(self, session=None):
        answer = self.ask(initialize(session=session))
        assert "result" in answer, answer
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer["mcpSessionId"]

    def close_code(self):
        from websockets.exceptions import ConnectionClosed
        try:
            while True:
                self.connection.recv(timeout=15)
        except ConnectionClosed as closed:
            return closed.rcvd.code, closed.rcvd.reason

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@pytest.mark.parametrize("port", ["http", "ws"])
def test_a_socket_is_one_session(front, port):
    with Socket(getattr(front, port)) as socket:
        assert socket.connection.subprotocol == "mcp"
        refused = socket.ask({"jsonrpc": "2.0", "id": "early", "method": "tools/list"})
        assert refused["id"] == "early" and refused["error"]["code"] == -32600
        session = socket.begin()
        assert socket.ask({"jsonrpc": "2.0", "id": "p", "method": "ping"}) == {"jsonrpc": "2.0", "id": "p", "result": {}}
        # What names the session is for the gateway: the server does not see it.
        answer = socket.ask({"mcpSessionId": session, **call(5, "shown")})
        assert "mcpSessionId" not in text(answer) and '"name":"shown"' in text(answer).replace(" ", "")
        answer = socket.ask({**call(6, "shown"), "mcpSessionId": session})
        assert "mcpSessionId" not in text(answer)
        assert socket.ask({**call(7, "shown"), "mcpSessionId": "0.other"})["error"]["code"] == -32600
        assert socket.ask(initialize(8))["error"]["code"] == -32600


def test_messages_that_are_none(front):
    with Socket(front.http) as socket:
        socket.begin()
        for bad, code in (("{", -32700), ("[]", -32600), ("3", -32600), ('{"jsonrpc":"2.0"}', -32600), ("", -32700)):
            answer = socket.ask(bad)
            assert answer["id"] is None and answer["error"]["code"] == code
        # One frame, larger than a frame of the channels may be.
        said = os.urandom(100_000).hex()
        assert text(socket.ask(call(1, "echo", {"text": said}))) == said
        socket.send(b"binary")
        assert socket.close_code()[0] == 1003


def test_a_lost_socket_is_not_the_end_of_its_session(front):
    socket = Socket(front.http)
    session = socket.begin()
    socket.send(call(2, "slow", {"steps": 20, "milliseconds": 20}, {"progressToken": "t"}))
    assert socket.receive()["params"]["progress"] == 1
    socket.connection.socket.close()
    with Socket(front.http) as again:
        assert again.begin(session) == session
        done = []
        while True:
            message = again.receive()
            if message.get("id") == 2:
                break
            done.append(message["params"]["progress"])
        assert message["result"]["isError"] is False
        assert done == sorted(done) and done[-1] == 20
        # Another one takes the session over, and the first is told.
        with Socket(front.http) as third:
            third.begin(session)
            assert again.close_code() == (1000, "MCP session reconnected on another connection")
            assert "result" in third.ask(call(3, "echo", {"text": "x"}))


def test_a_session_is_its_beginners(front):
    with Socket(front.http, headers={"Authorization": "Bearer one"}) as socket:
        session = socket.begin()
        for headers, subprotocols in ((None, ["mcp"]), ({"Authorization": "Bearer two"}, ["mcp"])):
            with Socket(front.http, headers=headers, subprotocols=subprotocols) as other:
                assert other.ask(initialize(1, session))["error"]["message"].endswith("Session not found")
        # A page gives its token as a subprotocol.
        with Socket(front.http, subprotocols=["mcp", "mcp.auth.one"]) as page:
            assert page.connection.subprotocol == "mcp"
            assert page.begin(session) == session


def test_a_session_changes_its_transport(start_gateway):
    """Begun on HTTP, gone on with on a socket, on a channel, and on HTTP again; whichever event loop each lands on."""
    from test_mcp_http import Client, read_event
    gateway = start_gateway({"mcpServers": {"everything": EVERYTHING}, "listen": {"event_loops": 4}})
    for _ in range(4):
        client = Client(gateway.http)
        session = client.headers["Mcp-Session-Id"]
        pid = json.loads(text(client.call("told").json))["initialize"]["clientInfo"]
        assert pid == {"name": "raw", "version": "1"}
        with Socket(gateway.http) as socket:
            assert socket.begin(session) == session
            told = json.loads(text(socket.ask(call(1, "told"))))
            assert told["initialize"]["clientInfo"]["name"] == "raw"
            # Requests by HTTP are still answered there, what servers say by themselves goes to the socket.
            client.call("announce", {"n": 5})
            assert socket.receive()["params"] == {"n": 5}
        channel, _ = phoenix.join(gateway.ws, f"mcp-{session.replace('-', '')[:40]}")
        with channel:
            answer = channel.ok("mcp", initialize(9, session))
            assert answer["mcpSessionId"] == session
            assert "result" in channel.ok("mcp", call(10, "told"))
        connection, response = client.open("GET")
        with connection:
            client.call("announce", {"n": 6})
            while True:
                _, message = read_event(response)
                if message.get("method") == "notifications/vendor/thing":
                    break
            assert message["params"] == {"n": 6}
        connection, response = client.open("DELETE")
        connection.close()


def test_a_client_that_reads_a_stream_has_left_its_socket(start_gateway):
    """The socket seems open still: its network has gone, or nobody has read its end yet."""
    from test_mcp_http import Client, read_event
    gateway = start_gateway({"mcpServers": {"everything": EVERYTHING}, "listen": {"event_loops": 4}})
    for _ in range(4):
        client = Client(gateway.http)
        with Socket(gateway.http) as socket:
            socket.begin(client.headers["Mcp-Session-Id"])
            connection, response = client.open("GET")
            with connection:
                client.call("announce", {"n": 6})
                while True:
                    _, message = read_event(response)
                    if message.get("method") == "notifications/vendor/thing":
                        break
                assert message["params"] == {"n": 6}
            assert socket.close_code() == (1000, "MCP session reconnected on another connection")


def test_pages_of_other_origins_are_refused(front):
    from websockets.exceptions import InvalidStatus
    with pytest.raises(InvalidStatus) as refused:
        connect(front.http, headers={"Origin": "https://evil.example"})
    assert refused.value.response.status_code == 403
    connection = http.client.HTTPConnection(*front.http, timeout=15)
    connection.request("GET", "/mcp/socket", headers={
        "Host": "evil.example", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": "mcp"})
    assert connection.getresponse().status == 421
    connection.close()
    with pytest.raises(InvalidStatus) as refused:
        connect(front.http, subprotocols=["other"])
    assert refused.value.response.status_code == 400


def modern(id, method, more=None, **params):
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}, **(more or {})}
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": {**params, "_meta": meta}}


def test_requests_without_a_session_on_a_socket(front):
    with Socket(front.http) as socket:
        assert socket.ask(modern(1, "server/discover"))["result"]["supportedVersions"] == ["2026-07-28"]
        result = socket.ask(modern(2, "tools/call", name="echo", arguments={"text": "x"}))
        assert result["result"]["resultType"] == "complete"
        assert socket.ask(modern(3, "ping"))["error"]["code"] == -32601
        assert socket.ask(modern(4, "tools/list", more={
            "io.modelcontextprotocol/protocolVersion": "2099-01-01"}))["error"]["code"] == -32022
        socket.send(modern("l", "subscriptions/listen", notifications={"toolsListChanged": True}))
        acknowledged = socket.receive()
        assert acknowledged["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == "l"
        # A socket carries several requests at once: one is cancelled by a message, and not answered.
        socket.send(modern(5, "tools/call", more={"progressToken": 5}, name="slow",
                           arguments={"steps": 1000, "milliseconds": 20}))
        assert socket.receive()["params"]["progressToken"] == 5
        socket.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}})
        ping = modern(6, "server/discover")
        socket.send(ping)
        while True:
            message = socket.receive()
            assert message.get("id") != 5
            if message.get("id") == 6:
                break
        socket.send(modern(7, "server/discover"))
        assert socket.receive()["id"] == 7


def test_sockets_are_bounded(start_gateway):
    gateway = start_gateway({
        "mcp": {"max_sessions": 1, "max_calls": 1, "max_unsent_bytes": "64KiB", "session_idle_timeout": "1s"},
        "transports": {"websocket": {"max_message_size": "64KiB"}},
    })
    with Socket(gateway.http) as socket, Socket(gateway.http) as other:
        socket.begin()
        assert "mcp.max_sessions" in other.ask(initialize())["error"]["message"]
        socket.send(call(1, "slow", {"steps": 1000, "milliseconds": 50}))
        assert "mcp.max_calls" in socket.ask({"jsonrpc": "2.0", "id": 2, "method": "ping"})["error"]["message"]
        other.send("x" * 70_000)
        assert other.close_code()[0] == 1009
    # It has gone without a word; its call is still running, its place is not free. Then it is given up.
    socket = Socket(gateway.http)
    until(lambda: "mcp.max_sessions" in str(socket.ask(initialize())), "the place to be taken")
    socket.close()


# Bytes: the channel.

def test_a_channel_carries_mcp(front, client):
    socket, _ = phoenix.join(front.ws, client)
    with socket:
        answer = socket.ok("mcp", initialize("i"))
        assert answer["id"] == "i" and answer["result"]["protocolVersion"] == "2025-11-25"
        assert socket.ok("mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}) == {}
        assert text(socket.ok("mcp", call(1, "echo", {"text": "x"}))) == "x"
        ref = socket.push("mcp", call(2, "test_elicitation", {"message": "Who?"}))
        question = socket.expect("mcp", phoenix.GATEWAY).payload
        assert question["method"] == "elicitation/create"
        result = {"action": "accept", "content": {"answer": "Ada"}}
        assert socket.ok("mcp", {"jsonrpc": "2.0", "id": question["id"], "result": result}) == {}
        assert "Ada" in text(socket.reply(ref).payload["response"])
        ref = socket.push("mcp", call(3, "slow", {"steps": 2, "milliseconds": 5}, {"progressToken": "p"}))
        assert [socket.expect("mcp").payload["params"]["progress"] for _ in range(2)] == [1, 2]
        assert socket.reply(ref).payload["response"]["id"] == 3
        assert socket.ok("mcp", {"jsonrpc": "2.0"})["error"]["code"] == -32600
        assert socket.ok("mcp", [1])["error"]["code"] == -32600
        assert socket.error("mcp", 1)["error"] == socket.error("message", [1])["error"] == "invalid_message"
        # Without a reference there is nothing to reply to: the answer is pushed.
        socket.push("mcp", call(4, "echo", {"text": "y"}), ref=None)
        assert socket.expect("mcp").payload["id"] == 4
        # Messages of the session are none of its business.
        front.api.publish_numbers(3, client_id=client)
        assert socket.numbers(3) == [0, 1, 2]


@pytest.mark.parametrize("version", [phoenix.V1, phoenix.V2])
def test_a_channel_carries_batches(front, client, version):
    """Of the one revision that has them, and their answers are one reply."""
    socket, _ = phoenix.join(front.ws, client, version=version)
    batch = [call(1, "echo", {"text": "a"}), {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"},
             call("1", "echo", {"text": "b"})]
    with socket:
        assert socket.ok("mcp", batch)["error"]["code"] == -32600
        begin = initialize()
        begin["params"]["protocolVersion"] = "2025-03-26"
        session = socket.ok("mcp", begin)["mcpSessionId"]
        assert {one["id"]: text(one) for one in socket.ok("mcp", batch)} == {1: "a", "1": "b"}
        assert socket.ok("mcp", [batch[1]]) == {}
        # What a server says meanwhile does not wait for the answers.
        ref = socket.push("mcp", [call(2, "slow", {"steps": 2, "milliseconds": 5}, {"progressToken": "p"}), batch[0]])
        assert [socket.expect("mcp").payload["params"]["progress"] for _ in range(2)] == [1, 2]
        assert {one["id"] for one in socket.reply(ref).payload["response"]} == {1, 2}
        for bad in ([], [1], [batch[0], batch[0]], [[batch[0]]]):
            assert socket.ok("mcp", bad)["error"]["code"] == -32600
        with Socket(front.http) as other:
            assert other.begin(session) == session
            assert {one["id"] for one in other.ask(batch)} == {1, "1"}
        # A session of another revision has none.
        assert socket.expect("mcp_close").payload["code"] == 1000
        socket.ok("mcp", initialize(2))
        assert "2025-03-26" in socket.ok("mcp", batch)["error"]["message"]


@pytest.mark.parametrize("version", [phoenix.V1, phoenix.V2])
def test_a_channel_that_is_left_leaves_its_session(front, client, version):
    socket, _ = phoenix.join(front.ws, client, version=version)
    with socket:
        session = socket.ok("mcp", initialize())["mcpSessionId"]
        with Socket(front.http) as other:
            other.begin(session)
            assert socket.expect("mcp_close").payload["code"] == 1000
        assert socket.ok("mcp", initialize(2, session))["mcpSessionId"] == session
        socket.leave()
        socket.join()
        assert socket.ok("mcp", call(1, "echo", {"text": "x"}))["error"]["code"] == -32600
        assert socket.ok("mcp", initialize(3, session))["mcpSessionId"] == session


def test_a_channel_over_long_poll_carries_mcp(front, client):
    poller = Poller(front.http, client)
    poller.join()

    def ask(message, ref):
        poller.push("mcp", message, ref=ref)
        return poller.until(lambda frame: frame.event == "phx_reply" and frame.ref == ref).payload["response"]

    assert ask(initialize("i"), "2")["result"]["protocolVersion"] == "2025-11-25"
    assert text(ask(call(1, "echo", {"text": "x"}), "3")) == "x"
    poller.push("mcp", call(2, "test_elicitation", {"message": "Who?"}), ref="4")
    question = poller.until(lambda frame: frame.event == "mcp").payload
    answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}}
    assert ask(answer, "5") == {}
    answer = poller.until(lambda frame: frame.event == "phx_reply" and frame.ref == "4").payload["response"]
    assert "decline" in text(answer)


def test_every_transport_with_a_certificate(start_gateway, tmp_path_factory):
    authority = certificates.Authority(tmp_path_factory.mktemp("certificates"))
    certificate, key = authority.issue("server")
    gateway = start_gateway({"tls": {"certificate": certificate, "key": key}})
    secured = {"ssl": authority.client()}
    with Socket(gateway.ws, connection=secured) as socket:
        session = socket.begin()
        socket.send(call(1, "slow", {"steps": 3, "milliseconds": 5}, {"progressToken": "p"}))
        assert [socket.receive()["params"]["progress"] for _ in range(3)] == [1, 2, 3]
        assert socket.receive()["id"] == 1
        assert len(text(socket.ask(call(2, "big", {"bytes": 900_000})))) == 900_000
    with Socket(gateway.http, connection=secured) as socket:
        assert socket.begin(session) == session
    channel, _ = phoenix.join(gateway.ws, "secured", connection=secured)
    with channel:
        assert channel.ok("mcp", initialize(1, session))["mcpSessionId"] == session
        assert text(channel.ok("mcp", call(2, "echo", {"text": "x"}))) == "x"


# Bytes: HTTP+SSE.

class OldClient:
    def __init__(self, address, headers=None):
        self.address, self.headers = address, headers or {}
        self.connection = http.client.HTTPConnection(*address, timeout=20)
        self.connection.request("GET", "/sse", headers={"Accept": "text/event-stream", **self.headers})
        self.response = self.connection.getresponse()
        assert self.response.status == 200 and self.response.headers["Content-Type"] == "text/event-stream"
        assert self.response.readline() == b"event: endpoint\n"
        self.target = self.response.readline().decode().removeprefix("data: ").strip()

    def post(self, message, target=None, **headers):
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        body = message if isinstance(message, str) else json.dumps(message)
        connection.request("POST", target or self.target, body, {
            "Content-Type": "application/json", **self.headers,
            **{name.replace("_", "-"): value for name, value in headers.items()}})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, body

    def read(self):
        from test_mcp_http import read_event
        id, message = read_event(self.response)
        assert id is None
        return message

    def ask(self, message):
        assert self.post(message) == (202, b"Accepted")
        return self.read()

    def close(self):
        self.response.close()
        self.connection.close()


def test_the_oldest_transport(start_gateway):
    gateway = start_gateway({"mcpServers": {"everything": EVERYTHING}, "listen": {"event_loops": 3}})
    client = OldClient(gateway.http)
    assert client.target.startswith("/messages?session_id=")
    assert client.ask(initialize(version="2024-11-05"))["result"]["protocolVersion"] == "2024-11-05"
    for number in range(6):
        assert text(client.ask(call(number, "echo", {"text": "x"}))) == "x"
    assert client.post("{")[0] == 400
    assert client.post('[{"jsonrpc":"2.0","id":1,"method":"ping"}]')[0] == 400
    assert client.post(call(1, "echo"), "/messages?session_id=0.nobody")[0] == 404
    assert client.post(call(1, "echo"), "/messages")[0] == 400
    assert client.post(call(1, "echo"), Content_Type="text/plain")[0] == 415
    assert client.post(call(1, "echo"), Authorization="Bearer other")[0] == 404
    assert client.post(call(1, "echo"), Origin="https://evil.example")[0] == 403
    assert "simple" in text(client.ask(call(9, "test_simple_text")))
    assert len(children_of(gateway.process.pid)) == 1
    # It has one event stream, and ends with it.
    other = http.client.HTTPConnection(*gateway.http, timeout=20)
    with other:
        session = client.target.partition("session_id=")[2]
        other.request("GET", "/mcp", headers={"Accept": "text/event-stream", "Mcp-Session-Id": session})
        refused = other.getresponse()
        assert refused.status == 409
        assert json.loads(refused.read())["error"]["message"].endswith("the session has the event stream of /sse")
    assert "simple" in text(client.ask(call(10, "test_simple_text")))
    client.close()
    until(lambda: not children_of(gateway.process.pid), "the session to end with its stream")
    assert client.post(call(1, "echo"))[0] == 404


def test_the_oldest_transport_is_kept_alive_and_drained(start_gateway):
    gateway = start_gateway({"mcp": {"keepalive_interval": "100ms"}})
    client = OldClient(gateway.http)
    lines = []
    until(lambda: lines.append(client.response.readline()) or b": ping\n" in lines, "a comment")
    gateway.terminate()
    until(lambda: client.response.readline() == b"", "the end of the stream")
    gateway.stop()
