#!/usr/bin/env python3
"""How much of a majority vote is safe from f of its voters: the share of coordinates at which no f of the counted voters,
whatever they had said, could have turned it (|V| > 2 f, V the sum of the signs). A line an f, from 1 to half of the
workers; where these are many, some of them, or those that --f names. A panel an experiment.

The runs must have recorded it: "record": {"certificate": 1}.

usage: python3 plots/certificate.py RUN.h5... -o FILE.{png,svg,pdf} [--x step|epoch] [--f 1,2,...]
"""

import argparse

import numpy as np

import common
import probes

GROUP = "/probes/certificate/"
MOST_LINES = 8
MOST_PANELS = 6


def half(g):
    """The largest f: half of the workers."""
    return g.runs[0].workers // 2


def chosen(args, g):
    """The numbers of voters that have a line, evenly spread where there are too many for all."""
    if not args.f:
        return sorted({int(f) for f in np.linspace(1, half(g), min(half(g), MOST_LINES)).round()})
    for f in args.f:
        if not 1 <= f <= half(g):
            raise common.PlotError(f"--f {f}: {g.runs[0].path} has {g.runs[0].workers} workers, expected 1 to {half(g)}")
    return args.f


def table_of(args, f):
    factor_of = probes.factor_of(args.x)

    def of_runs(runs):
        points = []
        for run in runs:
            steps, turned = run.columns(GROUP + "step", GROUP + "turned")
            points.append(dict(zip(steps, zip(factor_of(run) * steps, 1 - turned[:, f - 1]))))
        return common.paired(points, runs)

    return of_runs


def styles_of(args, groups):
    """For every f of any panel: it looks alike in all."""
    numbers = sorted({f for g in groups for f in chosen(args, g)})
    return {f: {**style, "linestyle": "-"} for f, style in zip(numbers, common.colours(len(numbers)))}


def draw_experiment(axes, g, args, styles):
    for f in chosen(args, g):
        common.draw_group(axes, g, table_of(args, f), args, styles[f], f"f = {f}")
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(args.x)


def draw(args, runs):
    groups = common.group(probes.probed(runs, GROUP, '{"certificate": 1}'))
    if len(groups) > MOST_PANELS:
        raise common.PlotError(f"found {len(groups)} experiments, expected at most {MOST_PANELS}")
    columns = min(len(groups), 3)
    rows = -(-len(groups) // columns)
    args.width = args.width or (7.0 if columns == 1 else 4.0 * columns)
    args.height = args.height or (4.3 if rows == 1 else 3.6 * rows)
    figure, panes = common.new_figure(args, columns, rows)
    styles = styles_of(args, groups)
    for axes, g in zip(panes, groups):
        draw_experiment(axes, g, args, styles)
        if len(groups) > 1:
            axes.set_title(g.label, fontsize=8)
    for axes in panes[len(groups):]:
        axes.set_visible(False)
    for axes in panes[::columns]:
        axes.set_ylabel("coordinates safe from f voters" + common.spread_note(groups, args.band))
    common.legend_of_all(panes[:len(groups)])
    return figure


def numbers_of(text):
    """ "1,2,4" """
    try:
        found = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise argparse.ArgumentTypeError(f"found {text}, expected numbers of voters, as in 1,2,4") from None
    return found


def parser():
    p = common.parser(__doc__.split("\n\n")[0])
    p.set_defaults(width=None, height=None)
    p.add_argument("--x", choices=["step", "epoch"], default="step")
    p.add_argument("--f", type=numbers_of, metavar="F,...", help="numbers of voters that have a line")
    return p


if __name__ == "__main__":
    common.main(parser(), draw)
