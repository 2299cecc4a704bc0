"""Durable messages outlive the process (contract §6.3, §6.4, §6.5), and a failing disk refuses them and nothing else."""

import os
import resource
import signal
import sqlite3
import threading

import faults
import gateway as gateways
import longpoll
import phoenix
import pytest
import sse
from api import API
from wait import until


@pytest.fixture
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("storage")


@pytest.fixture
def start(directory):
    """Starts a gateway on the same directory again and again."""
    started = []

    def begin(**storage):
        config = {"storage": {"engine": "sqlite", "retry_interval": "50ms", "lock_timeout": "50ms", **storage}}
        one = gateways.Gateway(directory, config)
        started.append(one)
        return one.start()

    yield begin
    for one in started:
        one.kill()


def health(one):
    return one.api.get("/health/gateway").json["storage"]


def replay(one, client, count, **options):
    stream, connected = sse.open_connected(one.sse, client, **options)
    numbers = stream.numbers(count)
    stream.close()
    return connected, numbers


def test_what_was_answered_survives_a_kill(start, client):
    one = start()
    one.api.publish_numbers(20, client_id=client)
    one.kill()
    connected, numbers = replay(start(), client, 20)
    assert numbers == list(range(20))
    assert connected["replayed"] == 20 and connected["recovered"] is False


def test_every_way_in_gets_what_was_stored(start, new_client):
    one = start()
    by_stream, by_socket, by_topic, by_poll = (new_client() for _ in range(4))
    for client in (by_stream, by_socket, by_topic, by_poll):
        one.api.publish_numbers(3, client_id=client)
    one.kill()
    two = start()
    assert replay(two, by_stream, 3)[1] == [0, 1, 2]
    socket, joined = phoenix.join(two.ws, by_socket)
    assert joined["replayed"] == 3 and socket.numbers(3) == [0, 1, 2]
    poller = longpoll.Poller(two.ws, by_poll)
    assert poller.join()["replayed"] == 3 and poller.numbers(3) == [0, 1, 2]
    # A publish is the first that anybody hears of this one.
    assert two.api.publish(client_id=by_topic, data={"n": 3})["results"][0]["sequence"] == 3
    assert replay(two, by_topic, 4)[1] == [0, 1, 2, 3]
    socket.close()


def test_a_poll_goes_on_after_a_restart_with_what_was_stored(start, client):
    one = start()
    poller = longpoll.Poller(one.ws, client)
    poller.join({"ack": True})
    one.api.publish_numbers(3, client_id=client)
    one.kill()
    two = start()
    again = longpoll.Poller(two.ws, client)
    again.join({"ack": True})
    assert again.numbers(3) == [0, 1, 2]


def test_several_recipients_that_only_the_storage_knows_get_one_message(start, new_client):
    one = start()
    clients = [new_client() for _ in range(20)]
    one.api.publish(client_ids=clients, data={"n": 0})
    one.kill()
    two = start()
    answer = two.api.publish(client_ids=clients, data={"n": 1})
    assert answer["queued"] == 20 and {result["sequence"] for result in answer["results"]} == {1}
    for client in clients[:3]:
        assert replay(two, client, 2)[1] == [0, 1]


def test_a_client_that_only_the_storage_knows_has_a_health_page(start, client, new_client):
    one = start()
    one.api.publish_numbers(2, client_id=client)
    one.kill()
    two = start()
    health = two.api.client_health(client)
    assert health["connected"] is False and health["stored_messages"] == 2
    assert two.api.client_health(new_client()) is None
    assert replay(two, client, 2)[1] == [0, 1]


def test_an_id_of_before_the_crash_gets_everything_that_is_not_acknowledged(start, client):
    one = start()
    stream, before = sse.open_connected(one.sse, client)
    one.api.publish_numbers(5, client_id=client)
    stream.numbers(5)
    one.kill()
    # The stream never acknowledges: what it has had may come again.
    connected, numbers = replay(start(), client, 5, header_id=stream.last_event_id)
    assert connected["reason"] == "epoch" and connected["epoch"] != before["epoch"]
    assert numbers == list(range(5))


def test_a_bare_number_of_before_the_crash_skips_nothing(start, client):
    one = start()
    one.api.publish_numbers(5, client_id=client)
    one.kill()
    connected, numbers = replay(start(), client, 5, last_event_id="2")
    assert connected["reason"] == "epoch" and numbers == list(range(5))


