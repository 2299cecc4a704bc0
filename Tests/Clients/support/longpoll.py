"""Phoenix long-poll by hand, request by request (longpoll.js, long_poll.ex)."""

import base64
import json
from urllib.parse import urlencode

import phoenix
from api import API
from wait import until

PATH = "/mcp/ws/longpoll"
HEADER = "X-Phoenix-Longpoll-Token"


class Poller:
    """A session that asks only when it is told to. `token` is that of the last answer, as phoenix.js has it."""

    def __init__(self, address, client=None, token=None, version=phoenix.V2, header=True, headers=None, **query):
        self.api = API(address)
        self.in_flight = API(address)
        self.version, self.header, self.token = version, header, token
        self.query = {**({"client_id": client} if client else {}), **query, "vsn": version}
        self.headers = headers or {}
        self.statuses, self.inbox = [], []
        if token is None:
            status, messages = self.poll()
            assert (status, messages) == (410, []) and self.token

    def path(self, token):
        query = list(self.query.items())
        if token and not self.header:
            query.append(("token", token))
        return f"{PATH}?{urlencode(query)}"

    def request(self, method, body=None, token=None, **headers):
        token = self.token if token is None else token
        if token and self.header:
            headers[HEADER] = token
        headers = {**self.headers, **headers}
        api = self.in_flight if method == "GET" else self.api
        return api.request(method, self.path(token), body, headers)

    def ask(self, token=None):
        """One poll: what came back, without going on."""
        answer = self.request("GET", token=token)
        assert answer.status == 200, answer
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        return answer.json

    def poll(self):
        answer = self.ask()
        assert set(answer) == {"status", "token", "messages"}, answer
        self.token = answer["token"]
        self.statuses.append(answer["status"])
        return answer["status"], [self.decode(text) for text in answer["messages"]]

    def poll_patiently(self):
        """Polls until there is a place for it."""
        answer = until(lambda: (one := self.request("GET")).status == 200 and one.json, "a place for the poll")
        self.token = answer["token"]
        return answer["status"], [self.decode(text) for text in answer["messages"]]

    def decode(self, text):
        assert isinstance(text, str)
        frame = json.loads(text)
        if self.version == phoenix.V2:
            return phoenix.Frame(*frame)
        return phoenix.Frame(None, frame["ref"], frame["topic"], frame["event"], frame["payload"])

    def encode(self, frame):
        if self.version == phoenix.V2:
            return json.dumps(list(frame))
        return json.dumps({"topic": frame.topic, "event": frame.event, "payload": frame.payload, "ref": frame.ref})

    def post(self, *frames, token=None):
        """As phoenix.js 1.8 does: a line for each message, binary ones in base64."""
        lines = [base64.b64encode(one).decode() if isinstance(one, bytes) else self.encode(one) for one in frames]
        answer = self.request("POST", "\n".join(lines), token, **{"Content-Type": "application/x-ndjson"})
        return answer.json["status"]

    def push(self, event, payload=None, topic=phoenix.GATEWAY, ref="2"):
        assert self.post(phoenix.Frame("1", ref, topic, event, {} if payload is None else payload)) == 200

    def join(self, payload=None, topic=phoenix.GATEWAY):
        assert self.post(phoenix.Frame("1", "1", topic, "phx_join", payload or {})) == 200
        answer = self.until(lambda frame: frame.event == "phx_reply" and frame.topic == topic).payload
        assert answer["status"] == "ok", answer
        return answer["response"]

    def until(self, wanted):
        """Polls until a frame is liked; the others wait in the inbox."""
        for _ in range(50):
            for at, frame in enumerate(self.inbox):
                if wanted(frame):
                    return self.inbox.pop(at)
            status, frames = self.poll()
            assert status in (200, 204), status
            self.inbox += frames
        raise AssertionError(f"it did not come; there was {self.inbox}")

    def numbers(self, count, topic=None):
        def is_message(frame):
            return frame.event == "message" and topic in (None, frame.topic)
        return [self.until(is_message).payload["data"]["n"] for _ in range(count)]
