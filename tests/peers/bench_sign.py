#!/usr/bin/env python3
"""Packing signs and taking the majority: numpy's packbits and unpackbits against `signsgd bench`.

    python3 tests/peers/bench_sign.py [--n N] [--workers M] [--rounds R]

Rounds in turn, one lane; medians and the median of the paired ratios.
"""
import argparse
import json
import statistics
import subprocess
import time

import numpy

import duel


def ours(kernel, n, workers):
    """Milliseconds of the cpu backend's kernel on one lane, as `signsgd bench` says."""
    command = [duel.ROOT / "signsgd", "bench", "--json", "--backend", "cpu", "--kernel", kernel, "--n", str(n),
               "--seconds", "0.3"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for row in rows:
        if row["kernel"] == kernel and row["lanes"] == 1 and row["workers"] in (0, workers):
            return row["ms"]
    raise SystemExit(f"signsgd bench has no row for {kernel} with {workers} workers")


def milliseconds(function, least_s=0.2):
    times = []
    end = time.perf_counter() + least_s
    while time.perf_counter() < end or len(times) < 3:
        begin = time.perf_counter()
        function()
        times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times)


def compare(what, peer, mine, rounds):
    theirs_ms, ours_ms = [], []
    for _ in range(rounds):
        theirs_ms.append(milliseconds(peer))
        ours_ms.append(mine())
    ratios = [t / o for t, o in zip(theirs_ms, ours_ms)]
    theirs_s, ours_s = (statistics.median(times) / 1e3 for times in (theirs_ms, ours_ms))
    duel.row(what, f"{duel.version(numpy)}: {duel.duration(theirs_s)}", duel.duration(ours_s), duel.spread(ratios), "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=25_600_000, help="coordinates (default: 25,600,000)")
    parser.add_argument("--workers", type=int, default=7, help="voters (default: 7)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each side, in turn (default: 5)")
    args = parser.parse_args()
    random = numpy.random.Generator(numpy.random.SFC64(1))
    v = random.standard_normal(args.n, dtype=numpy.float32)
    planes = [numpy.packbits(random.integers(0, 2, args.n, dtype=numpy.uint8)) for _ in range(args.workers)]

    def vote():
        votes = numpy.zeros(args.n, dtype=numpy.uint8)
        for plane in planes:
            votes += numpy.unpackbits(plane, count=args.n)
        return numpy.packbits(votes > args.workers // 2)

    compare(f"pack {args.n:,} signs", lambda: numpy.packbits(v < 0), lambda: ours("sign_pack", args.n, 0), args.rounds)
    compare(f"vote of {args.workers} x {args.n:,}", vote, lambda: ours("majority", args.n, args.workers), args.rounds)


if __name__ == "__main__":
    main()
