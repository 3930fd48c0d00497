#!/usr/bin/env python3
"""What `signsgd validate` says that a run needs, beside the highest memory of the process that does it.

    python3 tests/peers/bench_memory.py [--lanes L]

No module of numbers is loaded here: a process begins with the highest memory of the one that starts it.
"""
import argparse
import json
import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

GLYPHS, MLP = {"kind": "glyphs", "train": 40000}, {"kind": "mlp", "hidden": [100]}
CIFAR = {"kind": "cifar10", "train": 12800, "test": 2000, "check": False}

RUNS = {
    "`mlp`, 27 workers, batch 32": {"workers": 27, "batch": 32, "model": MLP, "data": GLYPHS},
    "the same, `fuse` 9": {"workers": 27, "batch": 32, "fuse": 9, "model": MLP, "data": GLYPHS},
    "`cnn`, 7 workers, batch 32": {"workers": 7, "batch": 32, "model": "cnn", "data": GLYPHS},
    "`cnn`, 101 workers, batch 8": {"workers": 101, "batch": 8, "model": "cnn", "data": GLYPHS},
    "`resnet20`, 1 worker, batch 128": {"workers": 1, "batch": 128, "model": "resnet20", "data": CIFAR},
    "`quadratic`, 10 million dimensions, 3 workers": {"workers": 3, "batch": 1, "data": "none",
                                                      "model": {"kind": "quadratic", "dimensions": 10_000_000}},
}
COMMON = {"name": "memory", "seed": 1, "steps": 5, "momentum": 0.9, "aggregator": "vote", "lr": 1e-4,
          "eval": {"every": 0}}


def make_cifar(folder):
    """Black images, all of class 0, in CIFAR-10's files: holes."""
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        with open(folder / f"{name}.bin", "wb") as out:
            out.truncate(10000 * 3073)


def peak_bytes(command):
    """The highest memory of a process that does this."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bench_memory.py: exit {process.returncode} of: {' '.join(str(word) for word in command)}")
    return usage.ru_maxrss * 1024


def compare(what, experiment, folder, lanes):
    path, program = folder / "run.json", ROOT / "signsgd"
    path.write_text(json.dumps({**COMMON, **experiment}))
    options = [path, "--data", folder, *(("--lanes", lanes) if lanes else ())]
    validate = [program, "validate", *options, "--json"]
    said = subprocess.run(validate, stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(said.stdout)["memory"]["total"]
    peak = peak_bytes([program, "simulate", *options, "--quiet", "--overwrite", "--out", folder / "run.h5"])
    print(f"| {what} | {told / 2**20:,.1f} | {peak / 2**20:,.1f} | {100 * (told / peak - 1):+.0f} % |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lanes", help="lanes (default: the processor's cores)")
    args = parser.parse_args()
    print("| run | `validate` says, MiB | at the highest, MiB | more than there was |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        make_cifar(pathlib.Path(folder))
        for what, experiment in RUNS.items():
            compare(what, experiment, pathlib.Path(folder), args.lanes)


if __name__ == "__main__":
    main()
