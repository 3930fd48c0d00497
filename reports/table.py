#!/usr/bin/env python3
"""A table of a folder of results: the final value of each place with its 95 % band over seeds, the worst case over attacks,
and differences to one row. All numbers are those of plots/bands.py.

usage: python3 reports/table.py FOLDER|RUN.h5... --rows NAME [--columns NAME] [--value COLUMN] [--where NAME=VALUE]...
       [--against NAME=VALUE] [--format text|markdown|latex|csv|json] [--peak] [-o FILE]
"""

import math
import os
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "plots"))

import table_forms as forms  # noqa: E402  (the other folder must be known before)
from axes import Axis, chosen, collapse, is_number  # noqa: E402
from bands import less_is_better, paired  # noqa: E402
from cells import Cell, Measure, Worst, attacks_of, followers, need_column, place, refuse_mixed, same_axis  # noqa: E402
from results import PlotError  # noqa: E402
from script import Parser, read_runs, sentences, write_whole  # noqa: E402

ENDINGS = {".md": "markdown", ".tex": "latex", ".csv": "csv", ".json": "json"}


class Entry:
    """What stands at one place. half or low and high are NaN where there is no band; attack: the worst one's label."""

    def __init__(self, row, column, mean=math.nan, half=math.nan, count=0, diverged=0, unfinished=0, **more):
        self.row, self.column, self.mean, self.half, self.count = row, column, mean, half, count
        self.diverged, self.unfinished = diverged, unfinished
        self.low, self.high = more.get("low", mean - half), more.get("high", mean + half)
        self.attack = more.get("attack")
        self.difference = more.get("difference", False)


class Table:
    def __init__(self, args, runs):
        self.measure = Measure(args.value, args.peak)
        self.rows = Axis(args.rows, runs, "--rows")
        self.columns = Axis(args.columns, runs, "--columns") if args.columns else None
        self.axes = [self.rows] + ([self.columns] if self.columns else [])
        if self.columns and same_axis(self.rows, self.columns):
            raise PlotError(f"--columns {args.columns}: is the same as --rows {args.rows}, expected another setting")
        placed = place(runs, self.axes)
        refuse_mixed(placed, self.axes)
        self.cells = {at: Cell(some, args.value, args.peak) for at, some in placed.items()}
        self.falls = less_is_better(args.value)
        self.follow = followers(runs, self.axes)
        self.peak = args.peak
        self.against = self.find(args.against) if args.against else None
        self.heads = self.columns.labels if self.columns else [args.value]
        self.entries = [[self.entry(row, head) for head in self.heads] for row in self.rows.labels]
        self.worst = self.worst_cases() if self.has_worst() else None

    def find(self, against):
        """(which axis, its label) of the row or column that differences are to."""
        name, _, value = against.partition("=")
        for i, axis in enumerate(self.axes):
            if name in (axis.name, axis.prefix):
                found = [label for label in axis.labels if value == label or is_number(label, value)]
                found = found or [label for label in axis.labels if label.split(" (")[0] == value]
                if len(found) != 1:
                    raise PlotError(f"--against {against}: expected one of {', '.join(axis.labels)}")
                return i, found[0]
        raise PlotError(f"--against {against}: expected {' or '.join(f'{axis.name}=LABEL' for axis in self.axes)}")

    def at(self, *labels):
        return self.cells.get(labels[:len(self.axes)])

    def entry(self, row, head):
        labels = [row, head]
        cell = self.at(*labels)
        if not cell:
            return Entry(row, head)
        states = {"diverged": cell.diverged, "unfinished": cell.unfinished}
        if self.against and labels[self.against[0]] != self.against[1]:
            labels[self.against[0]] = self.against[1]
            other = self.at(*labels)
            mean, half, count = paired(cell.by_seed, other.by_seed if other else {})
            return Entry(row, head, mean, half, count, difference=True, **states)
        return Entry(row, head, cell.mean, cell.half, cell.count, **states)

    def has_worst(self):
        """Differences have none: the worst attacks of two rows are not the same."""
        return self.columns and self.columns.is_attack and len(attacks_of(self.columns)) > 1 and not self.against

    def worst_cases(self):
        found = []
        for row in self.rows.labels:
            cells = {head: self.at(row, head) for head in self.heads if self.at(row, head)}
            worst = Worst(cells, attacks_of(self.columns), self.falls)
            found.append(Entry(row, "worst case", worst.mean, math.nan, worst.count, worst.diverged, 0, low=worst.low,
                               high=worst.high, attack=worst.attack))
        return found

    def everything(self):
        return [entry for row in self.entries for entry in row] + (self.worst or [])

    def title(self):
        what = self.measure.title + (f", less that of {self.against[1]}, seed by seed" if self.against else "")
        return f"{what}, by {' and '.join(axis.name for axis in self.axes)}"

    def notes(self):
        """What must be known to read it, a sentence each."""
        entries = self.everything()
        said = []
        if any(entry.count > 1 for entry in entries):
            said.append("± is half of the 95 % band over seeds (Student's t); in parentheses, how many runs have ended.")
        if any(entry.count == 1 for entry in entries):
            said.append("One run has no band.")
        if self.worst:
            said.append("Worst case: the least of the means over attacks" if not self.falls else "Worst case: the largest of the means over attacks")
            said[-1] += ", in brackets its 95 % band by bootstrap over seeds; not known where an attack is missing, or no seed has them all."
        if self.against:
            said.append(f"The {['row', 'column'][self.against[0]]} {self.against[1]} has its own values; all others are "
                        "differences to it over the seeds that both have.")
        if any(entry.diverged for entry in entries):
            said.append("† so many runs diverged; they count with their last value.")
        if any(entry.unfinished for entry in entries):
            said.append("‡ so many runs are not finished; they count nowhere.")
        if any(not entry.count for entry in entries):
            said.append("– no run has ended there.")
        return said + self.other_settings()

    def other_settings(self):
        for_each = {}
        for name, axis in self.follow.items():
            for_each.setdefault(axis, []).append(name)
        return [f"Other settings that differ {'with ' + axis if axis else 'from place to place'}: {', '.join(collapse(names))}."
                for axis, names in for_each.items()]


def parser():
    p = Parser(description=__doc__.split("\n\n")[0])
    p.add_argument("runs", nargs="+", metavar="FOLDER|RUN.h5")
    p.add_argument("-o", "--out", metavar="FILE")
    p.add_argument("--rows", required=True, metavar="NAME")
    p.add_argument("--columns", metavar="NAME")
    p.add_argument("--value", default="test_accuracy", metavar="COLUMN")
    p.add_argument("--where", action="append", default=[], metavar="NAME=VALUE")
    p.add_argument("--against", metavar="NAME=VALUE")
    p.add_argument("--format", choices=list(forms.FORMS))
    p.add_argument("--json", action="store_true")
    p.add_argument("--peak", action="store_true")
    return p


def form_of(args):
    by_name = ENDINGS.get(os.path.splitext(args.out or "")[1].lower(), "text")
    return "json" if args.json else args.format or by_name


def main(args):
    runs = chosen(read_runs(args.runs), args.where)
    need_column(runs, args.value)
    text = forms.FORMS[form_of(args)](Table(args, runs))
    write_whole(args.out, text)


if __name__ == "__main__":
    sentences(parser(), main)
