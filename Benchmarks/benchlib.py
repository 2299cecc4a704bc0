"""What the benchmark scripts share: building the load generator, starting and stopping the servers, running one
measurement. Standard library only, Linux only, everything on loopback."""

import ctypes
import hashlib
import json
import os
import platform
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
BUILD = REPOSITORY / ".build" / "benchmarks"
DEFAULT_GATEWAY = REPOSITORY / ".build" / "release" / "mcp-gateway"

# The same 200 bytes of text are published to, or echoed by, both servers.
TOPIC = "bench"
PUBLISHED = '{"topic":"bench","type":"bench","data":{"ts":"@TS@","pad":"@PAD@"}}'
ECHOED = '["1","2","mcp:gateway","message",{"type":"echo","data":{"ts":"@TS@","pad":"@PAD@"}}]'
MESSAGE_BYTES = 200


class BenchmarkError(Exception):
    """Something the user can mend; printed without a traceback."""


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def run_main(main):
    """Runs main() so that every way out passes through the `with` blocks that stop the servers."""

    def stop(number, _frame):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, stop)
    try:
        sys.exit(main())
    except BenchmarkError as problem:
        say(f"{Path(sys.argv[0]).name}: {problem}")
        sys.exit(1)


# ------------------------------------------------------------------------------------------------ the machine


def machine():
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1))
    return {
        "cpu": model,
        "cpus": len(os.sched_getaffinity(0)),
        "memory_mb": memory // 1024,
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
    }


def cpu_ticks():
    """(all, idle, stolen) ticks of the machine since boot."""
    values = [int(v) for v in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(values), values[3] + values[4], values[7]


def warn_if_busy():
    load = os.getloadavg()[0]
    if load > 0.5:
        say(f"warning: the machine is not idle (load {load:.1f}): rates and latencies will suffer, ratios less so")


def check_descriptors(connections, processes_share=1):
    """Raises this process's soft descriptor limit to the hard one (children inherit it) or explains what is missing."""
    needed = connections // processes_share + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise BenchmarkError(
            f"{connections:,} connections to one process need about {needed:,} file descriptors, but the hard limit is {hard:,}.\n"
            f"Raise it (`ulimit -Hn` as root, LimitNOFILE= in a systemd unit, `docker run --ulimit nofile={needed}:{needed}`)\n"
            f"or ask for fewer: --connections {max(hard - 200, 1)}")
    target = hard if hard != resource.RLIM_INFINITY else max(soft, needed, 65536)
    if soft != target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


def source_addresses(connections):
    """Loopback source addresses so that one client address does not run out of ports."""
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    usable = (high - low) * 8 // 10
    return [] if connections <= usable else ["-s", str(connections // usable + 1)]


# ------------------------------------------------------------------------------------------------ the generator


def build_generator():
    source, binary = HERE / "ws_load.c", BUILD / "ws_load"
    if binary.exists() and binary.stat().st_mtime > source.stat().st_mtime:
        return binary
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise BenchmarkError("no C compiler found: sudo apt-get install gcc")
    BUILD.mkdir(parents=True, exist_ok=True)
    fresh = binary.with_name(f"ws_load.{os.getpid()}")
    subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", fresh, source], check=True)
    fresh.rename(binary)
    return binary


def child_setup(death_signal):
    """Own process group, and an end when this script dies in whatever way."""
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def setup():
        os.setsid()
        libc.prctl(1, death_signal)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)

    return setup


def generate(arguments, limit):
    """One run of the generator: (its JSON, what it said, exit status)."""
    command = [str(build_generator()), *map(str, arguments)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             preexec_fn=child_setup(signal.SIGKILL))
    try:
        out, said = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return {}, f"did not end within {limit:.0f} s", 1
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
    try:
        result = json.loads(out)
    except ValueError:
        result = {}
    return result, said.strip(), child.returncode


# ------------------------------------------------------------------------------------------------ servers


def descendants(pid):
    found = [pid]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split() if int(child) not in found]
        except OSError:
            pass
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process in a directory of its own, for `with`."""

    name = "server"

    def __init__(self):
        self.child = None

    def __enter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="gateway-bench-"))
        try:
            self.directory.chmod(0o755)
            self.start()
            self.pids = descendants(self.child.pid)
        except BaseException:
            self.__exit__()
            raise
        return self

    def spawn(self, command, environment=None):
        with open(self.directory / "stdout", "wb") as out, open(self.directory / "stderr", "wb") as err:
            try:
                self.child = subprocess.Popen(command, cwd=self.directory, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                              stderr=err, preexec_fn=child_setup(signal.SIGTERM))
            except OSError as problem:
                raise BenchmarkError(f"cannot run {command[0]}: {problem.strerror}") from None

    def wait_until(self, ready, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = ready()
            if value:
                return value
            if self.child.poll() is not None:
                raise BenchmarkError(f"{self.name} ended with status {self.child.returncode} before it was ready{self.log()}")
            time.sleep(0.02)
        raise BenchmarkError(f"{self.name} was not ready within {seconds} s{self.log()}")

    def log(self):
        text = ""
        for part in ("stdout", "stderr", "error.log"):
            path = self.directory / part
            if path.exists():
                text += "".join(f"\n  | {line}" for line in path.read_text(errors="replace").splitlines()[-8:])
        return ":" + text if text else " (it printed nothing)"

    def alive(self):
        return self.child.poll() is None

    def __exit__(self, *_):
        if self.child:
            for attempt in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
                if self.child.poll() is None:
                    self.child.send_signal(attempt)
                    try:
                        self.child.wait(8)
                    except subprocess.TimeoutExpired:
                        say(f"warning: {self.name} did not stop within 8 s of {attempt.name}")
            try:
                os.killpg(self.child.pid, signal.SIGKILL)  # whatever it may have left behind
            except ProcessLookupError:
                pass
        shutil.rmtree(self.directory, ignore_errors=True)


class Gateway(Server):
    name = "gateway"
    checks = ["--sequence"]

    def __init__(self, binary, max_connections):
        super().__init__()
        self.binary = Path(binary).resolve()
        self.max_connections = max(20000, max_connections + 1000)
        if not os.access(self.binary, os.X_OK):
            raise BenchmarkError(f"no gateway at {binary}: build it with `swift build -c release`, or name it with --gateway PATH")

    def start(self):
        config = self.directory / "gateway.yaml"
        config.write_text(f"""\
