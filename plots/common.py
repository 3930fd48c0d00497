"""What the figures share: reading result files, grouping runs that differ only in their seed, labels from
what differs between the groups, colours, and output that is the same for the same input.

Needs h5py, numpy and matplotlib. The layout of a result file is docs/RESULTS.md.
"""

import argparse
import json
import os
import sys
import textwrap

try:
    import h5py
    import numpy as np
    import matplotlib
except ImportError as missing:
    sys.exit(f"{os.path.basename(sys.argv[0])}: needs h5py, numpy and matplotlib: {missing}")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend must be chosen first)

# Okabe and Ito's palette, which colour-blind readers can tell apart, without its yellow (too pale for lines).
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
DASHES = ["-", "--", "-.", ":"]

# Settings that do not make two runs different experiments.
NOT_IDENTITY = ("name", "seed", "out", "data_dir", "eval", "record", "checkpoint", "backend")

# Settings that labels name first.
FIRST = ("aggregator.kind", "adversaries.count", "adversaries.attack.kind", "workers", "model.kind", "data.kind")

# What h5py and json raise on a file that is damaged or another program's.
DAMAGE = (OSError, RuntimeError, KeyError, TypeError, ValueError)

MARK = "signsgd plot"  # by this `signsgd plot` knows a figure that it may replace (src/h5/h5_replace.c)
METADATA = {
    "png": {"Software": MARK},
    "svg": {"Date": None, "Creator": MARK},
    "pdf": {"CreationDate": None, "Creator": MARK, "Producer": None},
}


class PlotError(Exception):
    """A sentence for the user: what was found and what was expected."""


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
        try:
            self.file = h5py.File(path, "r")
        except FileNotFoundError:
            raise PlotError(f"{path}: there is no such file") from None
        except OSError as error:
            raise PlotError(f"{path}: cannot be read as HDF5: {error}") from None
        self.config = self.read_config()
        self.flat = flatten(self.config)
        self.state = self.read_meta("state")
        self.data_note = self.read_meta("data_note", "")

    def read_config(self):
        try:
            config = json.loads(self.file["config/resolved"][()])
        except DAMAGE as error:
            raise PlotError(f"{self.path}: no result of signsgd simulate: /config/resolved: {error.args[0]}") from None
        if not isinstance(config, dict):
            raise PlotError(f"{self.path}: /config/resolved is no JSON object")
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
    def workers(self):
        return self.number("workers")

    @property
    def byzantine(self):
        return self.number("adversaries.count")

    def has(self, path):
        return path in self.file

    def column(self, path):
        """A dataset as an array of doubles."""
        try:
            return np.asarray(self.file[path][...], dtype=float)
        except DAMAGE as error:
            raise PlotError(f"{self.path}: {path} cannot be read: {error.args[0]}") from None

    def columns(self, *paths):
        """Several columns, cut to the shortest: a run that goes on may be between two rows."""
        columns = [self.column(path) for path in paths]
        rows = min(len(column) for column in columns)
        return [column[:rows] for column in columns]


class Group:
    """Runs with the same settings but for the seed."""

    def __init__(self, key, runs):
        self.key = key
        self.runs = runs
        self.label = ""

    def table(self, x, y):
        """x (the mean over the runs) and y of every run, at the steps that all runs have."""
        points = []
        for run in self.runs:
            steps, at, values = run.columns(step_of(y), x, y)
            points.append(dict(zip(steps, zip(at, values))))
        steps = sorted(set.intersection(*(set(p) for p in points)))
        both = np.array([[p[step] for p in points] for step in steps]).reshape(len(steps), len(points), 2)
        return Table(both[:, :, 0].mean(axis=1), both[:, :, 1])


class Table:
    def __init__(self, x, values):
        self.x = x
        self.values = values  # [points][runs]
        self.mean = values.mean(axis=1)

    def band(self, kind):
        if kind == "std":
            deviation = self.values.std(axis=1, ddof=1 if self.values.shape[1] > 1 else 0)
            return self.mean - deviation, self.mean + deviation
        return self.values.min(axis=1), self.values.max(axis=1)


def step_of(column):
    """The column of steps that belongs to a column: /evals/test_loss -> /evals/step."""
    return column.rsplit("/", 1)[0] + "/step"


def epochs_per_step(run):
    """Passes over a worker's shard in a step; 0 without data."""
    steps, epochs = run.columns("/steps/step", "/steps/epoch")
    return epochs[-1] / steps[-1] if len(steps) else 0


def belongs(key, names):
    """Is `key` one of the names, or below one of them?"""
    return any(key == name or key.startswith(name + ".") for name in names)


def identity(run, without=()):
    """What makes a run another experiment, as a dictionary. An attack of nobody makes no difference."""
    key = {k: v for k, v in run.flat.items() if not belongs(k, NOT_IDENTITY) and not belongs(k, without)}
    if run.byzantine == 0:
        key = {k: v for k, v in key.items() if not belongs(k, ["adversaries.attack"])}
    if key.get("adversaries.ids") == list(range(run.byzantine)):
        del key["adversaries.ids"]
    return key


