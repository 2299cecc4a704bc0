"""What a service manager such as systemd wants: readiness, a watchdog, sockets that outlive the process."""

import signal
import threading

import phoenix
import pytest
from activation import ActivatedGateway, Notifications, listening
from api import API
from gateway import run_command
from wait import until


@pytest.fixture
def notifications(tmp_path):
    one = Notifications(tmp_path / "notify")
    yield one
    one.close()


def test_readiness_reload_and_the_end_are_told(start_gateway, notifications):
    gateway = start_gateway(env={"NOTIFY_SOCKET": notifications.path, "WATCHDOG_USEC": "300000"})
    notifications.wait("READY=1")
    notifications.wait("WATCHDOG=1", 3)
    gateway.process.send_signal(signal.SIGHUP)
    notifications.wait("RELOADING=1")
    notifications.wait("READY=1", 2)
    assert any(line.startswith("MONOTONIC_USEC=") for line in notifications.all)
    gateway.stop()
    notifications.wait("STOPPING=1")


def test_the_watchdog_hears_nothing_of_a_gateway_that_hangs(start_gateway, notifications):
    gateway = start_gateway(env={"NOTIFY_SOCKET": notifications.path, "WATCHDOG_USEC": "300000"})
    notifications.wait("WATCHDOG=1")
    gateway.process.send_signal(signal.SIGSTOP)
    try:
        before = len(notifications.lines())
        assert not threading.Event().wait(0.5) and len(notifications.lines()) <= before + 1
    finally:
        gateway.process.send_signal(signal.SIGCONT)
    notifications.wait("WATCHDOG=1", 5)


def test_sockets_of_the_service_manager_refuse_nobody_while_the_gateway_restarts(tmp_path, new_client):
    gateway = ActivatedGateway(tmp_path, {"storage": {"engine": "sqlite"}, "drain": {"timeout": "1s"}})
    with gateway:
        assert gateway.http[1] == gateway.sockets["http"].getsockname()[1]
        before, after = new_client(), new_client()
        socket, _ = phoenix.join(gateway.ws, before)
        gateway.api.publish_numbers(2, client_id=after)
        gateway.terminate()
        assert socket.close_code() == 1012
        gateway.process.wait(10)
        # Nobody serves now; whoever comes waits in the kernel.
        answers = []
        waiting = threading.Thread(
            target=lambda: answers.append(API(gateway.http).post(
                "/mcp/messages", {"client_id": after, "data": {"n": 2}}).status))
        waiting.start()
        gateway.start()
        waiting.join(10)
        assert answers == [202]
        socket, _ = phoenix.join(gateway.ws, after)
        assert socket.numbers(3) == [0, 1, 2]
    gateway.close_sockets()


def test_a_socket_without_a_known_name_stops_the_start(tmp_path):
    one = listening()
    gateway = ActivatedGateway(tmp_path, env={})
    gateway.NAMES = ("web",)
    gateway.sockets = {"web": one}
    with pytest.raises(AssertionError, match="LISTEN_FDNAMES"):
        gateway.start()
    gateway.kill()
    one.close()


def test_variables_for_another_process_are_none_of_ours(tmp_path):
    done = run_command("config", cwd=tmp_path, env={"LISTEN_FDS": "3", "LISTEN_PID": "1"})
    assert done.returncode == 0
