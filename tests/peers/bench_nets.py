#!/usr/bin/env python3
"""Forward, backward and a step of SGD of real networks: PyTorch against signsgd, images a second.

    python3 tests/peers/bench_nets.py [--nets resnet20,resnet18,cnn] [--seconds S] [--rounds R] [--lanes L]

The peer is the best of PyTorch's ways on this machine, found in a first round: each number of threads up to
the processor's cores, contiguous and channels-last. Ours is `signsgd bench model`: a lane a core, each a
worker with a batch of its own, the mean of their gradients, one step. Rounds take turns.
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
        self.net = self.net.to(memory_format=layout)
        self.x = self.x.contiguous(memory_format=layout)
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


def best_way(net, seconds):
    ways = [(threads, layout) for threads in range(1, os.cpu_count() + 1)
            for layout in (torch.contiguous_format, torch.channels_last)]
    speed = {}
    for way in ways:
        net.set_way(*way)
        speed[way] = net.images_per_s(seconds)
        print(f"    PyTorch, {way[0]} threads, {str(way[1]).split('.')[1]}: {speed[way]:.1f} images/s", flush=True)
    return max(speed, key=speed.get)


def ours(name, args):
    command = [duel.ROOT / "signsgd", "bench", "model", name, "--batch", str(BATCH[name]), "--seconds",
               str(args.seconds), "--json"]
    if args.lanes:
        command += ["--lanes", str(args.lanes)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def contest(name, args):
    net = TorchNet(name)
    print(f"{name}, batch {BATCH[name]}", flush=True)
    way = best_way(net, args.seconds / 2)
    net.set_way(*way)
    theirs_s, ours_s = [], []
    for _ in range(args.rounds):
        theirs_s.append(net.images_per_s(args.seconds))
        result = ours(name, args)
        ours_s.append(result["samples_per_s"])
    ratios = sorted(o / t for o, t in zip(ours_s, theirs_s))
    for who, speed in ((f"PyTorch {torch.__version__}, {way[0]} threads", theirs_s), ("signsgd", ours_s)):
        print(f"  {who:28} {statistics.median(speed):9.1f} images/s (from {min(speed):.1f} to {max(speed):.1f})")
    print(f"  {'ratio':28} {statistics.median(ratios):9.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f})")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  memory at the peak: PyTorch {peak:.0f} MiB, signsgd {result['peak_bytes'] / 2**20:.0f} MiB"
          f" with {result['lanes']} lanes", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    duel.add_arguments(parser)
    parser.add_argument("--nets", default="cnn,resnet20,resnet18", help="which, with commas (default: all)")
    args = parser.parse_args()
    for name in args.nets.split(","):
        if name not in NETS:
            sys.exit(f"no network '{name}'; there are {', '.join(NETS)}")
        contest(name, args)


if __name__ == "__main__":
    main()
