#!/usr/bin/env python3
"""Golden numbers for directions, from their published definitions in numpy, into directions.json beside this file.

Three workers, 100 steps, double precision. Gradients and layers follow from formulas that
tests/direction/test_directions.c repeats; floats hold them exactly, so that only results are stored: the
vector that the first worker has signed in some steps, its memory after the last, and the parameters after as many
steps by the majority.

Lion is that of Chen et al. 2023, and Liu et al. 2024 for several workers: what is signed weighs the momentum by
beta1, the momentum is then updated with beta2, the decay is decoupled. Muon is that of Jordan et al. 2024 but for
what SignMuon leaves out: no Nesterov momentum, no bfloat16, no scale for tall matrices, since signs are taken.

    python3 tests/golden/make_directions.py
"""

import json
import pathlib

import numpy

WORKERS, STEPS, SHOWN = 3, 100, (1, 2, 10, 100)
RATE, DECAY = 0.0078125, 0.125
# Rows and columns of each layer, in order; one without rows is no matrix.
LAYERS = [(6, 10), (0, 7), (12, 5), (1, 9), (8, 8), (0, 5)]
N = sum(max(rows, 1) * columns for rows, columns in LAYERS)


def gradient(worker, step):
    i = numpy.arange(N, dtype=numpy.int64)
    t = step + 100 * worker
    return (((412 * i * i + 271 * i + 613 * t + 11 * t * t * (i % 13)) % 1009) - 504) / 256.0


def lion(state, g, beta1=0.9, beta2=0.99):
    signed = beta1 * state + (1 - beta1) * g
    return signed, beta2 * state + (1 - beta2) * g


def newton_schulz(matrix):
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / (numpy.linalg.norm(matrix) + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


def muon(state, g, beta=0.95):
    state = beta * state + (1 - beta) * g
    signed, at = state.copy(), 0
    for rows, columns in LAYERS:
        count = max(rows, 1) * columns
        if rows:
            signed[at : at + count] = newton_schulz(state[at : at + count].reshape(rows, columns)).ravel()
        at += count
    return signed, state


def duel(name, rule):
    states, x, shown = [numpy.zeros(N) for _ in range(WORKERS)], numpy.zeros(N), {}
    for step in range(1, STEPS + 1):
        votes = numpy.zeros(N)
        for worker in range(WORKERS):
            signed, states[worker] = rule(states[worker], gradient(worker, step))
            votes += numpy.where(signed < 0, -1, 1)
            if worker == 0 and step in SHOWN:
                shown[step] = signed
        x -= RATE * (numpy.sign(votes) + DECAY * x)
    return {
        "direction": name,
        "steps": list(SHOWN),
        "vectors": [digits(shown[step]) for step in SHOWN],
        "memory": digits(states[0]),
        "x": digits(x),
    }


def digits(values):
    return [float(f"{value:.8g}") for value in values]


def main():
    out = {
        "example": {
            "direction": "lion",
            "gradients": [[1, -2, 0.5, 0], [-0.25, 0.5, 1, 2]],
            "vectors": [[0.1, -0.2, 0.05, 0], [-0.016, 0.032, 0.1045, 0.2]],
            "memory": [0.0074, -0.0148, 0.01495, 0.02],
        },
        "duels": [duel("lion", lion), duel("muon", muon)],
    }
    path = pathlib.Path(__file__).with_name("directions.json")
    path.write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
