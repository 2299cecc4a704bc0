"""A client of one era in front of a server of the other: what either says reaches the other in its own words."""

import http.client
import json
import threading

import pytest
from mcp_sdk import everything, text
from mcp_upstream import TOOLS, Upstream
from test_mcp_http import Client, read_event
from test_mcp_modern import Answer, ask, call, meta, open_request
from test_mcp_transports import Socket
from test_mcp_transports import call as call_message
from wait import until

ALL = {"elicitation": {"form": {}}, "sampling": {}, "roots": {}}


@pytest.fixture(scope="module", params=[1, 3])
def front(request, tmp_path_factory):
    """Connections come to one event loop or to any of several: servers are not to notice."""
    import gateway as gateways
    configuration = {"mcpServers": {"everything": everything()}, "listen": {"event_loops": request.param}}
    with gateways.Gateway(tmp_path_factory.mktemp("bridge"), configuration) as one:
        yield one


@pytest.fixture
def upstream():
    started = []

    def start(**options):
        started.append(Upstream(**options))
        return started[-1]

    yield start
    for one in started:
        one.close()


def able(capabilities=ALL, **more):
    return {"_meta": meta(**{"io.modelcontextprotocol/clientCapabilities": capabilities}, **more)}


def again(first, responses, **more):
    return {**able(), "requestState": first["requestState"], "inputResponses": responses, **more}


# A client without sessions, a server with them.

def test_a_question_in_the_middle_of_a_call(front):
    first = call(front, "test_elicitation", {"message": "Who?"}, able()).json["result"]
    assert first["resultType"] == "input_required"
    [(key, request)] = first["inputRequests"].items()
    assert request["method"] == "elicitation/create" and request["params"]["message"] == "Who?"
    said = {"action": "accept", "content": {"response": "123456789012345678901234567890"}}
    answer = call(front, "test_elicitation", {"message": "Who?"}, again(first, {key: said}), id="another")
    assert answer.json["id"] == "another" and answer.json["result"]["resultType"] == "complete"
    assert json.loads(text(answer.json).removeprefix("User response: ")) == said


def test_every_kind_of_question_and_several_of_one_call(front):
    first = call(front, "two_questions", more=able()).json["result"]
    [(key, request)] = first["inputRequests"].items()
    assert request["method"] == "sampling/createMessage"
    said = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "x"}}
    second = call(front, "two_questions", more=again(first, {key: said}), id=2).json["result"]
    [(key, request)] = second["inputRequests"].items()
    assert request["method"] == "roots/list" and second["requestState"] != first["requestState"]
    last = call(front, "two_questions", more=again(second, {key: {"roots": []}}), id=3).json
    assert json.loads(text(last)) == [True, True]


def test_an_answer_that_lacks_something_is_asked_again(front):
    first = call(front, "test_elicitation", more=able()).json["result"]
    second = call(front, "test_elicitation", more=again(first, {"other": {}}), id=2).json["result"]
    assert second["inputRequests"] == first["inputRequests"]
    last = call(front, "test_elicitation", more=again(second, {"1": {"action": "decline"}}), id=3)
    assert "decline" in text(last.json)


def test_who_cannot_be_asked_is_not(front):
    for capabilities in ({}, {"sampling": {}}):
        answer = text(call(front, "test_elicitation", more=able(capabilities)).json)
        assert json.loads(answer)["code"] == -32601
    answer = text(call(front, "unknown_question", more=able()).json)
    assert json.loads(answer)["code"] == -32601


