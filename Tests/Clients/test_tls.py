"""TLS: versions, names, client certificates, reload, and the same guarantees as without it."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time

import certificates
import gateway as gateways
import phoenix
import pytest
import sse
from wait import PATIENCE, until
from websockets.exceptions import InvalidStatus


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(authority):
    return authority.issue("server")


@pytest.fixture
def start_secured(start_gateway, server):
    """A gateway whose streams and sockets are encrypted; its API is not, so that tests can use it as ever."""
    def start(config=None, certificate=server, **tls):
        base = {"tls": {"certificate": certificate[0], "key": certificate[1], **tls},
                "transports": {"http": {"tls": {"enabled": False}}}}
        return start_gateway(gateways.merged(base, config))
    return start


def curl(*arguments):
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "10", *arguments], capture_output=True, text=True)


def test_curl_speaks_both_versions_of_http(start_secured, authority):
    own = start_secured()
    url = f"https://127.0.0.1:{own.sse[1]}/health"
    for option, version in (("--http2", "2"), ("--http1.1", "1.1")):
        done = curl("--cacert", authority.file, option, "--write-out", " %{http_version}", url)
        assert done.stdout == '{"status":"ok"} ' + version, done


def test_the_port_for_websockets_offers_no_http2(start_secured, authority):
    own = start_secured()
    done = curl("--cacert", authority.file, "--http2", "--write-out", " %{http_version}",
                f"https://127.0.0.1:{own.ws[1]}/health")
    assert done.stdout == '{"status":"ok"} 1.1', done


def test_http2_can_be_switched_off(start_secured, authority):
    own = start_secured(http2=False)
    done = curl("--cacert", authority.file, "--http2", "--write-out", " %{http_version}",
                f"https://127.0.0.1:{own.sse[1]}/health")
    assert done.stdout == '{"status":"ok"} 1.1', done


def test_plain_http_on_an_encrypted_port_ends(start_secured, authority, client):
    own = start_secured()
    assert curl(f"http://127.0.0.1:{own.sse[1]}/health").returncode != 0
    stream, _ = sse.open_connected(own.sse, client, tls=authority.client())
    stream.close()


def handshake(address, *options):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{address[1]}", "-brief", *options],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=15)
    return done.returncode == 0 and "CONNECTION ESTABLISHED" in done.stderr


@pytest.mark.parametrize("minimum, accepted", [("1.2", ["1_2", "1_3"]), ("1.3", ["1_3"])])
def test_versions(start_secured, minimum, accepted):
    own = start_secured(minimum_version=minimum)
    for version in ("1_1", "1_2", "1_3"):
        options = [f"-tls{version}", "-cipher", "ALL:@SECLEVEL=0"]
        assert handshake(own.sse, *options) == (version in accepted), version


def test_websockets_and_streams_receive_as_ever(start_secured, authority, client, new_client):
    own = start_secured()
    socket_client = new_client()
    socket_, _ = phoenix.join(own.ws, socket_client, connection={"ssl": authority.client()})
    stream, _ = sse.open_connected(own.sse, client, tls=authority.client())
    own.api.publish_numbers(100, client_id=socket_client)
    own.api.publish_numbers(100, client_id=client)
    assert socket_.numbers(100) == list(range(100))
    assert stream.numbers(100) == list(range(100))
    # Larger than any record of TLS and any buffer of a socket.
    text = "x" * 900_000
    own.api.publish(client_id=socket_client, data=text)
    own.api.publish(client_id=client, data=text)
    assert socket_.message()["data"] == text
    assert stream.messages(1)[0].json["data"] == text
    socket_.close()
    stream.close()


def test_what_must_be_stored_is_answered_over_tls(start_secured, authority, client, new_client, tmp_path):
    own = start_secured({"storage": {"engine": "sqlite", "path": str(tmp_path / "gateway.db")}})
    sender, _ = phoenix.join(own.ws, client, connection={"ssl": authority.client()})
    receiver, _ = phoenix.join(own.ws, to := new_client(), connection={"ssl": authority.client()})
    for n in range(10):
        assert sender.ok("message", {"type": "chat", "to": to, "data": {"n": n}})["operation_id"]
    assert receiver.numbers(10) == list(range(10))
    sender.close()
    receiver.close()


def test_what_late_acknowledgements_hold_back_goes_on_over_tls(start_secured, authority, client):
    own = start_secured({"session": {"backpressure": {"half_rate_pending": 5, "critical_pending": 500}}})
    one, _ = phoenix.join(own.ws, client, {"ack": True}, connection={"ssl": authority.client()})
    own.api.publish_numbers(30, client_id=client)
    # Nothing is acknowledged and nothing else happens: only time brings the rest.
    assert one.numbers(30) == list(range(30))
    one.close()


def test_a_stream_resumes_over_tls(start_secured, authority, client):
    own = start_secured()
    stream, _ = sse.open_connected(own.sse, client, tls=authority.client())
    own.api.publish_numbers(3, client_id=client)
    assert stream.numbers(3) == [0, 1, 2]
    last = stream.last_event_id
    stream.close()
    own.api.publish_numbers(3, start=3, client_id=client)
    stream, connected = sse.open_connected(own.sse, client, header_id=last, tls=authority.client())
    assert connected["recovered"] is True
    assert stream.numbers(3) == [3, 4, 5]
    stream.close()


def test_a_reader_that_stalls_is_dropped_and_others_go_on(start_secured, authority, client, new_client, topic):
    own = start_secured({"session": {"max_unsent_bytes": "64KiB"}})
    plain = socket.create_connection(own.sse, timeout=PATIENCE)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled = authority.client().wrap_socket(plain, server_hostname="127.0.0.1")
    stalled.sendall(f"GET {sse.path(client, topics=topic)} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert b"200" in stalled.recv(100)
    other, _ = sse.open_connected(own.sse, new := new_client(), tls=authority.client())
    for _ in range(100):
        own.api.publish(topic=topic, data="x" * 100_000)
    own.api.publish_numbers(5, client_id=new)
    assert other.numbers(5) == list(range(5))
    until(lambda: not own.api.client_health(client)["connected"], "the slow one to be given up")
    stalled.close()
    other.close()


# Client certificates


def refused(action):
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        action()


def ask(address, context):
    """A request whose answer must come: with TLS 1.3 a refusal shows only then."""
    with socket.create_connection(address, timeout=PATIENCE) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
            secured.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = secured.recv(4096)
            if not answer:
                raise ConnectionError("closed")
            assert answer.startswith(b"HTTP/1.1 200"), answer


@pytest.mark.parametrize("wanted", ["request", "require"])
def test_client_certificates(start_secured, authority, tmp_path, wanted, client):
    own = start_secured(client_ca=authority.file, client_certificate=wanted)
    good = authority.issue(f"client-{wanted}", "client")
    stranger = certificates.Authority(tmp_path, "stranger").issue("client", "client")
    ask(own.sse, authority.client(good))
    stream, _ = sse.open_connected(own.sse, client, tls=authority.client(good))
    stream.close()
    refused(lambda: ask(own.sse, authority.client(stranger)))
    if wanted == "require":
        refused(lambda: ask(own.sse, authority.client()))
    else:
        ask(own.sse, authority.client())


# Reload


def replace(pair, source):
    """As tools that renew do it: each file at once."""
    for target, new in zip(pair, source):
        shutil.copy(new, target + ".new")
        os.replace(target + ".new", target)


@pytest.fixture
def renewable(authority, tmp_path):
    """A certificate named `before`, in files of their own."""
    pair = (str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem"))
    replace(pair, authority.issue("before", "before"))
    return pair


def test_a_renewed_certificate_is_used_and_live_connections_go_on(start_secured, authority, renewable, client):
    own = start_secured(certificate=renewable, reload_interval="100ms")
    context = authority.client()
    stream, _ = sse.open_connected(own.sse, client, tls=context)
    assert certificates.shown(own.sse, context) == "before"
    replace(renewable, authority.issue("after", "after"))
    until(lambda: certificates.shown(own.sse, context) == "after", "the new certificate")
    assert certificates.shown(own.ws, context) == "after"
    own.api.publish_numbers(3, client_id=client)
    assert stream.numbers(3) == [0, 1, 2]
    stream.close()


def test_sighup_reloads_at_once(start_secured, authority, renewable):
    own = start_secured(certificate=renewable, reload_interval="1h")
    context = authority.client()
    assert certificates.shown(own.sse, context) == "before"
    replace(renewable, authority.issue("after", "after"))
    own.process.send_signal(signal.SIGHUP)
    until(lambda: certificates.shown(own.sse, context) == "after", "the new certificate")


def test_a_broken_certificate_is_refused_and_the_old_one_stays(start_secured, authority, renewable, tmp_path):
    own = start_secured(certificate=renewable, reload_interval="100ms")
    context = authority.client()
    other = authority.issue("other", "other")
    for number, broken in enumerate((
        lambda: (tmp_path / "key.pem").write_text("nonsense"),
        lambda: shutil.copy(other[1], renewable[1]),
        lambda: (tmp_path / "certificate.pem").write_text(""),
        lambda: (tmp_path / "certificate.pem").unlink(),
    ), 1):
        broken()
        until(lambda: own.text().count("certificate not reloaded") >= 2 * number, f"log line {number}")
        assert certificates.shown(own.sse, context) == "before"
    assert "key.pem" in own.text()
    replace(renewable, authority.issue("mended", "mended"))
    until(lambda: certificates.shown(own.sse, context) == "mended", "the mended certificate")


def test_reload_under_load_drops_nothing(start_secured, authority, renewable, topic, new_client):
    own = start_secured(certificate=renewable, reload_interval="1h")
    context = authority.client()
    streams = [sse.open_connected(own.sse, new_client(), tls=context, topics=topic)[0] for _ in range(10)]
    sockets = [phoenix.join(own.ws, new_client(), {"topics": [topic]}, connection={"ssl": context})[0]
               for _ in range(10)]
    for turn in range(5):
        replace(renewable, authority.issue(f"turn{turn}", f"turn{turn}"))
        own.process.send_signal(signal.SIGHUP)
        own.api.publish_numbers(40, start=turn * 40, topic=topic)
        until(lambda: certificates.shown(own.sse, context) == f"turn{turn}", "the new certificate")
    for connection in streams + sockets:
        assert connection.numbers(200) == list(range(200))
        connection.close()


def test_a_gateway_does_not_start_with_files_that_do_not_fit(authority, server, tmp_path):
    other = authority.issue("unfit")
    for certificate, key, said in (
        (server[0], other[1], "do not belong together"), (server[0], "/nowhere.pem", "/nowhere.pem"),
        (server[1], server[1], "certificate"), (server[0], server[0], "private key"),
    ):
        done = gateways.run_command(
            "serve", "--port", "0", "--sse-port", "0", "--ws-port", "0",
            "--set", f"tls.certificate={certificate}", "--set", f"tls.key={key}", cwd=tmp_path)
        assert done.returncode == 1, done
        assert said in done.stderr and "TLS of" in done.stderr, done.stderr


# Time and end


def test_a_slow_handshake_is_reaped(start_secured):
    own = start_secured({"listen": {"handshake_timeout": "1s"}})
    hello = bytes.fromhex("1603010200010001fc0303")
    for beginning in (b"", hello):
        with socket.create_connection(own.sse, timeout=PATIENCE) as wire:
            wire.sendall(beginning)
            began = time.monotonic()
            assert wire.recv(100) == b""
            assert time.monotonic() - began < 5


def test_a_request_that_does_not_come_is_reaped(start_secured, authority):
    own = start_secured({"listen": {"handshake_timeout": "1s"}})
    for protocols in (["http/1.1"], ["h2"]):
        with socket.create_connection(own.sse, timeout=PATIENCE) as plain:
            context = authority.client(protocols=protocols)
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
                began = time.monotonic()
                while secured.recv(1000):
                    pass
                assert time.monotonic() - began < 5


def test_unfinished_handshakes_count_as_connections(start_secured, authority):
    own = start_secured({"transports": {"http": {"max_connections": 3}}})
    open_ones = [socket.create_connection(own.sse, timeout=PATIENCE) for _ in range(3)]

    def is_full():
        try:
            ask(own.sse, authority.client())
            return False
        except (OSError, EOFError):
            return True
    until(is_full, "the places to be taken")
    open_ones.pop().close()
    until(lambda: not is_full(), "a place to be free")
    for one in open_ones:
        one.close()


def test_drain_says_goodbye(start_secured, authority, client, new_client):
    own = start_secured()
    stream, _ = sse.open_connected(own.sse, client, tls=authority.client())
    socket_, _ = phoenix.join(own.ws, new_client(), connection={"ssl": authority.client()})
    own.terminate()
    assert stream.expect("gateway_close").json["data"]["code"] == 1012
    assert stream.rest() == []
    assert socket_.close_code() == 1012
    own.stop()


def test_a_refused_upgrade_is_answered(start_secured, authority):
    own = start_secured()
    with pytest.raises(InvalidStatus) as refusal:
        phoenix.Socket(own.ws, "a", version="9.0.0", connection={"ssl": authority.client()})
    assert refusal.value.response.status_code == 403
