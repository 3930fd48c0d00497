"""What the figures share: reading result files, grouping runs that differ only in their seed, labels from
what differs between the groups, colours, and output that is the same for the same input.

What makes two runs one experiment is decided by signsgd, which writes it to /config/identity; here it is only
compared, together with the fingerprint of the data. Means are over finished runs. A run that is not finished (or
diverged) is drawn by itself.

Needs h5py, numpy and matplotlib. The layout of a result file is docs/RESULTS.md.
"""

import argparse
import json
import os
import subprocess
import sys
import textwrap
import traceback
import warnings

from house import finish, legend, legend_of_all, new_figure, power, plt  # noqa: F401  (first: it says what is missing)
import numpy as np

from labels import in_order, label, telling
from results import PlotError, files_of, open_result, program

# Okabe and Ito's palette, which colour-blind readers can tell apart, without its yellow (too pale for lines).
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
DASHES = ["-", "--", "-.", ":"]

# What h5py and json raise on a file that is damaged or another program's.
DAMAGE = (OSError, RuntimeError, KeyError, TypeError, ValueError)

MARK = "signsgd plot"  # by this `signsgd plot` knows a figure that it may replace (src/h5/h5_replace.c)
METADATA = {
    "png": {"Software": MARK},
    "svg": {"Date": None, "Creator": MARK},
    "pdf": {"CreationDate": None, "Creator": MARK, "Producer": None},
}


def flatten(value, prefix=""):
    """{"a": {"b": 1}} -> {"a.b": 1}; lists stay whole."""
    flat = {}
    for key, member in value.items():
        if isinstance(member, dict):
            flat.update(flatten(member, f"{prefix}{key}."))
        else:
            flat[prefix + key] = member
    return flat


class Run:
    """One result file: its settings, and its columns as arrays."""

    def __init__(self, path):
        self.path = path
        self.file = open_result(path)
        self.config = self.read_json("config/resolved")
        self.flat = flatten(self.config)
        self.identity = flatten(self.read_json("config/identity") if self.has("config/identity") else ask_identity(path))
        self.state = self.read_meta("state")
        self.data_note = self.read_meta("data_note", "")
        self.data_id = self.read_meta("data_id", "")  # "": a file of an earlier program, which does not say it

    def read_json(self, name):
        try:
            config = json.loads(self.file[name][()])
        except DAMAGE as error:
            raise PlotError(f"{self.path}: no result of signsgd simulate: /{name}: {error.args[0]}") from None
        if not isinstance(config, dict):
            raise PlotError(f"{self.path}: /{name} is no JSON object")
        return config

    def read_meta(self, name, absent=None):
        """A text of /meta; `absent` is for what files of earlier programs lack."""
        try:
            if absent is not None and name not in self.file["meta"].attrs:
                return absent
            text = self.file["meta"].attrs[name]
        except DAMAGE as error:
            raise PlotError(f"{self.path}: /meta has no attribute {name}: {error.args[0]}") from None
        return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)

    def setting(self, dotted):
        if dotted not in self.flat:
            raise PlotError(f"{self.path}: /config/resolved holds no {dotted}")
        return self.flat[dotted]

    def number(self, dotted):
        value = self.setting(dotted)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise PlotError(f"{self.path}: {dotted} in /config/resolved is {value!r}, expected a number")
        return value

    @property
    def finished(self):
        return self.state == "finished"

    def progress(self):
        """How far an unfinished run came, in words."""
        steps = self.column("/steps/step")
        return f"{self.state} after step {steps[-1] if len(steps) else 0:.0f} of {self.number('steps')}"

    @property
    def workers(self):
        return self.number("workers")

    @property
    def byzantine(self):
        return self.number("adversaries.count")

    def has(self, path):
        return path in self.file

    def column(self, path):
        """A dataset as an array of doubles."""
        if not self.has(path):
            raise PlotError(f"{self.path}: has no {path}{recorded_by(path)}")
        try:
            return np.asarray(self.file[path][...], dtype=float)
        except DAMAGE as error:
            raise PlotError(f"{self.path}: {path} cannot be read: {error.args[0]}") from None

    def columns(self, *paths):
        """Several columns, cut to the shortest: a run that goes on may be between two rows."""
        columns = [self.column(path) for path in paths]
        rows = min(len(column) for column in columns)
        return [column[:rows] for column in columns]


def recorded_by(column):
    """What records a column that not every result has, for the end of a sentence."""
    parts = column.strip("/").split("/")
    if parts[0] == "probes":
        return f'; it is recorded by "record": {{"{parts[1]}": 1}}'
    if parts[-1] == "test_bits" or parts[-1].endswith("perplexity"):
        return "; it is recorded of runs on a text"
    return ""