transports:
  http: {{ port: 0, max_connections: {self.max_connections} }}
  http_sse: {{ port: 0, max_connections: {self.max_connections} }}
  websocket: {{ port: 0, max_connections: {self.max_connections} }}
rate_limiting: {{ default_limit: 1000000, refill_rate: 1000000 }}
security: {{ max_connections_per_ip: 1000000 }}
storage: {{ engine: memory }}
log: {{ level: warning }}
routes:
  - {{ type: echo, handler: echo }}
""")
        ours = re.compile(r"MCP_|GATEWAY_|OTEL_|PHX_|(SECRET_KEY_BASE|DATABASE_URL|REDIS_URL|MIX_ENV|PROMETHEUS_ENABLED|GRAFANA_ENABLED)$")
        environment = {key: value for key, value in os.environ.items() if not ours.match(key)}
        self.spawn([self.binary, "serve", "--config", config], environment)
        line = self.wait_until(self.ready_line, 30)
        self.http, self.sse, self.ws = (self.port(line, key) for key in ("http", "http_sse", "websocket"))

    def ready_line(self):
        text = (self.directory / "stdout").read_text(errors="replace")
        return next((line for line in text.split("\n")[:-1] if re.match(r"\s*ready\b", line)), None)

    def port(self, line, key):
        """The IPv4 port in `ready http=127.0.0.1:4000,[::1]:4000 …`."""
        found = re.search(rf"\b{key}=(\S+)", line)
        for address in found.group(1).split(",") if found else []:
            host, _, port = re.sub(r"^\w+://", "", address).rstrip("/").rpartition(":")
            if port.isdigit() and (host in ("", "*", "localhost", "0.0.0.0", "[::]", "::") or host.startswith("127.")):
                return int(port)
        raise BenchmarkError(f"no IPv4 loopback address of {key} in the gateway's line: {line}")

    def version(self):
        return "sha256 " + hashlib.sha256(self.binary.read_bytes()).hexdigest()

    def subscribe(self, transport, topic=None):
        payload = {"topics": [topic]} if topic else {}
        join = json.dumps(["1", "1", "mcp:gateway", "phx_join", payload], separators=(",", ":"))
        ws, sse = "/mcp/ws?vsn=2.0.0&client_id=ws-%d", "/mcp/sse?client_id=sse-%d" + (f"&topics={topic}" if topic else "")
        return {
            "ws": ["-t", "ws", "-p", self.ws, "-u", ws, "-j", join],
            "sse": ["-t", "sse", "-p", self.sse, "-u", sse, "--first"],
            "mixed": ["-t", "mixed", "-p", self.ws, "-u", ws, "-j", join, "--sse-port", self.sse, "--sse-path", sse, "--first"],
        }[transport]

    def idle(self, transport):
        return self.subscribe(transport)

    def fanout(self, transport):
        return [*self.subscribe(transport, TOPIC), *self.checks, "--pub", "post", "--pub-port", self.http, "--pub-path", "/mcp/messages"]

    def echo(self):
        return [*self.subscribe("ws"), *self.checks]


class Nchan(Server):
    name = "nchan"

    def __init__(self, max_connections, workers=1, module=None):
        super().__init__()
        self.max_connections, self.workers = max_connections, workers
        self.binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        hint = "sudo apt-get install nginx-core libnginx-mod-nchan"
        if not self.binary:
            raise BenchmarkError(f"nginx is not installed: {hint}")
        built = subprocess.run([self.binary, "-V"], capture_output=True, text=True, timeout=10).stderr
        self.nginx_version = re.search(r"nginx/(\S+)", built).group(1)
        places = re.findall(r"--modules-path=(\S+)", built) + ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules"]
        found = [path for path in ([Path(module)] if module else [Path(p) / "ngx_nchan_module.so" for p in places]) if path.is_file()]
        if not found:
            raise BenchmarkError(f"nginx is there, its nchan module is not: {hint} (or --nchan-module FILE)")
        self.module = found[0]

    def version(self):
        text = None
        if shutil.which("dpkg-query"):
            out = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"], capture_output=True, text=True, timeout=10)
            text = out.stdout.strip() or None
        return f"{text or 'unknown'} (nginx {self.nginx_version})"

    def start(self):
        for attempt in range(3):
            self.http = self.sse = self.ws = free_port()
            self.configure()
            self.spawn([self.binary, "-p", self.directory, "-e", self.directory / "error.log", "-c", self.directory / "nginx.conf"])
            try:
                self.wait_until(self.answers, 15)
                return
            except BenchmarkError:
                if attempt == 2 or "Address already in use" not in self.log():
                    raise

    def configure(self):  # nginx closes waiting clients when less than a sixteenth of worker_connections is free, hence the 9/8
        user = ""
        if os.geteuid() == 0:  # otherwise nginx looks for an account that may not exist here
            import grp
            import pwd
            user = f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name};"
        (self.directory / "nginx.conf").write_text(f"""\
