#!/usr/bin/env python3
"""PyTorch loads /final of our result files strictly, and finds the test loss that we recorded.

    /usr/bin/python3 tests/peers/pytorch_reads_ours.py     (Debian's python3-torch, -torchvision, -h5py)
"""
import pathlib
import sys
import tempfile

import numpy as np
import torch

from exchange import MODELS, judge, make_data, run, test_loss


def compare(name, make, folder):
    with run(name, folder, steps=3, lr=0.001) as result:
        state = {key: torch.from_numpy(np.array(values)) for key, values in result["final"].items()}
        ours = result["evals/test_loss"][-1]
    net = make()
    net.load_state_dict(state, strict=True)
    return judge(name, test_loss=abs(test_loss(net) / ours - 1))


def main():
    with tempfile.TemporaryDirectory() as folder:
        make_data(folder)
        good = [compare(name, make, pathlib.Path(folder)) for name, make in MODELS.items()]
    sys.exit(0 if all(good) else "PyTorch finds other losses")


if __name__ == "__main__":
    main()
