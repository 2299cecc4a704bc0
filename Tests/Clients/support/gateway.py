"""Starts and stops the binary under test."""

import os
import pathlib
import re
import signal
import subprocess
import threading

import yaml
from api import API
from wait import until

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
BINARY = os.environ.get("MCP_GATEWAY_BIN", str(REPOSITORY / ".build/debug/mcp-gateway"))
CRASH = re.compile(
    r"Fatal error|Precondition failed|Assertion failed|Illegal instruction|Segmentation fault|"
    r"\*\*\* |Thread \d+ .*crashed|AddressSanitizer|ThreadSanitizer|BUG in SwiftNIO"
)
running = []
"""Every gateway that lives, for the report of a failed test."""


def clean_environment(**extra):
    """Ours, without what would configure a gateway behind a test's back."""
    ours = ("MCP_", "GATEWAY_", "PHX_", "OTEL_", "PROMETHEUS_", "REDIS_", "SECRET_KEY", "MIX_", "DATABASE_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return {**kept, **extra}


def merged(base, more):
    """`base` with `more` laid over it, mapping by mapping."""
    result = dict(base)
    for key, value in (more or {}).items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def parse_ready(line):
    """`ready http=HOST:PORT[,HOST:PORT] …` as `{"http": (host, port), …}`, IPv4 first."""
    addresses = {}
    for name, value in re.findall(r"(\w+)=(\S+)", line):
        pairs = []
        for part in value.split(","):
            host, _, port = re.sub(r"^\w+://", "", part).rstrip("/").rpartition(":")
            pairs.append((host.strip("[]"), int(port)))
        pairs.sort(key=lambda pair: ":" in pair[0])
        host, port = pairs[0]
        addresses[name] = ({"0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}.get(host, host), port)
    return addresses


def run_command(*arguments, cwd, env=None, patience=10):
    """A command that must end by itself."""
    try:
        return subprocess.run(
            [BINARY, *arguments], cwd=cwd, env=clean_environment(**(env or {})), timeout=patience,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"") + (late.stderr or b"")
        raise AssertionError(f"{arguments} did not end within {patience} s; it said {said!r}") from None


class Gateway:
    """A gateway process on free ports."""

    BASE = {
        "transports": {"http": {"port": 0}, "http_sse": {"port": 0}, "websocket": {"port": 0}},
        "storage": {"engine": "memory"},
        "rate_limiting": {"default_limit": 1_000_000, "refill_rate": 1_000_000},
    }

    def __init__(self, directory, config=None, env=None, arguments=None):
        self.directory = pathlib.Path(directory)
        self.log = self.directory / "gateway.log"
        if arguments is None:
            file = self.directory / "gateway-under-test.yaml"
            file.write_text(yaml.safe_dump(merged(self.BASE, config), sort_keys=False))
            arguments = ["--config", str(file)]
        self._arguments = ["serve", *arguments]
        self._env = clean_environment(**(env or {}))
        self._ready_line = None

    def start(self):
        self._log_file = self.log.open("wb")
        self.process = subprocess.Popen(
            [BINARY, *self._arguments], cwd=self.directory, env=self._env,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        return self._started()

    def _started(self):
        running.append(self)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        until(lambda: self._ready_line or self.process.poll() is not None, "the gateway's `ready` line", 30)
        assert self._ready_line, f"the gateway ended with {self.process.wait()}:\n{self.text()}"
        self.addresses = parse_ready(self._ready_line)
        self.http, self.sse, self.ws = (self.addresses[key] for key in ("http", "http_sse", "websocket"))
        self.api = API(self.http)
        return self

    def _read(self):
        for line in self.process.stdout:
            self._log_file.write(line)
            self._log_file.flush()
            if self._ready_line is None and line.startswith(b"ready "):
                self._ready_line = line.decode().strip()

    def text(self, offset=0):
        """What it has said since `offset`."""
        return self.log.read_bytes()[offset:].decode(errors="replace")

    def crash(self):
        """What it said when it crashed, or nothing."""
        text = self.text()
        found = CRASH.search(text)
        return found and text[max(0, found.start() - 300):found.start() + 2500]

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self, patience=15):
        """SIGTERM must end it, in time, with exit code 0 and without a crash."""
        if self.process.poll() is None:
            self.terminate()
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still alive {patience} s after SIGTERM:\n{self.text()[-4000:]}") from None
        self._reader.join(5)
        if self in running:
            running.remove(self)
        assert not self.crash(), self.crash()
        assert code == 0, f"exit code {code} after SIGTERM:\n{self.text()[-4000:]}"

    def kill(self):
        """For a clean-up that must not fail."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self in running:
            running.remove(self)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.kill()