load_module {self.module};
{user}
daemon off;
worker_processes {self.workers};
pid nginx.pid;
events {{ worker_connections {self.max_connections * 9 // 8 + 512}; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 1h;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  nchan_message_buffer_length 16;
  nchan_message_timeout 1m;
  server {{
    listen 127.0.0.1:{self.ws} backlog=4096;
    location = /publish {{ nchan_publisher; nchan_channel_id {TOPIC}; }}
    location = /subscribe {{ nchan_subscriber websocket eventsource; nchan_channel_id {TOPIC}; nchan_subscriber_first_message newest; }}
    location = /echo {{ nchan_pubsub websocket; nchan_channel_id "echo-$arg_id"; }}
  }}
}}
""")

    def answers(self):
        if len(descendants(self.child.pid)) <= self.workers:
            return False
        try:
            socket.create_connection(("127.0.0.1", self.ws), 1).close()
            return True
        except OSError:
            return False

    def subscribe(self, transport):
        return ["-t", transport, "-p", self.ws, "-u", "/subscribe"]

    def idle(self, transport):
        return self.subscribe(transport)

    def fanout(self, transport):
        return [*self.subscribe(transport), "--pub", "post", "--pub-path", "/publish"]

    def echo(self):
        return ["-p", self.ws, "-u", "/echo?id=%d"]


# ------------------------------------------------------------------------------------------------ one measurement


def measure(make_server, arguments, limit):
    """Starts a fresh server, runs the generator against it, stops it. Returns the generator's JSON with `ok`, `problem`, `steal`."""
    with make_server() as server:
        before = cpu_ticks()
        result, said, status = generate([*arguments(server), "-q", "-S", ",".join(map(str, server.pids))], limit)
        after = cpu_ticks()
        passed = max(after[0] - before[0], 1)
        result["steal"] = round((after[2] - before[2]) / passed, 4)
        result["ok"] = status == 0 and bool(result.get("connected"))
        if result["ok"] and result.get("pss0_kb") == 0:
            result["ok"], said = False, "the server's memory cannot be read (/proc/PID/smaps_rollup): run as the same user or as root"
        if not result["ok"]:
            said = said or f"the generator ended with status {status}: {summary_of(result)}"
            if not server.alive():
                said += f"\n{server.name} has ended (status {server.child.returncode}){server.log()}"
            result["problem"] = said
    return result


def summary_of(result):
    keys = ("failed", "closed", "lost", "duplicates", "reordered", "foreign", "sequence_errors", "publish_errors", "errors")
    wrong = [f"{key} {result[key]:,}" for key in keys if result.get(key)]
    return ", ".join(wrong) or "nothing wrong"


def write_json(path, value):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(value, indent=2) + "\n")
    fresh.replace(path)
