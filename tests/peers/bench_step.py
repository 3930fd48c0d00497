#!/usr/bin/env python3
"""A vote's step without its gradients, beside plain loops over the bytes that must move: `signsgd bench step`.

    python3 tests/peers/bench_step.py [--sizes 7x25600000,27x270000,1001x79510] [--seconds S] [--lanes L]
"""
import argparse
import json
import subprocess

import duel


def measure(workers, n, args):
    command = [duel.ROOT / "signsgd", "bench", "step", "--json", "--workers", workers, "-n", n, "--seconds",
               str(args.seconds)]
    if args.lanes:
        command += ["--lanes", str(args.lanes)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="7x25600000,27x270000,1001x79510", help="workers x coordinates, with commas")
    parser.add_argument("--seconds", type=float, default=5, help="about how long each size takes (default: 5)")
    parser.add_argument("--lanes", type=int, default=0, help="lanes (default: the processor's cores)")
    args = parser.parse_args()
    duel.row("work", "momentum and messages", "count", "answer", "plain loops", "times the plain loops (quartiles)")
    duel.row(*6 * ["---"])
    for size in args.sizes.split(","):
        workers, n = size.split("x")
        got = measure(workers, n, args)
        duel.row(f"{int(workers):,} workers x {int(n):,}", duel.duration(got["encode_s"]),
                 duel.duration(got["exchange_s"]), duel.duration(got["apply_s"]), duel.duration(got["baseline_s"]),
                 f"{got['ratio']:.2f} ({got['ratio_low']:.2f} to {got['ratio_high']:.2f})")


if __name__ == "__main__":
    main()