def group(runs, without=()):
    """Runs by their settings, labelled and put in order by what differs."""
    groups = {}
    for run in runs:
        key = identity(run, without)
        groups.setdefault(json.dumps(key, sort_keys=True), Group(key, [])).runs.append(run)
    groups = list(groups.values())
    names = telling([g.key for g in groups])
    for g in groups:
        g.label = label(g, names)
    return sorted(groups, key=lambda g: [in_order(g.key.get(name)) for name in names])


def in_order(value):
    """For sorting settings: absent, numbers by size, the rest as text."""
    if value is None:
        return (0, 0, "")
    if isinstance(value, (int, float)):
        return (1, value, "")
    return (2, 0, json.dumps(value))


def telling(keys):
    """The settings that tell the groups apart, the most natural first, and no more than are needed."""
    names = {name for key in keys for name in key}
    order = [name for name in FIRST if name in names]
    order += sorted(names - set(order), key=lambda name: (not name.endswith(".kind"), name))
    chosen, told = [], [()] * len(keys)
    for name in order:
        finer = [(*t, json.dumps(key.get(name))) for t, key in zip(told, keys)]
        if len(set(finer)) > len(set(told)):
            chosen.append(name)
            told = finer
    return chosen


def label(g, names):
    words = []
    for name in names:
        if name == "adversaries.count":
            words.append(f"{g.runs[0].byzantine} of {g.runs[0].workers} Byzantine")
        elif name == "workers" and "adversaries.count" not in names:
            words.append(f"{g.key[name]} worker" + ("s" if g.key[name] != 1 else ""))
        elif name in g.key and name.endswith(".kind"):
            words.append(str(g.key[name]))
        elif name in g.key and name != "workers":
            value = g.key[name]
            words.append(f"{name} = {value if isinstance(value, str) else json.dumps(value)}")
    return ", ".join(words)


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


def parser(about):
    p = argparse.ArgumentParser(description=about)
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


def new_figure(args, columns=1, rows=1, sharey=True):
    """A figure and its axes, row after row."""
    plt.rcParams.update({
        "svg.hashsalt": "signsgd",
        "font.size": 9,
        "axes.grid": True,
        "grid.color": "#dddddd",
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "savefig.dpi": 150,
    })
    figure, axes = plt.subplots(rows, columns, figsize=(args.width, args.height), squeeze=False, sharey=sharey)
    if args.title:
        figure.suptitle(args.title)
    return figure, list(axes.ravel())


def draw_band(axes, table, kind, style, text):
    axes.plot(table.x, table.mean, label=text, linewidth=1.5, **style)
    if kind != "none" and table.values.shape[1] > 1:
        low, high = table.band(kind)
        axes.fill_between(table.x, low, high, color=style["color"], alpha=0.18, linewidth=0)


def seeds_note(groups, kind):
    """ " (mean and range of 3 seeds)", for an axis label; empty when no curve has several seeds."""
    most = max(len(g.runs) for g in groups)
    if most == 1:
        return ""
    spread = {"minmax": " and range", "std": " and standard deviation", "none": ""}[kind]
    return f", mean{spread} of {most} seeds"


def say_of_data(figure, runs):
    """What the runs say of their data (that the pixels are not the official ones, say), small, below."""
    notes = sorted({run.data_note for run in runs if run.data_note})
    if notes:
        text = textwrap.fill("; ".join(notes), int(figure.get_figwidth() * 20))
        figure.supxlabel(text, fontsize=6, color="#777777")


def save(figure, path):
    ending = os.path.splitext(path)[1].lower().lstrip(".")
    if ending not in METADATA:
        raise PlotError(f"-o {path}: expected a name that ends in .png, .svg or .pdf")
    figure.tight_layout()
    try:
        figure.savefig(path, metadata=METADATA[ending])
    except OSError as error:
        print(f"{program()}: {path} could not be written: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)


def results(paths):
    """What `folder/*.h5` means: the result files, without the checkpoints that runs keep beside them, and without
    links to files that are there too, which would count a run twice."""
    kept = [path for path in paths if not path.endswith(".checkpoint.h5")]
    files = {os.path.realpath(path) for path in kept if not os.path.islink(path)}
    kept = [path for path in kept if not (os.path.islink(path) and os.path.realpath(path) in files)]
    return kept or paths


def program():
    return os.path.basename(sys.argv[0])


def main(p, draw):
    """Parse, draw, save. What the user can mend is one sentence and exit code 2."""
    args = p.parse_args()
    try:
        runs = [Run(path) for path in results(args.runs)]
        figure = draw(args, runs)
        say_of_data(figure, runs)
        save(figure, args.out)
    except PlotError as sentence:
        print(f"{program()}: {sentence}", file=sys.stderr)
        sys.exit(2)
