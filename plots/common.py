"""What the figures share: curves with bands over the seeds of an experiment (runs.py says which runs are one),
colours, and output that is the same for the same input.

Means are over finished runs. A run that is not finished (or diverged) is drawn by itself.

Needs h5py, numpy and matplotlib.
"""

import argparse
import os
import textwrap
import warnings

from house import finish, legend, legend_of_all, new_figure, power, plt  # noqa: F401  (first: it says what is missing)
import numpy as np

from bands import half_widths
from labels import label, telling  # noqa: F401  (figures have these and the next from here)
from results import PlotError, files_of
from runs import TIMED, Group, Run, belongs, group, key_of, leave_out  # noqa: F401
from script import Parser, fail, sentences

# Okabe and Ito's palette, which colour-blind readers can tell apart, without its yellow (too pale for lines).
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
DASHES = ["-", "--", "-.", ":"]

MARK = "signsgd plot"  # by this `signsgd plot` knows a figure that it may replace (src/h5/h5_replace.c)
METADATA = {
    "png": {"Software": MARK},
    "svg": {"Date": None, "Creator": MARK},
    "pdf": {"CreationDate": None, "Creator": MARK, "Producer": None},
}


def table(runs, x, y, factor_of=lambda run: 1.0):
    """x times the run's factor and y of these runs, at every step that any of them has."""
    points = []
    for run in runs:
        steps, at, values = run.columns(step_of(y), x, y)
        at = np.where(at == 0, 0, factor_of(run) * at)  # the start is known where the factor is not
        points.append(dict(zip(steps, zip(at, values))))
    return paired(points, runs)


def paired(points, runs):
    """A table of what the runs have at equal steps; points: for each run, {step: (x, value)}."""
    steps = sorted(set().union(*points))
    both = np.full((len(steps), len(points), 2), np.nan)
    for r, of_run in enumerate(points):
        for s, step in enumerate(steps):
            both[s, r] = of_run.get(step, (np.nan, np.nan))
    common = np.array([all(step in of_run for of_run in points) for step in steps], dtype=bool)
    seeds = [[run.setting("seed") for run, of_run in zip(runs, points) if step in of_run] for step in steps]
    return Table(mean_of_those(both[:, :, 0]), both[:, :, 1], seeds, common)


def mean_of_those(values):
    """The mean of each row over the runs that have a value there."""
    there = ~np.isnan(values)
    count = there.sum(axis=1)
    return np.where(count > 0, np.where(there, values, 0).sum(axis=1) / np.maximum(count, 1), np.nan)


class Table:
    """
    values [points][runs], NaN where a run has none; x and mean [points]: over those that have one; seeds [points]: of
    those. Where runs were evaluated at different steps, `common` [points] says which points all of them have: a line
    over others would follow now the one run, now the other.
    """

    def __init__(self, x, values, seeds, common):
        self.x = x
        self.values = values
        self.seeds = seeds
        self.common = common
        self.mean = mean_of_those(values)
        self.count = (~np.isnan(values)).sum(axis=1)

    def scaled(self, factor):
        return Table(self.x, self.values * factor, self.seeds, self.common)

    def band(self, kind):
        """x, low and high where two runs or more have a value."""
        several = self.common & (self.count > 1)
        values, mean = self.values[several], self.mean[several]
        if kind == "t":
            half = half_widths(values)
            return self.x[several], mean - half, mean + half
        if kind == "std":
            squares = np.nansum((values - mean[:, None]) ** 2, axis=1)
            deviation = np.sqrt(squares / (self.count[several] - 1))
            return self.x[several], mean - deviation, mean + deviation
        return self.x[several], np.nanmin(values, axis=1), np.nanmax(values, axis=1)

    def others(self):
        """x and value of every point that only some of the runs have."""
        rows, columns = np.nonzero(~np.isnan(self.values) & ~self.common[:, None])
        return self.x[rows], self.values[rows, columns]


def step_of(column):
    """The column of steps that belongs to a column: /evals/test_loss -> /evals/step."""
    return column.rsplit("/", 1)[0] + "/step"


def epochs_per_step(run):
    """Passes over a worker's shard in a step; 0 without data, NaN where no row says it so far."""
    for rows in ("/steps/", "/evals/"):
        steps, epochs = run.columns(rows + "step", rows + "epoch")
        if len(steps) and steps[-1] > 0:
            return epochs[-1] / steps[-1]
    return np.nan


def colours(count):
    """Line styles for `count` curves: the palette, or, for more, shades that keep their order in grey."""
    if count <= len(PALETTE):
        return [{"color": PALETTE[i], "linestyle": DASHES[i % 2]} for i in range(count)]
    shades = plt.get_cmap("viridis")(np.linspace(0, 0.88, count))
    return [{"color": shades[i], "linestyle": DASHES[i % len(DASHES)]} for i in range(count)]


