#!/usr/bin/env python3
"""Ten honest workers and some Byzantine workers, cnn: a step of ByzFL against a step of signsgd.

    python3 tests/peers/bench_byzfl.py [--rules Average,MultiKrum,Median] [--threads 1,2] [--seconds S] [--rounds R]
                                        [--lanes L] [--fuse K]
    python3 tests/peers/bench_byzfl.py --default [--f 1,2,3,4] [--threads 1,2]

ByzFL (package `byzfl`) is driven by its own Client, ByzantineClient and Server, as its own training loop does,
on batches that are ready in memory. Ours is `signsgd simulate` with the same rule, on images that the program
makes itself; batches are gathered. There are three Byzantine workers, which send the opposite of the honest mean
and compute nothing, and batches of 32.

With --default both compute the experiment with which ByzFL's benchmark begins: 1 to 4 Byzantine workers,
batches of 25, a trimmed mean and a geometric median behind clipping (at 2) and nearest-neighbour mixing.
"""
import argparse
import importlib.metadata
import sys

import torch
from byzfl import ByzantineClient, Client, Server

import duel

HONEST, BYZANTINE, BATCH = 10, 3, 32
VERSION = importlib.metadata.version("byzfl")

EXPERIMENT = {
    "name": "bench-byzfl",
    "seed": 1,
    "batch": BATCH,
    "model": "cnn",
    "data": {"kind": "glyphs"},
    "momentum": 0.9,
    "lr": 1e-3,
    "eval": {"every": 0},
}


def loader(batch):
    samples = torch.utils.data.TensorDataset(torch.randn(64 * batch, 1, 28, 28), torch.randint(10, (64 * batch,)))
    return torch.utils.data.DataLoader(samples, batch_size=batch, shuffle=True)


class Loop:
    """The inside of ByzFL's DSGD loop."""

    def __init__(self, rule, parameters, f=BYZANTINE, batch=BATCH, before=()):
        torch.manual_seed(1)
        common = {"model_name": "cnn_mnist", "device": "cpu", "optimizer_name": "SGD", "learning_rate": 0.1,
                  "weight_decay": 0.0, "milestones": [10**9], "learning_rate_decay": 0.5}
        self.clients = [Client({**common, "loss_name": "CrossEntropyLoss", "LabelFlipping": False, "nb_labels": 10,
                                "momentum": 0.9, "training_dataloader": loader(batch), "store_per_client_metrics": False})
                        for _ in range(HONEST)]
        info = {"name": rule, "parameters": parameters}
        self.server = Server({**common, "test_loader": loader(batch), "validation_loader": None, "aggregator_info": info,
                              "pre_agg_list": list(before)})
        self.byzantine = ByzantineClient({"name": "SignFlipping", "f": f, "parameters": {}})
        for client in self.clients:
            client.set_model_state(self.server.get_dict_parameters())

    def step(self):
        for client in self.clients:
            client.compute_gradients()
        honest = [client.get_flat_gradients_with_momentum() for client in self.clients]
        self.server.update_model_with_gradients(honest + self.byzantine.apply_attack(honest))
        state = self.server.get_dict_parameters()
        for client in self.clients:
            client.set_model_state(state)


def experiment(f, aggregator):
    """Ours: the attack sends minus the honest mean."""
    return {**EXPERIMENT, "workers": HONEST + f, "aggregator": aggregator,
            "adversaries": {"count": f, "data": "none", "attack": {"kind": "ipm", "tau": 1}}}


def default_experiment(f, rule):
    """Ours of ByzFL's first experiment."""
    before = [{"kind": "clipping", "limit": 2.0}, "nnm"]
    return {**experiment(f, {**rule, "f": f, "before": before}), "batch": 25}


# ByzFL's rules, their parameters, and ours.
RULES = {
    "Average": ({}, {"kind": "mean"}),
    "Median": ({}, {"kind": "median", "f": BYZANTINE}),
    "MultiKrum": ({"f": BYZANTINE}, {"kind": "multi-krum", "f": BYZANTINE}),
    "TrMean": ({"f": BYZANTINE}, {"kind": "trimmed-mean", "f": BYZANTINE}),
}


def compare_default(args):
    rules = (("TrMean", lambda f: {"f": f}, {"kind": "trimmed-mean"}),
             ("GeometricMedian", lambda f: {},
              {"kind": "geometric-median", "start": "zero", "iterations": 3, "nu": 0.1}))
    for theirs, parameters, ours in rules:
        for f in (int(text) for text in args.f.split(",")):
            before = [{"name": "Clipping", "parameters": {"c": 2.0}}, {"name": "NNM", "parameters": {"f": f}}]
            loop = Loop(theirs, parameters(f), f, 25, before)
            for threads in (int(text) for text in args.threads.split(",")):
                torch.set_num_threads(threads)
                duel.duel(args, f"cnn, {HONEST} honest workers and {f} Byzantine, batch 25, a step",
                          f"ByzFL {VERSION} {theirs}, {threads} thr.", loop.step, default_experiment(f, ours),
                          at_first=(3, 30))


def compare_rules(args):
    for rule in args.rules.split(","):
        if rule not in RULES:
            sys.exit(f"no rule '{rule}'; there are {', '.join(RULES)}")
        parameters, ours = RULES[rule]
        loop = Loop(rule, parameters)
        for threads in (int(text) for text in args.threads.split(",")):
            torch.set_num_threads(threads)
            duel.duel(args, f"`cnn`, {HONEST} honest workers and {BYZANTINE} Byzantine, {ours['kind']}, batch {BATCH}, a step",
                      f"ByzFL {VERSION} {rule}, {threads} thr.", loop.step, experiment(BYZANTINE, ours),
                      at_first=(3, 30))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    duel.add_duel_arguments(parser)
    parser.add_argument("--rules", default="Average,MultiKrum", help="ByzFL's aggregators (default: Average,MultiKrum)")
    parser.add_argument("--default", action="store_true", help="ByzFL's first experiment")
    parser.add_argument("--f", default="1,2,3,4", help="its numbers of Byzantine workers (default: 1,2,3,4)")
    parser.add_argument("--threads", default="2", help="ByzFL's threads (default: 2)")
    args = parser.parse_args()
    if args.default:
        compare_default(args)
    else:
        compare_rules(args)


if __name__ == "__main__":
    main()
