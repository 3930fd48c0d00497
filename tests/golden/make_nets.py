#!/usr/bin/env python3
"""Write nets.h5: loss, gradients and three steps of SGD of every network, by PyTorch in float64.

    /usr/bin/python3 tests/golden/make_nets.py [NAME ...]     (Debian's python3-torch, -torchvision, -h5py)

Weights and batches are not stored: both sides make them from a hash of integers, to the same bits
(tests/support/golden_nets.h). The numbers of stream s are u(s, i) = hash(s, i) / 2^31 - 1, cut to 24 bits:

    tensor t, two and more sides    sqrt(6 / fan_in) u(t, i)        (He et al. 2015, uniform)
    tensor t, weight of one side    1 + u(t, i) / 4                 (a normalisation's; "bn3", at the end of
                                    a bottleneck: an eighth of it, without which 50 layers turn float32's
                                    rounding into errors of some per cent)
    tensor t, bias                  u(t, i) / 8
    batch                           7/4 u(2048, i)
    labels                          hash(2049, i) mod classes
    sampled coordinates of t        i = 0, 1, ... while there are no more than asked for, or else
                                    hash(1024 + t, i) mod count

A ReLU whose input is within float32's rounding of zero, or a pool with two all but equal candidates, has
another gradient in float32 than in float64, and neither is wrong. So each case has a salt, which goes into
all streams, and which `--salts` finds: the first with which all decisions stay as they are when
NOISE times its root mean square is added to whatever a layer gives, and in PyTorch's own float32.
"""
import argparse
import json
import pathlib

import h5py
import numpy as np
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock

GRADIENTS, PARAMETERS, STEPS = 192, 32, 3  # sampled of each tensor; steps of SGD
NOISE = 2.0**-22

# The last gradient without such a decision, where it is not the last of all: among the millions of ReLUs of
# resnet50 one or the other turns as soon as the parameters move.
STAYS = {"resnet50": 0}


def mix(x):
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x85EBCA6B)
    x = x ^ (x >> np.uint32(13))
    x = x * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def hashed(salt, stream, count):
    with np.errstate(over="ignore"):
        key = mix(np.uint32(4096 * salt + stream + 1) * np.uint32(0x9E3779B9))
        return mix(key + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9))


def uniform(salt, stream, count):
    return ((hashed(salt, stream, count) >> np.uint32(8)).astype(np.float32) - np.float32(1 << 23)) * np.float32(2.0**-23)


def beginning(salt, t, name, shape):
    count = int(np.prod(shape))
    u = uniform(salt, t, count)
    if len(shape) > 1:
        return (np.float32(np.sqrt(6.0 / np.prod(shape[1:]))) * u).reshape(shape)
    if name.endswith("bias"):
        return np.float32(0.125) * u
    return (np.float32(1) + np.float32(0.25) * u) * np.float32(0.125 if "bn3" in name else 1)


def sampled(salt, t, count, most):
    if count <= most:
        return np.arange(count)
    return (hashed(salt, 1024 + t, most) % np.uint32(count)).astype(np.int64)


# --- the networks, as PyTorch has them ---------------------------------------------------------------


class Cnn(nn.Module):
    def __init__(self, channels, classes, flat):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(channels, 20, 5), nn.Conv2d(20, 50, 5)
        self.fc1, self.fc2 = nn.Linear(flat, 500), nn.Linear(500, classes)
        self.pool, self.relu1, self.relu2, self.relu3 = nn.MaxPool2d(2), nn.ReLU(), nn.ReLU(), nn.ReLU()

    def forward(self, x):
        x = self.pool(self.relu1(self.conv1(x)))
        x = self.pool(self.relu2(self.conv2(x)))
        return self.fc2(self.relu3(self.fc1(x.flatten(1))))


class ShortcutA(nn.Module):
    """He et al. 2016: every stride-th pixel, channels of zeros behind."""

    def __init__(self, more, stride):
        super().__init__()
        self.more, self.stride = more, stride

    def forward(self, x):
        return nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))


