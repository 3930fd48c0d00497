#!/usr/bin/env python3
"""The best settings of each method, chosen on the validation split: the largest, over settings, of the least, over attacks, of
the mean over seeds; and what these settings reach on the test set, which had no say in it.

usage: python3 reports/best.py FOLDER|RUN.h5... --by validation --per NAME [--over attack] [--value accuracy|loss]
       [--where NAME=VALUE]... [--json]
"""

import json
import math
import os
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "plots"))

from axes import NO_ATTACK, Axis, as_text, below, chosen, collapse, settings_of, varying  # noqa: E402  (the other folder must be known before)
from bands import less_is_better, worst_case  # noqa: E402
from cells import Cell, Measure, Worst, place, same_axis  # noqa: E402
from grid import aspect_of  # noqa: E402
from results import PlotError  # noqa: E402
from script import Parser, read_runs, sentences, write_whole  # noqa: E402

EVERY = "all"  # the label where there is nothing to take the worst of


class Settings:
    """One choice of settings of a method: its cells on both splits by attack, and the worst of them."""

    def __init__(self, runs, over, names, value):
        self.names = {name: settings_of(runs[0]).get(name) for name in names}
        self.runs = runs
        placed = {at[0]: some for at, some in place(runs, [over]).items()} if over else {EVERY: runs}
        self.cells = {split: {label: Cell(some, f"{split}_{value}", False) for label, some in placed.items()}
                      for split in ("validation", "test")}

    def judge(self, labels, falls):
        self.worst = {split: Worst(cells, labels, falls) for split, cells in self.cells.items()}
        self.missing = self.worst["validation"].missing

    def words(self):
        return ", ".join(f"{name} = {as_text(value)}" for name, value in self.names.items()) or "one choice of settings"

    @property
    def count(self):
        return min(cell.count for cell in self.cells["validation"].values())

    def sum_of(self, what):
        return sum(getattr(cell, what) for cell in self.cells["validation"].values())


class Choice:
    """The settings of one method, the best first; lacking: those that were not run under every attack."""

    def __init__(self, label, settings, falls):
        self.label = label
        complete = [one for one in settings if not one.missing and math.isfinite(one.worst["validation"].mean)]
        self.lacking = [one for one in settings if one not in complete]
        self.ranked = sorted(complete, key=lambda one: one.worst["validation"].mean, reverse=not falls)
        self.best = self.ranked[0] if self.ranked else None

    @property
    def ties(self):
        """How many others are as good on the validation split."""
        return sum(one.worst["validation"].mean == self.best.worst["validation"].mean for one in self.ranked[1:])

    def among(self):
        if len(self.ranked) < 2:
            return "nothing to choose from"
        return f"best of {len(self.ranked)} settings" + (f" (the first of {self.ties + 1} that are equally good)" if self.ties else "")


def refuse_test(by):
    if by != "validation":
        raise PlotError(f"--by {by}: settings that are chosen on the test set look better than they are, on the very numbers that "
                        "are reported; expected --by validation, of runs whose data have \"validation\"")


def need_validation(runs, value):
    without = [run for run in runs if not run.has(f"/evals/validation_{value}")]
    if without:
        raise PlotError(f"{without[0].path}: has no validation split ({len(without)} of {len(runs)} runs have none); run the "
                        "experiment with \"data\": {\"validation\": 0.1, ...}, which holds a tenth of the training set out")


def attacks(over):
    """What the worst is taken over: attacks, where there are any."""
    if not over:
        return [EVERY]
    return [label for label in over.labels if label != NO_ATTACK] or over.labels


def axis_over(args, runs):
    if args.over:
        return Axis(args.over, runs, "--over")
    try:
        return Axis("attack", runs, "--over")
    except PlotError:
        return None  # nobody attacks, nor could


def choices(args, runs):
    """(the axis of --over or None, [Choice of each method, the best first])."""
    per, over = [Axis(name, runs, "--per", whole=False) for name in args.per], axis_over(args, runs)
    for axis in per:
        if over and same_axis(axis, over):
            raise PlotError(f"--over {over.name}: is the same as --per {axis.name}, expected another setting")
    falls = less_is_better(args.value)
    found = [choice(", ".join(at), some, per, over, args.value, falls) for at, some in place(runs, per).items()]
    return over, sorted(found, key=rank(falls))


def choice(label, runs, per, over, value, falls):
    names = [name for name in varying(runs, [over.prefix] if over else []) if not goes_with(name, runs, over)]
    refuse_situations(label, names, per)
    by_settings = {}
    for run in runs:
        by_settings.setdefault(json.dumps([settings_of(run).get(name) for name in names]), []).append(run)
    settings = [Settings(some, over, names, value) for some in by_settings.values()]
    for one in settings:
        one.judge(attacks(over), falls)
    return Choice(label, settings, falls)


