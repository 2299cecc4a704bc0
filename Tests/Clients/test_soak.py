"""A short form of `make soak` (Tests/Soak/run): every fault once, and what publishers and clients saw is judged."""

import random

import pytest
import soak


@pytest.mark.parametrize("fault", soak.FAULTS)
def test_nothing_is_lost_repeated_or_reordered(fault, tmp_path):
    seed = random.randrange(1 << 32)
    problem = soak.World(tmp_path, 0, seed).live([fault])
    assert not problem, f"seed {seed}: {problem}"


def test_the_history_of_a_run_is_full(tmp_path):
    world = soak.World(tmp_path, 0, 1)
    assert not world.live(["kill", "switch", "cut"])
    events = world.history.path.read_text()
    for event in ("publish", "connect", "deliver", "ack", "disconnect", "crash", "settled"):
        assert f'"event": "{event}"' in events
    assert world.accepted > 20 and world.kills == 1


def test_a_message_that_a_history_lacks_is_noticed(tmp_path):
    world = soak.World(tmp_path, 0, 2)
    assert not world.live(["switch"])
    lines = world.history.path.read_text().splitlines(keepends=True)
    # All that one durable message left, but for its publish.
    durable = next(line for line in lines if '"event": "publish"' in line and '"durable": true' in line
                   and '"accepted"' in line)
    id = durable.split('"id": "')[1].split('"')[0]
    again = soak.History(tmp_path / "shortened.jsonl")
    again._file.writelines(line for line in lines if f'"id": "{id}"' not in line or "publish" in line)
    assert "loss" in again.check()