class CifarResnet(nn.Module):
    def __init__(self, depth, classes, shortcut):
        super().__init__()
        self.conv1, self.bn1, self.relu = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        inside = 16
        for s, planes in enumerate((16, 32, 64)):
            blocks = []
            for i in range((depth - 2) // 6):
                stride = 2 if s > 0 and i == 0 else 1
                skip = None
                if inside != planes:
                    skip = (
                        ShortcutA(planes - inside, stride)
                        if shortcut == "A"
                        else nn.Sequential(nn.Conv2d(inside, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))
                    )
                blocks.append(BasicBlock(inside, planes, stride, skip))
                inside = planes
            setattr(self, f"layer{s + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(64, classes)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def for_cifar(model):
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    return model


def narrow(model, first, second, hidden, classes):
    """AlexNet's and VGG's fully connected layers with another width."""
    c = model.classifier
    c[first], c[second] = nn.Linear(c[first].in_features, hidden), nn.Linear(hidden, hidden)
    c[6] = nn.Linear(hidden, classes)
    for layer in c:
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    return model


LAYERS = [
    {"kind": "conv", "channels": 12, "kernel": 3, "padding": 1},
    "tanh",
    "norm",
    "relu",
    {"kind": "max-pool", "kernel": 3, "stride": 2, "padding": 1},
    {"kind": "conv", "channels": 24, "kernel": 3, "stride": 2, "groups": 4, "bias": False},
    "relu",
    {"kind": "mean-pool", "kernel": 2, "stride": 1, "padding": 1},
    {"kind": "dropout", "rate": 0},
    "flatten",
    {"kind": "linear", "width": 20},
    "tanh",
]


def sequential():
    return nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1),
        nn.Tanh(),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(12, 24, 3, 2, groups=4, bias=False),
        nn.ReLU(),
        nn.AvgPool2d(2, 1, 1),
        nn.Dropout(0),
        nn.Flatten(),
        nn.Linear(24 * 4 * 4, 20),
        nn.Tanh(),
        nn.Linear(20, 5),
    )


tv = torchvision.models
WIDE = {"hidden": 128, "dropout": 0}

# name: our model, PyTorch's, batch, (channels, height, width), classes, learning rate, salt
CASES = {
    "cnn": ({"kind": "cnn"}, lambda: Cnn(1, 10, 800), 8, (1, 28, 28), 10, 0.002, 2),
    "resnet20": ({"kind": "resnet20"}, lambda: CifarResnet(20, 10, "projection"), 8, (3, 16, 16), 10, 0.05, 2),
    "resnet20-A": ({"kind": "resnet20", "shortcut": "A"}, lambda: CifarResnet(20, 10, "A"), 8, (3, 16, 16), 10, 0.05, 4),
    "resnet18-cifar": ({"kind": "resnet18"}, lambda: for_cifar(tv.resnet18(num_classes=10)), 4, (3, 16, 16), 10, 0.005, 8),
    "resnet18": ({"kind": "resnet18"}, lambda: tv.resnet18(num_classes=10), 4, (3, 64, 64), 10, 0.005, 3),
    "resnet50": ({"kind": "resnet50"}, lambda: tv.resnet50(num_classes=10), 4, (3, 64, 64), 10, 0.01, 1),
    "alexnet": ({"kind": "alexnet", **WIDE}, lambda: narrow(tv.alexnet(), 1, 4, 128, 10), 4, (3, 64, 64), 10, 0.0002, 1),
    "vgg11": ({"kind": "vgg11", **WIDE}, lambda: narrow(tv.vgg11(init_weights=False), 0, 3, 128, 10), 4, (3, 32, 32), 10, 5e-05, 2),
    "sequential": ({"kind": "sequential", "layers": LAYERS}, sequential, 6, (3, 15, 15), 5, 0.05, 1),
}


def begin(model, salt, dtype):
    """The model in training mode with its weights; its parameters by name."""
    model = model.to(dtype).train()
    for t, (name, p) in enumerate(model.named_parameters()):
        p.data = torch.from_numpy(beginning(salt, t, name, tuple(p.shape))).to(dtype)
    return model


