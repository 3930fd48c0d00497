"""A grid of experiments: where each group of runs stands in it, in five aspects. What a user chooses is the rule; who
attacks how, how many do, how the data are shared and what is trained are the situation that it is in. A figure or a
page compares rules in the same situation.
"""

import difflib
import json
import math

import numpy as np

from bands import final, less_is_better
from labels import ATTACK, in_order, label, telling
from results import PlotError
from runs import belongs, group, key_of

# Settings of each aspect; all others make the rule.
SITUATION = {
    "attack": ("adversaries.attack", "adversaries.data"),
    "share": ("workers", "adversaries.count", "adversaries.ids"),
    "partition": ("partition", "data_seed"),
    "task": ("data", "model", "data_id", "init", "init_sha256", "init_path"),
}
ASPECTS = ("rule", *SITUATION)
NO_ATTACK = "no attack"


def aspect_of(name):
    """The aspect that a setting belongs to."""
    return next((aspect for aspect, names in SITUATION.items() if belongs(name, names)), "rule")


def counted(run):
    """
    The settings that move along a curve: the count, and with it who is Byzantine where these are the first workers. Who
    else was named is another experiment, because shards of the data differ.
    """
    first = sorted(run.setting("adversaries.ids")) == list(range(run.byzantine))
    return ("adversaries.count", "adversaries.ids") if first else ("adversaries.count",)


def along(runs):
    """
    A function of a run: the settings that move along its curve. The f that a rule is told is among them where all runs
    have f = count, as a rule takes it unless told another: one told f = 2 throughout is another curve.
    """
    def beside_f(run):
        return (*counted(run), "aggregator.f")

    def told(run):
        return json.dumps(without_attack(key_of(run, without=beside_f)), sort_keys=True)

    others = {told(run) for run in runs if run.identity.get("aggregator.f") != run.byzantine}
    return lambda run: counted(run) if told(run) in others else beside_f(run)


def without_attack(key):
    return {k: v for k, v in key.items() if not k.startswith("adversaries.") and k != "data_id"}


class Grid:
    """
    groups: those of common.group(), each with its place, {aspect: label}; labels: of each aspect, in order; names: the
    settings of each aspect that differ.
    """

    def __init__(self, runs):
        self.groups = group(runs)
        self.labels, self.names = {}, {}
        moving = along(runs)
        for g in self.groups:
            g.place = {}
        for aspect in ASPECTS:
            self.put(aspect, moving)
        self.keep_apart()
        self.at = {tuple(g.place[aspect] for aspect in ASPECTS): g for g in self.groups}

    def put(self, aspect, moving):
        """Say each group's place in one aspect."""
        keys = [part_of(g, aspect, moving) for g in self.groups]
        names = telling(keys)
        order = {}
        for g, key in zip(self.groups, keys):
            g.place[aspect] = SAY[aspect](g, key, names)
            order.setdefault(g.place[aspect], [in_order(key.get(name)) for name in names])
        self.labels[aspect] = sorted(order, key=order.get)
        self.names[aspect] = names

    def keep_apart(self):
        """No two groups have one place: what words do not tell apart is numbered."""
        taken = {}
        for g in self.groups:
            place = tuple(g.place.values())
            taken[place] = taken.get(place, 0) + 1
            if taken[place] > 1:
                g.place["rule"] += f" ({taken[place]})"
                self.labels["rule"].append(g.place["rule"])

    def varies(self, aspect):
        return len(self.labels[aspect]) > 1

    def find(self, **place):
        """The groups at these labels, in order."""
        return [g for g in self.groups if all(g.place[aspect] == said for aspect, said in place.items())]


def part_of(g, aspect, moving):
    """The settings of one aspect. The f that a rule is told moves with the share where it is the share's own."""
    beside = moving(g.runs[0])
    return {name: value for name, value in g.key.items()
            if aspect_of(name) == aspect and not (aspect == "rule" and name in beside)}


class Beside:
    """What labels.label() takes for a group."""

    def __init__(self, g, key):
        self.key, self.runs = key, g.runs


def say_rule(g, key, names):
    return label(Beside(g, key), names) or label(Beside(g, key), ["aggregator.kind", "aggregator.before"])


def say_attack(g, key, names):
    if not key.get(ATTACK):
        return NO_ATTACK
    said = label(Beside(g, key), [ATTACK] + [name for name in names if name != ATTACK])
    return said.replace(", adversaries.attack.", ", ")


def say_share(g, key, names):
    more = [name for name in names if name not in ("adversaries.count", "workers")]
    return label(Beside(g, key), ["adversaries.count", *more])


def say_partition(g, key, names):
    kind = key.get("partition", key.get("partition.kind"))
    said = [str(kind)] if isinstance(kind, str) else []
    for name in names:
        if name in key and name not in ("partition", "partition.kind"):
            said.append(f"{name.split('.')[-1]} {as_text(key[name])}")
    return " ".join(said) or "data that nobody shares"


