"""What the parts of run.sh share: the program, results, PyTorch, and how steps are timed."""
import json
import os
import statistics
import subprocess
import tempfile
import time

OUT, SMALL = os.environ["OUT"], bool(os.environ.get("SMALL"))


def program(*args):
    """What the program says, as a list of its lines of JSON; a sentence of its own is the exception's text."""
    done = subprocess.run([os.environ["SIGNSGD"], *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def record(name, row):
    """A line of the table to come; said at once too, so that a part that runs out of time leaves what it has."""
    print(json.dumps(row), flush=True)
    with open(f"{OUT}/{name}.json", "a", encoding="utf-8") as f:
        f.write(json.dumps(row) + "\n")


def step_s(experiment, steps, *options, times=3):
    """Seconds a step, the median of so many times: a run of so many steps and one of three times as many start alike, and
    their difference is what the steps took."""
    return statistics.median(once(experiment, steps, options) for _ in range(1 if SMALL else times))


def once(experiment, steps, options):
    took = []
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/e.json"
        with open(path, "w", encoding="utf-8") as f:
            json.dump(experiment, f)
        for count in (steps, 3 * steps):
            line, = program("simulate", path, "--steps", count, "--quiet", "--json", "--out", f"{folder}/{count}.h5",
                            "--set", "backend=cuda", *options)
            took.append(line["wall_s"])
    return max(took[1] - took[0], 0) / (2 * steps)


def torch_here():
    """PyTorch with a GPU; None and a word why not."""
    try:
        import torch  # pylint: disable=import-outside-toplevel
    except ImportError as e:
        print(f"skipped: {e}")
        return None
    if not torch.cuda.is_available():
        print("skipped: PyTorch has no GPU")
        return None
    return torch


def timed(torch, step, seconds):
    """Median seconds of a step, of batches of steps, after a warm-up."""
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        begin = time.perf_counter()
        for _ in range(5):
            step()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) / 5)
    return statistics.median(times)
