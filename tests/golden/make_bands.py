#!/usr/bin/env python3
"""What tests/cmd/test_bands.c compares plots/bands.py with: scipy's quantiles of Student's t, its confidence intervals
and paired tests, and the worst case over attacks by going through all resamples of the seeds one by one in plain
Python. Where there are too many of them, the exact distribution of the only attack's mean is what a sample must be near.

usage: python3 tests/golden/make_bands.py > tests/golden/bands.json     (needs scipy and numpy)
"""

import itertools
import json
import sys

import numpy as np
import scipy
from scipy import stats

random = np.random.default_rng(18)


def quantiles():
    degrees = [*range(1, 201), 500, 1000]
    return [{"p": p, "df": degrees, "t": [float(stats.t.ppf(p, df)) for df in degrees]}
            for p in (0.025, 0.2, 0.6, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9995)]


def band(values):
    values = np.asarray(values)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
    return {"values": values.tolist(), "mean": float(values.mean()), "half": float((high - low) / 2)}


def pair(n_common, n_a, n_b):
    """Two dictionaries by seed that have n_common seeds in common."""
    a = {str(s): float(v) for s, v in enumerate(random.normal(0.8, 0.03, n_common + n_a))}
    b = {str(s if s < n_common else 1000 + s): float(v) for s, v in enumerate(random.normal(0.7, 0.05, n_common + n_b))}
    both = [s for s in a if s in b]
    found = stats.ttest_rel([a[s] for s in both], [b[s] for s in both])
    interval = found.confidence_interval(0.95)
    return {"a": a, "b": b, "mean": float(np.mean([a[s] - b[s] for s in both])),
            "half": float(interval.high - interval.low) / 2, "n": n_common}


def exact(of_attack, falls):
    """Every resample of the seeds, one by one."""
    pick = max if falls else min
    seeds = sorted(next(iter(of_attack.values())))
    mean = {attack: sum(values[s] for s in seeds) / len(seeds) for attack, values in of_attack.items()}
    worst = pick(mean, key=mean.get)
    found = [pick(sum(values[s] for s in drawn) / len(seeds) for values in of_attack.values())
             for drawn in itertools.product(seeds, repeat=len(seeds))]
    low, high = np.percentile(found, [2.5, 97.5])
    return {"of_attack": of_attack, "falls": falls, "worst": worst, "mean": mean[worst], "low": float(low),
            "high": float(high)}


def attacks(n_seeds, n_attacks):
    return {f"attack {a}": {str(s): float(v) for s, v in enumerate(random.normal(0.7, 0.04, n_seeds) + 0.01 * a)}
            for a in range(n_attacks)}


def normal(n_seeds):
    """One attack, many seeds: the resampled mean is nearly normal, with the standard deviation of ddof 0 / sqrt(n)."""
    of_attack = attacks(n_seeds, 1)
    values = np.array(list(of_attack["attack 0"].values()))
    half = stats.norm.ppf(0.975) * values.std() / np.sqrt(n_seeds)
    return {"of_attack": of_attack, "mean": float(values.mean()), "low": float(values.mean() - half),
            "high": float(values.mean() + half), "within": float(0.08 * half)}


print(json.dumps({
    "made_with": {"scipy": scipy.__version__, "numpy": np.__version__, "script": "tests/golden/make_bands.py"},
    "quantiles": quantiles(),
    "bands": [band(random.normal(0.8, 0.05, n)) for n in (2, 3, 4, 5, 10, 31)],
    "paired": [pair(3, 0, 0), pair(5, 2, 1), pair(2, 0, 4)],
    "worst": [exact(attacks(n, m), falls) for n, m in ((2, 3), (3, 1), (3, 4), (5, 3)) for falls in (False, True)],
    "sampled": [normal(40)],
}, indent=None, separators=(",", ":")).replace('},{', '},\n{'))
sys.stdout.flush()
