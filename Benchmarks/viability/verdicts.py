"""What an experiment has shown: medians and ranges of both sides, and for each claim whether the difference of neighbouring
runs keeps its sign."""

import math
import statistics

import benchlib as bench

# Fewer pairs than this may all fall to one side by chance more often than not.
LEAST_PAIRS = 3


def spread(values):
    """Median and range."""
    values = [value for value in values if value is not None]
    if not values:
        return "none"
    if not all(isinstance(value, (int, float)) for value in values):
        return ", ".join(sorted(set(map(str, values))))
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def median_interval(values):
    """Where the median of all pairs that could be run lies with at least 95 % certainty, whatever their distribution: between
    the k-th smallest and the k-th largest. `None` for fewer than six: no such two bound it."""
    count = len(values)
    below = [math.comb(count, successes) / 2 ** count for successes in range(count + 1)]
    k = sum(1 for least in range(count) if sum(below[:least + 1]) <= 0.025)
    return (sorted(values)[k - 1], sorted(values)[-k]) if k else None


def verdict(off, on, is_less_better):
    """Whether a claim holds, and the sentence that says so; `None` for whether it holds where there are no figures."""
    gains = [(a - b) if is_less_better else (b - a) for a, b in zip(off, on) if a is not None and b is not None]
    if not gains:
        return None, "no figures: the claim is not tested"
    text = f"better by {statistics.median(gains):.3g} ({min(gains):.3g} to {max(gains):.3g}) in {len(gains)} pairs"
    if min(gains) <= 0 <= max(gains):
        return False, f"{text}: no benefit shown"
    if max(gains) < 0:
        return False, f"{text}: worse, no benefit shown"
    if len(gains) < LEAST_PAIRS:
        return False, f"{text}: too few to show a benefit"
    return True, f"{text}: benefit shown"


class AtMost:
    """A claim that the figure with the loop on is at most so many times the one with it off."""

    def __init__(self, bound):
        self.bound = bound

    def verdict(self, off, on):
        ratios = [b / a for a, b in zip(off, on) if a and b is not None]
        if not ratios:
            return None, "no figures: the claim is not tested"
        text = f"on / off {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) in {len(ratios)} pairs, "
        # Of a few pairs all must keep to it. The range of many only grows with their number: there the median must, with
        # certainty enough.
        low, high = min(ratios), max(ratios)
        if interval := median_interval(ratios):
            low, high = interval
            text += f"the median {low:.3f} to {high:.3f} (95 %), "
        text += f"bound {self.bound:g}"
        if len(ratios) < LEAST_PAIRS:
            return False, f"{text}: too few pairs to show that it holds"
        if low > self.bound:
            return False, f"{text}: exceeded"
        if high > self.bound:
            return False, f"{text}: the spread covers it, nothing is shown"
        return True, f"{text}: holds"


def report(options, results, claims):
    """Prints each figure with the loop off and on. A claim is (figure, text, whether less is better), the latter `None` for
    what is only shown beside it, or an `AtMost`. Returns the script's exit status: 1 if something claimed has no figures."""
    rows, missing, unshown = [], [], []
    print(f"{'':40} {'off':>28} {'on':>28}")
    for figure, text, is_less_better in claims:
        off, on = ([one.get(figure) for one in results[side]] for side in (False, True))
        row = {"figure": figure, "text": text, "off": spread(off), "on": spread(on)}
        print(f"{text:40} {row['off']:>28} {row['on']:>28}")
        if is_less_better is not None:
            judge = is_less_better.verdict if isinstance(is_less_better, AtMost) else None
            holds, row["verdict"] = judge(off, on) if judge else verdict(off, on, is_less_better)
            print(f"{'':40} {row['verdict']:>57}")
            if holds is None:
                missing.append(text)
            elif not holds:
                unshown.append(text)
        rows.append(row)
    if options.json:
        bench.write_json(options.json, {
            "machine": bench.machine(), "options": {key: str(value) for key, value in vars(options).items()},
            "off": results[False], "on": results[True], "rows": rows})
    for text in missing:
        bench.say(f"failed: there are no figures for the claim \"{text}\", with the loop on and off in the same pair")
    return 1 if missing or (options.check and unshown) else 0
