#!/usr/bin/env python3
"""Compares plots/bands.py with tests/golden/bands.json: a line for every number that is another, and last how many were
compared. Exit 1 where any is.

usage: python3 tests/support/bands_values.py
"""

import json
import math
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "plots"))

import bands  # noqa: E402

compared, wrong = 0, 0


def expect(what, found, wanted, within=0.0):
    """A number within 1e-12 of its size, or within `within`; anything else must be equal."""
    global compared, wrong
    compared += 1
    if isinstance(wanted, float) and math.isnan(wanted):
        same = math.isnan(found)
    elif isinstance(wanted, float):
        same = abs(found - wanted) <= max(1e-12 * max(abs(wanted), 1e-2), within)
    else:
        same = found == wanted
    if not same:
        wrong += 1
        print(f"{what}: found {found!r}, expected {wanted!r}")


def expect_all(what, found, wanted):
    expect(f"{what}: how many", len(found), len(wanted))
    for i, (a, b) in enumerate(zip(found, wanted)):
        expect(f"{what} [{i}]", a, b)


class Run:
    """As much of a result file as bands.final() looks at."""

    def __init__(self, state, values, steps=None):
        self.state = state
        self.of = {"/evals/step": steps or list(range(0, 10 * len(values), 10)), "/evals/test_accuracy": values,
                   "/evals/test_loss": values}

    def columns(self, *paths):
        return [bands.np.asarray(self.of[path], dtype=float) for path in paths]


def compare_golden(golden):
    for row in golden["quantiles"]:
        for df, t in zip(row["df"], row["t"]):
            expect(f"t({row['p']}, {df})", bands.t_quantile(row["p"], df), t)
            expect(f"t({1 - row['p']}, {df})", bands.t_quantile(1 - row["p"], df), -t, 4e-12 * abs(t))
    for i, row in enumerate(golden["bands"]):
        expect_all(f"band {i}", bands.mean_band(row["values"]), [row["mean"], row["half"]])
    for i, row in enumerate(golden["paired"]):
        expect_all(f"paired {i}", bands.paired(row["a"], row["b"]), [row["mean"], row["half"], row["n"]])
    for i, row in enumerate(golden["worst"]):
        found = bands.worst_case(row["of_attack"], row["falls"])
        expect_all(f"worst {i}", found, [row["worst"], row["mean"], row["low"], row["high"]])
    for i, row in enumerate(golden["sampled"]):
        _, mean, low, high = bands.worst_case(row["of_attack"])
        expect(f"sampled {i}, mean", mean, row["mean"])
        expect(f"sampled {i}, low", low, row["low"], row["within"])
        expect(f"sampled {i}, high", high, row["high"], row["within"])
        expect(f"sampled {i} again", bands.worst_case(row["of_attack"]), bands.worst_case(row["of_attack"]))


def compare_edges():
    nan = math.nan
    expect("t at the middle", bands.t_quantile(0.5, 3), 0.0)
    for p, df in ((0, 3), (1, 3), (nan, 3), (0.975, 0), (0.975, 2.5)):
        try:
            expect(f"t({p}, {df})", bands.t_quantile(p, df), "a refusal")
        except ValueError:
            expect(f"t({p}, {df})", "a refusal", "a refusal")
    expect("3 seeds, as in the books", round(bands.t_quantile(0.975, 2), 3), 4.303)
    expect("5 seeds, as in the books", round(bands.t_quantile(0.975, 4), 3), 2.776)
    expect_all("no value", bands.mean_band([]), [nan, nan])
    expect_all("one value", bands.mean_band([0.25]), [0.25, nan])
    expect_all("one value three times", bands.mean_band([0.5, 0.5, 0.5]), [0.5, 0.0])
    expect_all("a value that is none", bands.mean_band([0.25, nan, 0.5]), [nan, nan])
    expect_all("nothing in common", bands.paired({1: 0.5}, {2: 0.5}), [nan, nan, 0])
    expect_all("one in common", bands.paired({1: 0.5, 3: 0.0}, {1: 0.25, 2: 1.0}), [0.25, nan, 1])
    expect("worst of none", bands.worst_case({})[0], None)
    expect("worst without a common seed", bands.worst_case({"a": {1: 0.5}, "b": {2: 0.5}})[0], None)
    expect_all("worst of one seed", bands.worst_case({"a": {1: 0.5}, "b": {1: 0.25}}), ["b", 0.25, nan, nan])
    expect_all("worst over the common seeds", bands.worst_case({"a": {1: 0.5, 2: 0.0}, "b": {1: 0.75}}),
               ["a", 0.5, nan, nan])
    expect_all("worst with what is not known", bands.worst_case({"a": {1: 0.5, 2: 0.5}, "b": {1: nan, 2: 0.5}}),
               ["b", nan, nan, nan])
    expect_all("equally bad", bands.worst_case({"a": {1: 0.5, 2: 0.5}, "b": {1: 0.5, 2: 0.5}}), ["a", 0.5, 0.5, 0.5])


def compare_finals():
    nan = math.nan
    rising = [0.0, 0.1, 0.2, 0.3, 0.9, 0.4, 0.5, 0.6]
    for what, run, peak, wanted in (
            ("the last 5", Run("finished", rising), False, (0.3 + 0.9 + 0.4 + 0.5 + 0.6) / 5),
            ("fewer, without step 0", Run("finished", [0.0, 0.5, 0.75]), False, 0.625),
            ("step 0 alone", Run("finished", [0.25]), False, 0.25),
            ("the peak", Run("finished", rising), True, 0.9),
            ("diverged", Run("diverged", [0.1, 0.8, 0.2, nan]), False, 0.2),
            ("the peak of a diverged run", Run("diverged", [0.1, 0.8, 0.2, nan]), True, 0.8),
            ("not ended", Run("interrupted", rising), False, nan),
            ("no evaluation", Run("diverged", []), False, nan),
            ("no number", Run("finished", [nan, nan]), False, nan)):
        expect(what, bands.final(run, peak=peak), wanted)
    expect("the best loss", bands.final(Run("finished", [3.0, 2.0, 1.0, 2.0]), "test_loss", peak=True), 1.0)


with open(os.path.join(HERE, "..", "golden", "bands.json"), encoding="utf-8") as file:
    compare_golden(json.load(file))
compare_edges()
compare_finals()
print(f"{compared} numbers compared, {wrong} wrong")
sys.exit(1 if wrong else 0)
