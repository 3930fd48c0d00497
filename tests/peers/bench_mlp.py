#!/usr/bin/env python3
"""An mlp of 784-100-10 with 7 workers, batch 32, momentum 0.9 and a majority vote: PyTorch against signsgd.

    python3 tests/peers/bench_mlp.py [--seconds S] [--rounds R] [--lanes L] [--threads T]

The peer is the plain loop that one would write: for every worker a forward and backward pass, its momentum
and its signs; the sign of their sum moves the parameters. Its batches are ready in memory; ours are gathered
from the data set.
"""
import argparse

import torch

import duel

WORKERS, BATCH, RATE, BETA = 7, 32, 1e-4, 0.9

EXPERIMENT = {
    "name": "bench-mlp",
    "seed": 1,
    "workers": WORKERS,
    "batch": BATCH,
    "model": {"kind": "mlp", "hidden": [100]},
    "data": {"kind": "glyphs"},
    "momentum": BETA,
    "aggregator": "vote",
    "lr": RATE,
    "weight_decay": 0,
    "eval": {"every": 0},
}


class TorchVote:
    def __init__(self):
        torch.manual_seed(1)
        self.model = torch.nn.Sequential(torch.nn.Linear(784, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10))
        self.parameters = list(self.model.parameters())
        self.loss = torch.nn.CrossEntropyLoss()
        self.momenta = [[torch.zeros_like(p) for p in self.parameters] for _ in range(WORKERS)]
        self.batches = [(torch.randn(BATCH, 784), torch.randint(10, (BATCH,))) for _ in range(WORKERS)]

    def step(self):
        votes = [torch.zeros_like(p) for p in self.parameters]
        for (x, label), momenta in zip(self.batches, self.momenta):
            loss = self.loss(self.model(x), label)
            gradients = torch.autograd.grad(loss, self.parameters)
            for momentum, gradient, vote in zip(momenta, gradients, votes):
                momentum.mul_(BETA).add_(gradient, alpha=1 - BETA)
                vote.add_(momentum.sign())
        with torch.no_grad():
            for p, vote in zip(self.parameters, votes):
                p.sub_(vote.sign_(), alpha=RATE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    duel.add_arguments(parser)
    parser.add_argument("--threads", type=int, default=1,
                        help="threads of PyTorch (default: 1, with which it is fastest at this size)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    peer = TorchVote()
    duel.duel(args, f"mlp 784-100-10, {WORKERS} workers, batch {BATCH}",
              f"PyTorch {torch.__version__}, {args.threads} thr.",
              lambda steps: duel.timed(peer.step, steps),
              lambda steps: duel.simulate(EXPERIMENT, steps, args.lanes))


if __name__ == "__main__":
    main()
