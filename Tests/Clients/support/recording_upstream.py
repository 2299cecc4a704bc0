"""An MCP server over HTTP that notes every request and answers as it is told."""

import http.server
import json
import threading


class Upstream:
    """Answers `initialize`, lists of one tool `tool`, and calls with what `answer(message, request)` returns: a result, or
    `None` when it has answered by itself through `request`."""

    def __init__(self, answer=lambda message, request: {"content": [{"type": "text", "text": "done"}]}):
        self.requests = []
        self.sessions = 0
        self.on_get = None
        """Answers a GET that goes on with a stream."""
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def result(self, id, result, **headers):
                body = json.dumps({"jsonrpc": "2.0", "id": id, "result": result}).encode()
                self.reply(200, body, Content_Type="application/json", **headers)

            def do_GET(self):
                upstream.requests.append((self, None))
                if not (upstream.on_get and "Last-Event-ID" in self.headers):
                    return self.reply(405, Allow="POST, DELETE")
                upstream.on_get(self)

            def do_DELETE(self):
                upstream.requests.append((self, None))
                self.reply(200)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = json.loads(body)
                self.body = body
                upstream.requests.append((self, message))
                method, id = message.get("method"), message.get("id")
                if id is None or method is None:
                    return self.reply(202)
                if method == "server/discover":
                    error = {"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "Method not found"}}
                    return self.reply(404, json.dumps(error).encode(), Content_Type="application/json")
                if method == "initialize":
                    upstream.sessions += 1
                    return self.result(id, {
                        "protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}},
                        "serverInfo": {"name": "upstream", "version": "1"},
                    }, Mcp_Session_Id=f"upstream-{upstream.sessions}")
                if method == "tools/list":
                    return self.result(id, {"tools": [{"name": "tool", "inputSchema": {"type": "object"}}]})
                if method != "tools/call":
                    error = {"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "Method not found"}}
                    return self.reply(200, json.dumps(error).encode(), Content_Type="application/json")
                result = answer(message, self)
                if result is not None:
                    self.result(id, result)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/mcp"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def calls(self):
        """The requests that call a tool, with their messages."""
        return [(one, message) for one, message in self.requests if message and message.get("method") == "tools/call"]

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