@pytest.mark.parametrize("change,headers", [
    ({"requestState": "mcp-gateway:0.x-y"}, {}), ({"name": "test_sampling"}, {}), ({}, {"Authorization": "Bearer x"}),
    (able({**ALL, "x": {}}), {}),
])
def test_a_state_is_its_owners_and_of_one_call(front, change, headers):
    first = call(front, "test_elicitation", more=able()).json["result"]
    [key] = first["inputRequests"]
    answer = call(
        front, change.get("name", "test_elicitation"), more={**again(first, {key: {"action": "accept"}}), **change},
        headers=headers)
    assert (answer.status, answer.json["error"]["code"]) == (400, -32602)
    # It is used up by its owner, once.
    more = again(first, {key: {"action": "decline"}})
    assert "decline" in text(call(front, "test_elicitation", more=more, id=2).json)
    assert call(front, "test_elicitation", more=more, id=3).json["error"]["code"] == -32602


def test_nobody_waits_for_ever_for_an_answer(start_gateway):
    gateway = start_gateway({"mcpServers": {"e": everything()}, "mcp": {"input_timeout": "300ms", "demo": False}})
    first = call(gateway, "test_elicitation", more=able()).json["result"]
    cancelled = lambda: json.loads(text(call(gateway, "told", more=able(), id=2).json))["cancelled"]  # noqa: E731
    until(cancelled, "the server to hear that its call is over")
    [key] = first["inputRequests"]
    answer = call(gateway, "test_elicitation", more=again(first, {key: {"action": "accept"}}), id=3)
    assert answer.json["error"]["code"] == -32602
    client = Client(gateway.http)
    client.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    answer = client.call("test_elicitation")
    [_, error] = [message for _, message in answer.events if message]
    assert "mcp.input_timeout" in error["error"]["message"]


def test_a_question_that_could_be_anybodys_reaches_nobody(front):
    """Over one pipe it cannot be told which of two calls asks."""
    connection, _ = hold_call(front)
    with connection:
        answer = text(call(front, "test_elicitation", more=able({**ALL, "shared": {}}), id=2).json)
        assert json.loads(answer)["code"] == -32601


def hold_call(front):
    """A call that goes on until its client leaves."""
    more = able({**ALL, "shared": {}}, progressToken="p")
    connection, response = open_request(
        front, "tools/call", {"name": "wait", "arguments": {}, **more}, name="wait", id="w")
    read_event(response)
    return connection, response


def test_a_state_finds_its_event_loop(start_gateway):
    gateway = start_gateway({"mcpServers": {"e": everything()}, "listen": {"event_loops": 4}})
    for number in range(12):
        first = call(gateway, "test_elicitation", more=able()).json["result"]
        [key] = first["inputRequests"]
        answer = call(gateway, "test_elicitation", more=again(first, {key: {"action": "decline"}}), id=number)
        assert "decline" in text(answer.json)


def test_over_a_socket(front):
    with Socket(front.http) as socket:
        message = call_message("c", "test_elicitation")
        message["params"].update(able())
        socket.send(message)
        first = socket.receive()["result"]
        [key] = first["inputRequests"]
        message["id"] = "d"
        message["params"].update(again(first, {key: {"action": "cancel"}}))
        socket.send(message)
        answer = socket.receive()
        assert answer["id"] == "d" and "cancel" in text(answer)


# A client with sessions, a server without them.

def asks(requests, state=None):
    """A server that wants to know something before it answers."""
    def answer(body, headers):
        if body["method"] != "tools/call":
            return None
        params = body["params"]
        if "inputResponses" in params or "requestState" in params:
            return {"resultType": "complete", "content": [{"type": "text", "text": json.dumps(params)}]}
        return {"resultType": "input_required", **({"inputRequests": requests} if requests else {}),
                **({"requestState": state} if state else {})}
    return answer


FORM = {"method": "elicitation/create", "params": {"mode": "form", "message": "Who?", "requestedSchema": {
    "type": "object", "properties": {"name": {"type": "string"}}}}}
SAMPLE = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}}


