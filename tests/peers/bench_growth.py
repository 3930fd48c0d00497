#!/usr/bin/env python3
"""How the time of a step grows with workers, coordinates, lanes and processes.

    python3 tests/peers/bench_growth.py [--parts workers,dimensions,lanes,processes] [--seconds S]

Medians of a step's times, as the result files have them, the first step left out. `straight` is the time of a
unit (a worker, 1000 coordinates) over the smallest one of its column: 1 everywhere is a straight line.
Batches of 8, images that the program makes itself; the toy problem `quadratic` of 3 workers. What the signs add
to the pass over the momenta is measured by itself.
"""
import argparse
import json
import subprocess
import sys

import duel

WORKERS = (1, 3, 9, 27, 101, 301, 1001)
DIMENSIONS = tuple(10**k for k in range(3, 9))
BATCH, STEPS_LEAST, STEPS_MOST = 8, 4, 2000
KERNEL_N = 25_600_000

NETS = {"mlp": {"kind": "mlp", "hidden": [100]}, "cnn": "cnn"}


def net_experiment(model, workers):
    samples = max(1000, BATCH * workers)
    return {"name": "growth", "seed": 1, "workers": workers, "batch": BATCH, "model": NETS[model], "momentum": 0.9,
            "data": {"kind": "glyphs", "train": samples, "test": 10}, "aggregator": "vote", "lr": 1e-4,
            "eval": {"every": 0}}


def toy_experiment(dimensions):
    return {"name": "growth", "seed": 1, "workers": 3, "batch": 1, "momentum": 0.9, "data": "none",
            "model": {"kind": "quadratic", "dimensions": dimensions}, "aggregator": "vote", "lr": 1e-4,
            "eval": {"every": 0}}


def times(experiment, args, lanes=0, call=("simulate",)):
    """duel.phases() of a run of about args.seconds."""
    def run(steps):
        return duel.simulate(experiment, steps, lanes, call, duel.phases)

    first = run(STEPS_LEAST)
    steps = min(STEPS_MOST, int(args.seconds / first["step"]))
    return run(steps) if steps > 2 * STEPS_LEAST else first


def straight(seconds, units):
    """Of each: its time for a unit over the smallest."""
    each = [s / u for s, u in zip(seconds, units)]
    return [f"{e / min(each):.2f}" for e in each]


PHASES = {"compute": "gradients", "encode": "momentum and messages", "exchange": "exchange and vote", "apply": "answer"}


def show(what, unit, sizes, units, rows):
    """A blank line, and a table with a row for each size: the whole step, that of a unit, and the phases."""
    print()
    duel.row(what, "a step", unit, "straight", *PHASES.values(), "all but gradients")
    duel.row(*9 * ["---"])
    for size, count, row, line in zip(sizes, units, rows, straight([row["step"] for row in rows], units)):
        phases = [row[name] for name in PHASES]
        duel.row(f"{size:,}", duel.duration(row["step"]), duel.duration(row["step"] / count), line,
                 *(duel.duration(seconds) for seconds in phases), f"{100 * (1 - phases[0] / sum(phases)):.1f} %")


def kernel_ms(kernel, args):
    command = [duel.ROOT / "signsgd", "bench", "--json", "--backend", "cpu", "--kernel", kernel, "--n", str(KERNEL_N),
               "--seconds", str(args.seconds / 4)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return next(row["ms"] for row in rows if row["kernel"] == kernel and row["lanes"] == 1)


def grow_workers(args):
    for model in NETS:
        rows = [times(net_experiment(model, workers), args) for workers in WORKERS]
        show(f"workers of `{model}`", "of a worker", WORKERS, WORKERS, rows)
    ratios = [kernel_ms("momentum_pack", args) / kernel_ms("momentum", args) for _ in range(5)]
    print(f"\nMomentum and signs in one pass (`momentum_pack`) take {duel.spread(ratios)} times what the momentum alone"
          f" takes, n = {KERNEL_N:,}.", flush=True)


def grow_dimensions(args):
    rows = [times(toy_experiment(dimensions), args) for dimensions in DIMENSIONS]
    show("coordinates of `quadratic`, 3 workers", "of 1000", DIMENSIONS, [n / 1000 for n in DIMENSIONS], rows)


def compare_ways(args, what, ways):
    """ways: name to lanes and command. A blank line, and a table with the speed of each over that of the first."""
    print()
    duel.row(what, *(cell for model in NETS for cell in (f"`{model}`, a step", "times faster")))
    duel.row(*5 * ["---"])
    first = {}
    for name, (lanes, call) in ways.items():
        cells = []
        for model in NETS:
            seconds = times(net_experiment(model, 12), args, lanes, call)["step"]
            first.setdefault(model, seconds)
            cells += [duel.duration(seconds), f"{first[model] / seconds:.2f}"]
        duel.row(name, *cells)


def grow_lanes(args):
    compare_ways(args, "lanes, 12 workers", {str(lanes): (lanes, ("simulate",)) for lanes in (1, 2)})


def grow_processes(args):
    compare_ways(args, "processes of one lane, 12 workers",
                 {str(count): (1, ("train", "--processes", str(count))) for count in (1, 2, 3)})


PARTS = {"workers": grow_workers, "dimensions": grow_dimensions, "lanes": grow_lanes, "processes": grow_processes}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS), help="which, with commas (default: all)")
    parser.add_argument("--seconds", type=float, default=2, help="about how long each run takes (default: 2)")
    args = parser.parse_args()
    parts = args.parts.split(",")
    for part in parts:
        if part not in PARTS:
            sys.exit(f"no part '{part}'; there are {', '.join(PARTS)}")
    for part in parts:
        PARTS[part](args)


if __name__ == "__main__":
    main()