def refuse_situations(label, names, per):
    """Who attacks and what is trained on what data is nothing that a method could choose."""
    given = collapse([name for name in names if aspect_of(name) != "rule" and not any(below(name, axis.prefix) for axis in per)])
    if given:
        raise PlotError(f"{label}: the runs differ in {', '.join(given)}, which is no setting to choose; expected one of its values, "
                        f"with --where, or --per {given[0]} besides")


def goes_with(name, runs, over):
    """Does a setting differ only because the attack does, as the count of nobody?"""
    if not over:
        return False
    return all(len({json.dumps(settings_of(run).get(name)) for run in some}) == 1 for some in place(runs, [over]).values())


def rank(falls):
    def key(choice):
        if not choice.best:
            return math.inf
        mean = choice.best.worst["validation"].mean
        return mean if falls else -mean

    return key


def spread(measure, worst):
    band = f" [{measure.number(worst.low)}, {measure.number(worst.high)}]" if math.isfinite(worst.low) else ""
    under = f" under {worst.attack}" if worst.attack not in (None, EVERY) else ""
    return f"{measure.number(worst.mean)}{band}{under}"


def say_choice(choice, measure):
    if not choice.best:
        return [f"{choice.label}: no settings were run to the end under every attack"]
    best = choice.best
    said = [f"{choice.label}: {best.words()}",
            f"  validation {spread(measure, best.worst['validation'])}",
            f"  test       {spread(measure, best.worst['test'])}",
            f"  {choice.among()}, {best.count} run{'s' if best.count != 1 else ''} each"]
    for what, words in (("diverged", "diverged, and count with their last value"), ("unfinished", "are not finished, and count nowhere")):
        if best.sum_of(what):
            said.append(f"  of its runs, {best.sum_of(what)} {words}")
    for one in choice.lacking:
        said.append(f"  not compared: {one.words()}: " + (f"no run has ended under {', '.join(one.missing)}" if one.missing else "no number"))
    return said


def text(args, over, found):
    measure = Measure(f"validation_{args.value}", False)
    of = f", worst case over {over.name}" if over and len(attacks(over)) > 1 else ""
    lines = [f"{'Accuracy (%)' if measure.share else args.value.capitalize()}: mean of the last 5 evaluations{of}; in brackets the 95 % band "
             "by bootstrap over seeds. Chosen by validation."]
    for choice in found:
        lines += ["", *say_choice(choice, measure)]
    return "\n".join(lines) + "\n"


def bare(value):
    return value if value is None or isinstance(value, str) or math.isfinite(value) else None


def numbers(one, split):
    worst = one.worst[split]
    return {"mean": bare(worst.mean), "low": bare(worst.low), "high": bare(worst.high), "attack": worst.attack,
            "by_attack": {label: {"mean": bare(cell.mean), "half_width": bare(cell.half), "n": cell.count}
                          for label, cell in one.cells[split].items()}}


def member(one):
    return {"settings": one.names, "n": one.count, "diverged": one.sum_of("diverged"), "unfinished": one.sum_of("unfinished"),
            "missing": one.missing, "validation": numbers(one, "validation")}


def json_text(args, over, found):
    """A line for each method. The test numbers are those of the chosen settings alone."""
    lines = []
    for choice in found:
        best = {**member(choice.best), "test": numbers(choice.best, "test"), "files": [run.path for run in choice.best.runs]} if choice.best else None
        lines.append(json.dumps({"per": choice.label, "over": over.name if over else None, "value": args.value, "best": best,
                                 "others": [member(one) for one in [*choice.ranked[1:], *choice.lacking]]}, ensure_ascii=False))
    return "\n".join(lines) + "\n"


def parser():
    p = Parser(description=__doc__.split("\n\n")[0])
    p.add_argument("runs", nargs="+", metavar="FOLDER|RUN.h5")
    p.add_argument("--by", required=True, metavar="SPLIT")
    p.add_argument("--per", required=True, action="append", metavar="NAME")
    p.add_argument("--over", metavar="NAME")
    p.add_argument("--value", choices=["accuracy", "loss", "bits"], default="accuracy")
    p.add_argument("--where", action="append", default=[], metavar="NAME=VALUE")
    p.add_argument("--json", action="store_true")
    return p


def main(args):
    refuse_test(args.by)
    runs = chosen(read_runs(args.runs), args.where)
    need_validation(runs, args.value)
    over, found = choices(args, runs)
    write_whole(None, json_text(args, over, found) if args.json else text(args, over, found))


if __name__ == "__main__":
    sentences(parser(), main)
