#!/usr/bin/env python3
"""Golden numbers for softmax and mlp, from PyTorch in double precision, into dense.json beside this file.

Parameters, inputs and labels follow from formulas that tests/models/test_dense.c repeats, rounded to float, so that
only results are stored: the losses before each of three steps of SGD and after the last, the first gradient's
norms, and every `stride`-th component of the first gradient and of the parameters after the last step.

    python3 tests/golden/make_dense.py
"""
import json
import pathlib

import numpy
import torch

STEPS = 3

CASES = [
    # name, features, hidden, classes, activation, batch, scale of the parameters, rate, stride
    ("softmax", 12, [], 5, "relu", 6, 1.0, 0.5, 1),
    ("relu", 12, [7], 5, "relu", 6, 1.0, 0.5, 1),
    ("tanh", 12, [7], 5, "tanh", 6, 1.0, 0.5, 1),
    ("deep-relu", 9, [8, 7, 6], 4, "relu", 5, 1.5, 0.25, 2),
    ("deep-tanh", 9, [8, 7, 6], 4, "tanh", 5, 1.5, 0.25, 2),
    ("mnist-size", 784, [100], 10, "relu", 32, 0.2, 0.1, 997),
]


def parameters(n, scale):
    i = numpy.arange(n, dtype=numpy.int64)
    return (scale * (((412 * i * i + 271 * i + 11) % 1009) / 1009.0 - 0.5)).astype(numpy.float32)


def inputs(step, batch, features):
    i = numpy.arange(batch * features, dtype=numpy.int64) + step * batch * features
    return (((335 * i * i + 129 * i + 3) % 997) / 997.0).astype(numpy.float32).reshape(batch, features)


def labels(step, batch, classes):
    r = numpy.arange(batch, dtype=numpy.int64)
    return (r * r + 2 * r + step) % classes


def tensors(x, widths):
    """Cut the flat vector into W, b of every layer."""
    at = 0
    for fan_in, fan_out in zip(widths, widths[1:]):
        yield x[at:at + fan_in * fan_out].view(fan_out, fan_in)
        at += fan_in * fan_out
        yield x[at:at + fan_out]
        at += fan_out


def loss_of(x, widths, activation, step, batch):
    y = torch.from_numpy(inputs(step, batch, widths[0])).double()
    layers = list(tensors(x, widths))
    for weight, bias in zip(layers[0::2], layers[1::2]):
        y = torch.nn.functional.linear(y, weight, bias)
        if bias is not layers[-1]:
            y = torch.relu(y) if activation == "relu" else torch.tanh(y)
    return torch.nn.functional.cross_entropy(y, torch.from_numpy(labels(step, batch, widths[-1])))


def numbers(values):
    return [float(f"{v:.7g}") for v in values.tolist()]


def run(name, features, hidden, classes, activation, batch, scale, rate, stride):
    widths = [features, *hidden, classes]
    n = sum(i * o + o for i, o in zip(widths, widths[1:]))
    x = torch.from_numpy(parameters(n, scale)).double().requires_grad_()
    result = {"name": name, "features": features, "hidden": hidden, "classes": classes,
              "activation": activation, "batch": batch, "scale": scale, "rate": rate, "stride": stride,
              "n": n, "loss": []}
    for step in range(STEPS + 1):
        loss = loss_of(x, widths, activation, step, batch)
        result["loss"].append(float(f"{loss.item():.12g}"))
        if step == STEPS:
            break
        gradient, = torch.autograd.grad(loss, x)
        if step == 0:
            result["l1"] = float(f"{gradient.abs().sum().item():.12g}")
            result["l2"] = float(f"{gradient.norm().item():.12g}")
            result["gradient"] = numbers(gradient[::stride])
        with torch.no_grad():
            x -= rate * gradient
    result["after"] = numbers(x.detach()[::stride])
    return result


def main():
    cases = [run(*case) for case in CASES]
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    path = pathlib.Path(__file__).with_name("dense.json")
    path.write_text(f'{{"torch":"{torch.__version__}","cases":[\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
