"""Result files, each read once and closed: what a page shows of hundreds of them is held in memory."""

import os
import sys

from results import PlotError, file_of, inside, program
from runs import DAMAGE, Run

# Groups whose columns a page shows, and single columns of others.
GROUPS = ("evals", "probes/kappa", "probes/margin", "probes/certificate", "partition")
COLUMNS = ("steps/step", "steps/bytes_up", "steps/bytes_down")
META = ("id", "data_id", "data_note", "state", "why", "start", "version", "commit", "host", "processor", "lanes",
        "backend", "backend_detail", "libraries")


class Kept(Run):
    """A run whose file is closed: columns are those of GROUPS and COLUMNS."""

    def __init__(self, path):
        super().__init__(path)
        self.given = self.read_json("config/given") if self.has("config/given") else {}
        self.meta = {name: self.read_meta(name, "") for name in META}
        self.kept = {}
        for name in [f"{group}/{column}" for group in GROUPS for column in self.file.get(group, ())] + list(COLUMNS):
            if name in self.file:
                self.kept["/" + name] = super().column("/" + name)
        self.file.close()
        self.file = None

    def has(self, path):
        return path in self.file if self.file else "/" + path.strip("/") in self.kept

    def column(self, path):
        if path not in self.kept:
            raise PlotError(f"{self.path}: has no {path}")
        return self.kept[path]

    def read_meta(self, name, absent=None):
        if self.file:
            return super().read_meta(name, absent)
        return self.meta.get(name, absent)


def below(paths):
    """All result files at and below these paths, in order: files as they are, of folders what ends in .h5."""
    found = {}
    for path in paths:
        for each in inside(path) if os.path.isdir(path) else [path]:
            found.setdefault(file_of(each), each)
    return list(found.values())


def read(paths):
    """
    (runs, refused): refused are files that are no results or damaged, with a sentence each. PlotError: there is no
    result at all.
    """
    runs, refused = [], []
    for path in below(paths):
        try:
            runs.append(Kept(path))
        except PlotError as sentence:
            refused.append((path, str(sentence)))
        except DAMAGE as error:
            refused.append((path, f"{path}: cannot be read: {error}"))
    for _, sentence in refused:
        print(f"{program()}: {sentence}: left out", file=sys.stderr)
    if not runs:
        raise PlotError(f"{', '.join(paths)}: no result of signsgd is there, expected files that end in .h5"
                        if not refused else "none of the files can be read")
    return runs, refused
