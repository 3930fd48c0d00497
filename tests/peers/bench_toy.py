#!/usr/bin/env python3
"""The toy of Bernstein et al. 2019, figure 1: 27 workers, 1000 dimensions, noise; numpy against signsgd.

    python3 tests/peers/bench_toy.py [--seconds S] [--rounds R] [--lanes L]

Nothing but signs: no momentum, all of numpy's arrays in float32, its fast generator, and one call for all
workers where one call will do.
"""
import argparse

import numpy

import duel

WORKERS, DIMENSIONS, RATE = 27, 1000, 1e-3

EXPERIMENT = {
    "name": "bench-toy",
    "seed": 1,
    "workers": WORKERS,
    "batch": 1,
    "model": {"kind": "quadratic", "dimensions": DIMENSIONS, "noise": 1},
    "data": "none",
    "momentum": 0,
    "aggregator": "vote",
    "lr": RATE,
    "weight_decay": 0,
    "eval": {"every": 0},
}


class NumpyVote:
    def __init__(self):
        self.random = numpy.random.Generator(numpy.random.SFC64(1))
        self.x = self.random.standard_normal(DIMENSIONS, dtype=numpy.float32)
        self.g = numpy.empty((WORKERS, DIMENSIONS), dtype=numpy.float32)

    def step(self):
        self.random.standard_normal(dtype=numpy.float32, out=self.g)
        self.g += self.x
        votes = numpy.sign(self.g).sum(axis=0)
        self.x -= numpy.float32(RATE) * numpy.sign(votes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    duel.add_duel_arguments(parser)
    args = parser.parse_args()
    peer = NumpyVote()
    duel.duel(args, f"toy, {WORKERS} workers x {DIMENSIONS} dimensions, a step", duel.version(numpy),
              peer.step, EXPERIMENT)


if __name__ == "__main__":
    main()
