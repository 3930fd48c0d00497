#!/usr/bin/env python3
"""Accuracy over wall time, and when each run first reached a target: what a faster network or rule buys.

usage: python3 plots/time-to-accuracy.py RUN.h5... -o FILE.{png,svg,pdf} [--target ACCURACY]

The target is a share, as in 0.88; without one it is the highest whole percent that every curve reaches. Over
several seeds a curve is the mean. A run that is not finished is a dotted line of its own.
"""

import argparse

import numpy as np

import common


def share(text):
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected a share between 0 and 1, as in 0.88")
    return value


def accuracy(runs):
    return common.table(runs, "/evals/wall_s", "/evals/test_accuracy")


def highest_common(tables):
    """The highest whole percent that all curves reach, as a share."""
    return np.floor(100 * min(np.nanmax(t.mean[t.common]) for t in tables)) / 100


def reached(table, target):
    """The time of the first evaluation at or above the target; None when there is none."""
    at = np.flatnonzero(table.common & (table.mean >= target - 1e-9))
    return table.x[at[0]] if len(at) else None


def text_of(label, when, target):
    if when is None:
        return f"{label}: not {100 * target:g} %"
    return f"{label}: {100 * target:g} % after {when:.3g} s"


def evaluated(runs):
    """Those that have an accuracy. A run that was not evaluated so far is left out; one without labels is refused."""
    chosen = []
    for run in runs:
        values = run.column("/evals/test_accuracy")
        if np.isfinite(values).any():
            chosen.append(run)
        elif len(values) or run.finished:
            raise common.PlotError(f"{run.path}: /evals/test_accuracy holds no value; the figure is for runs with labels")
        else:
            common.leave_out(run, f"no evaluation, {run.progress()}")
    if not chosen:
        raise common.PlotError("/evals/test_accuracy holds no value in any of the files")
    return chosen


def draw(args, runs):
    runs = evaluated(runs)
    groups = common.group(runs, apart=common.TIMED)
    tables = [accuracy(g.finished) for g in groups]
    target = args.target or highest_common([t for t in tables if len(t.x)] or [accuracy(runs)])
    figure, (axes,) = common.new_figure(args)
    for g, found, style in zip(groups, tables, common.colours(len(groups))):
        when = reached(found, target)
        label = g.label or runs[0].setting("name")
        common.draw_band(axes, found.scaled(100), args.band, style, text_of(label, when, target))
        common.draw_unfinished(axes, g.unfinished, lambda some: accuracy(some).scaled(100), style, label)
        if when is not None:
            axes.plot([when], [100 * target], marker="o", color=style["color"])
    axes.axhline(100 * target, color="#777777", linewidth=0.8)
    axes.set_xlabel("wall time (s)")
    axes.set_ylabel("test accuracy (%)" + common.spread_note(groups, args.band))
    common.legend(axes, loc="lower right")
    return figure


def parser():
    p = common.parser(__doc__.split("\n")[0])
    p.add_argument("--target", type=share, help="a share, as in 0.88")
    return p


if __name__ == "__main__":
    common.main(parser(), draw)
