"""Reading result files, and putting runs together that differ only in their seed, with labels from what differs
between the groups.

What makes two runs one experiment is decided by signsgd, which writes it to /config/identity; here it is only
compared, together with the fingerprint of the data.

Needs h5py and numpy. The layout of a result file is docs/RESULTS.md.
"""

import json
import os
import subprocess
import sys

import numpy as np

from labels import in_order, label, telling
from results import PlotError, open_result, program

# What h5py and json raise on a file that is damaged or another program's.
DAMAGE = (OSError, RuntimeError, KeyError, TypeError, ValueError)


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
    if parts[-1].startswith("validation_"):
        return '; it is recorded of runs with "data": {"validation": SHARE}'
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


def leave_out(run, why):
    """Say that a file is not in the figure."""
    print(f"{program()}: {run.path} is left out: {why}", file=sys.stderr)