def say_task(g, key, names):
    kinds = [name for name in ("model.kind", "data.kind") if key.get(name) not in (None, "none")]
    return label(Beside(g, key), kinds + [name for name in names if name not in kinds])


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value)


SAY = {"rule": say_rule, "attack": say_attack, "share": say_share, "partition": say_partition, "task": say_task}


def ended(run):
    """Will there be no other value? A run that diverged is at its end, too."""
    return run.state in ("finished", "diverged")


def need_ended(runs, otherwise=""):
    """Of runs that all go on there is no final value, and no figure of them."""
    if not any(map(ended, runs)):
        raise PlotError(f"no run has ended, and only such have a final value: {runs[0].path} is {runs[0].progress()}{otherwise}")


def seed_of(run):
    """A number: what no double holds stands in a file as text."""
    return int(str(run.setting("seed")), 0)


def finals(g, column, peak=False):
    """{seed: final value} of a group's runs that have ended; a seed that was run twice counts once."""
    found = {}
    for run in filter(ended, g.runs):
        found.setdefault(seed_of(run), final(run, column, peak=peak))
    return found


class Measure:
    """A column that rules are compared by, and how its numbers are said."""

    def __init__(self, column):
        self.column = column
        self.falls = less_is_better(self.column)
        self.name = "test loss" if self.falls else "test accuracy"
        self.factor, self.unit = (1, "") if self.falls else (100, " %")
        self.axis = self.name + (" (%)" if self.unit else "")

    def bare(self, value):
        if not math.isfinite(value):
            return "–"
        return f"{self.factor * value:.4g}" if self.falls else f"{self.factor * value:.1f}"

    def say(self, value):
        return self.bare(value) + (self.unit if math.isfinite(value) else "")

    def spread(self, mean, half):
        """ "73.5 ± 2.1"; without a band the mean alone."""
        return self.bare(mean) + (f" ± {self.bare(half)}" if math.isfinite(half) else "")

    def between(self, mean, low, high):
        """ "73.5 % (70.1 to 76.0)"."""
        return self.say(mean) + (f" ({self.bare(low)} to {self.bare(high)})" if math.isfinite(low) else "")

    def points(self, difference):
        """A difference; of shares in percent, those are points."""
        return self.bare(difference) + (" points" if self.unit else "")


def measure_of(runs):
    """Test accuracy where any run has one, else test loss."""
    labelled = any(np.isfinite(run.column("/evals/test_accuracy")).any() for run in runs)
    return Measure("test_accuracy" if labelled else "test_loss")


# --- rows and columns ----------------------------------------------------------------------------------------------

# Other words for aspects.
ALSO = {"aggregator": "rule", "adversaries.attack": "attack", "adversaries.count": "share", "model": "task"}


class Part:
    """Groups that differ in rows and columns only: cells {(row, column): group}, labels in order."""

    def __init__(self, title, rows, columns, cells, by_attack):
        self.title, self.cells, self.by_attack = title, cells, by_attack
        self.rows = [row for row in rows if any(row == at for at, _ in cells)]
        self.columns = [column for column in columns if any(column == at for _, at in cells)]


def split(grid, rows, columns):
    """A grid by two settings, each an aspect or a dotted key: a Part for everything else that differs."""
    names = [ALSO.get(name, name) for name in (rows, columns)]
    said = [[coordinate(grid, g, name) for g in grid.groups] for name in names]
    rest = [{key: value for key, value in g.key.items() if not any(told_by(name, key) for name in names)}
            for g in grid.groups]
    differ = telling(rest)
    found = {}
    for g, key, row, column in zip(grid.groups, rest, *said):
        cells = found.setdefault(label(Beside(g, key), differ), {})
        if (row, column) in cells:
            raise PlotError(f"{rows} and {columns} do not tell {g.label} from {cells[row, column].label}")
        cells[row, column] = g
    order = [grid.labels[name] if name in ASPECTS else in_turn(grid, name) for name in names]
    return [Part(title, *order, cells, names[1] == "attack") for title, cells in found.items()]


def told_by(name, key):
    """Does a row or column of this name say the setting? The f of a rule goes with the share."""
    if name in ASPECTS:
        return aspect_of(key) == name or (key == "aggregator.f" and name == "share")
    return belongs(key, [name])


def coordinate(grid, g, name):
    if name in ASPECTS:
        return g.place[name]
    if not any(belongs(key, [name]) for group in grid.groups for key in group.runs[0].flat):
        known = sorted({key for group in grid.groups for key in group.runs[0].flat})
        raise PlotError(f"no run has a setting {name}; expected one of {', '.join(ASPECTS)}, or a key such as "
                        f"{(difflib.get_close_matches(name, known, 1, 0) or known)[0]}")
    return ", ".join(as_text(value) for key, value in g.runs[0].flat.items() if belongs(key, [name]))


def in_turn(grid, name):
    """The values of a key, in order."""
    values = {coordinate(grid, g, name): in_order(g.runs[0].flat.get(name)) for g in grid.groups}
    return sorted(values, key=values.get)
