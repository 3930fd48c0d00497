"""What both directions of the exchange of weights with PyTorch share: data, runs, losses.

The samples are noise that depends on the label, in files laid out as CIFAR-10's (behind the samples that are
used they are a hole). All training samples are one batch, so that a step does not depend on their order.
"""
import json
import os
import pathlib
import subprocess

import h5py
import numpy as np
import torch

from torch_nets import NETS

N_TRAIN, N_TEST = 16, 24
ERROR_MOST = 1e-4
ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("SIGNSGD_BIN", str(ROOT / "signsgd"))

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of pixel / 255, as data set cifar10 has them


def colour_cnn():
    """The network for grey images of 28 x 28, on colour images of 32 x 32."""
    net = NETS["cnn"][0]()
    net.conv1, net.fc1 = torch.nn.Conv2d(3, 20, 5), torch.nn.Linear(1250, 500)
    return net


MODELS = {"cnn": colour_cnn, "resnet20": NETS["resnet20"][0], "resnet18": NETS["resnet18"][0]}


def samples(count, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count, dtype=np.uint8)
    images = rng.integers(0, 200, (count, 3, 32, 32)) + 5 * labels[:, None, None, None]
    return images.astype(np.uint8), labels


def write_hole(path, start, size):
    with open(path, "wb") as out:
        out.write(start)
        out.truncate(size)


def make_data(folder):
    folder = pathlib.Path(folder)
    for name, count, seed in (("data_batch_1.bin", N_TRAIN, 1), ("test_batch.bin", N_TEST, 2)):
        images, labels = samples(count, seed)
        records = np.concatenate([labels[:, None], images.reshape(count, -1)], axis=1)
        write_hole(folder / name, records.tobytes(), 10000 * 3073)
    for i in range(2, 6):
        write_hole(folder / f"data_batch_{i}.bin", b"", 10000 * 3073)


def tensors(count, seed):
    """The samples as PyTorch gets them, normalised."""
    images, labels = samples(count, seed)
    bias, scale = torch.tensor(MEAN).view(-1, 1, 1), torch.tensor(STD).view(-1, 1, 1)
    x = (torch.from_numpy(images).double() / 255 - bias) / scale
    return x, torch.from_numpy(labels.astype(np.int64))


def test_loss(net):
    """Mean loss over the test samples, in double precision."""
    x, label = tensors(N_TEST, 2)
    net = net.double().eval()
    with torch.no_grad():
        return torch.nn.functional.cross_entropy(net(x), label).item()


def run(name, folder, **keys):
    """A run of `signsgd` on the samples; its result file, open."""
    data = {"kind": "cifar10", "train": N_TRAIN, "test": N_TEST, "augment": False, "check": False, "dir": str(folder)}
    experiment = {"model": name, "data": data, "workers": 1, "batch": N_TRAIN, "eval": {"every": 0}, **keys}
    (folder / "experiment.json").write_text(json.dumps(experiment))
    out = folder / f"{name}.h5"
    call = [PROGRAM, "simulate", str(folder / "experiment.json"), "--out", str(out), "--overwrite", "--quiet"]
    subprocess.run(call, check=True, stderr=subprocess.DEVNULL)
    return h5py.File(out)


def judge(name, **errors):
    """Print the relative errors; are all of them small enough?"""
    print(f"{name:10}", *(f"{what.replace('_', ' ')} {error:.1e}" for what, error in errors.items()))
    return all(error < ERROR_MOST for error in errors.values())
