#!/usr/bin/env python3
"""A vote up to one half of Byzantine workers, and past it: final test accuracy against their share, a line for each number
of workers M and each attack. Below, by how much Theorem 2 (Bernstein et al. 2019) multiplies the noise of one worker's
gradient, 1/((1 - 2 alpha) sqrt(M)) at a share of alpha: it is proven of blind adversaries, such as those that invert, and
says nothing from one half on.

usage: python3 plots/half.py RUN.h5... -o FILE.{png,svg,pdf} [--band t|minmax|std|none]
"""

import json

import numpy as np

import adversaries
import bands
import common

COLUMN = "test_accuracy"
HALF = 50  # per cent


def beside_workers(g):
    return json.dumps({k: v for k, v in g.key.items() if k != "workers"}, sort_keys=True)


def workers(g):
    return g.runs[0].workers


def styles_of(groups):
    """A colour for what is done, a dash for how many workers there are."""
    done = list(dict.fromkeys(beside_workers(g) for g in groups))
    dashes = dashes_of(groups)
    shades = common.colours(len(done))
    return [{"color": shades[done.index(beside_workers(g))]["color"], "linestyle": dashes[workers(g)]} for g in groups]


def dashes_of(groups):
    sizes = sorted({workers(g) for g in groups})
    return {size: common.DASHES[i % len(common.DASHES)] for i, size in enumerate(sizes)}


def table_of(runs):
    """Final accuracies in % by the share of Byzantine workers."""
    shares = {}
    for run in runs:
        shares.setdefault(adversaries.share(run), []).append(run)
    x = sorted(shares)
    values = np.full((len(x), max(map(len, shares.values()), default=0)), np.nan)
    for row, at in zip(values, x):
        row[: len(shares[at])] = [100 * bands.final(run, COLUMN) for run in shares[at]]
    seeds = [[run.setting("seed") for run in shares[at]] for at in x]
    return common.Table(np.array(x), values, seeds, np.ones(len(x), dtype=bool))


def draw_accuracy(axes, groups, args):
    for g, style in zip(groups, styles_of(groups)):
        ended = [run for run in g.runs if adversaries.ended(run)]
        diverged = [run for run in ended if run.state == "diverged"]
        if ended:
            common.draw_band(axes, table_of(ended), args.band, {**style, "marker": "o", "markersize": 4}, g.label)
        if diverged:
            axes.plot([adversaries.share(run) for run in diverged], [100 * bands.final(run, COLUMN) for run in diverged],
                      "x", color=style["color"], label=f"{g.label}, diverged".lstrip(", "))
        adversaries.draw_unfinished(axes, [run for run in g.runs if not adversaries.ended(run)], COLUMN, 100, style,
                                    g.label)
    axes.set_ylabel("final test accuracy (%)")
    axes.set_title(common.spread_note(groups, args.band).lstrip(", "), fontsize=8)
    common.legend(axes)


def factor(share, size):
    """Theorem 2's, of a share in %."""
    return 1 / ((1 - 2 * np.asarray(share) / 100) * np.sqrt(size))


def draw_theorem(axes, groups):
    """A line for each number of workers, with dots at the shares that were run."""
    for size, dash in dashes_of(groups).items():
        of_size = {adversaries.share(run) for g in groups if workers(g) == size for run in g.runs}
        run_at = {share for share in of_size if share < HALF}
        x = np.array(sorted({*np.linspace(0, 0.99 * HALF, 40), *run_at}))
        dots = [i for i, share in enumerate(x) if share in run_at]
        axes.plot(x, factor(x, size), color="#555555", linestyle=dash, linewidth=1, marker="o", markersize=4,
                  markevery=dots, label=f"M = {size}")
    axes.set_yscale("log")
    axes.set_ylabel("1 / ((1 - 2 alpha) sqrt(M))")
    axes.set_title("Theorem 2: the noise is multiplied by (blind adversaries; none from one half on)", fontsize=8)
    axes.set_xlabel("Byzantine workers (%)")
    common.legend(axes)


def draw(args, runs):
    if not any(np.isfinite(run.column(f"/evals/{COLUMN}")).any() for run in runs):
        raise common.PlotError("no run has a test accuracy; the figure is for runs with labels")
    groups = adversaries.curves(runs)
    figure, (above, below) = common.new_figure(args, rows=2, sharey=False)
    draw_accuracy(above, groups, args)
    draw_theorem(below, groups)
    below.set_xlim(above.get_xlim())
    for axes in (above, below):
        axes.axvline(HALF, color="#888888", linewidth=0.8, linestyle=":")
    return figure


if __name__ == "__main__":
    p = common.parser(__doc__.split("\n\n")[0], band="t")
    p.set_defaults(height=6.5)
    common.main(p, draw)