def begin(socket, capabilities):
    socket.send({"jsonrpc": "2.0", "id": "i", "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {"name": "x", "version": "1"}}})
    socket.receive()


def test_a_server_that_answers_with_questions(start_gateway, upstream):
    server = upstream(modern=True, legacy=False)
    server.answer = asks({"who": FORM, "what": SAMPLE}, state="opaque\"state")
    gateway = start_gateway({"mcpServers": {"u": {"url": server.url}}, "mcp": {"demo": False}})
    with Socket(gateway.http) as socket:
        begin(socket, {"elicitation": {"form": {}}, "sampling": {}})
        socket.send(call_message("c", "read", {"big": 1}))
        questions = [socket.receive(), socket.receive()]
        assert {one["method"] for one in questions} == {"elicitation/create", "sampling/createMessage"}
        said = {"elicitation/create": {"action": "accept", "content": {"name": "Ada"}},
                "sampling/createMessage": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "x"}}}
        for one in questions:
            socket.send({"jsonrpc": "2.0", "id": one["id"], "result": said[one["method"]]})
        answer = socket.receive()
    assert answer["id"] == "c"
    params = json.loads(text(answer))
    assert params["inputResponses"] == {"who": said["elicitation/create"], "what": said["sampling/createMessage"]}
    assert params["requestState"] == "opaque\"state" and params["arguments"] == {"big": 1}
    # The server is told what this client can do, and each call has an id of its own.
    assert params["_meta"]["io.modelcontextprotocol/clientCapabilities"] == {
        "elicitation": {"form": {}}, "sampling": {}}
    calls = [body["id"] for _, _, body in server.requests if body and body["method"] == "tools/call"]
    assert len(calls) == 2 and calls[0] != calls[1]


def test_a_server_that_only_wants_to_be_called_again(start_gateway, upstream):
    server = upstream(modern=True, legacy=False)
    server.answer = asks(None, state="later")
    gateway = start_gateway({"mcpServers": {"u": {"url": server.url}}, "mcp": {"demo": False}})
    answer = Client(gateway.http).call("read")
    assert json.loads(text(answer.json))["requestState"] == "later"


@pytest.mark.parametrize("request_,said", [(FORM, {"action": "cancel"}), (SAMPLE, None)])
def test_a_client_that_refuses(start_gateway, upstream, request_, said):
    server = upstream(modern=True, legacy=False)
    server.answer = asks({"q": request_})
    gateway = start_gateway({"mcpServers": {"u": {"url": server.url}}, "mcp": {"demo": False}})
    with Socket(gateway.http) as socket:
        begin(socket, ALL)
        socket.send(call_message("c", "read"))
        question = socket.receive()
        socket.send({"jsonrpc": "2.0", "id": question["id"], "error": {"code": -1, "message": "no"}})
        answer = socket.receive()
    if said:
        assert json.loads(text(answer))["inputResponses"]["q"] == said
    else:
        assert "refused sampling/createMessage" in answer["error"]["message"]


