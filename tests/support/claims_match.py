#!/usr/bin/env python3
"""Does every claim of experiment files mean runs of its file, one for each seed, and name what varies among them? A line
for each that does not, and last how many sides of claims were looked at. Exit 1 where any does not.

usage: signsgd validate --json EXPERIMENT.json... | python3 tests/support/claims_match.py
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "reports"))

import claims  # noqa: E402


class Planned:
    def __init__(self, config):
        self.config = config


def text(config, but=()):
    return json.dumps({key: value for key, value in config.items() if key not in but}, sort_keys=True)


def faults(selection, runs, seeds):
    """What is wrong with the settings that one side of a claim names."""
    for key in selection:
        if len({json.dumps(claims.setting(run.config, key), sort_keys=True) for run in runs}) < 2:
            yield f"{key} is the same in all runs"
    found = claims.meant(runs, selection)
    if sorted(claims.seed_of(run.config["seed"]) for run in found) != sorted(map(claims.seed_of, seeds)):
        yield f"means {len(found)} runs, expected one for each of {len(seeds)} seeds"
    if len({text(run.config, ("seed", "out")) for run in found}) > 1:
        yield "means runs that differ in more than their seeds"


def look_at(path, runs):
    """(sides of claims, those that are wrong) of a file."""
    root, seeds = claims.read_experiment(path)
    of_file = root["claims"]
    looked_at = wrong = 0
    for i, claim in enumerate(of_file):
        for name in ("of", "than"):
            if not isinstance(claim[name], dict):
                continue
            looked_at += 1
            for fault in faults(claim[name], runs, seeds):
                wrong += 1
                print(f"{path}: claims[{i}].{name} {json.dumps(claim[name])}: {fault}")
    if not looked_at:
        print(f"{path}: claims nothing")
    return looked_at, wrong + (not looked_at)


def main():
    files = {}
    for line in sys.stdin:
        run = json.loads(line)
        files.setdefault(run["source"], []).append(Planned(run["settings"]))
    counts = [look_at(path, runs) for path, runs in files.items()]
    print(f"sides of claims: {sum(looked_at for looked_at, _ in counts)}")
    sys.exit(1 if any(wrong for _, wrong in counts) else 0)


if __name__ == "__main__":
    main()
