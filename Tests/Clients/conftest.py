"""One gateway for most tests, own ones for those that need a configuration."""

import itertools
import os
import re

import gateway as gateways
import phoenix
import pytest
import sse
from api import API
from browser import Browser
from proxy import Proxy


def pytest_configure(config):
    if not os.access(gateways.BINARY, os.X_OK):
        raise pytest.UsageError(f"no gateway to test: {gateways.BINARY} (build it, or set MCP_GATEWAY_BIN)")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """The shared gateway, with the defaults and a rate limit that nobody reaches."""
    with gateways.Gateway(tmp_path_factory.mktemp("gateway")) as shared:
        yield shared


@pytest.fixture
def start_gateway(tmp_path_factory):
    """Starts gateways of the test's own; they must end as cleanly as the shared one."""
    started = []

    def start(config=None, **options):
        one = gateways.Gateway(tmp_path_factory.mktemp("own"), config, **options)
        started.append(one)
        return one.start()

    yield start
    try:
        for one in started:
            if one in gateways.running:
                one.stop()
    finally:
        for one in started:
            if one in gateways.running:
                one.kill()


_numbers = itertools.count(1)


@pytest.fixture
def new_client(request):
    """Client ids that no other test uses."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:60].strip("-")
    return lambda: f"{name}.{os.getpid()}.{next(_numbers)}"


@pytest.fixture
def client(new_client):
    return new_client()


@pytest.fixture
def topic(new_client):
    return f"news:{new_client()}"


@pytest.fixture
def proxy_to():
    """Proxies that are gone after the test."""
    proxies = []

    def start(address):
        proxies.append(Proxy(address))
        return proxies[-1]

    yield start
    for one in proxies:
        one.close()


@pytest.fixture
def bystander(gateway, new_client):
    """Another client, by both transports. Whatever a test does, its messages must still arrive."""
    by_socket, by_stream = new_client(), new_client()
    socket, _ = phoenix.join(gateway.ws, by_socket)
    stream, _ = sse.open_connected(gateway.sse, by_stream)
    yield
    # On a connection of its own: the test may have ruined the one that it had.
    api = API(gateway.http)
    api.publish_numbers(3, client_id=by_socket)
    api.publish_numbers(3, client_id=by_stream)
    assert socket.numbers(3) == [0, 1, 2]
    assert stream.numbers(3) == [0, 1, 2]
    socket.close()
    stream.close()


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    item.log_offsets = {one: one.log.stat().st_size for one in gateways.running}
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for one in gateways.running:
            text = one.text(getattr(item, "log_offsets", {}).get(one, 0))[-6000:]
            report.sections.append((f"gateway log ({one.directory.name})", text or "(nothing)"))
    return report
