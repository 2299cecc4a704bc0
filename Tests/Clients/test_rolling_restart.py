"""Two gateways behind nginx are restarted one after the other, while messages are published."""

import pytest
import rolling


@pytest.mark.parametrize("event_loops", [1, 3])
def test_nothing_is_lost_and_everybody_comes_back_at_the_rate(tmp_path, event_loops):
    world = rolling.World(tmp_path, clients=200, rate=100, event_loops=event_loops)
    problem = world.live()
    assert not problem, problem
    assert world.refused == 0, "whoever publishes waits for the successor, and is not refused"
    assert all(code == 1012 for _, code, _ in world.farewells)
    assert len(world.restarts) == 2
    for restart in world.restarts:
        assert restart["clients"] > 50, restart
        assert restart["arrivals"] >= restart["clients"], restart
        # Each second, and the burst that a quiet time before it allows.
        assert restart["most_in_one_second"] <= 100 * 1.1 + 10, restart