def batch_of(salt, batch, shape, classes, dtype):
    x = np.float32(1.75) * uniform(salt, 2048, batch * int(np.prod(shape)))
    label = hashed(salt, 2049, batch) % np.uint32(classes)
    return torch.from_numpy(x.reshape(batch, *shape)).to(dtype), torch.from_numpy(label.astype(np.int64))


def gradient(model, x, label):
    model.zero_grad()
    loss = nn.functional.cross_entropy(model(x), label)
    loss.backward()
    return loss.item()


def descend(model, lr):
    with torch.no_grad():
        for p in model.parameters():
            p -= lr * p.grad


def decisions(name, salt, noise=0.0, seed=1, dtype=torch.float64):
    """What ReLUs and max pools decide on the way forward, in steps, every layer disturbed."""
    _, make, batch, shape, classes, lr, _ = CASES[name]
    torch.manual_seed(seed)
    model = begin(make(), salt, dtype)
    x, label = batch_of(salt, batch, shape, classes, dtype)
    taken = []

    def note(module, inputs, output):
        z = inputs[0].detach()
        if isinstance(module, nn.MaxPool2d):
            _, where = nn.functional.max_pool2d(z, module.kernel_size, module.stride, module.padding, return_indices=True)
            taken.append(torch.where(output > 0, where, 0))  # among zeros behind a ReLU any is right
        else:
            taken.append(z > 0)

    def disturb(module, inputs, output):
        return output + noise * output.detach().square().mean().sqrt() * torch.randn_like(output)

    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
        if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, nn.Linear)):
            module.register_forward_hook(disturb)
        if isinstance(module, (nn.ReLU, nn.MaxPool2d)):
            module.register_forward_hook(note)
    for _ in range(STAYS.get(name, STEPS) + 1):
        gradient(model, x, label)
        descend(model, lr)
    return taken


def others(name, salt):
    """How many decisions are others in float32 or under noise."""
    right = decisions(name, salt)
    runs = (decisions(name, salt, dtype=torch.float32), decisions(name, salt, NOISE, 1), decisions(name, salt, NOISE, 2))
    return sum(int((a != b).sum()) for run in runs for a, b in zip(right, run))


def write(out, name, case):
    ours, make, batch, shape, classes, lr, salt = case
    model = begin(make(), salt, torch.float64)
    x, label = batch_of(salt, batch, shape, classes, torch.float64)
    parameters = [p for _, p in model.named_parameters()]
    group = out.create_group(name)
    group.attrs["model"] = json.dumps(ours)
    for key, value in (("batch", batch), ("channels", shape[0]), ("height", shape[1]), ("width", shape[2]), ("classes", classes), ("salt", salt), ("stays", STAYS.get(name, STEPS))):
        group.attrs[key] = np.int64(value)
    group.attrs["lr"] = np.float64(lr)
    start = [p.detach().clone() for p in parameters]
    losses = [gradient(model, x, label)]
    group["norm"] = np.array([p.grad.norm().item() for p in parameters])
    take = lambda values, most: np.concatenate(  # noqa: E731
        [v.flatten().numpy()[sampled(salt, t, v.numel(), most)] for t, v in enumerate(values)]
    ).astype(np.float32)
    group["gradient"] = take([p.grad for p in parameters], GRADIENTS)
    for step in range(STEPS):
        descend(model, lr)
        losses.append(gradient(model, x, label))
        group[f"change{step + 1}"] = take([p.detach() - s for p, s in zip(parameters, start)], PARAMETERS)
    group["loss"] = np.array(losses)
    print(name, "losses", *(f"{v:.6f}" for v in losses))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--salts", action="store_true", help="find salts instead of writing")
    parser.add_argument("names", nargs="*", default=list(CASES))
    args = parser.parse_args()
    names = args.names or list(CASES)
    if args.salts:
        for name in names:
            salt = 1
            while (other := others(name, salt)) > 0:
                print(name, "salt", salt, "decides otherwise at", other, flush=True)
                salt += 1
            print(name, "salt", salt, "stays", flush=True)
        return
    with h5py.File(pathlib.Path(__file__).with_name("nets.h5"), "w") as out:
        for name in names:
            write(out, name, CASES[name])


if __name__ == "__main__":
    main()
