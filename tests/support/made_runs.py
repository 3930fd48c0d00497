#!/usr/bin/env python3
"""Writes result files with numbers that a test chose: of each run in a list its settings, seed, state and evaluations.

usage: python3 tests/support/made_runs.py RUNS.json FOLDER

RUNS.json: {"base": {settings}, "runs": [{"set": {"dotted.key": value}, "seed": 1, "state": "finished", "evals": {"test_accuracy":
[at step 0, at step 10, ...]}}]}; a state that is left out is "finished".
"given": settings as /config/resolved has them, where the identity says something else.
"""

import copy
import json
import os
import sys

import h5py
import numpy as np


def put(settings, dotted, value):
    *parents, name = dotted.split(".")
    for parent in parents:
        settings = settings.setdefault(parent, {})
    settings[name] = value


def write(path, settings, run):
    resolved = {"name": "made", "seed": run["seed"], "steps": 100, **copy.deepcopy(settings)}
    for key, chosen in run.get("given", {}).items():
        put(resolved, key, chosen)
    with h5py.File(path, "w") as file:
        file.create_group("format").attrs["version"] = np.int64(2)
        file["config/resolved"] = json.dumps(resolved)
        file["config/identity"] = json.dumps(settings)
        meta = file.create_group("meta")
        for name, text in (("state", run.get("state", "finished")), ("data_note", ""), ("data_id", run.get("data_id", "")), ("id", "made")):
            meta.attrs[name] = text
        evals = run["evals"]
        rows = len(next(iter(evals.values())))
        file["evals/step"] = np.arange(rows, dtype=np.int64) * 10
        file["steps/step"] = np.arange(1, 10 * rows, dtype=np.int64)
        for name, values in evals.items():
            file[f"evals/{name}"] = np.array([np.nan if value is None else value for value in values], dtype=float)


with open(sys.argv[1], encoding="utf-8") as file:
    made = json.load(file)
os.makedirs(sys.argv[2], exist_ok=True)
for i, one in enumerate(made["runs"]):
    of_run = copy.deepcopy(made["base"])
    for key, chosen in one.get("set", {}).items():
        put(of_run, key, chosen)
    write(os.path.join(sys.argv[2], f"{i:03}.h5"), of_run, one)