def test_a_call_is_cancelled_while_its_client_is_asked(start_gateway, upstream):
    server = upstream(modern=True, legacy=False)
    server.answer = asks({"q": FORM})
    gateway = start_gateway({"mcpServers": {"u": {"url": server.url}}, "mcp": {"demo": False}})
    with Socket(gateway.http) as socket:
        begin(socket, ALL)
        socket.send(call_message("c", "read"))
        question = socket.receive()
        socket.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "c"}})
        assert socket.receive()["error"]["code"] == -32800
        socket.send({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept"}})
        socket.send({"jsonrpc": "2.0", "id": "p", "method": "ping"})
        assert socket.receive()["id"] == "p"
    assert server.methods().count("tools/call") == 1


def test_questions_pass_between_two_of_the_same_era(start_gateway, upstream):
    server = upstream(modern=True)
    server.answer = asks({"q": FORM}, state="theirs")
    gateway = start_gateway({"mcpServers": {"u": {"url": server.url}}, "mcp": {"demo": False}})
    first = call(gateway, "read", {"a": 1.0}, able()).json["result"]
    assert first == {"resultType": "input_required", "inputRequests": {"q": FORM}, "requestState": "theirs"}
    answer = call(gateway, "read", {"a": 1.0}, again(first, {"q": {"action": "decline"}}), id=2).json
    params = json.loads(text(answer))
    assert params["requestState"] == "theirs" and params["inputResponses"] == {"q": {"action": "decline"}}


# News.

def listen(gateway, *uris, headers=None, **more):
    connection, response = open_request(
        gateway, "subscriptions/listen", {"notifications": {"resourceSubscriptions": list(uris), **more}}, id="l",
        headers=headers)
    _, first = read_event(response)
    return connection, response, first["params"]["notifications"]


def listens_for(server, uri):
    """Whether a stream of news at a server without sessions is of a resource."""
    return any(uri in server.wishes[key].get("resourceSubscriptions", []) for key in list(server.streams))


def test_news_of_resources(front):
    watched = "test://watched-resource"
    connection, response, honoured = listen(front, watched, "x://nobody's")
    with connection:
        assert honoured == {"resourceSubscriptions": [watched]}
        call(front, "touch", id=2)
        _, message = read_event(response)
        assert message["method"] == "notifications/resources/updated" and message["params"]["uri"] == watched
        assert message["params"]["_meta"] == {"io.modelcontextprotocol/subscriptionId": "l"}
        second, other, _ = listen(front, watched)
        with second:
            call(front, "touch", id=3)
            assert read_event(response)[1]["params"]["uri"] == watched
            assert read_event(other)[1]["params"]["uri"] == watched
        # The first one still listens.
        call(front, "touch", id=4)
        assert read_event(response)[1]["params"]["uri"] == watched
    until(
        lambda: json.loads(text(call(front, "told", id=5).json))["subscribed"] == [],
        "the server to hear that nobody listens")


def test_news_are_for_those_with_the_same_credential(front):
    watched = "test://watched-resource"
    mine = {"Authorization": "Bearer one"}
    connection, response, _ = listen(front, watched, toolsListChanged=True, headers=mine)
    other, other_response, _ = listen(
        front, watched, toolsListChanged=True, headers={"Authorization": "Bearer two"})
    with connection, other:
        call(front, "touch", id=2, headers=mine)
        assert read_event(response)[1]["method"] == "notifications/resources/updated"
        call(front, "add_tool", {"name": "late"}, id=3, headers=mine)
        assert read_event(response)[1]["method"] == "notifications/tools/list_changed"
        call(front, "touch", id=4, headers={"Authorization": "Bearer two"})
        assert read_event(other_response)[1]["method"] == "notifications/resources/updated"


def test_a_list_may_be_kept_as_long_as_the_shortest_of_its_parts(start_gateway, upstream):
    first, second, old = upstream(modern=True, name="a"), upstream(modern=True, name="b"), upstream(name="c")
    first.hints = {"ttlMs": 60000, "cacheScope": "public"}
    second.hints = {"ttlMs": 5000, "cacheScope": "public"}

    def kept(**servers):
        gateway = start_gateway({
            "mcpServers": {name: {"url": one.url} for name, one in servers.items()}, "mcp": {"demo": False}})
        found = ask(gateway, "tools/list").json["result"]
        assert len(found["tools"]) == sum(len(TOOLS) for _ in servers)
        return found["ttlMs"], found["cacheScope"]

    assert kept(a=first) == (60000, "private")
    assert kept(a=first, b=second) == (5000, "private")
    # What says nothing may change at any moment.
    assert kept(a=first, b=second, c=old) == (0, "private")


def test_news_of_a_server_without_sessions(start_gateway, upstream):
    server = upstream(modern=True)
    gateway = start_gateway({"mcpServers": {"u": {"url": server.url}}, "mcp": {"demo": False}})
    connection, response, honoured = listen(gateway, "x://u", resourcesListChanged=True)
    with connection:
        assert honoured == {"resourcesListChanged": True, "resourceSubscriptions": ["x://u"]}
        until(lambda: listens_for(server, "x://u"), "the server to be asked for news")
        server.say({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {
            "uri": "x://u", "_meta": {"io.modelcontextprotocol/subscriptionId": 7, "x": 1}}})
        message = read_event(response)[1]
        assert message["params"] == {"uri": "x://u", "_meta": {"io.modelcontextprotocol/subscriptionId": "l", "x": 1}}


def test_who_only_listens_is_told_too(start_gateway, upstream):
    server = upstream()
    gateway = start_gateway({"mcpServers": {"u": {"url": server.url}}, "mcp": {"demo": False}})
    connection, response, _ = listen(gateway, toolsListChanged=True)
    with connection:
        until(lambda: server.streams, "the gateway to listen to the server")
        server.say({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
        assert read_event(response)[1]["method"] == "notifications/tools/list_changed"


def test_a_session_is_not_told_how_servers_number_their_news(start_gateway, upstream):
    server = upstream(modern=True, legacy=False)
    gateway = start_gateway({"mcpServers": {"u": {"url": server.url}}, "mcp": {"demo": False}})
    client = Client(gateway.http)
    client.post({"jsonrpc": "2.0", "id": 1, "method": "resources/list"})
    connection, stream = client.open("GET")
    with connection:
        client.post({"jsonrpc": "2.0", "id": 2, "method": "resources/subscribe", "params": {"uri": "x://u"}})
        until(lambda: listens_for(server, "x://u"), "the gateway to listen to the server")
        server.say({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {
            "uri": "x://u", "_meta": {"io.modelcontextprotocol/subscriptionId": 7}}})
        assert read_event(stream)[1]["params"] == {"uri": "x://u", "_meta": {}}


def test_max_subscriptions(start_gateway, upstream):
    server = upstream()
    server.answer = lambda body, headers: {
        "resources": [{"uri": f"x://{n}", "name": "x"} for n in range(3)]} if body["method"] == "resources/list" else None
    gateway = start_gateway({
        "mcpServers": {"u": {"url": server.url}}, "mcp": {"demo": False, "max_subscriptions": 2}})
    connection, _, honoured = listen(gateway, "x://0", "x://1", "x://2")
    with connection:
        assert len(honoured["resourceSubscriptions"]) == 2
    client = Client(gateway.http)
    answers = [client.post({"jsonrpc": "2.0", "id": n, "method": "resources/subscribe", "params": {"uri": f"x://{n}"}}).json
               for n in range(3)]
    assert "result" in answers[0] and "result" in answers[1]
    assert "mcp.max_subscriptions" in answers[2]["error"]["message"]


def test_subscriptions_in_a_session_that_all_share(start_gateway, upstream):
    server = upstream()
    gateway = start_gateway({
        "mcpServers": {"u": {"url": server.url, "stateless": True}}, "mcp": {"demo": False}, "listen": {"event_loops": 1}})
    clients = [Client(gateway.http) for _ in range(2)]
    streams = []
    for client in clients:
        client.post({"jsonrpc": "2.0", "id": 1, "method": "resources/list"})
        streams.append(client.open("GET"))
        assert client.post({"jsonrpc": "2.0", "id": 2, "method": "resources/subscribe", "params": {"uri": "x://u"}}).json[
            "result"] == {}
    until(lambda: server.streams, "the gateway to listen to the server")
    news = {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "x://u"}}
    server.say(news)
    for _, stream in streams:
        assert read_event(stream)[1] == news
    # One of them leaves; the other is still told.
    unsubscribe = {"jsonrpc": "2.0", "id": 3, "method": "resources/unsubscribe", "params": {"uri": "x://u"}}
    assert clients[0].post(unsubscribe).json["result"] == {}
    assert "resources/unsubscribe" not in server.methods()
    server.say(news)
    assert read_event(streams[1][1])[1] == news
    assert clients[1].post(unsubscribe).json["result"] == {}
    assert "resources/unsubscribe" in server.methods()
    for connection, _ in streams:
        connection.close()


# Lists are of those who asked.

def test_a_list_holds_nothing_that_only_others_were_told(start_gateway, upstream):
    server = upstream()
    secrets, gate = {}, threading.Event()

    def answer(body, headers):
        if body["method"] != "tools/list":
            return None
        own = secrets.setdefault(headers["Mcp-Session-Id"], f"secret{len(secrets)}")
        return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("read", own)]}

    server.answer = answer
    late = upstream(name="late")
    late.answer = lambda body, headers: gate.wait(10) and None
    gateway = start_gateway({
        "mcpServers": {"u": {"url": server.url}, "late": {"url": late.url}}, "listen": {"event_loops": 1},
        "mcp": {"demo": False, "list_timeout": "5s"}})

    def names(client):
        answer = client.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).json
        return {tool["name"] for tool in answer["result"]["tools"] if "secret" in tool["name"]}

    found = {}
    clients = {user: Client(gateway.http, headers={"Authorization": user}) for user in ("a", "b")}
    threads = [threading.Thread(target=lambda user=user: found.update({user: names(clients[user])})) for user in clients]
    for thread in threads:
        thread.start()
    # Both have been told by the first server when the second one answers.
    until(lambda: len(secrets) == 2, "both to be told by the first server")
    gate.set()
    for thread in threads:
        thread.join()
    assert sorted(map(sorted, found.values())) == [["secret0"], ["secret1"]]
    # The server falls silent: what stands in for its list is the asker's own, and a stranger has none.
    server.status = 503
    assert {user: names(client) for user, client in clients.items()} == found
    assert names(Client(gateway.http, headers={"Authorization": "c"})) == set()


