#!/usr/bin/env python3
"""Final accuracy (without labels the final loss) against the bytes that all workers sent (up) and received (down): a mark
a setting, with its 95 % band. With --curve the accuracy over the run against the bytes so far.

usage: python3 plots/bytes.py RUN.h5... -o FILE.{png,svg,pdf} [--curve] [--x up|down|both]
"""

import functools
import math

import numpy as np

import common
from bands import mean_band
from costs import sent
from grid import ended, finals, measure_of, need_ended

SAID = {"up": "bytes up", "down": "bytes down", "both": "bytes, both ways"}


def over_bytes(runs, way, measure):
    """The value against the bytes so far, as a table over the evaluations."""
    points = []
    for run in runs:
        steps, values = run.columns("/evals/step", f"/evals/{measure.column}")
        points.append({step: (x, measure.factor * y) for step, x, y in zip(steps, sent(run, way), values)})
    return common.paired(points, runs)


def total(g, way):
    """Mean over the runs that have ended; NaN: not known."""
    ends = [sent(run, way)[-1:] for run in g.runs if ended(run)]
    return float(np.mean(np.concatenate(ends))) if ends and all(map(len, ends)) else math.nan


def draw_mark(axes, g, way, measure, style, band):
    mean, half = mean_band(finals(g, measure.column).values())
    half = half if band == "t" and math.isfinite(half) else 0.0
    seeds = [run.setting("seed") for run in g.runs if ended(run)]
    text = ", ".join(filter(None, [g.label, common.count_text([seeds])]))
    axes.errorbar([total(g, way)], [measure.factor * mean], yerr=[measure.factor * half], marker="o", markersize=5,
                  capsize=3, linestyle="none", color=style["color"], label=text or g.runs[0].setting("name"))


def draw(args, runs):
    if not args.curve:
        need_ended(runs, "; --curve draws what there is")
    measure = measure_of(runs)
    groups = common.group(runs, apart=common.TIMED)
    ways = [args.x] if args.x else ["up", "down"]
    args.width = args.width or (7.0 if len(ways) == 1 else 9.0)
    figure, panes = common.new_figure(args, len(ways))
    for axes, way in zip(panes, ways):
        for g, style in zip(groups, common.colours(len(groups))):
            if args.curve:
                common.draw_group(axes, g, functools.partial(over_bytes, way=way, measure=measure), args, style, g.label)
            else:
                draw_mark(axes, g, way, measure, style, args.band)
        if not args.curve and common.spans_decades([total(g, way) for g in groups], 1):
            axes.set_xscale("log")
        axes.set_xlabel(SAID[way])
    panes[0].set_ylabel(("" if args.curve else "final ") + measure.axis + common.spread_note(groups, args.band))
    if common.needs_legend(groups):
        common.legend_of_all(panes)
    return figure


def parser():
    p = common.parser(__doc__.split("\n\n")[0], band="t")
    p.set_defaults(width=None)
    p.add_argument("--x", choices=list(SAID), help="one direction, or both together; else a panel for each direction")
    p.add_argument("--curve", action="store_true", help="over the run")
    return p


if __name__ == "__main__":
    common.main(parser(), draw)
