"""A back end that the gateway calls: an HTTP server of the test's own."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
from typing import Any, NamedTuple


class Call(NamedTuple):
    path: str
    headers: Any
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    def is_signed_with(self, secret):
        """As Standard Webhooks says."""
        key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
        text = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        code = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        return self.headers["webhook-signature"] == f"v1,{code}"


class BackEnd:
    """Answers each path by a function of the call, which returns a status and something to say in JSON."""

    def __init__(self):
        self.calls = []
        self.answers = {}
        self.released = threading.Event()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                call = Call(self.path, self.headers, body)
                owner.calls.append(call)
                answer = owner.answers.get(self.path, lambda _: (404, None))(call)
                if answer is None:
                    self.close_connection = True
                    return
                status, value = answer
                text = b"" if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 1024

            def handle_error(self, *_):
                """The gateway may have given up waiting."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def on(self, path, answer):
        """Lets a path answer; `answer` is a function of the call, or what it returns."""
        self.answers[path] = answer if callable(answer) else lambda _: answer
        return self.url(path)

    def hang(self, path):
        """Lets a path answer only when the test is over."""
        def wait(_):
            self.released.wait(60)
            return 200, {}
        return self.on(path, wait)

    def to(self, path):
        return [call for call in self.calls if call.path == path]

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
