#!/usr/bin/env python3
"""We begin with a state_dict that h5py wrote, and find PyTorch's test loss before and after a step of SGD.

    /usr/bin/python3 tests/peers/ours_reads_pytorch.py     (Debian's python3-torch, -torchvision, -h5py)
"""
import pathlib
import sys
import tempfile

import h5py
import numpy as np
import torch

from exchange import MODELS, N_TRAIN, judge, make_data, run, tensors, test_loss

RATE = 0.01


def step(net):
    """One step of SGD on all training samples, in double precision."""
    x, label = tensors(N_TRAIN, 1)
    net = net.double().train()
    net.zero_grad()
    torch.nn.functional.cross_entropy(net(x), label).backward()
    with torch.no_grad():
        for p in net.parameters():
            p -= RATE * p.grad


def distance(net, final):
    """How far our tensors are from PyTorch's, relative to their size."""
    wrong = right = 0.0
    for name, values in net.state_dict().items():
        if name.endswith("num_batches_tracked"):  # a run counts its own
            continue
        theirs, ours = values.double().numpy(), np.array(final[name], np.float64)
        wrong += ((theirs - ours) ** 2).sum()
        right += (theirs**2).sum()
    return (wrong / right) ** 0.5


def compare(name, make, folder):
    torch.manual_seed(1)
    net = make()
    for _ in range(3):  # running statistics that are not the first ones
        step(net)
    with h5py.File(folder / "state.h5", "w") as out:
        for key, values in net.float().state_dict().items():
            out[key] = values.numpy()
    start = {"kind": "file", "path": str(folder / "state.h5")}
    with run(name, folder, steps=1, lr=RATE, momentum=0, aggregator="mean", init=start) as result:
        before, after = result["evals/test_loss"][0], result["evals/test_loss"][-1]
        errors = {"loss_before": abs(before / test_loss(net) - 1)}
        step(net)
        errors["loss_after_a_step"] = abs(after / test_loss(net) - 1)
        errors["parameters"] = distance(net, result["final"])
    return judge(name, **errors)


def main():
    with tempfile.TemporaryDirectory() as folder:
        make_data(folder)
        good = [compare(name, make, pathlib.Path(folder)) for name, make in MODELS.items()]
    sys.exit(0 if all(good) else "we find other losses than PyTorch")


if __name__ == "__main__":
    main()
