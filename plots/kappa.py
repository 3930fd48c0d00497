#!/usr/bin/env python3
"""How robust the aggregator was in each step (Allouah et al. 2023, Definition 2): the squared distance of its answer from
the mean of the honest workers' vectors over their spread, on a logarithmic scale, with the bound that is known of the
aggregator: below it the definition holds. What is below a millionth is drawn there.

The runs must have recorded it: "record": {"kappa": 1}.

usage: python3 plots/kappa.py RUN.h5... -o FILE.{png,svg,pdf} [--x step|epoch]
"""

import numpy as np

import common
import probes

GROUP = "/probes/kappa/"
LEAST = 1e-6  # less is the mean of the honest itself, but for rounding; it is drawn here
BOUND = {"color": "#555555", "linestyle": ":", "linewidth": 1.2}


def table_of(args, name):
    def of_runs(runs):
        found = common.table(runs, GROUP + "step", GROUP + name, probes.factor_of(args.x))
        values = np.where(np.isfinite(found.values), found.values, np.nan)  # no spread, or a withheld step
        values = np.where(values < LEAST, LEAST, values)
        return common.Table(found.x, values, found.seeds, found.common)

    return of_runs


def known(found):
    """The points of a table of bounds that have one."""
    there = np.isfinite(found.mean)
    return found.x[there], found.mean[there]


def draw_bounds(axes, groups, styles, args):
    """One grey line where all curves have the same bound, else one in the colour of each curve."""
    bounds = [known(table_of(args, "bound")(g.runs)) for g in groups]
    values = {value for _, of_group in bounds for value in np.round(of_group, 12)}
    if not values:
        return
    if len(values) == 1 and all(len(x) for x, _ in bounds):
        axes.axhline(values.pop(), label="bound", **BOUND)
        return
    for (x, of_group), style in zip(bounds, styles):
        axes.plot(x, of_group, **{**BOUND, "color": style["color"]})
    axes.plot([], [], label="dotted: bound, where one is known", **BOUND)


def draw(args, runs):
    groups = common.group(probes.probed(runs, GROUP, '{"kappa": 1}'))
    styles = [{**style, "linestyle": "-"} for style in common.colours(len(groups))]
    figure, (axes,) = common.new_figure(args)
    for g, style in zip(groups, styles):
        common.draw_group(axes, g, table_of(args, "kappa"), args, style, g.label or "kappa")
    draw_bounds(axes, groups, styles, args)
    axes.set_yscale("log")
    axes.set_xlabel(args.x)
    axes.set_ylabel("kappa" + common.spread_note(groups, args.band))
    common.legend(axes)
    return figure


def parser():
    p = common.parser(__doc__.split("\n\n")[0])
    p.add_argument("--x", choices=["step", "epoch"], default="step")
    return p


if __name__ == "__main__":
    common.main(parser(), draw)
