"""The HTTP API, spoken with the standard library."""

import http.client
import json
import threading
from typing import NamedTuple


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class API:
    """One port of a gateway. Connections are kept, one a thread."""

    def __init__(self, address):
        self.address = address
        self._local = threading.local()

    def _connection(self):
        if getattr(self._local, "connection", None) is None:
            self._local.connection = http.client.HTTPConnection(*self.address, timeout=15)
        return self._local.connection

    def request(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        for attempt in (1, 2):
            connection = self._connection()
            fresh = connection.sock is None
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                return Answer(response.status, response.headers, response.read())
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # A kept connection that the server has ended meanwhile says nothing about this request.
                self._local.connection = None
                if fresh or attempt == 2:
                    raise

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def post(self, path, body, **headers):
        return self.request("POST", path, body, headers)

    def publish(self, **message):
        """`POST /mcp/messages`, which must be accepted."""
        message.setdefault("data", {})
        answer = self.post("/mcp/messages", message)
        assert answer.status == 202, f"{answer.status} {answer.body!r} for {message!r}"
        return answer.json

    def publish_numbers(self, count, start=0, **address):
        """`count` messages whose `data` is `{"n": start…}`."""
        return [self.publish(**address, data={"n": n}) for n in range(start, start + count)]

    def client_health(self, client):
        answer = self.get(f"/mcp/health/{client}")
        return answer.json if answer.status == 200 else None
