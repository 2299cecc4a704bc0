"""What implementers get wrong: each row names the tests that would notice. Those that are nowhere else stand below."""

import importlib
import json
import re
import time

import pytest
from mcp_sdk import EVERYTHING, everything, text
from recording_upstream import Upstream
from test_mcp_http import Client, read_event
from test_mcp_modern import ask, call, meta, open_request
from wait import until

PITFALLS = {
    # Ids and routing
    "request ids are rewritten and come back with their type": ["test_mcp_http.test_ids_come_back_with_their_type"],
    "progress tokens are rewritten and come back": ["test_mcp_conformance.test_progress"],
    "a cancellation names the request as its server knows it": [
        "test_mcp_transports.test_a_cancelled_call_is_cancelled_at_its_server"],
    "a subscription's id is that of the listen request": ["test_mcp_modern.test_listening"],
    "ids of servers collide with those of clients": ["test_ids_of_servers_and_clients_collide"],
    "a server's answer finds the question that it was": ["test_mcp_transports.test_questions_of_a_server"],
    "a question goes to the client that caused it": ["test_mcp_http.test_a_question_goes_to_its_client_only"],
    "a session with a server is not shared by two clients": ["test_mcp_faults.test_every_session_has_a_process_of_its_own"],
    "only a stateless server is shared": ["test_mcp_faults.test_a_stateless_server_is_shared"],
    "a renamed tool goes by its own name at its server": ["test_mcp_bounds.test_prefix", "test_names_in_headers_and_bodies"],
    "opaque URIs, links and _meta stay": ["test_links_and_meta_stay_what_they_are"],
    "names have at most 128 characters": ["test_long_names_are_cut"],
    "a server's 404 is not the client's": ["test_a_404_of_a_server_is_not_passed_on"],
    "an unknown method is 200 with an error in a session, 404 without": [
        "test_mcp_http.test_bad_messages", "test_mcp_modern.test_unknown_things"],
    "headers of the client's hop stay on it": ["test_headers_of_one_hop_stay_on_it"],
    "reserved _meta does not reach an older server; progressToken and traceparent do": [
        "test_reserved_meta_stays_here"],
    # Eras
    "to leave is to cancel, without a session": ["test_leaving_cancels_without_a_session"],
    "to leave is not to cancel, in a session": ["test_mcp_faults.test_leaving_is_not_cancelling"],
    "a cancelled request without a session is not answered": [
        "test_mcp_transports.test_requests_without_a_session_on_a_socket"],
    "the stream of a cancelled call in a session ends": ["test_mcp_http.test_a_cancelled_call_ends"],
    "the client's real capabilities reach the server": ["test_capabilities_are_the_clients_own"],
    "a missing capability is 400": ["test_mcp_modern.test_a_question_is_an_answer"],
    "results of older servers get resultType, ttlMs and cacheScope": ["test_results_of_older_servers_are_completed"],
    "a composed list may be kept as long as the shortest of its parts": [
        "test_mcp_bridge.test_a_list_may_be_kept_as_long_as_the_shortest_of_its_parts"],
    "a state that a client brings back is sealed, its owner's and of one call": [
        "test_mcp_bridge.test_a_state_is_its_owners_and_of_one_call"],
    "a server may say what it speaks and speak only what is older": [
        "test_mcp_upstreams.test_who_says_what_it_speaks_may_speak_only_what_is_older"],
    "trouble is no evidence of what a server speaks": [
        "test_mcp_upstreams.test_trouble_does_not_say_what_a_server_speaks"],
    "batches are of one revision": ["test_mcp_http.test_batches_are_of_one_revision"],
    "priming events are of one revision": [
        "test_mcp_http.test_older_clients_get_no_priming_event", "test_mcp_http.test_progress_makes_the_answer_a_stream"],
    "initialize never negotiates a revision without a handshake": ["test_mcp_http.test_the_revision_is_negotiated"],
    "duplicate routing headers are refused": ["test_mcp_modern.test_headers_say_what_the_body_says"],
    "names in headers may be wrapped": ["test_mcp_modern.test_a_name_may_be_wrapped"],
    "blanks around a header's value are no part of it": [
        "test_mcp_conformance_modern.test_names_of_headers_have_no_case_and_values_no_blanks"],
    "log messages come to requests that ask for them": [
        "test_mcp_conformance_modern.test_log_messages_only_for_those_who_ask"],
    # HTTP and event streams
    "an answer becomes a stream late": [
        "test_mcp_http.test_a_plain_answer_is_json", "test_mcp_http.test_a_slow_answer_becomes_a_stream"],
    "the headers of a stream leave at once": ["test_headers_of_a_stream_leave_at_once"],
    "event ids are unique in a session and name their stream": ["test_events_are_replayed_on_their_stream_only"],
    "one message goes to one stream": ["test_one_message_one_stream"],
    "a second GET is refused": ["test_mcp_http.test_one_stream_without_request"],
    "wildcards and parameters of Accept, charset of Content-Type": ["test_mcp_http.test_status_codes"],
    "202 has no body": ["test_accepted_has_no_body"],
    "large results are JSON": ["test_mcp_transports.test_lists_calls_and_progress"],
    "data of an event has no raw line breaks": ["test_line_breaks_do_not_break_events"],
    "CR, LF, CRLF, a byte order mark and several data lines are read": ["test_event_streams_of_servers"],
    "pages of other origins": ["test_mcp_http.test_preflight", "test_mcp_http.test_status_codes"],
    "WebSocket: origin, subprotocol, one message a frame, codes": [
        "test_mcp_transports.test_pages_of_other_origins_are_refused",
        "test_mcp_transports.test_messages_that_are_none"],
    "WebSocket: size and backpressure": [
        "test_mcp_transports.test_sockets_are_bounded", "test_mcp_bounds.test_max_unsent_bytes_of_a_socket"],
    "a page's token is no part of the address": ["test_mcp_transports.test_a_session_is_its_beginners"],
    # Programs
    "junk on standard output is survived": ["test_mcp_faults.test_answers_that_nobody_waits_for_are_nobodys"],
    "calls to one program run at the same time": ["test_calls_to_one_program_overlap"],
    "a process without sessions is none: it is begun anew, and asked for news again": [
        "test_mcp_conformance_modern.test_a_program_that_ends_is_begun_anew_and_asked_for_news_again"],
    "silence is no evidence of a revision": [
        "test_mcp_modern_programs.test_a_program_that_was_not_ready_when_it_was_asked_is_asked_again"],
    "processes are reaped on every path": [
        "test_mcp_faults.test_clients_that_vanish_leave_no_process",
        "test_mcp_transports.test_the_end_of_a_session_is_that_of_its_servers"],
    # State
    "an open stream is not idle": ["test_an_open_stream_is_not_idle"],
    "sessions that nobody deletes end": ["test_mcp_http.test_bounds"],
    "a session is its beginner's": ["test_mcp_http.test_status_codes"],
    "lists have one order, are composed of pages and miss no server silently": [
        "test_mcp_bounds.test_lists_come_in_pages", "test_mcp_bounds.test_list_timeout",
        "test_mcp_sdk.test_a_server_that_cannot_start_takes_nothing_from_the_others"],
    "payloads stay byte for byte": ["test_payloads_stay_byte_for_byte"],
}


