"""A rolling restart: two gateways behind nginx that each hold a part of the clients, restarted one after the other on
sockets that stay, under publish load. A history of it all goes to `mcp-gateway check-history`."""

import asyncio
import datetime
import json
import random
import signal
import time
from urllib.parse import quote

import websockets
from activation import ActivatedGateway
from nginx import Nginx
from soak import History
from wait import until

# What docs/deployment.md recommends: clients and those who publish to them find the same gateway.
UPSTREAM = """
  map $arg_client_id $owner {{ "" $http_x_client_id; default $arg_client_id; }}
  map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
  upstream gateways {{
    hash $owner consistent;
    {servers}
    keepalive 32;
  }}
"""
LOCATION = """
  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_upgrade;
  proxy_buffering off;
  proxy_read_timeout 1h;
  proxy_next_upstream error timeout;
"""


class Client:
    """Comes back when it is told to, goes on where it stopped, acknowledges what it has got."""

    def __init__(self, name, world):
        self.name, self.world = name, world
        self.last, self.count, self.got = None, 0, set()
        self.node = None
        self.online = asyncio.Event()

    async def run(self):
        while not self.world.is_over:
            wait = 0.5
            try:
                wait = await self._connect()
            except (OSError, websockets.WebSocketException, asyncio.TimeoutError, EOFError):
                self.world.failures += 1
            self.online.clear()
            await asyncio.sleep(wait)

    async def _connect(self):
        self.count += 1
        connection = f"{self.name}/{self.count}"
        address = f"ws://{self.world.address}/mcp/ws/websocket?vsn=2.0.0&client_id={quote(self.name)}"
        async with websockets.connect(
                address, open_timeout=60, close_timeout=1, ping_interval=None, compression=None) as socket:
            resume = {"last_event_id": self.last} if self.last else {}
            await socket.send(json.dumps(["1", "1", "mcp:gateway", "phx_join", {"ack": True, **resume}]))
            wait = 0.5
            try:
                async for text in socket:
                    _, ref, _, event, payload = json.loads(text)
                    if event == "phx_reply" and ref == "1":
                        answer = payload["response"]
                        self.node = answer["node"]
                        self.world.arrivals.append((time.monotonic(), self.node))
                        self.world.history.note(
                            "connect", client=self.name, connection=connection, epoch=answer["epoch"],
                            resume=self.last, recovered=answer["recovered"])
                        self.online.set()
                    elif event == "message":
                        await self._take(socket, connection, payload)
                    elif event == "gateway_close":
                        wait = payload["retry_after_ms"] / 1000
                        self.world.farewells.append((time.monotonic(), payload["code"], wait))
            except websockets.ConnectionClosed:
                pass
            self.world.history.note("disconnect", client=self.name, connection=connection)
            return wait

    async def _take(self, socket, connection, message):
        epoch, sequence = message["epoch"], message["sequence"]
        self.world.history.note(
            "deliver", client=self.name, connection=connection, epoch=epoch, sequence=sequence, id=message["id"])
        self.last = f"{epoch}-{sequence}"
        self.got.add(message["id"])
        self.world.history.note("ack", client=self.name, epoch=epoch, sequence=sequence)
        await socket.send(json.dumps(["1", None, "mcp:gateway", "ack", {"sequence": sequence}]))


