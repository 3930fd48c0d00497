#!/usr/bin/env python3
"""The signal-to-noise ratio of stochastic gradients over a run (Bernstein et al. 2019, figure 3): the largest and
the mean ratio of all weights on a logarithmic scale, with the theory's critical line 2 / sqrt(3), and the share of
weights above it.

The runs must have recorded it: "record": {"snr": 100}.

usage: python3 plots/snr.py RUN.h5... -o FILE.{png,svg,pdf} [--x step|epoch]
"""

import numpy as np

import common
import probes
from matplotlib import ticker

GROUP = "/probes/snr/"
CRITICAL = 2 / np.sqrt(3)


def draw_line(axes, g, name, args, style, text, scale=1):
    def table_of(runs):
        return common.table(runs, GROUP + "step", GROUP + name, probes.factor_of(args.x)).scaled(scale)

    common.draw_group(axes, g, table_of, args, style, text)


def plain_ticks(axes):
    """1, 2, 5, 10 instead of powers, where few decades are seen."""
    low, high = axes.get_ylim()
    if high / low < 1e4:
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())


def draw_ratios(axes, groups, args):
    several = len(groups) > 1
    for g, style in zip(groups, common.colours(len(groups))):
        about = f", {g.label}" if several else ""
        other = style["color"] if several else common.PALETTE[1]
        draw_line(axes, g, "max", args, {**style, "linestyle": "-"}, "largest" + about)
        draw_line(axes, g, "mean", args, {"color": other, "linestyle": "--"}, "mean" + about)
    axes.axhline(CRITICAL, color="#555555", linewidth=1, linestyle=":", label="critical line 2/√3")
    axes.set_yscale("log")
    plain_ticks(axes)
    axes.set_ylabel("signal-to-noise ratio of a weight" + common.spread_note(groups, args.band))
    if several or groups[0].unfinished:
        common.legend(axes)
    else:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncol=3)


def draw_share(axes, groups, args):
    everything = []
    for g, style in zip(groups, common.colours(len(groups))):
        draw_line(axes, g, "share", args, {**style, "linestyle": "-"}, g.label, 100)
        everything += [run.column(GROUP + "share") for run in g.runs]
    everything = np.concatenate(everything)
    if common.spans_decades(everything[everything > 0]):
        axes.set_yscale("log")
        plain_ticks(axes)
    else:
        axes.set_ylim(bottom=0)
    axes.set_ylabel("weights above the critical line (%)")


def draw(args, runs):
    groups = common.group(probes.probed(runs, GROUP, '{"snr": 100}'))
    figure, (left, right) = common.new_figure(args, 2, sharey=False)
    draw_ratios(left, groups, args)
    draw_share(right, groups, args)
    for axes in (left, right):
        axes.set_xlabel(args.x)
    return figure


def parser():
    p = common.parser(__doc__.split("\n\n")[0])
    p.set_defaults(width=8.5, height=4.0)
    p.add_argument("--x", choices=["step", "epoch"], default="epoch")
    return p


if __name__ == "__main__":
    common.main(parser(), draw)
