"""`Benchmarks/viability`: each experiment runs from beginning to end, and none claims what its figures do not show."""

import json
import os
import subprocess
import sys

import gateway as gateways
import pytest

BENCHMARKS = gateways.REPOSITORY / "Benchmarks"
PLACE = BENCHMARKS / "viability"
EXPERIMENTS = sorted(
    path.name for path in PLACE.iterdir() if path.is_file() and os.access(path, os.X_OK) and path.name != "all"
)


# The program that `audit` runs is made by `swift build --product audit-faults`, as `make clients` does.
def run(name, *arguments):
    return subprocess.run(
        [sys.executable, PLACE / name, "--gateway", gateways.BINARY, *arguments],
        env=gateways.clean_environment(), capture_output=True, text=True, timeout=85)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_runs(name, tmp_path):
    answer = run(name, "--smoke", "--json", tmp_path / "figures.json")
    assert answer.returncode == 0, answer.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    claims = [row for row in figures["rows"] if "verdict" in row]
    assert claims and len(figures["on"]) == len(figures["off"]) == 1
    # One short pair shows nothing, and says so.
    assert all("benefit shown" not in row["verdict"].replace("no benefit shown", "") for row in claims)


def test_all_of_them_are_in_one_table(tmp_path):
    answer = run("all", "--only", "algedonic", "--smoke", "--json", tmp_path / "figures.json")
    assert answer.returncode == 0, answer.stderr
    assert "faults told, share" in answer.stdout and "verdict" in answer.stdout
    help_text = "".join(run("all", "--help").stdout.split())
    assert [name for name in EXPERIMENTS if name not in help_text] == []


@pytest.fixture
def report(capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(PLACE))
    import verdicts

    class Options:
        json, check = None, False

    def report(off, on, is_less_better=True, check=False):
        options = Options()
        options.check = check
        results = {False: [{"figure": value} for value in off], True: [{"figure": value} for value in on]}
        status = verdicts.report(options, results, [("figure", "the figure", is_less_better)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return report


def test_a_claim_without_figures_fails(report):
    status, out, err = report([None, 1], [2, None])
    assert status == 1 and "no figures" in out and 'no figures for the claim "the figure"' in err


@pytest.mark.parametrize("off, on", [([1, 2, 3], [2, 1, 3]), ([1, 1, 1], [1, 0, 0]), ([1, 1, 1], [2, 2, 2])])
def test_a_spread_that_covers_zero_shows_no_benefit(report, off, on):
    status, out, _ = report(off, on)
    assert status == 0 and "no benefit shown" in out
    assert report(off, on, check=True)[0] == 1


@pytest.mark.parametrize("on, said, status", [
    ([1.01, 1.0, 0.99], "holds", 0), ([1.01, 1.03, 1.0], "nothing is shown", 1), ([1.03, 1.04, 1.05], "exceeded", 1),
    ([1.0], "too few", 1)])
def test_a_bound_holds_for_all_pairs(report, on, said, status):
    from verdicts import AtMost

    answer = report([1.0] * len(on), on, AtMost(1.02), check=True)
    assert said in answer[1] and answer[0] == status
    assert report([None], [None], AtMost(1.02))[0] == 1


def test_a_bound_holds_for_the_median_of_many_pairs(report):
    from verdicts import AtMost, median_interval

    assert median_interval(range(5)) is None and median_interval(range(6)) == (0, 5)
    # The table of Conover: the third of twelve, the sixth of twenty.
    assert median_interval(range(12)) == (2, 9) and median_interval(range(20)) == (5, 14)
    on = [0.95, 0.96, 0.97, 0.98, 0.99, 0.99, 1.0, 1.0, 1.0, 1.01, 1.04, 1.05]
    status, out, _ = report([1.0] * 12, on, AtMost(1.02), check=True)
    assert status == 0 and "(0.950 to 1.050) in 12 pairs, the median 0.970 to 1.010 (95 %), bound 1.02: holds" in out
    status, out, _ = report([1.0] * 12, [value + 0.02 for value in on], AtMost(1.02), check=True)
    assert status == 1 and "nothing is shown" in out
    status, out, _ = report([1.0] * 12, [value + 0.1 for value in on], AtMost(1.02), check=True)
    assert status == 1 and "exceeded" in out


def test_a_benefit_has_one_sign_in_all_pairs(report):
    status, out, _ = report([5, 6, 7], [1, 2, 5], check=True)
    assert status == 0 and "better by 4 (2 to 4) in 3 pairs: benefit shown" in out
    assert "benefit shown" in report([1, 2, 3], [5, 6, 7], is_less_better=False)[1]
    assert "too few" in report([5, 6], [1, 2])[1]
