"""What the duels with peers share: our program timed through its own results, rounds in turn, the table.

What is found on the way goes to standard error, rows of a Markdown table to standard output: all.sh puts the
tables together.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import h5py

ROOT = pathlib.Path(__file__).resolve().parents[2]


def say(text):
    print(text, file=sys.stderr, flush=True)


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def version(module):
    """Without what it was built for, as +cu132."""
    return f"{module.__name__.replace('torch', 'PyTorch')} {module.__version__.split('+')[0]}"


def duration(seconds):
    """Three digits, in the unit that fits."""
    unit, factor = ("us", 1e6) if seconds < 1e-3 else ("ms", 1e3) if seconds < 1 else ("s", 1)
    value = seconds * factor
    return f"{value:,.{max(0, 2 - len(str(int(value))) + 1)}f} {unit}"


def spread(ratios):
    """The median and the range."""
    digits = 1 if statistics.median(ratios) >= 10 else 2
    return f"{statistics.median(ratios):.{digits}f} ({min(ratios):.{digits}f} to {max(ratios):.{digits}f})"


def simulate(experiment, steps, lanes, call=("simulate",), look=None):
    """
    Seconds a step of `./signsgd simulate` on this experiment, as its summary says; or what look(path) finds in
    the result file. call: another command that runs experiments, with its options.
    """
    with tempfile.TemporaryDirectory() as folder:
        path, out = pathlib.Path(folder) / "duel.json", pathlib.Path(folder) / "duel.h5"
        path.write_text(json.dumps({**experiment, "steps": steps}))
        command = [ROOT / "signsgd", *call, path, "--json", "--quiet", "--out", out]
        if lanes:
            command += ["--lanes", str(lanes)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        return look(out) if look else 1 / json.loads(done.stdout.splitlines()[-1])["steps_per_s"]


def phases(path):
    """Median seconds of a step and of its phases in a result file; the first step, which warms up, is left out."""
    with h5py.File(path) as result:
        steps = result["steps"]
        wall = list(steps["wall_s"])
        times = {name: statistics.median(steps[f"{name}_s"][1:]) for name in ("compute", "encode", "exchange", "apply")}
        return {"step": statistics.median(b - a for a, b in zip(wall, wall[1:])), **times}


def timed(step, steps):
    """Seconds a step of a peer's function."""
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - begin) / steps


def steps_for(seconds, run, at_first):
    """How many steps take about `seconds`, from a run of a few."""
    return max(at_first, int(seconds / run(at_first)))


def set_threads(args, set_number, step):
    """Give a peer args.threads threads; 0: those, up to the processor's cores, with which its step is fastest."""
    speed = {}
    for threads in range(1, os.cpu_count() + 1) if not args.threads else ():
        set_number(threads)
        speed[threads] = timed(step, steps_for(args.seconds / 4, lambda steps: timed(step, steps), 5))
        say(f"    {threads} threads: {duration(speed[threads])} a step")
    best = args.threads or min(speed, key=speed.get)
    set_number(best)
    return best


def add_arguments(parser):
    parser.add_argument("--seconds", type=float, default=3, help="about how long each run takes (default: 3)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each side, in turn (default: 5)")
    parser.add_argument("--lanes", type=int, default=0, help="lanes of signsgd (default: the processor's cores)")


def add_duel_arguments(parser):
    add_arguments(parser)
    parser.add_argument("--fuse", type=int, default=1, help="workers of signsgd that share a pass (default: 1)")


def duel(args, what, peer_name, step, experiment, at_first=(20, 500)):
    """
    step: the peer's function that does one; at_first: steps of each side that show how long a step takes. Says
    medians and the ratio, and prints the row.
    """
    def peer(steps):
        return timed(step, steps)

    def ours(steps):
        return simulate({**experiment, "fuse": args.fuse}, steps, args.lanes)

    peer_steps = steps_for(args.seconds, peer, at_first[0])
    our_steps = steps_for(args.seconds, ours, at_first[1])
    peer_s, our_s = [], []
    for _ in range(args.rounds):
        peer_s.append(peer(peer_steps))
        our_s.append(ours(our_steps))
    ratios = sorted(p / o for p, o in zip(peer_s, our_s))
    say(what)
    for name, seconds in ((peer_name, peer_s), ("signsgd", our_s)):
        say(f"  {name:24} {1e6 * statistics.median(seconds):10.1f} us a step"
            f"  (best {1e6 * min(seconds):.1f}, worst {1e6 * max(seconds):.1f})")
    say(f"  {'ratio':24} {statistics.median(ratios):10.2f}  (from {ratios[0]:.2f} to {ratios[-1]:.2f},"
        f" {args.rounds} rounds in turn)")
    fused = f", `fuse` {args.fuse}" if args.fuse > 1 else ""
    row(what, f"{peer_name}: {duration(statistics.median(peer_s))}",
        f"{duration(statistics.median(our_s))}{fused}", spread(ratios), "")
