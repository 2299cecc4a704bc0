"""Headless Chromium, driven over its DevTools protocol."""

import itertools
import json
import shutil
import subprocess
import threading

from wait import PATIENCE, until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update",
    "--disable-default-apps", "--disable-sync", "--mute-audio", "--remote-debugging-port=0",
)


class Browser:
    """One Chromium process. Every page has its own context, so no page sees another's connections."""

    def __init__(self, directory):
        self._directory = directory

    def __enter__(self):
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        assert program, "chromium is not installed (package chromium)"
        self._log = (self._directory / "chromium.log").open("wb")
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self._directory / 'profile'}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )
        port_file = self._directory / "profile" / "DevToolsActivePort"
        lines = until(
            lambda: port_file.exists() and len(text := port_file.read_text().split()) == 2 and text,
            "Chromium's debugging port", 60,
        )
        self._connection = connect(f"ws://127.0.0.1:{lines[0]}{lines[1]}", max_size=None, compression=None)
        self._ids = itertools.count(1)
        self._answers = {}
        self._arrived = threading.Condition()
        self._pages = {}
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._connection.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self):
        try:
            for text in self._connection:
                message = json.loads(text)
                if "id" in message:
                    with self._arrived:
                        self._answers[message["id"]] = message
                        self._arrived.notify_all()
                elif page := self._pages.get(message.get("sessionId")):
                    page.take(message["method"], message["params"])
        except ConnectionClosed:
            pass

    def call(self, method, session=None, **params):
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self._connection.send(json.dumps(message))
        with self._arrived:
            assert self._arrived.wait_for(lambda: number in self._answers, 30), f"no answer to {method}"
            answer = self._answers.pop(number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def open(self, url):
        """A page that has loaded `url`."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session, context)
        for domain in ("Runtime", "Log", "Network", "Page"):
            page.call(f"{domain}.enable")
        page.go(url)
        return page


class Page:
    """A tab. Remembers console errors and every address that it connected to."""

    def __init__(self, browser, session, context):
        self._browser, self._session, self._context = browser, session, context
        self.errors = []
        self.requests = []
        self.responses = []
        self.sockets = []
        self.frames_sent = []
        self._loaded = threading.Event()

    def call(self, method, **params):
        return self._browser.call(method, self._session, **params)

    def take(self, method, params):
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.errors.append(" ".join(str(one.get("value", one.get("description"))) for one in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"])
        elif method == "Network.responseReceived":
            self.responses.append(params["response"])
        elif method == "Network.webSocketCreated":
            self.sockets.append(params["url"])
        elif method == "Network.webSocketFrameSent":
            self.frames_sent.append(params["response"]["payloadData"])
        elif method == "Page.loadEventFired":
            self._loaded.set()

    def go(self, url):
        self._loaded.clear()
        result = self.call("Page.navigate", url=url)
        assert not result.get("errorText"), f"{url}: {result['errorText']}"
        assert self._loaded.wait(PATIENCE), f"{url} did not finish loading"

    def run(self, expression):
        """The JSON value of a JavaScript expression; a promise is awaited."""
        result = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True,
        )
        if problem := result.get("exceptionDetails"):
            raise AssertionError(problem.get("exception", {}).get("description") or problem["text"])
        return result["result"].get("value")

    def do(self, statements):
        """Runs JavaScript whose value does not matter."""
        self.run(f"{statements}\n; undefined")

    def until(self, expression, what, patience=PATIENCE):
        """Waits until a JavaScript expression is truthy and returns its value."""
        return until(lambda: self.run(expression), what, patience)

    def close(self):
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)
        self._browser._pages.pop(self._session, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