def spans_decades(values, decades=2):
    """Is a logarithmic axis worth it? Only for values that are all positive."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    return len(values) > 0 and values.min() > 0 and values.max() / values.min() > 10**decades


def parser(about, band="minmax"):
    p = Parser(description=about)
    p.add_argument("runs", nargs="+", metavar="RUN.h5", help="result files of signsgd simulate")
    p.add_argument("-o", "--out", required=True, metavar="FILE", help="the figure: .png, .svg or .pdf")
    p.add_argument("--title", help="title of the figure")
    p.add_argument("--band", choices=["minmax", "std", "t", "none"], default=band, help="over seeds; t: 95 %% by Student's t")
    p.add_argument("--width", type=inches, default=7.0, help="inches")
    p.add_argument("--height", type=inches, default=4.3, help="inches")
    return p


def inches(text):
    value = float(text)
    if not 1 <= value <= 100:
        raise argparse.ArgumentTypeError(f"found {text}, expected 1 to 100 inches")
    return value


def draw_band(axes, found, kind, style, text):
    """
    The mean of a table where all runs have a point, and the band around it; other points are dots. The legend says how
    many runs there are.
    """
    line, rest = found.common, found.others()
    seeds = [of_point for of_point, chosen in zip(found.seeds, line) if chosen] or found.seeds
    text = ", ".join(filter(None, [text, count_text(seeds), "dots: points of some of them" if len(rest[0]) else ""]))
    if line.any():
        axes.plot(found.x[line], found.mean[line], label=text, **{"linewidth": 1.5, **style})
    if kind != "none" and (line & (found.count > 1)).any():
        axes.fill_between(*found.band(kind), color=style["color"], alpha=0.18, linewidth=0)
    if len(rest[0]):
        axes.plot(*rest, ".", markersize=4, color=style["color"], label=None if line.any() else text)


def count_text(seeds):
    """How many runs there are behind points, from the seeds of each point's: "3 runs", "1 to 3 runs"; "" for one."""
    counts = [len(of_point) for of_point in seeds if len(of_point)]
    if max(counts, default=0) < 2:
        return ""
    again = "" if all(len(set(of_point)) == len(of_point) for of_point in seeds) else ", some of the same seed"
    return f"{max(counts)} runs{again}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)} runs{again}"


def draw_unfinished(axes, runs, table_of, style, text):
    """Each unfinished run by itself, dotted, with a ring at its last point; table_of([run]) gives its points."""
    text = ", ".join(filter(None, [text, unfinished_text(runs)]))
    for run in runs:
        found = table_of([run])
        if len(found.x):
            axes.plot(found.x, found.mean, label=text, color=style["color"], linestyle=":", linewidth=1.2, marker="o",
                      markersize=5, markerfacecolor="none", markevery=[len(found.x) - 1])
            text = None  # one line of the legend for all of them
    if runs and text is not None:
        axes.plot([], [], label=f"{text}, without a point so far", color=style["color"], linestyle=":", linewidth=1.2)


def draw_group(axes, g, table_of, args, style, text):
    """A group's curve, and its unfinished runs; table_of(runs) gives the points of some of its runs."""
    draw_band(axes, table_of(g.finished), args.band, style, text)
    draw_unfinished(axes, g.unfinished, table_of, style, text)


def unfinished_text(runs):
    """ "seed 3 interrupted after step 120 of 300", or for several "2 interrupted, 1 diverged"."""
    if len(runs) == 1:
        return f"seed {runs[0].setting('seed')} {runs[0].progress()}"
    states = [run.state for run in runs]
    return ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))


def needs_legend(groups):
    """Is there anything to tell apart or to count?"""
    return len(groups) > 1 or any(len(g.runs) > 1 or g.unfinished for g in groups)


def spread_note(groups, kind):
    """What a line and its band are, for an axis label; empty when no curve has several runs."""
    if max(len(g.finished) for g in groups) < 2:
        return ""
    return ", mean" + {"minmax": " and range", "std": " and standard deviation", "t": " and its 95 % band", "none": ""}[kind]


def say_of_runs(figure, runs):
    """Small, below: of a single run which it is, and what the runs say of their data (that they are others, say)."""
    notes = [about(runs[0])] if len(runs) == 1 else []
    notes += sorted({run.data_note for run in runs if run.data_note})
    if notes:
        width = int(figure.get_figwidth() * 20)
        figure.supxlabel("\n".join(textwrap.fill(note, width) for note in notes), fontsize=7, color="#666666")


def about(run):
    """Which run it is, and how many of its workers are Byzantine."""
    attack = f", {run.read_meta('attack')}" if run.byzantine else ""
    run_id = run.read_meta("id", "")
    return (f"{run.setting('name')}{', id ' + run_id if run_id else ''}, seed {run.setting('seed')}: {run.byzantine} of "
            f"{run.workers} workers Byzantine{attack}")


def save(figure, path):
    ending = os.path.splitext(path)[1].lower().lstrip(".")
    if ending not in METADATA:
        raise PlotError(f"-o {path}: expected a name that ends in .png, .svg or .pdf")
    cut = finish(figure)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of letters that no font has: said already
            figure.savefig(path, metadata=METADATA[ending], bbox_inches=cut)
    except OSError as error:
        fail(f"{path} could not be written: {error.strerror or error}", 1)


def check_title(title):
    """Bytes that are no letters come as halves of surrogates, which an SVG cannot hold."""
    if any("\ud800" <= letter <= "\udfff" for letter in title):
        raise PlotError(f"--title: found {ascii(title)}, expected text in UTF-8")


def main(p, draw):
    """Parse, draw, save; script.py says how it ends."""
    def work(args):
        check_title(args.title or "")
        runs = [Run(path) for path in files_of(args.runs)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of means over nothing, which are drawn as nothing
            figure = draw(args, runs)
        say_of_runs(figure, runs)
        save(figure, args.out)

    sentences(p, work, "drawn")
