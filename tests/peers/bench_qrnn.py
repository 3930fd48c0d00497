#!/usr/bin/env python3
"""The `qrnn` of experiments/shakespeare-qrnn.json on Tiny Shakespeare, a majority vote: PyTorch against signsgd.

    python3 tests/peers/bench_qrnn.py [--threads T] [--seconds S] [--rounds R] [--lanes L] [--fuse K]

The peer is the network of torch_qrnn.py in the plain loop of torch_vote.py: gates of all positions at once, the
pooling a loop over positions. Both read the same text in the same windows, and hand the cells of one window on
to the next. Before the duel one step without momentum, from the same parameters, has to give the same loss and
the same gradient. The text is looked for in SIGNSGD_DATA.
"""
import argparse
import gzip
import itertools
import json
import os
import pathlib
import sys
import tempfile

import h5py
import numpy as np
import torch

import duel
from torch_qrnn import Qrnn
from torch_vote import TorchVote

SOURCE = json.loads((duel.ROOT / "experiments/shakespeare-qrnn.json").read_text())
MODEL = {key: SOURCE["model"][key] for key in ("layers", "embedding", "hidden", "window")}
WORKERS, BATCH, POSITIONS = SOURCE["workers"], SOURCE["batch"], SOURCE["data"]["bptt"]
RATE, BETA, ERROR_MOST = 1e-3, 0.9, 1e-4

EXPERIMENT = {
    "name": "bench-qrnn",
    "seed": 1,
    "workers": WORKERS,
    "batch": BATCH,
    "model": SOURCE["model"],
    "data": SOURCE["data"],
    "momentum": BETA,
    "aggregator": "vote",
    "lr": RATE,
    "weight_decay": 0,
    "eval": {"every": 0},
}


class Text:
    """The training text, cut into columns as ours: worker w has the columns from w BATCH on."""

    def __init__(self):
        folder = pathlib.Path(os.environ.get("SIGNSGD_DATA", "")) / "tinyshakespeare"
        if not folder.is_dir():
            sys.exit("bench_qrnn.py: SIGNSGD_DATA has no folder tinyshakespeare")
        packed = folder / "input.txt.gz"
        text = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / "input.txt").read_bytes()
        train = text.decode()[:len(text) * 9 // 10]
        number = {letter: i for i, letter in enumerate(dict.fromkeys(train))}
        self.classes, self.tokens = len(number), torch.tensor([number[letter] for letter in train])
        self.column = (len(train) - 1) // (WORKERS * BATCH)
        self.firsts = torch.arange(WORKERS * BATCH).view(WORKERS, 1, BATCH) * self.column

    def window(self, worker, step):
        """tokens and labels [POSITIONS][BATCH]; the short window at the end of the columns is left out."""
        at = step % (self.column // POSITIONS) * POSITIONS
        places = torch.arange(at, at + POSITIONS).unsqueeze(1) + self.firsts[worker]
        return self.tokens[places], self.tokens[places + 1]


def losses_of(net, text):
    """For each worker the loss of its next window."""
    def loss_of(worker):
        carries, windows = net.start(BATCH), itertools.cycle([text.window(worker, step) for step in range(100)])
        return lambda: net.loss(*next(windows), carries)

    return [loss_of(worker) for worker in range(WORKERS)]


def one_step(net, folder):
    """Ours from these parameters: the training loss of one step, and the mean gradient."""
    with h5py.File(folder / "state.h5", "w") as out:
        for name, values in net.state_dict().items():
            out[name] = values.numpy()

    def look(path):
        with h5py.File(path) as result:
            final = {name: np.array(values) for name, values in result["final"].items()}
            return result["steps/loss"][0], final

    start = {"kind": "file", "path": str(folder / "state.h5")}
    experiment = {**EXPERIMENT, "momentum": 0, "aggregator": "mean", "lr": 1, "init": start}
    loss, final = duel.simulate(experiment, 1, 0, look=look)
    return loss, {name: values.numpy() - final[name] for name, values in net.state_dict().items()}


def compare(net, text):
    """Stop where loss or gradient of the first step are not the same."""
    with tempfile.TemporaryDirectory() as folder:
        our_loss, ours = one_step(net, pathlib.Path(folder))
    loss = sum(loss() for loss in losses_of(net, text)) / WORKERS
    loss.backward()
    wrong = sum(((p.grad.numpy() - ours[name]) ** 2).sum() for name, p in net.named_parameters())
    right = sum((p.grad.numpy() ** 2).sum() for name, p in net.named_parameters())
    errors = abs(our_loss / loss.item() - 1), (wrong / right) ** 0.5
    duel.say(f"qrnn: relative errors of the loss {errors[0]:.1e}, of the gradient {errors[1]:.1e}")
    if max(errors) > ERROR_MOST:
        sys.exit("bench_qrnn.py: PyTorch finds another loss or gradient")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    duel.add_duel_arguments(parser)
    parser.add_argument("--threads", type=int, default=0, help="threads of PyTorch (default: what is fastest)")
    args = parser.parse_args()
    torch.manual_seed(1)
    text = Text()
    net = Qrnn(text.classes, **MODEL)
    compare(net, text)
    peer = TorchVote(net.parameters(), losses_of(net, text), RATE, BETA)
    threads = duel.set_threads(args, torch.set_num_threads, peer.step)
    what = f"`qrnn` on Tiny Shakespeare, {WORKERS} workers, batch {BATCH} x {POSITIONS}, a step"
    duel.duel(args, what, f"{duel.version(torch)}, {threads} thr.", peer.step, EXPERIMENT,
              at_first=(5, 50))


if __name__ == "__main__":
    main()
