#!/usr/bin/env python3
"""Robust rules on the same vectors: ByzFL's aggregators on torch against `signsgd bench rule`, in turn.

    python3 tests/peers/bench_rules.py [--workers 15,27] [-n 270000,11200000] [--rules median,krum] [--rounds R]
                                       [--threads T]

The vectors are normal, those of f Byzantine workers moved by 3; f is a fifth of the workers. ByzFL (package
`byzfl`) runs in a process of its own for every rule, on T threads; ours on T lanes. Times are of the call alone,
without reading the file. Peak memory is the process's at its highest, vectors, interpreter and libraries among
it, over the bytes of the vectors. Rules that enumerate subsets are compared on few coordinates (--enum-n).
Needs numpy, h5py, torch and byzfl.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

# name: ours, ByzFL's class, its arguments; M and f of the present comparison are put in.
RULES = {
    "mean": ("mean", "Average", {}),
    "median": ("median", "Median", {}),
    "trimmed-mean": ({"kind": "trimmed-mean", "f": "f"}, "TrMean", {"f": "f"}),
    "meamed": ({"kind": "meamed", "f": "f"}, "Meamed", {"f": "f"}),
    "krum": ({"kind": "krum", "as": "byzfl", "f": "f"}, "Krum", {"f": "f"}),
    "multi-krum": ({"kind": "multi-krum", "as": "byzfl", "f": "f"}, "MultiKrum", {"f": "f"}),
    "geometric-median": ({"kind": "geometric-median", "start": "zero", "iterations": 3, "nu": 0.1, "f": "f"},
                         "GeometricMedian", {}),
    "centered-clipping": ({"kind": "centered-clipping", "tau": 100, "f": "f"}, "CenteredClipping", {"tau": 100.0}),
    "monna": ({"kind": "monna", "pivot": "last", "f": "f"}, "MoNNA", {"f": "f", "idx": "last"}),
    "mda": ({"kind": "mda", "f": "f"}, "MDA", {"f": "f"}),
    "smea": ({"kind": "smea", "f": "f"}, "SMEA", {"f": "f"}),
    "caf": ({"kind": "caf", "f": "f"}, "CAF", {"f": "f"}),
    "nnm+trimmed-mean": ({"kind": "trimmed-mean", "f": "f", "before": ["nnm"]}, "NNM+TrMean", {"f": "f"}),
    "clipping+nnm+trimmed-mean": ({"kind": "trimmed-mean", "f": "f",
                                   "before": [{"kind": "clipping", "limit": 2.0}, "nnm"]},
                                  "Clipping+NNM+TrMean", {"f": "f"}),
}
ENUMERATING = ("mda", "smea")


def filled(value, workers, f):
    """The values "f" and "last" of a table above, put in."""
    if isinstance(value, dict):
        return {key: filled(inner, workers, f) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, workers, f) for inner in value]
    return {"f": f, "last": workers - 1}.get(value, value)


def write_vectors(path, workers, n, f):
    import h5py
    import numpy
    draw = numpy.random.default_rng(1)
    with h5py.File(path, "w") as file:
        vectors = file.create_dataset("vectors", (workers, n), "f4")
        for i in range(workers):
            vectors[i] = draw.standard_normal(n, dtype="f4") + (3 if i < f else 0)


def peer(name, arguments, path, threads):
    """The child: a call of ByzFL for every line that comes, its seconds back; its peak at the end."""
    import resource
    import byzfl
    import h5py
    import torch
    torch.set_num_threads(threads)
    with h5py.File(path) as file:
        vectors = torch.from_numpy(file["vectors"][()])
    stages = []
    for stage in name.split("+"):
        known = {"TrMean": {"f": arguments.get("f")}, "NNM": {"f": arguments.get("f")}, "Clipping": {"c": 2.0}}
        stages.append(getattr(byzfl, stage)(**(known[stage] if "+" in name else arguments)))
    print("ready", flush=True)
    for _ in sys.stdin:
        x = vectors.clone() if "Clipping" in name else vectors  # it writes into the caller's array
        begin = time.perf_counter()
        for stage in stages:
            x = stage(x)
        print(time.perf_counter() - begin, flush=True)
    print(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)


def ours(rule_path, path, threads):
    """Seconds and the process's peak in bytes; None where our program refuses."""
    done = subprocess.run([ROOT / "signsgd", "bench", "rule", rule_path, path, "--json", "--seconds", "0.2",
                           "--lanes", str(threads)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr.strip())
    row = json.loads(done.stdout)
    return row["seconds"], row["peak_bytes"]


def duel(name, workers, n, f, path, args):
    rule, peer_name, arguments = filled(list(RULES[name]), workers, f)
    with tempfile.TemporaryDirectory() as folder:
        rule_path = pathlib.Path(folder) / "rule.json"
        rule_path.write_text(json.dumps(rule))
        child = subprocess.Popen([sys.executable, __file__, "--peer", json.dumps([peer_name, arguments]), path,
                                  "--threads", str(args.threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 text=True)
        child.stdout.readline()

        def call():
            child.stdin.write("go\n")
            child.stdin.flush()
            return float(child.stdout.readline())

        call()
        times = [(call(), *ours(rule_path, path, args.threads)) for _ in range(args.rounds)]
        child.stdin.close()
        peak = int(child.stdout.readline())
        child.wait()
    ratios = sorted(theirs / mine for theirs, mine, _ in times)
    size = 4.0 * workers * n
    print(f"{name:26} {workers:3d} {f:2d} {n:9d} {1e3 * statistics.median(t[1] for t in times):10.2f}"
          f" {1e3 * statistics.median(t[0] for t in times):11.2f} {statistics.median(ratios):8.1f}"
          f"  ({ratios[0]:.1f} to {ratios[-1]:.1f})  {max(t[2] for t in times) / size:6.2f} {peak / size:6.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda text: [int(part) for part in text.split(",")]
    parser.add_argument("--workers", type=numbers, default=[15, 27], help="numbers of vectors (default: 15,27)")
    parser.add_argument("-n", type=numbers, default=[270000, 11200000], help="coordinates (default: 270000,11200000)")
    parser.add_argument("--enum-n", type=int, default=10000, help="coordinates where subsets are enumerated")
    parser.add_argument("--rules", default=",".join(RULES), help="of ours, separated by commas (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="of each side, in turn (default: 3)")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch, and lanes of ours (default: 2)")
    parser.add_argument("--peer", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        name, arguments = json.loads(args.peer[0])
        return peer(name, arguments, args.peer[1], args.threads)
    names = args.rules.split(",")
    for name in names:
        if name not in RULES:
            parser.error(f"--rules: found '{name}', expected some of {', '.join(RULES)}")
    print(f"{'rule':26} {'M':>3} {'f':>2} {'n':>9} {'signsgd ms':>10} {'ByzFL ms':>11} {'ratio':>8}"
          "  (lowest to highest)  peak/vectors: ours, ByzFL's")
    with tempfile.TemporaryDirectory() as folder:
        for workers in args.workers:
            f = workers // 5
            for n in args.n + [args.enum_n]:
                chosen = [name for name in names if (name in ENUMERATING) == (n == args.enum_n)]
                path = str(pathlib.Path(folder) / f"{workers}-{n}.h5")
                if chosen:
                    write_vectors(path, workers, n, f)
                for name in chosen:
                    duel(name, workers, n, f, path, args)
                pathlib.Path(path).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
