"""An MCP server of our own making, for what real ones do not do on demand: it forgets, falls silent, breaks off."""

import http.server
import itertools
import json
import queue
import socket
import ssl
import threading
import uuid

TOOLS = [
    {"name": "read", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}},
    {"name": "write", "inputSchema": {"type": "object"}},
]
MODERN = "2026-07-28"


class Upstream:
    """A server on a free port of this machine. What it has seen stands in `requests`, as (method, headers, body)."""

    def __init__(self, name="u", modern=False, legacy=True, event_stream=False, port=0, certificate=None):
        # What its lists say of how long they may be kept.
        self.hints = {}
        self.name, self.modern, self.legacy, self.event_stream = name, modern, legacy, event_stream
        self.requests, self.sessions, self.streams = [], set(), {}
        self.wishes = {}
        """What streams without a session are to tell of."""
        self.subscriptions = []
        self.versions = [MODERN]
        """What it says that it speaks, when it is asked for that."""
        self.delay = 0
        self.opens_streams = threading.Event()
        """Until it is set streams wait for their heads."""
        self.opens_streams.set()
        self.break_off = set()
        """Names of tools whose next call ends with a closed connection instead of an answer."""
        self.status = None
        """A status that everything is answered with."""
        self.answer = lambda body, headers: None
        """Says the result of a request, or an `Exception` for an error of its own; None is the usual one."""
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()
        upstream = self

        class Handler(Requests):
            pass

        Handler.upstream = upstream
        self.server = Server(("127.0.0.1", port), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https" if certificate else "http"
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}/{'sse' if self.event_stream else 'mcp'}"

    def methods(self):
        with self.lock:
            return [body.get("method") for kind, _, body in self.requests if kind == "POST" and body]

    def forget_sessions(self):
        with self.lock:
            self.sessions.clear()
            streams, self.streams = self.streams, {}
        for stream in streams.values():
            stream.put(None)

    def say(self, message):
        """Something that nobody asked for, to every session."""
        with self.lock:
            streams = list(self.streams.values())
        for stream in streams:
            stream.put(message)
        return len(streams)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.server.cut_connections()
        self.forget_sessions()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *arguments):
        self.connections = set()
        super().__init__(*arguments)

    def process_request(self, request, address):
        self.connections.add(request)
        super().process_request(request, address)

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self):
        """As the end of a process does it."""
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def handle_error(self, request, address):
        pass


class Requests(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream = None
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, status, message=None, **headers):
        body = b"" if message is None else json.dumps(message).encode()
        self.send_response(status)
        if body:
            self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, key, first=()):
        box = queue.Queue()
        with self.upstream.lock:
            self.upstream.streams[key] = box
        self.upstream.opens_streams.wait(60)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for text in first:
                self.wfile.write(text.encode())
            while (message := box.get()) is not None:
                self.wfile.write(f"data: {json.dumps(message)}\n\n".encode())
                self.wfile.flush()
        except OSError:
            pass
        finally:
            with self.upstream.lock:
                if self.upstream.streams.get(key) is box:
                    del self.upstream.streams[key]

    def do_GET(self):
        up = self.upstream
        with up.lock:
            up.requests.append(("GET", dict(self.headers), None))
        if up.status:
            return self.answer(up.status)
        if up.event_stream:
            key = uuid.uuid4().hex
            return self.stream(key, [f"event: endpoint\ndata: /messages?session={key}\n\n"])
        session = self.headers.get("Mcp-Session-Id")
        if not up.legacy:
            return self.answer(405)
        if session not in up.sessions:
            return self.answer(404)
        return self.stream(session)

    def do_DELETE(self):
        with self.upstream.lock:
            self.upstream.requests.append(("DELETE", dict(self.headers), None))
            self.upstream.sessions.discard(self.headers.get("Mcp-Session-Id"))
        self.answer(200)

    def do_POST(self):
        up = self.upstream
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
        with up.lock:
            up.requests.append(("POST", dict(self.headers), body))
        if up.status:
            return self.answer(up.status)
        if up.event_stream:
            return self.post_beside_stream(body)
        if self.headers.get("MCP-Protocol-Version") == MODERN:
            return self.post_modern(body) if up.modern else self.answer(400, error(body, -32000, "unsupported version"))
        if not up.legacy:
            return self.answer(400, error(body, -32022, "unsupported version"))
        method = body.get("method")
        if method == "initialize":
            session = uuid.uuid4().hex
            with up.lock:
                up.sessions.add(session)
            return self.answer(200, result(body, handshake(body)), Mcp_Session_Id=session)
        session = self.headers.get("Mcp-Session-Id")
        if session not in up.sessions:
            return self.answer(404, error(body, -32600, "Session not found"))
        if "id" not in body:
            return self.answer(202)
        self.finish_call(body, session)

    def finish_call(self, body, session):
        up = self.upstream
        if body["method"] == "tools/call":
            name = body["params"]["name"]
            if up.delay:
                threading.Event().wait(up.delay)
            if name in up.break_off:
                up.break_off.discard(name)
                self.close_connection = True
                return
        own = up.answer(body, self.headers)
        if own is not None:
            return self.answer(200, result(body, own))
        if body["method"] == "resources/subscribe":
            up.subscriptions.append((session, body["params"]["uri"]))
        self.answer(200, reply(up, body))

    def post_modern(self, body):
        up = self.upstream
        method = body["method"]
        if self.headers.get("Mcp-Method") != method:
            return self.answer(400, error(body, -32020, "Mcp-Method"))
        meta = body["params"]["_meta"]
        if meta["io.modelcontextprotocol/protocolVersion"] != MODERN:
            return self.answer(400, error(body, -32020, "version"))
        if "name" in body["params"] and self.headers.get("Mcp-Name") != body["params"]["name"]:
            return self.answer(400, error(body, -32020, "Mcp-Name"))
        if method == "server/discover":
            return self.answer(200, result(body, {"resultType": "complete", "supportedVersions": up.versions, "capabilities": {}}))
        if method == "subscriptions/listen":
            acknowledged = {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {
                "_meta": {"io.modelcontextprotocol/subscriptionId": body["id"]}, "notifications": body["params"]["notifications"],
            }}
            key = uuid.uuid4().hex
            up.wishes[key] = body["params"]["notifications"]
            return self.stream(key, [f"data: {json.dumps(acknowledged)}\n\n"])
        self.finish_call(body, None)

    def post_beside_stream(self, body):
        up = self.upstream
        box = up.streams.get(self.path.partition("session=")[2])
        if box is None:
            return self.answer(404)
        self.answer(202)
        if body.get("method") == "initialize":
            box.put(result(body, handshake(body)))
        elif "id" in body and "method" in body:
            box.put(reply(up, body))


def handshake(body):
    return {"protocolVersion": body["params"]["protocolVersion"], "capabilities": {}, "serverInfo": {"name": "u", "version": "1"}}


def result(body, value):
    return {"jsonrpc": "2.0", "id": body["id"], "result": value}


def error(body, code, text):
    return {"jsonrpc": "2.0", "id": body.get("id"), "error": {"code": code, "message": text}}


def reply(up, body):
    method = body["method"]
    if method == "tools/list":
        return result(body, {"tools": TOOLS, **up.hints})
    if method == "tools/call":
        return result(body, {"content": [{"type": "text", "text": up.name}]})
    if method == "resources/list":
        return result(body, {"resources": [{"uri": f"x://{up.name}", "name": up.name}]})
    if method in ("resources/subscribe", "resources/unsubscribe", "logging/setLevel"):
        return result(body, {})
    return error(body, -32601, "no")