@pytest.mark.parametrize("pitfall", PITFALLS)
def test_every_row_names_tests(pitfall):
    for name in PITFALLS[pitfall]:
        module, _, function = name.rpartition(".")
        home = importlib.import_module(module) if module else None
        assert callable(getattr(home, function) if home else globals()[function]), name


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    import gateway as gateways
    configuration = {"mcpServers": {"everything": EVERYTHING}}
    with gateways.Gateway(tmp_path_factory.mktemp("pitfalls"), configuration) as one:
        yield one


def line(answer):
    """The message that the server got."""
    return json.loads(text(answer.json))


def test_ids_of_servers_and_clients_collide(front):
    """The server asks with 1, 2, … while the client's calls have the same ids."""
    client = Client(front.http)
    for id in (1, 2, 3):
        body = json.dumps({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
            "name": "test_roots", "arguments": {}}})
        connection, response = client.open("POST", body)
        with connection:
            message = None
            while message is None:
                _, message = read_event(response)
            assert message["method"] == "roots/list"
            assert client.post({"jsonrpc": "2.0", "id": message["id"], "result": {"roots": []}}).status == 202
            _, message = read_event(response)
            assert message["id"] == id and json.loads(text(message)) == {"roots": []}


def test_names_in_headers_and_bodies(start_gateway):
    with Upstream() as upstream:
        gateway = start_gateway({
            "mcpServers": {"a-b": {"url": upstream.url}}, "mcp": {"demo": False, "prefix": "always"},
        })
        assert "result" in call(gateway, "a-b__tool", headers={"Mcp-Param-Region": "eu"}).json
        # The header names what the client knows, and is checked against it.
        assert call(gateway, "a-b__tool", headers={"Mcp-Name": "tool"}).json["error"]["code"] == -32020
        [(_, message)] = upstream.calls()
        assert message["params"]["name"] == "tool"


