#!/usr/bin/env python3
"""Ten honest workers and three Byzantine workers, cnn, batch 32: a step of ByzFL against a step of signsgd.

    python3 tests/peers/bench_byzfl.py [--rules Average,MultiKrum,Median] [--seconds S] [--rounds R] [--lanes L]

ByzFL (package `byzfl`) is driven by its own Client, ByzantineClient and Server, as its own training loop does,
on batches that are ready in memory. Ours is `signsgd simulate` with the vote, and with the mean, on fashion-like
images that the program makes itself; batches are gathered, Byzantine workers compute gradients of their own.
"""
import argparse

import torch
from byzfl import ByzantineClient, Client, Server

import duel

HONEST, BYZANTINE, BATCH = 10, 3, 32

EXPERIMENT = {
    "name": "bench-byzfl",
    "seed": 1,
    "workers": HONEST + BYZANTINE,
    "batch": BATCH,
    "model": "cnn",
    "data": {"kind": "glyphs"},
    "momentum": 0.9,
    "aggregator": "vote",
    "lr": 1e-3,
    "adversaries": {"count": BYZANTINE, "attack": "invert"},
    "eval": {"every": 0},
}


def loader():
    samples = torch.utils.data.TensorDataset(torch.randn(64 * BATCH, 1, 28, 28), torch.randint(10, (64 * BATCH,)))
    return torch.utils.data.DataLoader(samples, batch_size=BATCH, shuffle=True)


class Loop:
    """The inside of ByzFL's DSGD loop."""

    def __init__(self, rule):
        torch.manual_seed(1)
        common = {"model_name": "cnn_mnist", "device": "cpu", "optimizer_name": "SGD", "learning_rate": 0.1,
                  "weight_decay": 0.0, "milestones": [10**9], "learning_rate_decay": 0.5}
        self.clients = [Client({**common, "loss_name": "CrossEntropyLoss", "LabelFlipping": False, "nb_labels": 10,
                                "momentum": 0.9, "training_dataloader": loader(), "store_per_client_metrics": False})
                        for _ in range(HONEST)]
        parameters = {} if rule == "Average" else {"f": BYZANTINE}
        info = {"name": rule, "parameters": {} if rule in ("Average", "Median") else parameters}
        self.server = Server({**common, "test_loader": loader(), "validation_loader": None, "aggregator_info": info,
                              "pre_agg_list": []})
        self.byzantine = ByzantineClient({"name": "SignFlipping", "f": BYZANTINE, "parameters": {}})
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    duel.add_arguments(parser)
    parser.add_argument("--rules", default="Average,MultiKrum", help="ByzFL's aggregators (default: Average,MultiKrum)")
    args = parser.parse_args()
    for rule in args.rules.split(","):
        loop = Loop(rule)
        for threads in (1, 2):
            torch.set_num_threads(threads)
            duel.duel(args, f"cnn, {HONEST} honest workers and {BYZANTINE} Byzantine, batch {BATCH}",
                      f"ByzFL {rule}, {threads} thr.", lambda steps: duel.timed(loop.step, steps),
                      lambda steps: duel.simulate(EXPERIMENT, steps, args.lanes), at_first=(3, 30))


if __name__ == "__main__":
    main()
