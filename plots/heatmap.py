#!/usr/bin/env python3
"""Final accuracy (without labels the final loss) in the cells of a grid, the mean over seeds with half of its 95 % band:
by default a row a rule and a column an attack, with the worst case over the attacks at the right. A panel for
everything else that differs. A cell with runs that diverged has a cross behind its number.

usage: python3 plots/heatmap.py RUN.h5... -o FILE.{png,svg,pdf} [--rows SETTING] [--columns SETTING]

A setting is rule, attack, share (of Byzantine workers), partition or task, or any key, as in lr.rate.
"""

import math

import numpy as np

import common
from bands import mean_band, worst_case
from grid import NO_ATTACK, Grid, finals, measure_of, need_ended, split

MOST_PANELS = 6
WORST = "worst"


def worst_of(row, of_cell, falls):
    """The row's worst case over attacks, where there are several and it has a value under each: (mean, low, high), else None."""
    attacks = {column for (_, column), by_seed in of_cell.items() if column != NO_ATTACK and by_seed}
    values = {column: by_seed for (at, column), by_seed in of_cell.items() if at == row and column in attacks and by_seed}
    if len(attacks) < 2 or len(values) < len(attacks):
        return None
    _, mean, low, high = worst_case(values, falls)
    return mean, low, high


def band_text(measure, mean, half):
    return measure.bare(mean) + (f"\n± {measure.bare(half)}" if math.isfinite(half) else "")


def cells_of(part, measure):
    """{(row, column): (value, text)} of one panel; the worst case is column WORST."""
    of_cell = {place: finals(g, measure.column) for place, g in part.cells.items()}
    found = {}
    for place, g in part.cells.items():
        mean, half = mean_band(of_cell[place].values())
        mark = " ×" if any(run.state == "diverged" for run in g.runs) else ""
        found[place] = (mean, band_text(measure, mean, half) + mark)
    for row in part.rows if part.by_attack else []:
        worst = worst_of(row, of_cell, measure.falls)
        if worst:
            mean, low, high = worst
            found[row, WORST] = (mean, measure.bare(mean) + (f"\n{measure.bare(low)} to {measure.bare(high)}"
                                                             if math.isfinite(low) else ""))
    return found


def draw_panel(axes, part, measure, cells, edges):
    columns = part.columns + ([WORST] if any(column == WORST for _, column in cells) else [])
    values = np.full((len(part.rows), len(columns)), np.nan)
    for (row, column), (value, _) in cells.items():
        values[part.rows.index(row), columns.index(column)] = measure.factor * value
    image = axes.imshow(values, cmap="cividis", vmin=edges[0], vmax=edges[1], aspect="auto")
    for (row, column), (value, text) in cells.items():
        bright = image.cmap(image.norm(measure.factor * value))[:3] if math.isfinite(value) else (1, 1, 1)
        axes.text(columns.index(column), part.rows.index(row), text, ha="center", va="center", fontsize=8,
                  color="black" if np.dot(bright, (0.2126, 0.7152, 0.0722)) > 0.45 else "white")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(part.rows)), part.rows)
    axes.grid(False)
    if columns[-1] == WORST:
        axes.axvline(len(columns) - 1.5, color="black", linewidth=1.5)
    axes.set_title(part.title, fontsize=9)
    axes.set_xlabel(f"final {measure.axis}")


def draw(args, runs):
    need_ended(runs)
    measure = measure_of(runs)
    parts = split(Grid(runs), args.rows, args.columns)
    if len(parts) > MOST_PANELS:
        raise common.PlotError(f"found {len(parts)} combinations of other settings ({parts[0].title}; {parts[1].title}; "
                               f"...), expected at most {MOST_PANELS}: give fewer files, or other --rows and --columns")
    of_part = [cells_of(part, measure) for part in parts]
    known = [measure.factor * value for cells in of_part for value, _ in cells.values() if math.isfinite(value)]
    across = min(len(parts), 2)
    down = -(-len(parts) // across)
    args.width = args.width or across * max(3.6, 1.6 + 0.85 * max(len(part.columns) + 1 for part in parts))
    args.height = args.height or 0.6 + down * (1.1 + 0.55 * max(len(part.rows) for part in parts))
    figure, panes = common.new_figure(args, across, down, sharey=False)
    for axes, part, cells in zip(panes, parts, of_part):
        draw_panel(axes, part, measure, cells, (min(known, default=0), max(known, default=1)))
    for axes in panes[len(parts):]:
        axes.set_visible(False)
    return figure


def parser():
    p = common.parser(__doc__.split("\n\n")[0], band="t")
    p.set_defaults(width=None, height=None)
    p.add_argument("--rows", default="rule", metavar="SETTING")
    p.add_argument("--columns", default="attack", metavar="SETTING")
    return p


if __name__ == "__main__":
    common.main(parser(), draw)
