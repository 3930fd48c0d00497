#!/usr/bin/python3
"""Writes weighted.json: rounds of weighted votes (signSGD-FD and -FV), by numpy.

Run: /usr/bin/python3 tests/golden/make_weighted.py > tests/golden/weighted.json
Here every worker has an `a` and a `c` of each coordinate, in double, as the published text has them; a weight that
coordinates share is that of their mean. Signs come from a formula. The first case is worked out by hand.
"""
import json

import numpy as np

EXAMPLE = [
    ([[1, 1, -1, 1], [1, -1, -1, 1], [-1, -1, 1, -1]], [1, 1, 1], [1, -1, -1, 1]),
    ([[-1, 1, 1, -1], [-1, -1, 1, 1], [1, 1, -1, -1]], [1.0985856, 10, -1.0985856], [-1, -1, 1, 1]),
]
DEFAULTS = dict(weights="worker", rho=1.0, e=1e-5, w_max=10.0, initial_rounds=100, tie="positive")
CASES = [
    dict(kind="signsgd-fd"),
    dict(kind="signsgd-fd", rho=0.631, w_max=2.5),
    dict(kind="signsgd-fd", weights="layer", initial_rounds=3),
    dict(kind="signsgd-fd", weights="coordinate", initial_rounds=3),
    dict(kind="signsgd-fd", weights="coordinate", initial_rounds=0, rho=0.9, e=1e-3),
    dict(kind="signsgd-fv", initial_rounds=4, tie="abstain"),
    dict(kind="signsgd-fv", weights="layer", initial_rounds=2, rho=0.8, tie="abstain"),
    dict(kind="signsgd-fv", weights="coordinate", initial_rounds=2, tie="abstain"),
]
LAYERS = [[0, 5], [5, 70], [70, 71], [71, 90]]
WORKERS, ROUNDS, N = 5, 8, 90


def sign(seed, worker, step, j):
    """A worker's sign: mostly that of the coordinate, the other way round for the last two; sometimes none."""
    x = (7919 * (seed + 1) * (j + 3) + 104729 * (step + 1) * (worker + 2) * (j + 1) + 31 * worker) % 1009
    common = 1 if (j * j + 3 * j + step // 2) % 3 else -1
    if x % 11 == 0:
        return 0
    with_it = x < 1009 * (0.85 if worker < 3 else 0.25)
    return common if with_it else -common


def present(seed, step):
    return [m for m in range(WORKERS) if (m + step + seed) % 7]


def shared(a, level):
    """a, or its mean over the coordinates that share a weight."""
    out = a.copy()
    for begin, end in dict(worker=[[0, N]], layer=LAYERS).get(level, []):
        out[begin:end] = a[begin:end].mean()
    return out


def weights(keys, a, c, step):
    if c == 0 or (keys["kind"] == "signsgd-fv" and step < keys["initial_rounds"]):
        return np.ones(N)
    level = "worker" if step < keys["initial_rounds"] else keys["weights"]
    p = shared(a, level) / c
    return np.clip(np.log((p + keys["e"]) / (1 - p + keys["e"])), -keys["w_max"], keys["w_max"])


def play(seed, keys):
    a, c, rounds = np.zeros((WORKERS, N)), np.zeros(WORKERS), []
    for step in range(ROUNDS):
        ids = present(seed, step)
        s = np.array([[sign(seed, m, step, j) for j in range(N)] for m in ids], float)
        w = np.array([weights(keys, a[m], c[m], step) for m in ids])
        total, size = (w * s).sum(0), abs(w).sum(0)
        near = abs(total) / np.where(size > 0, size, 1)
        assert ((near < 1e-14) | (near > 1e-6)).all(), "too near a tie to be a test"
        tied = near < 1e-12
        answer = np.where(tied, 1 if keys["tie"] == "positive" else 0, np.sign(total))
        for k, m in enumerate(ids):
            a[m] = keys["rho"] * a[m] + (1 + s[k] * answer) / 2
            c[m] = keys["rho"] * c[m] + 1
        rounds.append(dict(ids=ids, signs=s.astype(int).tolist(), weights=w.mean(1).tolist(),
                           answer=answer.astype(int).tolist()))
    return rounds


def main():
    cases = [dict(aggregator=dict(kind="signsgd-fd", tie="positive"), workers=3, layers=[[0, 4]],
                  rounds=[dict(ids=[0, 1, 2], signs=s, weights=w, answer=a) for s, w, a in EXAMPLE])]
    for seed, keys in enumerate(CASES):
        rounds = play(seed, {**DEFAULTS, **keys})
        cases.append(dict(aggregator={"tie": "positive", **keys}, workers=WORKERS, layers=LAYERS, rounds=rounds))
    print('{"cases": [')
    print(",\n".join(json.dumps(c, separators=(",", ":")) for c in cases))
    print("]}")


main()