def test_acknowledged_messages_do_not_come_again(start, client):
    one = start()
    socket, _ = phoenix.join(one.ws, client, {"ack": True})
    one.api.publish_numbers(10, client_id=client)
    assert socket.numbers(10) == list(range(10))
    socket.ok("ack", {"sequence": 6})

    def stored():
        with sqlite3.connect(f"file:{one.directory}/data/gateway.db?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM delivery").fetchone()[0]

    until(lambda: stored() == 3, "the acknowledged messages are deleted")
    one.kill()
    connected, numbers = replay(start(), client, 3)
    assert numbers == [7, 8, 9] and connected["replayed"] == 3


def test_two_crashes_and_new_messages_in_between_keep_the_order(start, client):
    for round in range(3):
        one = start()
        one.api.publish_numbers(4, start=4 * round, client_id=client)
        one.kill()
    assert replay(start(), client, 12)[1] == list(range(12))


def test_an_id_is_accepted_once_across_a_crash(start, client):
    one = start()
    first = one.api.post("/mcp/messages", {"client_id": client, "id": "only-once", "data": {"n": 0}})
    one.kill()
    two = start()
    again = two.api.post("/mcp/messages", {"client_id": client, "id": "only-once", "data": {"n": 0}})
    assert (again.status, again.json) == (202, first.json)
    two.api.publish_numbers(1, start=1, client_id=client)
    assert replay(two, client, 2)[1] == [0, 1]


def test_an_id_that_is_being_stored_is_answered_alike(start, client):
    one = start(batch_delay="300ms")
    answers = []
    body = {"client_id": client, "id": "twice", "data": {"n": 0}}
    senders = [threading.Thread(target=lambda: answers.append(API(one.http).post("/mcp/messages", body))) for _ in "ab"]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].json == answers[1].json
    assert health(one)["messages"] == 1


def test_messages_of_clients_are_durable_too(start, client, new_client):
    one = start()
    socket, _ = phoenix.join(one.ws, new_client())
    for n in range(3):
        reply = socket.ok("message", {"type": "chat", "to": client, "data": {"n": n}})
        assert reply["id"] == reply["operation_id"]
    pushed = one.api.post("/mcp/push", {"client_id": new_client(), "type": "chat", "to": client, "data": {"n": 3}})
    assert pushed.status == 202 and "X-RateLimit-Limit" in pushed.headers
    one.kill()
    assert replay(start(), client, 4)[1] == [0, 1, 2, 3]


def test_topic_messages_are_durable_on_request_and_stored_once(start, new_client, topic):
    one = start()
    clients = [new_client() for _ in range(3)]
    streams = [sse.open_connected(one.sse, client, topics=topic)[0] for client in clients]
    one.api.publish(topic=topic, data={"n": 0})
    answer = one.api.publish(topic=topic, data={"n": 1}, durable=True)
    assert answer["delivered"] == 3
    with sqlite3.connect(f"file:{one.directory}/data/gateway.db?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM message").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM delivery").fetchone() == (3,)
    one.kill()
    two = start()
    for client in clients:
        assert replay(two, client, 1)[1] == [1]
    for stream in streams:
        stream.close()


def test_messages_expire_while_the_gateway_is_away(start, client):
    one = start()
    one.api.publish(client_id=client, data={"n": 0}, ttl=1)
    one.api.publish(client_id=client, data={"n": 1})
    one.kill()
    assert replay(start(), client, 1)[1] == [1]