def test_links_and_meta_stay_what_they_are(front):
    client = Client(front.http)
    parts = client.call("test_multiple_content_types").json["result"]["content"]
    assert parts[3] == {"type": "resource_link", "uri": "test://static-text", "name": "static"}
    params = {"name": "shown", "arguments": {"b": 1, "a": 2}, "_meta": {"vendor/x": [1.0], "traceparent": "00-1"}, "y": 1}
    sent = line(client.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}))
    assert sent["params"] == params


def test_long_names_are_cut(start_gateway):
    long = "x" * 125
    gateway = start_gateway({
        "mcpServers": {"s" * 60: everything("--prefix", long), "t" * 60: everything("--prefix", long)},
        "mcp": {"demo": False},
    })
    client = Client(gateway.http)
    tools = client.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).json["result"]["tools"]
    names = [tool["name"] for tool in tools]
    assert len(set(names)) == len(names) and all(re.fullmatch(r"[A-Za-z0-9._-]{1,128}", name) for name in names)
    assert "simple text" in text(client.call(names[0]).json)


def test_a_404_of_a_server_is_not_passed_on(start_gateway):
    lost = []

    def answer(message, request):
        if request.headers["Mcp-Session-Id"] == "upstream-1":
            lost.append(1)
            return request.reply(404)
        return {"content": [{"type": "text", "text": request.headers["Mcp-Session-Id"]}]}

    with Upstream(answer) as upstream:
        gateway = start_gateway({"mcpServers": {"up": {"url": upstream.url}}, "mcp": {"demo": False}})
        client = Client(gateway.http)
        answer = client.call("tool")
        assert answer.status == 200 and text(answer.json).startswith("upstream-") and len(lost) == 1


def test_headers_of_one_hop_stay_on_it(start_gateway):
    with Upstream() as upstream:
        gateway = start_gateway({
            "mcpServers": {"up": {"url": upstream.url, "headers": {"X-Own": "ours"}}}, "mcp": {"demo": False}})
        client = Client(gateway.http, headers={"Authorization": "Bearer secret", "Cookie": "c=1", "X-Theirs": "t"})
        client.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "tool", "arguments": {}}},
                    Last_Event_ID="0-0", Mcp_Protocol_Version="2025-06-18")
        assert upstream.calls()
        for request, message in upstream.requests:
            assert request.headers["X-Own"] == "ours"
            for header in ("Authorization", "Cookie", "X-Theirs", "Last-Event-ID"):
                assert request.headers[header] is None, header
            assert request.headers["Mcp-Session-Id"] != client.headers["Mcp-Session-Id"]
            if message and message["method"] == "tools/call":
                # The revision is that of this hop.
                assert request.headers["MCP-Protocol-Version"] == "2025-11-25"


def test_reserved_meta_stays_here(start_gateway):
    gateway = start_gateway({"mcpServers": {"everything": EVERYTHING}, "mcp": {"demo": False}})
    answer = call(gateway, "shown", more={"_meta": meta(progressToken="p", traceparent="00-1", **{"vendor/x": 1})})
    got = line(answer)["params"]["_meta"]
    assert got.pop("progressToken") != "p"
    assert got == {"traceparent": "00-1", "vendor/x": 1}


def test_leaving_cancels_without_a_session(front):
    connection, response = open_request(
        front, "tools/call", {"name": "wait", "arguments": {}, "_meta": meta(progressToken=1)}, name="wait")
    with connection:
        read_event(response)

    def cancelled():
        return json.loads(text(call(front, "told").json))["cancelled"]

    assert isinstance(until(cancelled, "the server to be told")[0]["requestId"], int)


