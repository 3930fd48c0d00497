"""What the duels with peers share: our program timed through its own summary, rounds in turn, the table."""
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def simulate(experiment, steps, lanes):
    """Seconds a step of `./signsgd simulate` on this experiment, as its summary says."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "duel.json"
        path.write_text(json.dumps({**experiment, "steps": steps}))
        command = [ROOT / "signsgd", "simulate", path, "--json", "--quiet", "--out", pathlib.Path(folder) / "duel.h5"]
        if lanes:
            command += ["--lanes", str(lanes)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return 1 / json.loads(done.stdout.splitlines()[-1])["steps_per_s"]


def timed(step, steps):
    """Seconds a step of a peer's function."""
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - begin) / steps


def steps_for(seconds, run, at_first):
    """How many steps take about `seconds`, from a run of a few."""
    return max(at_first, int(seconds / run(at_first)))


def add_arguments(parser):
    parser.add_argument("--seconds", type=float, default=3, help="about how long each run takes (default: 3)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each side, in turn (default: 5)")
    parser.add_argument("--lanes", type=int, default=0, help="lanes of signsgd (default: the processor's cores)")


def duel(args, what, peer_name, peer, ours, at_first=(20, 500)):
    """
    peer and ours: functions of a number of steps that return seconds a step; at_first: steps of each that show
    how long a step takes. Prints medians and the ratio.
    """
    peer_steps = steps_for(args.seconds, peer, at_first[0])
    our_steps = steps_for(args.seconds, ours, at_first[1])
    peer_s, our_s = [], []
    for _ in range(args.rounds):
        peer_s.append(peer(peer_steps))
        our_s.append(ours(our_steps))
    ratios = sorted(p / o for p, o in zip(peer_s, our_s))
    print(what)
    for name, seconds in ((peer_name, peer_s), ("signsgd", our_s)):
        print(f"  {name:24} {1e6 * statistics.median(seconds):10.1f} us a step"
              f"  (best {1e6 * min(seconds):.1f}, worst {1e6 * max(seconds):.1f})")
    print(f"  {'ratio':24} {statistics.median(ratios):10.2f}  (from {ratios[0]:.2f} to {ratios[-1]:.2f},"
          f" {args.rounds} rounds in turn)")