# Headers that repeat arguments.

REGION = {"type": "object", "properties": {
    "region": {"type": "string", "x-mcp-header": "Region"},
    "deep": {"type": "object", "properties": {"n": {"type": "integer", "x-mcp-header": "Deep-N"}}}}}


def regional(server):
    def answer(body, headers):
        if body["method"] == "tools/list":
            return {"tools": [{"name": "query", "inputSchema": REGION}], "resultType": "complete"}
        if body["method"] == "tools/call":
            own = {name.lower(): value for name, value in headers.items() if name.lower().startswith("mcp-param-")}
            return {"resultType": "complete", "content": [{"type": "text", "text": json.dumps(own)}]}
        return None
    server.answer = answer


def test_arguments_are_repeated_in_headers(start_gateway, upstream):
    server = upstream(modern=True, legacy=False)
    regional(server)
    gateway = start_gateway({"mcpServers": {"u": {"url": server.url}}, "mcp": {"demo": False}})
    arguments = {"region": "Zürich", "deep": {"n": 42}}
    expected = {"mcp-param-region": "=?base64?WsO8cmljaA==?=", "mcp-param-deep-n": "42"}
    client = Client(gateway.http)
    assert json.loads(text(client.call("query", arguments).json)) == expected
    assert json.loads(text(client.call("query", {"region": None}).json)) == {}
    said = {"Mcp-Param-Region": expected["mcp-param-region"], "Mcp-Param-Deep-N": "42.0", "Mcp-Param-Other": "x y"}
    answer = call(gateway, "query", arguments, headers=said)
    assert json.loads(text(answer.json)) == {**expected, "mcp-param-other": "x y"}
    for wrong in ({**said, "Mcp-Param-Region": "Bern"}, {**said, "Mcp-Param-Deep-N": None},
                  {**said, "Mcp-Param-Region": [said["Mcp-Param-Region"], "Bern"]}):
        answer = call(gateway, "query", arguments, headers=wrong)
        assert (answer.status, answer.json["error"]["code"]) == (400, -32020)


