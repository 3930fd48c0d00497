"""One number with its band for each place of a table: a cell is the runs of one experiment, with what became of them.
The numbers are those of bands.py.
"""

import math
import sys

import numpy as np

from axes import DATA, NO_ATTACK, Axis, below, collapse, values, varying
from bands import common_seeds, final, mean_band, worst_case
from grid import ended, seed_of
from results import PlotError, program


class Cell:
    """by_seed: the final value of each run that has ended; diverged: how many of them did; unfinished: the others."""

    def __init__(self, runs, column, peak):
        self.runs = one_of_each_seed(runs)
        at_end = [run for run in self.runs if ended(run)]
        self.by_seed = {seed_of(run): final(run, column, peak) for run in at_end}
        self.diverged = sum(run.state == "diverged" for run in at_end)
        self.unfinished = len(self.runs) - len(at_end)
        self.mean, self.half = mean_band(self.by_seed.values())

    @property
    def count(self):
        return len(self.by_seed)


def one_of_each_seed(runs):
    """A seed that was run twice counts once: the run that has ended, or else the first."""
    found = {}
    for run in sorted(runs, key=lambda run: not ended(run)):
        first = found.setdefault(seed_of(run), run)
        if first is not run:
            print(f"{program()}: {run.path}: the seed of {first.path} once more, which counts", file=sys.stderr)
    return list(found.values())


def need_column(runs, column, option="--value"):
    """Every run must have it; a sentence names one that has not, and what there is."""
    for run in runs:
        if not run.has(f"/evals/{column}"):
            there = sorted(name for name in run.file["evals"] if name not in ("step", "epoch", "wall_s", "bytes"))
            raise PlotError(f"{option} {column}: {run.path} has no /evals/{column}; it has {', '.join(there)}")
    if not any(np.isfinite(run.column(f"/evals/{column}")).any() for run in runs):
        raise PlotError(f"{option} {column}: /evals/{column} holds no value in any of the files, expected another")


def place(runs, axes):
    """{(label on each axis): runs}."""
    found = {}
    for run in runs:
        found.setdefault(tuple(axis.of(run) for axis in axes), []).append(run)
    return found


def refuse_mixed(placed, axes):
    """Runs of one place must be one experiment; a sentence names the settings that make them several."""
    mixed = collapse(sorted({name for runs in placed.values() for name in varying(runs)}))
    if not mixed:
        return
    some = next(runs for runs in placed.values() if varying(runs))
    name = collapse(varying(some))[0]
    labels = Axis(name, some, "--where").labels
    raise PlotError(
        f"runs of one place differ in more than {' and '.join(axis.name for axis in axes)}: {', '.join(mixed)}; choose some "
        f"with --where, as in --where '{name}={labels[0]}' ({name} is one of {', '.join(labels[:6])}), or compare by it")


def followers(runs, axes):
    """The settings that differ although nobody named them, because they go with a label: {name: which axis, or None}."""
    found = {}
    for name in varying(runs, [axis.prefix for axis in axes]):
        if name == DATA:
            continue
        alone = [axis for axis in axes if all(len(values(some, name)) == 1 for some in place(runs, [axis]).values())]
        found[name] = alone[0].name if alone else None
    return found


def attacks_of(axis):
    """The labels that are attacks."""
    return [label for label in axis.labels if label != NO_ATTACK]


class Worst:
    """The worst case over the attacks of an axis; attack None and NaN where a cell is missing or has no value, or no
    seed is in all of them. count: seeds that are.
    """

    def __init__(self, cells, labels, falls):
        self.missing = [label for label in labels if label not in cells or not cells[label].count]
        of_attack = {} if self.missing else {label: cells[label].by_seed for label in labels}
        self.attack, self.mean, self.low, self.high = worst_case(of_attack, falls)
        self.count = len(common_seeds(*of_attack.values()))
        self.diverged = 0 if self.missing else max(cells[label].diverged for label in labels)


class Measure:
    """How a column's numbers are said: shares in percent with a digit behind the point, others with 4 digits."""

    def __init__(self, column, peak):
        self.column = column
        self.share = column.endswith("accuracy")
        self.factor = 100 if self.share else 1
        what = column.replace("_", " ")
        over = "best over time, chosen with the very data" if peak else "mean of the last 5 evaluations"
        self.title = f"{what}{' (%)' if self.share else ''}, {over}"

    def number(self, value, sign=False):
        if not math.isfinite(value):
            return "–"
        return f"{self.factor * value:{'+' if sign else ''}{'.2f' if self.share else '.4g'}}"


def same_axis(one, other):
    return below(one.prefix, other.prefix) or below(other.prefix, one.prefix)
