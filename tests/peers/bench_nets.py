#!/usr/bin/env python3
"""Forward, backward and a step of SGD of real networks: PyTorch against signsgd, images a second.

    python3 tests/peers/bench_nets.py [--nets resnet20,resnet18,cnn] [--seconds S] [--rounds R] [--lanes L]

The peer is the best of PyTorch's ways on this machine: one process with each number of threads up to the
processor's cores, or a process of one thread on each core, with batches of their own, started together, whose
images a second are added; each way contiguous and channels-last. A first round finds the best of either kind,
and these two go on beside ours; the faster one is what the ratio is to. Ours is `signsgd bench model`: a lane a
core, each a worker with a batch of its own, the mean of their gradients, one step. Rounds take turns.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import torch

import duel
from torch_nets import NETS

BATCH = {"resnet20": 128, "resnet18": 128, "cnn": 32}
LAYOUTS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}


class TorchNet:
    def __init__(self, name):
        torch.manual_seed(1)
        make, shape = NETS[name]
        self.batch = BATCH[name]
        self.net = make().train()
        self.x, self.label = torch.randn(self.batch, *shape), torch.randint(10, (self.batch,))
        self.loss = torch.nn.CrossEntropyLoss()

    def set_way(self, threads, layout):
        torch.set_num_threads(threads)
        self.net = self.net.to(memory_format=LAYOUTS[layout])
        self.x = self.x.contiguous(memory_format=LAYOUTS[layout])
        self.sgd = torch.optim.SGD(self.net.parameters(), lr=1e-3)

    def step(self):
        self.sgd.zero_grad()
        self.loss(self.net(self.x), self.label).backward()
        self.sgd.step()

    def images_per_s(self, seconds):
        self.step()
        begin, steps = time.perf_counter(), 0
        while steps < 2 or time.perf_counter() - begin < seconds:
            self.step()
            steps += 1
        return self.batch * steps / (time.perf_counter() - begin)


class OneProcess:
    """One process, this one."""

    def __init__(self, net, threads, layout):
        self.net, self.threads, self.layout = net, threads, layout
        self.name = f"one process, {threads} thr., {layout}"

    def images_per_s(self, seconds):
        self.net.set_way(self.threads, self.layout)
        return self.net.images_per_s(seconds)


class ProcessEachCore:
    """A process of one thread on each core: this script, which obeys lines of `each_core()`."""

    def __init__(self, name, layout):
        cores = sorted(os.sched_getaffinity(0))
        self.name = f"{len(cores)} processes of 1 thr., {layout}"
        call = [sys.executable, __file__, "--one-core", name, layout]
        self.processes = [subprocess.Popen([*call, str(core)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           text=True) for core in cores]

    def images_per_s(self, seconds):
        for process in self.processes:
            process.stdout.readline()  # it is warm and waits
        for process in self.processes:
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()
        return sum(float(process.stdout.readline()) for process in self.processes)

    def close(self):
        for process in self.processes:
            process.communicate()


def one_core(name, layout, core):
    """Say when a step was done to get warm; read for how many seconds to go on; say the images a second."""
    os.sched_setaffinity(0, {int(core)})
    net = TorchNet(name)
    net.set_way(1, layout)
    net.step()
    print("ready", flush=True)
    for line in sys.stdin:
        print(net.images_per_s(float(line)), flush=True)
        print("ready", flush=True)


def best_of(ways, seconds):
    speed = {}
    for way in ways:
        speed[way] = way.images_per_s(seconds)
        duel.say(f"    PyTorch, {way.name}: {speed[way]:.1f} images/s")
    return max(speed, key=speed.get)


def ours(name, args):
    command = [duel.ROOT / "signsgd", "bench", "model", name, "--batch", str(BATCH[name]), "--seconds",
               str(args.seconds), "--json"]
    if args.lanes:
        command += ["--lanes", str(args.lanes)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def report(name, ways, theirs_s, results):
    """What was measured of the two ways and of ours, round by round."""
    theirs_s = {way: theirs_s[way] for way in sorted(ways, key=lambda way: -statistics.median(theirs_s[way]))}
    ours_s, best = [result["samples_per_s"] for result in results], next(iter(theirs_s))
    ratios = [o / t for o, t in zip(ours_s, theirs_s[best])]
    for who, speed in (*((f"PyTorch, {way.name}", theirs_s[way]) for way in theirs_s), ("signsgd", ours_s)):
        duel.say(f"  {who:50} {statistics.median(speed):9.1f} images/s (from {min(speed):.1f} to {max(speed):.1f})")
    duel.say(f"  {'ratio':50} {duel.spread(ratios)}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    duel.say(f"  memory at the peak: PyTorch, one process, {peak:.0f} MiB, signsgd"
             f" {results[-1]['peak_bytes'] / 2**20:.0f} MiB with {results[-1]['lanes']} lanes")
    peers = "; ".join(f"{way.name}: {statistics.median(theirs_s[way]):,.1f}" for way in theirs_s)
    share = statistics.median(result["share"] for result in results)
    duel.row(f"`{name}`, batch {BATCH[name]}, images/s", f"{duel.version(torch)}, {peers}",
             f"{statistics.median(ours_s):,.1f}", duel.spread(ratios), f"{100 * share:.0f} %")


def contest(name, args):
    net = TorchNet(name)
    duel.say(f"{name}, batch {BATCH[name]}")
    one = best_of([OneProcess(net, threads, layout) for threads in range(1, os.cpu_count() + 1) for layout in LAYOUTS],
                  args.seconds / 2)
    each = [ProcessEachCore(name, layout) for layout in LAYOUTS]
    ways = (one, best_of(each, args.seconds / 2))
    theirs_s, results = {way: [] for way in ways}, []
    for _ in range(args.rounds):
        for way in ways:
            theirs_s[way].append(way.images_per_s(args.seconds))
        results.append(ours(name, args))
    for way in each:
        way.close()
    report(name, ways, theirs_s, results)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    duel.add_arguments(parser)
    parser.add_argument("--nets", default="cnn,resnet20,resnet18", help="which, with commas (default: all)")
    parser.add_argument("--one-core", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one_core:
        one_core(*args.one_core)
        return
    for name in args.nets.split(","):
        if name not in NETS:
            sys.exit(f"no network '{name}'; there are {', '.join(NETS)}")
        contest(name, args)


if __name__ == "__main__":
    main()