def test_a_clean_stop_leaves_one_whole_file(start, directory, client):
    one = start()
    one.api.publish_numbers(3, client_id=client)
    one.stop()
    with sqlite3.connect(directory / "data/gateway.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    assert (directory / "data/gateway.db").stat().st_size > 4096
    assert replay(start(), client, 3)[1] == [0, 1, 2]


def test_a_damaged_file_is_set_aside_and_said_so(start, directory, client):
    start().stop()
    file = directory / "data/gateway.db"
    file.write_bytes(b"no database at all" * 1000)
    one = start()
    place = health(one)["set_aside"]
    assert "gateway.db.corrupt-" in place and (directory / place).read_bytes().startswith(b"no database")
    assert "damaged" in one.text()
    one.api.publish_numbers(1, client_id=client)


def test_a_damaged_file_stops_the_start_on_request(start, directory):
    start().stop()
    file = directory / "data/gateway.db"
    file.write_bytes(b"no database at all" * 1000)
    answer = gateways.run_command(
        "serve", "--set", "storage.on_damage=refuse", "--port", "0", "--sse-port", "0", "--ws-port", "0", cwd=directory)
    assert answer.returncode == 1 and "storage data/gateway.db: the storage file is damaged" in answer.stderr
    assert file.exists()


def test_a_second_gateway_on_the_same_file_does_not_start(start, directory):
    start()
    answer = gateways.run_command(
        "serve", "--port", "0", "--sse-port", "0", "--ws-port", "0", cwd=directory)
    assert answer.returncode == 1 and "another gateway uses it" in answer.stderr


def refused(one, client):
    answer = one.api.post("/mcp/messages", {"client_id": client, "data": {"n": -1}})
    assert answer.status in (202, 503), answer
    return answer if answer.status == 503 else None


def check_refusal(one, answer, reason, new_client, topic):
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json["error"] == "insufficient_resources" and reason in answer.json["reason"]
    assert answer.json["retry_after"] == int(answer.headers["Retry-After"])
    assert health(one)["status"] == "failing" and reason in health(one)["reason"]
    # Everything else goes on.
    stream, _ = sse.open_connected(one.sse, new_client(), topics=topic)
    one.api.publish_numbers(2, topic=topic)
    assert stream.numbers(2) == [0, 1]
    stream.close()
    socket, _ = phoenix.join(one.ws, new_client())
    reply = socket.call("message", {"type": "chat", "to": new_client(), "data": {}})
    assert reply["status"] == "error" and reply["response"]["error"] == "insufficient_resources"
    socket.close()


def test_a_locked_file_refuses_and_recovers(start, directory, new_client, client, topic):
    one = start()
    one.api.publish_numbers(1, client_id=client)
    other = sqlite3.connect(directory / "data/gateway.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    check_refusal(one, until(lambda: refused(one, client), "a refusal"), "another process", new_client, topic)
    other.execute("ROLLBACK")
    until(lambda: health(one)["status"] == "ok", "the storage works again")
    one.api.publish_numbers(1, start=1, client_id=client)
    one.kill()
    # What was refused is not delivered.
    assert replay(start(), client, 2)[1] == [0, 1]


def test_a_full_disk_refuses_and_recovers(start, directory, new_client, client, topic):
    one = start()
    one.api.publish_numbers(1, client_id=client)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    size = (directory / "data/gateway.db-wal").stat().st_size
    resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (size, hard))
    refusal = until(lambda: refused(one, client), "a refusal")
    assert health(one)["status"] == "failing"
    check_refusal(one, refusal, "disk", new_client, topic)
    resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    until(lambda: health(one)["status"] == "ok", "the storage works again")
    one.api.publish_numbers(1, start=1, client_id=client)
    one.kill()
    numbers = replay(start(), client, 2)[1]
    assert [number for number in numbers if number >= 0] == [0, 1][: len([n for n in numbers if n >= 0])]


def fill(file):
    """Takes what room there is."""
    with open(file, "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            pass


@pytest.fixture
def small_disk(directory):
    """`data/` on a file system of 2 MB."""
    with faults.file_system(directory / "data", "2m"):
        yield directory / "data"


def test_a_disk_without_room_refuses_and_recovers_when_there_is_some(small_disk, start, new_client, client, topic):
    one = start()
    one.api.publish_numbers(1, client_id=client)
    fill(small_disk / "ballast")
    # Some may still fit into what the log of changes has already.
    answered = 0
    def fails():
        nonlocal answered
        answer = refused(one, client)
        answered += answer is None
        return answer
    check_refusal(one, until(fails, "a refusal"), "full", new_client, topic)
    (small_disk / "ballast").unlink()
    until(lambda: health(one)["status"] == "ok", "the storage works again")
    one.api.publish_numbers(1, start=1, client_id=client)
    one.kill()
    assert replay(start(), client, answered + 2)[1] == [0, *[-1] * answered, 1]


def test_a_disk_that_messages_have_filled_recovers_when_they_are_done(small_disk, start, new_client):
    one = start(maintenance_interval="100ms")
    # A queue of each is bounded; together they are more than the disk.
    clients = []
    body = "x" * 4000

    def fails():
        clients.append(new_client())
        for n in range(20):
            answer = one.api.post("/mcp/messages", {"client_id": clients[-1], "data": {"n": n, "body": body}})
            if answer.status == 503:
                assert answer.json["error"] == "insufficient_resources", answer
                return n
            assert answer.status == 202, answer
        return None

    last = until(lambda: (count := fails()) is not None and (count,), "a refusal")[0]
    for client in clients:
        socket, _ = phoenix.join(one.ws, client, {"ack": True})
        count = last if client == clients[-1] else 20
        if count:
            assert socket.numbers(count) == list(range(count))
            socket.ok("ack", {"sequence": count - 1})
        socket.close()
    until(lambda: health(one)["status"] == "ok", "the storage works again")
    one.api.publish_numbers(3, client_id=new_client())


@pytest.mark.parametrize("error", ["EIO", "EROFS"])
def test_a_disk_that_fails_refuses_and_recovers(start, new_client, client, topic, error):
    one = start()
    one.api.publish_numbers(1, client_id=client)
    with faults.failing_writes(one.process.pid, error):
        check_refusal(one, until(lambda: refused(one, client), "a refusal"), "disk", new_client, topic)
    until(lambda: health(one)["status"] == "ok", "the storage works again")
    one.api.publish_numbers(1, start=1, client_id=client)
    stream, _ = sse.open_connected(one.sse, client)
    assert stream.expect("message").json["data"] == {"n": 0}
    assert stream.expect("gap").json["data"]["reason"] == "not_stored"
    stream.close()
    one.kill()
    assert [n for n in replay(start(), client, 2)[1] if n >= 0] == [0, 1]


def test_a_file_that_cannot_be_written_stops_the_start_and_says_so(start, directory, client):
    one = start()
    one.api.publish_numbers(1, client_id=client)
    one.stop()
    with faults.read_only(directory / "data"):
        answer = gateways.run_command(
            "serve", "--port", "0", "--sse-port", "0", "--ws-port", "0", cwd=directory)
        assert answer.returncode == 1 and "cannot be written" in answer.stderr, answer
    assert replay(start(), client, 1)[1] == [0]


def test_what_could_not_be_stored_is_a_gap_for_its_client(start, directory, client):
    one = start()
    one.api.publish_numbers(1, client_id=client)
    other = sqlite3.connect(directory / "data/gateway.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    until(lambda: refused(one, client), "a refusal")
    other.execute("ROLLBACK")
    until(lambda: health(one)["status"] == "ok", "the storage works again")
    one.api.publish_numbers(1, start=1, client_id=client)
    stream, _ = sse.open_connected(one.sse, client)
    assert stream.expect("message").json["data"] == {"n": 0}
    gap = stream.expect("gap").json["data"]
    assert gap["reason"] == "not_stored" and gap["from"] == 1
    assert stream.expect("message").json["data"] == {"n": 1}
    stream.close()


def test_the_offline_queue_counts_what_an_earlier_process_left(start, client):
    one = start()
    one.api.publish_numbers(999, client_id=client)
    one.kill()
    two = start()
    two.api.publish_numbers(1, start=999, client_id=client)
    full = two.api.post("/mcp/messages", {"client_id": client, "data": {}})
    assert full.status == 503 and "offline_messages" in full.json["reason"]


def test_storage_in_memory_makes_no_file(start, directory, client):
    one = start(engine="memory")
    one.api.publish_numbers(1, client_id=client)
    assert health(one) == {"engine": "memory"}
    assert not (directory / "data").exists()


def test_nothing_answered_is_lost_in_a_crash_under_load(start, new_client):
    """The plain case; Tests/Soak/run has all the others."""
    one = start()
    clients = [new_client() for _ in range(8)]
    answered = {client: [] for client in clients}
    stop = threading.Event()

    def publish(client):
        api, n = API(one.http), 0
        while not stop.is_set():
            try:
                if api.post("/mcp/messages", {"client_id": client, "data": {"n": n}}).status != 202:
                    return
            except OSError:
                return
            answered[client].append(n)
            n += 1

    workers = [threading.Thread(target=publish, args=[client]) for client in clients]
    for worker in workers:
        worker.start()
    until(lambda: sum(map(len, answered.values())) > 400, "enough messages")
    os.kill(one.process.pid, signal.SIGKILL)
    stop.set()
    for worker in workers:
        worker.join()
    one.kill()
    two = start()
    for client in clients:
        count = len(answered[client])
        assert replay(two, client, count)[1] == answered[client]
