#!/usr/bin/env python3
"""Accuracy over wall time, and when each run first reached a target: what a faster network or rule buys.

usage: python3 plots/time-to-accuracy.py RUN.h5... -o FILE.{png,svg,pdf} [--target ACCURACY]

The target is a share, as in 0.88; without one it is the highest whole percent that every curve reaches. Over
several seeds a curve is the mean.
"""

import argparse

import numpy as np

import common


def share(text):
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected a share between 0 and 1, as in 0.88")
    return value


def highest_common(tables):
    """The highest whole percent that all curves reach, as a share."""
    return np.floor(100 * min(np.nanmax(t.mean) for t in tables)) / 100


def reached(table, target):
    """The time of the first evaluation at or above the target; None when there is none."""
    at = np.flatnonzero(table.mean >= target - 1e-9)
    return table.x[at[0]] if len(at) else None


def text_of(label, when, target):
    if when is None:
        return f"{label}: not {100 * target:g} %"
    return f"{label}: {100 * target:g} % after {when:.3g} s"


def draw(args, runs):
    groups = common.group(runs)
    tables = [g.table("/evals/wall_s", "/evals/test_accuracy") for g in groups]
    if not all(np.isfinite(t.mean).any() for t in tables):
        raise common.PlotError("/evals/test_accuracy holds no value in some file; the figure is for runs with labels")
    target = args.target or highest_common(tables)
    figure, (axes,) = common.new_figure(args)
    for g, table, style in zip(groups, tables, common.colours(len(groups))):
        when = reached(table, target)
        label = g.label or runs[0].setting("name")
        common.draw_band(axes, common.Table(table.x, 100 * table.values), args.band, style, text_of(label, when, target))
        if when is not None:
            axes.plot([when], [100 * target], marker="o", color=style["color"])
    axes.axhline(100 * target, color="#777777", linewidth=0.8)
    axes.set_xlabel("wall time (s)")
    axes.set_ylabel("test accuracy (%)" + common.seeds_note(groups, args.band))
    axes.legend(loc="lower right")
    return figure


def parser():
    p = common.parser(__doc__.split("\n")[0])
    p.add_argument("--target", type=share, help="a share, as in 0.88")
    return p


if __name__ == "__main__":
    common.main(parser(), draw)
