#!/usr/bin/env python3
"""Final accuracy (without labels the final loss) of every seed, a row a setting: a dot a run, a box from the lower to the
upper quartile with a line at the median, and a diamond at the mean with its 95 % band. A run that diverged is a cross at
its last value; one that is not finished has none.

usage: python3 plots/box.py RUN.h5... -o FILE.{png,svg,pdf}
"""

import math

import numpy as np

import common
from bands import final, mean_band
from grid import ended, finals, measure_of, need_ended

MOST_ROWS = 60
LEAST_FOR_BOX = 4  # fewer runs are their own quartiles


def draw_setting(axes, at, g, measure, colour, band):
    values = [measure.factor * value for value in finals(g, measure.column).values()]
    if len(values) >= LEAST_FOR_BOX:
        axes.boxplot([values], positions=[at], vert=False, widths=0.5, whis=(0, 100), manage_ticks=False,
                     boxprops={"color": colour}, medianprops={"color": colour}, whiskerprops={"color": colour},
                     capprops={"color": colour})
    for state, marker in (("finished", "o"), ("diverged", "x")):
        dots = [measure.factor * final(run, measure.column) for run in g.runs if run.state == state]
        if dots:
            axes.plot(dots, [at] * len(dots), marker, markersize=4, color=colour, alpha=0.8, label=f"{g.label}, {state}")
    mean, half = mean_band(values)
    if band == "t" and math.isfinite(half):
        axes.plot([mean - half, mean + half], [at - 0.36] * 2, color="#333333", linewidth=1, label="_band")
    if math.isfinite(mean):
        axes.plot([mean], [at - 0.36], marker="D", markersize=3.5, color="#333333", label=f"{g.label}, mean")


def text_of(g):
    count = len([run for run in g.runs if ended(run)])
    left = f", {common.unfinished_text([run for run in g.runs if not ended(run)])}" if count < len(g.runs) else ""
    return f"{g.label or g.runs[0].setting('name')}\n{count} run{'s' if count != 1 else ''}{left}"


def draw(args, runs):
    need_ended(runs)
    measure, groups = measure_of(runs), common.group(runs)
    if len(groups) > MOST_ROWS:
        raise common.PlotError(f"found {len(groups)} settings, expected at most {MOST_ROWS}")
    args.height = args.height or 1.0 + 0.5 * len(groups)
    figure, (axes,) = common.new_figure(args)
    for at, (g, style) in enumerate(zip(groups, common.colours(len(groups)))):
        draw_setting(axes, at, g, measure, style["color"], args.band)
    axes.set_yticks(np.arange(len(groups)), [text_of(g) for g in groups], fontsize=7)
    axes.set_ylim(len(groups) - 0.4, -0.7)
    axes.set_xlabel(f"final {measure.axis}; diamond: mean" + (" and its 95 % band" if args.band == "t" else ""))
    return figure


def parser():
    p = common.parser(__doc__.split("\n\n")[0], band="t")
    p.set_defaults(height=None)
    return p


if __name__ == "__main__":
    common.main(parser(), draw)