def test_what_was_known_of_a_server_does_not_change_whose_session_a_call_is_in(start_gateway):
    """A list that a client with a session has asked for makes the first call of one without go to the server at once."""
    gateway = start_gateway({"mcpServers": {"everything": EVERYTHING}, "mcp": {"demo": False}})
    assert Client(gateway.http).call("told")
    connection, response = open_request(
        gateway, "tools/call", {"name": "wait", "arguments": {}, "_meta": meta(progressToken=1)}, name="wait")
    with connection:
        read_event(response)
    until(lambda: json.loads(text(call(gateway, "told").json))["cancelled"], "the same process to be told")


def test_capabilities_are_the_clients_own(front):
    client = Client(front.http)
    assert json.loads(text(client.call("told").json))["initialize"]["capabilities"] == {}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "clientInfo": {"name": "n", "version": "1", "title": "T"},
        "capabilities": {"sampling": {"tools": {}}, "experimental": {"vendor/x": {"y": [1.0]}}}}}
    answer = client.post(message, Mcp_Session_Id=None)
    client.headers["Mcp-Session-Id"] = answer.headers["Mcp-Session-Id"]
    assert json.loads(text(client.call("told").json))["initialize"] == message["params"]


def test_results_of_older_servers_are_completed(start_gateway):
    gateway = start_gateway({"mcpServers": {"everything": EVERYTHING}, "mcp": {"demo": False}})
    for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
        result = ask(gateway, method).json["result"]
        assert result["resultType"] == "complete" and result["ttlMs"] == 0 and result["cacheScope"] == "private"
    result = ask(gateway, "resources/read", {"uri": "test://static-text"}, name="test://static-text").json["result"]
    assert result["resultType"] == "complete" and result["ttlMs"] == 0 and result["cacheScope"] == "private"
    result = call(gateway, "test_simple_text").json["result"]
    assert result["resultType"] == "complete" and "ttlMs" not in result


def test_headers_of_a_stream_leave_at_once(front):
    client = Client(front.http, version="2025-06-18")
    # Nothing is said on it for as long as nothing happens: its headers are there all the same.
    connection, response = client.open("GET")
    with connection:
        assert response.status == 200 and response.headers["X-Accel-Buffering"] == "no"


def test_events_are_replayed_on_their_stream_only(front):
    client = Client(front.http)
    streams = [client.call("large", {"notifications": 3}, id=number, meta={"progressToken": number}).events
               for number in (1, 2)]
    ids = [id for events in streams for id, _ in events]
    assert len(set(ids)) == len(ids)
    for number, events in zip((1, 2), streams):
        connection, response = client.open("GET", headers={"Last-Event-ID": events[1][0]})
        with connection:
            again = [read_event(response) for _ in events[2:]]
            assert response.read() == b"", "the stream has ended, and so does its replay"
        assert again == events[2:] and again[-1][1]["id"] == number


def test_one_message_one_stream(front):
    client = Client(front.http)
    connection, response = client.open("GET")
    with connection:
        answer = client.call("large", {"notifications": 2}, meta={"progressToken": 1})
        assert len([message for _, message in answer.events if message]) == 3
        client.call("announce", {"n": 1})
        _, message = read_event(response)
        while message is None:
            _, message = read_event(response)
        assert message["method"] == "notifications/vendor/thing"