# Several messages in one.

def batch(*ids):
    return [{"jsonrpc": "2.0", "id": id, "method": "ping"} for id in ids]


def test_batches_over_a_socket(gateway):
    with Socket(gateway.http) as socket:
        socket.send(batch(1, 2))
        assert socket.receive()["error"]["code"] == -32600
        socket.send({"jsonrpc": "2.0", "id": "i", "method": "initialize", "params": {
            "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}})
        socket.receive()
        slow = call_message("s", "slow", {"steps": 1, "milliseconds": 5})
        slow["params"]["_meta"] = {"progressToken": "t"}
        socket.send([*batch(1), slow, {"jsonrpc": "2.0", "method": "notifications/initialized"}])
        assert socket.receive()["params"]["progressToken"] == "t"
        assert sorted(str(one["id"]) for one in socket.receive()) == ["1", "s"]
        for wrong in ([], batch(1, 1), [1]):
            socket.send(wrong)
            assert socket.receive()["error"]["code"] == -32600


def test_batches_over_the_older_stream(gateway):
    connection = http.client.HTTPConnection(*gateway.http, timeout=20)
    connection.request("GET", "/sse", headers={"Accept": "text/event-stream"})
    stream = connection.getresponse()
    with connection:
        while not (line := stream.readline().decode()).startswith("data: "):
            pass
        path = line.removeprefix("data: ").strip()

        def post(message):
            other = http.client.HTTPConnection(*gateway.http, timeout=20)
            other.request("POST", path, json.dumps(message), {"Content-Type": "application/json"})
            with other:
                return Answer(other.getresponse())

        assert post(batch(1)).status == 400
        post({"jsonrpc": "2.0", "id": "i", "method": "initialize", "params": {
            "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}})
        assert read_event(stream)[1]["id"] == "i"
        assert post(batch(1, 2)).status == 202
        assert [one["id"] for one in read_event(stream)[1]] == [1, 2]


# Tasks.

def test_tasks_of_all_servers(start_gateway):
    gateway = start_gateway({"mcpServers": {
        "one": everything("--prefix", "one_"), "two": everything("--prefix", "two_", "--page", "1")}})
    client = Client(gateway.http)
    assert client.result["capabilities"]["tasks"]["requests"]["tools"]["call"] == {}

    def ask_client(method, **params):
        return client.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).json["result"]

    assert ask_client("tasks/list") == {"tasks": []}
    for server in ("one", "two"):
        ask_client("tools/call", name=f"{server}_task", arguments={}, task={})
    assert [one["taskId"] for one in ask_client("tasks/list")["tasks"]] == ["one_task-1", "two_task-1"]
    # Who has not made it finds it all the same, if its server lets it.
    client = Client(gateway.http)
    assert ask_client("tasks/get", taskId="two_task-1")["status"] == "completed"
    assert "tasks" not in Client(gateway.http, version="2025-06-18").result["capabilities"]


def test_a_task_is_named_in_the_headers(start_gateway, upstream):
    server = upstream(modern=True)

    def answer(body, headers):
        if body["method"] == "tools/call":
            return {"resultType": "task", "taskId": "t-1", "status": "working"}
        if body["method"].startswith("tasks/"):
            return {"resultType": "complete", "taskId": headers["Mcp-Name"], "status": headers["Mcp-Method"]}
        return None

    server.answer = answer
    gateway = start_gateway({"mcpServers": {"other": everything(), "u": {"url": server.url}}, "mcp": {"demo": False}})
    assert call(gateway, "write").json["result"]["resultType"] == "task"
    answer = ask(gateway, "tasks/get", {"taskId": "t-1"}, name="t-1", id=2)
    assert (answer.json["result"]["taskId"], answer.json["result"]["status"]) == ("t-1", "tasks/get")
    answer = ask(gateway, "tasks/get", {"taskId": "t-1"}, name="t-2", id=3)
    assert (answer.status, answer.json["error"]["code"]) == (400, -32020)
