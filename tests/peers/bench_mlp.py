#!/usr/bin/env python3
"""An mlp of 784-100-10 with M workers, batch 32, momentum 0.9 and a majority vote: PyTorch against signsgd.

    python3 tests/peers/bench_mlp.py [--workers 7,27] [--threads T] [--seconds S] [--rounds R] [--lanes L] [--fuse K]

The peer is the plain loop of torch_vote.py. Its batches are ready in memory; ours are gathered from the data
set.
"""
import argparse

import torch

import duel
from torch_vote import TorchVote

BATCH, RATE, BETA = 32, 1e-4, 0.9

EXPERIMENT = {
    "name": "bench-mlp",
    "seed": 1,
    "batch": BATCH,
    "model": {"kind": "mlp", "hidden": [100]},
    "data": {"kind": "glyphs"},
    "momentum": BETA,
    "aggregator": "vote",
    "lr": RATE,
    "weight_decay": 0,
    "eval": {"every": 0},
}


def torch_loop(workers):
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(784, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10))
    cross_entropy = torch.nn.CrossEntropyLoss()

    def loss_of(x, label):
        return lambda: cross_entropy(model(x), label)

    losses = [loss_of(torch.randn(BATCH, 784), torch.randint(10, (BATCH,))) for _ in range(workers)]
    return TorchVote(model.parameters(), losses, RATE, BETA)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    duel.add_duel_arguments(parser)
    parser.add_argument("--workers", default="7,27", help="numbers of workers, with commas (default: 7,27)")
    parser.add_argument("--threads", type=int, default=0, help="threads of PyTorch (default: what is fastest)")
    args = parser.parse_args()
    for workers in (int(text) for text in args.workers.split(",")):
        peer = torch_loop(workers)
        what = f"mlp 784-100-10, {workers} workers, batch {BATCH}, a step"
        threads = duel.set_threads(args, torch.set_num_threads, peer.step)
        duel.duel(args, what, f"{duel.version(torch)}, {threads} thr.", peer.step,
                  {**EXPERIMENT, "workers": workers})


if __name__ == "__main__":
    main()