def test_accepted_has_no_body(front):
    answer = Client(front.http).post({"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (202, b"", "0")


def test_line_breaks_do_not_break_events(start_gateway):
    def answer(message, request):
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {
            "content": [{"type": "text", "text": "a\nb"}]}}, indent=2).replace("\n", "\r\n").encode()
        note = json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": {
            "progressToken": message["params"]["_meta"]["progressToken"], "progress": 1}}, indent=2)
        events = b"".join(b"data: " + one + b"\n" for one in note.encode().split(b"\n")) + b"\n"
        events += b"".join(b"data: " + one + b"\n" for one in body.split(b"\r\n")) + b"\n"
        request.reply(200, events, Content_Type="text/event-stream")

    with Upstream(answer) as upstream:
        gateway = start_gateway({"mcpServers": {"up": {"url": upstream.url}}, "mcp": {"demo": False}})
        events = Client(gateway.http).call("tool", meta={"progressToken": "p"}).events
        messages = [message for _, message in events if message]
        assert messages[0]["params"] == {"progressToken": "p", "progress": 1}
        assert text(messages[1]) == "a\nb"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_event_streams_of_servers(start_gateway, end):
    def answer(message, request):
        first, second = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {
            "content": [{"type": "text", "text": "héllo"}]}}, ensure_ascii=False).split(", ", 1)
        lines = [": a comment", "", "id: 1", "data", "", "event: message", f"data:{first},", f"data: {second}", "retry: 5", "", ""]
        request.reply(200, b"\xef\xbb\xbf" + end.join(lines).encode(), Content_Type="text/event-stream; charset=utf-8")

    with Upstream(answer) as upstream:
        gateway = start_gateway({"mcpServers": {"up": {"url": upstream.url}}, "mcp": {"demo": False}})
        assert text(Client(gateway.http).call("tool").json) == "héllo"


def test_calls_to_one_program_overlap(front):
    client = Client(front.http)
    body = json.dumps({"jsonrpc": "2.0", "id": "w", "method": "tools/call", "params": {
        "name": "wait", "arguments": {}, "_meta": {"progressToken": 1}}})
    connection, response = client.open("POST", body)
    with connection:
        read_event(response)
        assert "simple text" in text(client.call("test_simple_text").json)
        client.post({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "w"}})


def test_an_open_stream_is_not_idle(start_gateway):
    gateway = start_gateway({"mcp": {"session_idle_timeout": "1s"}})
    listening, silent = Client(gateway.http), Client(gateway.http)
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    connection, _ = listening.open("GET")
    with connection:
        # Asking would keep the other one: it is given twice the time.
        began = time.monotonic()
        until(lambda: time.monotonic() - began > 2.5, "twice the time that a session may be idle")
        assert listening.post(ping).status == 200
        assert silent.post(ping).status == 404


def test_payloads_stay_byte_for_byte(front):
    for version in ("2025-11-25", "2025-06-18"):
        client = Client(front.http, version=version)
        connection, response = client.open("POST", '{"jsonrpc":"2.0","id":"é","method":"tools/call","params":{"name":"exact"}}'.encode())
        with connection:
            assert response.read().decode() == (
                '{ "result":{"z":1,"content":[ {"type":"text","text":"\\u00e9\\/"} ],"structuredContent":'
                '{"big":123456789012345678901234567890,"one":1.0,"exponent":1E+2,"b":1,"a":[ ]},"vendor":{"x":null}},'
                '"id":"é","jsonrpc":"2.0"}')
    sent = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"n":123456789012345678901234567890,"f":1.0,"e":1E+2,"b":1,"a":"\\u00e9\\/"},"name":"shown"}}'
    connection, response = client.open("POST", sent)
    with connection:
        got = json.loads(response.read())["result"]["content"][0]["text"]
    assert re.sub(r'"id":\d+', '"id":1', got) == sent


def test_a_server_that_wants_to_be_asked_later(start_gateway):
    """2025-11-25: a server may end the stream of a call that is not done, and say when it wants to be asked again."""
    asked = []

    def event(id, data=""):
        return f"id: {id}\nretry: 20\ndata: {data}\n\n".encode()

    def answer(message, request):
        asked.append((None, message["id"]))
        request.reply(200, event("e-0"), Content_Type="text/event-stream")

    def on_get(request):
        asked.append((request.headers["Last-Event-ID"], time.monotonic()))
        done = {"jsonrpc": "2.0", "id": asked[0][1], "result": {"content": [{"type": "text", "text": "late"}]}}
        polls = len(asked) - 1
        request.reply(200, event(f"e-{polls}", json.dumps(done) if polls == 3 else ""), Content_Type="text/event-stream")

    with Upstream(answer) as upstream:
        upstream.on_get = on_get
        gateway = start_gateway({"mcpServers": {"up": {"url": upstream.url}}, "mcp": {"demo": False}})
        assert text(Client(gateway.http).call("tool").json) == "late"
        assert [last for last, _ in asked] == [None, "e-0", "e-1", "e-2"]
        assert all(later - sooner >= 0.02 for (_, sooner), (_, later) in zip(asked[1:], asked[2:]))
        assert len(upstream.calls()) == 1