def ask_identity(path):
    """The identity of a file of an earlier program, which does not say it: signsgd makes it from the settings."""
    program = os.environ.get("SIGNSGD_PROGRAM", "signsgd")
    try:
        said = subprocess.run([program, "show", "--json", os.path.abspath(path)], capture_output=True, check=False)
        return json.loads(json.loads(said.stdout)["identity"])
    except DAMAGE:
        raise PlotError(f"{path}: does not say its identity, and '{program} show --json' does not know it either; is "
                        "it a result of signsgd?") from None


class Group:
    """Runs of one experiment: the same settings but for the seed, and the same data."""

    def __init__(self, key, runs):
        self.key = key
        self.runs = runs
        self.label = ""

    @property
    def finished(self):
        return [run for run in self.runs if run.finished]

    @property
    def unfinished(self):
        return [run for run in self.runs if not run.finished]


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


def belongs(key, names):
    """Is `key` one of the names, or below one of them?"""
    return any(key == name or key.startswith(name + ".") for name in names)


# Where the figure is about time, messages that travel otherwise and other kernels are another experiment.
TIMED = ("transport", "backend")


def nothing(run):
    return ()


def key_of(run, without=nothing, apart=()):
    """
    What makes a run another experiment, as a dictionary; without(run): settings of the identity that do not count;
    `apart`: settings besides those of the identity.
    """
    key = {k: v for k, v in run.identity.items() if not belongs(k, without(run))}
    key.update({k: v for k, v in run.flat.items() if belongs(k, apart)})
    if isinstance(key.get("adversaries.ids"), list):
        key["adversaries.ids"] = sorted(key["adversaries.ids"])  # the same workers, in whatever order
    return key


def group(runs, without=nothing, apart=()):
    """Runs by their settings and their data, labelled and put in order by what differs."""
    groups = {}
    for run in runs:
        key = key_of(run, without, apart)
        groups.setdefault(json.dumps(key, sort_keys=True), Group(key, [])).runs.append(run)
    groups = [part for g in groups.values() for part in by_data(g)]
    names = telling([g.key for g in groups])
    for g in groups:
        g.label = label(g, names)
    return sorted(groups, key=lambda g: [in_order(g.key.get(name)) for name in names])


def by_data(g):
    """
    A group's parts by the data that were trained on. A result that does not say which is taken at its word: it goes
    with the others, unless they differ.
    """
    known = sorted({run.data_id for run in g.runs if run.data_id})
    if len(known) < 2:
        return [g]
    parts = [(name, [run for run in g.runs if run.data_id == name]) for name in ["", *known]]
    return [Group({**g.key, "data_id": name or "unknown"}, runs) for name, runs in parts if runs]


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


class Parser(argparse.ArgumentParser):
    def error(self, message):  # one sentence, as of every other mistake
        fail(message, 2)


def parser(about):
    p = Parser(description=about)
    p.add_argument("runs", nargs="+", metavar="RUN.h5", help="result files of signsgd simulate")
    p.add_argument("-o", "--out", required=True, metavar="FILE", help="the figure: .png, .svg or .pdf")
    p.add_argument("--title", help="title of the figure")
    p.add_argument("--band", choices=["minmax", "std", "none"], default="minmax", help="over seeds")
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


def leave_out(run, why):
    """Say that a file is not in the figure."""
    print(f"{program()}: {run.path} is left out: {why}", file=sys.stderr)


def needs_legend(groups):
    """Is there anything to tell apart or to count?"""
    return len(groups) > 1 or any(len(g.runs) > 1 or g.unfinished for g in groups)


def spread_note(groups, kind):
    """What a line and its band are, for an axis label; empty when no curve has several runs."""
    if max(len(g.finished) for g in groups) < 2:
        return ""
    return ", mean" + {"minmax": " and range", "std": " and standard deviation", "none": ""}[kind]


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


def fail(sentence, code):
    print(f"{program()}: {sentence}", file=sys.stderr)
    sys.exit(code)


def check_title(title):
    """Bytes that are no letters come as halves of surrogates, which an SVG cannot hold."""
    if any("\ud800" <= letter <= "\udfff" for letter in title):
        raise PlotError(f"--title: found {ascii(title)}, expected text in UTF-8")


def main(p, draw):
    """Parse, draw, save. What the user can mend is one sentence and exit code 2; what nobody foresaw, one and 1."""
    args = p.parse_args()
    try:
        check_title(args.title or "")
        runs = [Run(path) for path in files_of(args.runs)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of means over nothing, which are drawn as nothing
            figure = draw(args, runs)
        say_of_runs(figure, runs)
        save(figure, args.out)
    except PlotError as sentence:
        fail(sentence, 2)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        fail(f"{args.out} cannot be drawn from these files: {type(error).__name__}: {error or 'no more is known'} "
             f"({os.path.basename(where.filename)}, line {where.lineno})", 1)
