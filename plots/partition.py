#!/usr/bin/env python3
"""What each worker got of the training set: a bar a worker, stacked by class. The bars of Byzantine workers are
hatched; workers without data have none. A panel a run; runs with the same shares are shown once.

usage: python3 plots/partition.py RUN.h5... -o FILE.{png,svg,pdf}
"""

import numpy as np

import common

SAMPLES = "/partition/samples"
MOST_PANELS = 6
MOST_NAMED = 20  # classes that the legend tells apart
MOST_NUMBERED = 30  # workers that each have a number below their bar


def shares(run):
    """[workers][classes]"""
    if not run.has(SAMPLES):
        raise common.PlotError(f"{run.path}: has no {SAMPLES}: it has no data, or is a result of an earlier program")
    return run.column(SAMPLES)


def different(runs):
    """The runs with shares of their own, in the order in which they came."""
    found = []
    for run in runs:
        mine = shares(run)
        if not any(np.array_equal(mine, shares(other)) for other in found):
            found.append(run)
    if len(found) > MOST_PANELS:
        raise common.PlotError(f"found {len(found)} runs with shares of their own, expected at most {MOST_PANELS}")
    return found


def title_of(run):
    """ "dirichlet, alpha 0.3, data seed 1, seed 2"."""
    flat = run.flat
    parts = [flat["partition"]] if "partition" in flat else [flat["partition.kind"]]
    parts += [f"{key.split('.')[1]} {value}" for key, value in flat.items()
              if key.startswith("partition.") and key != "partition.kind" and value is not None]
    if flat.get("data_seed") is not None:
        parts.append(f"data seed {flat['data_seed']}")
    return ", ".join(parts + [f"seed {flat['seed']}"])


def colours_of(classes):
    """One a class: the palette where it has enough, else a map from dark to bright."""
    if classes <= len(common.PALETTE):
        return common.PALETTE[:classes]
    steps = common.plt.get_cmap("tab10" if classes <= 10 else "tab20" if classes <= 20 else "viridis")
    return [steps(c if classes <= 20 else c / (classes - 1)) for c in range(classes)]


def worker_label(byzantine, sizes):
    if not byzantine:
        return "worker"
    without = all(sizes[byzantine] == 0)
    return "worker (Byzantine: " + ("without data)" if without else "hatched)")


def draw_run(axes, run):
    table = shares(run)
    workers, classes = table.shape
    byzantine = run.flat.get("adversaries.ids", [])
    below = np.zeros(workers)
    for c, colour in enumerate(colours_of(classes)):
        bottom = np.where(table[:, c] > 0, below, 0)  # a bar of nothing on top would leave no margin above it
        axes.bar(np.arange(workers), table[:, c], bottom=bottom, color=[colour], width=0.8,
                 label=f"class {c}" if classes > 1 else "tokens")
        below = below + table[:, c]
    axes.bar(byzantine, below[byzantine], width=0.8, facecolor="none", edgecolor="white", linewidth=0, hatch="///",
             label="_byzantine")
    axes.set_title(title_of(run), fontsize=8)
    axes.set_xlabel(worker_label(byzantine, below))
    axes.set_xlim(-0.6, workers - 0.4)
    if workers <= MOST_NUMBERED:
        axes.set_xticks(range(workers))
    axes.grid(axis="x", visible=False)


def draw(args, runs):
    chosen = different(runs)
    columns = min(len(chosen), 3)
    rows = -(-len(chosen) // columns)
    if args.width is None:
        args.width = 5.5 if columns == 1 else 4.0 * columns
    if args.height is None:
        args.height = 3.8 * rows
    alike = len({shares(run).shape[1] for run in chosen}) == 1
    figure, panes = common.new_figure(args, columns, rows, sharey=alike)
    for axes, run in zip(panes, chosen):
        draw_run(axes, run)
    for axes in panes[len(chosen):]:
        axes.set_visible(False)
    for place, (axes, run) in enumerate(zip(panes, chosen)):
        if place % columns == 0 or not alike:
            axes.set_ylabel("tokens" if shares(run).shape[1] == 1 else "samples")
    if 1 < max(shares(run).shape[1] for run in chosen) <= MOST_NAMED:
        common.legend_of_all(panes[:len(chosen)])
    return figure


def parser():
    p = common.parser(__doc__.split("\n\n")[0])
    p.set_defaults(width=None, height=None)
    return p


if __name__ == "__main__":
    common.main(parser(), draw)