class World:
    """Two gateways, nginx, clients and publishers."""

    def __init__(self, directory, clients, rate, publishes_per_second=50, seed=1, event_loops=0):
        self.directory, self.rate, self.pace = directory, rate, publishes_per_second
        self.history = History(directory / "history.jsonl")
        self.chance = random.Random(seed)
        self.is_over = False
        self.arrivals, self.farewells = [], []
        self.failures = self.refused = self.published = 0
        window = max(2.0, clients / 2 / rate / 4)
        config = {
            "storage": {"engine": "sqlite"},
            "log_connections": True,
            "listen": {
                "event_loops": event_loops, "handshake_rate": rate, "handshake_burst": max(1, rate // 10),
                "handshake_delay": "30s"},
            "drain": {"rate": rate, "timeout": f"{int(window * 1000)}ms", "reconnect_delay": "500ms"},
        }
        self.gateways = []
        for name in ("a", "b"):
            (directory / name).mkdir()
            self.gateways.append(
                ActivatedGateway(directory / name, {**config, "cluster": {"node_id": name}}))
        self.clients = [Client(f"client-{number}", self) for number in range(clients)]
        self.expected = {one.name: set() for one in self.clients}

    def live(self, quiet=1.0):
        """Restarts both gateways, one after the other.

        Returns what is wrong with the history, or nothing."""
        (self.directory / "nginx").mkdir()
        for one in self.gateways:
            one.start()
        servers = " ".join("server %s:%d max_fails=0;" % one.http for one in self.gateways)
        try:
            with Nginx(
                    self.directory / "nginx", self.gateways[0].http, LOCATION, upstream=UPSTREAM.format(servers=servers),
                    target="gateways", connections=4 * len(self.clients) + 256) as proxy:
                self.address = "%s:%d" % proxy.address
                asyncio.run(self._live(quiet))
            for one in self.gateways:
                one.stop(patience=30)
        finally:
            for one in self.gateways:
                one.kill()
                one.close_sockets()
        return self.history.check()

    async def _live(self, quiet):
        running = [asyncio.create_task(one.run()) for one in self.clients]
        await self._all_online("all clients at the beginning")
        self.first_arrivals, self.arrivals = self.arrivals, []
        publishing = asyncio.create_task(self._publish())
        self.restarts = []
        for gateway in self.gateways:
            await asyncio.sleep(quiet)
            mine = [one for one in self.clients if one.node == gateway.directory.name]
            begun = time.monotonic()
            self.arrivals.clear()
            logged = [len(one.text()) for one in self.gateways]
            gateway.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(gateway.process.wait, 120)
            assert gateway.process.returncode == 0, gateway.text()[-3000:]
            await asyncio.to_thread(gateway.start)
            started = time.monotonic()
            await self._all_online(f"the clients of {gateway.directory.name}")
            back = time.monotonic()
            self.restarts.append({
                "clients": len(mine), "ended_after": started - begun, "back_after": back - begun,
                # The rate is each gateway's own, and both take clients as soon as the one is back. Each says itself when it
                # took them: clients by the thousand in one process notice late, and many at once.
                "most_in_one_second": max(self._busiest(self._taken(one, since)) for one, since in zip(self.gateways, logged)),
                "arrivals": len(self.arrivals)})
        await asyncio.sleep(quiet)
        self.stop_publishing = True
        await publishing
        deadline = time.monotonic() + 60
        for one in self.clients:
            while not self.expected[one.name] <= one.got and time.monotonic() < deadline:
                await asyncio.sleep(0.01)
            self.history.note("settled", client=one.name)
        self.is_over = True
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    @staticmethod
    def _taken(gateway, since):
        """When a gateway took clients, as its log has it from a place on."""
        times = []
        for line in gateway.text()[since:].splitlines():
            if '"message":"connected"' in line and line.startswith("{"):
                times.append(datetime.datetime.fromisoformat(json.loads(line)["time"]).timestamp())
        return times

    @staticmethod
    def _busiest(times):
        times = sorted(times)
        first, most = 0, 0
        for place, at in enumerate(times):
            while at - times[first] >= 1:
                first += 1
            most = max(most, place - first + 1)
        return most

    async def _all_online(self, what):
        deadline = time.monotonic() + 180
        while not all(one.online.is_set() for one in self.clients):
            assert time.monotonic() < deadline, f"waited in vain: {what}"
            await asyncio.sleep(0.05)

    async def _publish(self):
        """Durable messages, one after the other, through nginx; again under the same id while there is no answer."""
        self.stop_publishing = False
        while not self.stop_publishing:
            self.published += 1
            client = self.chance.choice(self.clients).name
            message = {"client_id": client, "id": f"p-{self.published}", "type": "t", "data": {"n": self.published}}
            status = None
            while status is None:
                status = await self._post(message)
                answer = "none" if status is None else "accepted" if status == 202 else "refused"
                self.history.note(
                    "publish", publisher="p", client=client, id=message["id"], durable=True, answer=answer)
                if answer == "refused":
                    self.refused += 1
                    status = None
                    await asyncio.sleep(0.2)
            self.expected[client].add(message["id"])
            await asyncio.sleep(1 / self.pace)

    async def _post(self, message):
        body = json.dumps(message).encode()
        host, _, port = self.address.rpartition(":")
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write((f"POST /mcp/messages HTTP/1.1\r\nHost: {self.address}\r\nX-Client-ID: {message['client_id']}\r\n"
                          f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                          ).encode() + body)
            answer = await asyncio.wait_for(reader.read(), 60)
            writer.close()
            return int(answer.split()[1])
        except (OSError, IndexError, ValueError, asyncio.TimeoutError):
            return None
