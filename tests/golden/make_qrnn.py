#!/usr/bin/python3
"""Writes qrnn.json: losses, gradients, parameters and carry of small QRNN language models, by PyTorch.

Run: /usr/bin/python3 tests/golden/make_qrnn.py > tests/golden/qrnn.json
Weights, tokens and labels come from formulas that tests/models/test_qrnn.c repeats. Each case makes four steps of
SGD over consecutive batches, so that the carry of a step is what the step before left.
"""
import json
import sys

import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
STEPS, RATE, SCALE = 4, 0.5, 0.8
CASES = [
    dict(name="tied", vocabulary=11, embedding=6, hidden=7, layers=2, window=1, tied=True, batch=3, length=5),
    dict(name="tied-window", vocabulary=9, embedding=5, hidden=8, layers=3, window=2, tied=True, batch=2, length=4),
    dict(name="untied-window", vocabulary=13, embedding=4, hidden=6, layers=2, window=2, tied=False, batch=4, length=3),
    dict(name="one-layer", vocabulary=7, embedding=5, hidden=9, layers=1, window=2, tied=False, batch=1, length=6),
]


def number(i):
    return torch.tensor(SCALE * ((412 * i * i + 271 * i + 11) % 1009 / 1009 - 0.5), dtype=torch.float32).double()


def parameters(case):
    """Tensors in the model's order, filled with the formula's numbers one after the other."""
    shapes, width = [(case["vocabulary"], case["embedding"])], case["embedding"]
    for layer in range(case["layers"]):
        last = layer == case["layers"] - 1
        out = case["embedding"] if last and case["tied"] else case["hidden"]
        kernel = case["window"] if layer == 0 else 1
        shapes += [(3 * out, kernel * width), (3 * out,)]
        width = out
    if not case["tied"]:
        shapes.append((case["vocabulary"], width))
    shapes.append((case["vocabulary"],))
    values, begin = [], 0
    for shape in shapes:
        count = torch.Size(shape).numel()
        piece = torch.stack([number(i) for i in range(begin, begin + count)]).reshape(shape)
        values.append(piece.requires_grad_(True))
        begin += count
    return values


def tokens(case, step, shift):
    rows = case["length"] * case["batch"]
    picks = [((r + step * rows) ** 2 * 3 + 5 * (r + step * rows) + shift) % case["vocabulary"] for r in range(rows)]
    return torch.tensor(picks).reshape(case["length"], case["batch"])


def layer(x, weight, bias, kernel, carry):
    """x [length][batch][in] -> H, new carry. carry: C of the last position, the last input."""
    cell, last = carry
    if kernel == 2:
        x = torch.cat([x, torch.cat([last.unsqueeze(0), x[:-1]])], dim=2)
    z, f, o = torch.nn.functional.linear(x, weight, bias).chunk(3, dim=2)
    z, f, o = torch.tanh(z), torch.sigmoid(f), torch.sigmoid(o)
    cells = []
    for t in range(x.shape[0]):
        cell = f[t] * z[t] + (1 - f[t]) * cell
        cells.append(cell)
    return o * torch.stack(cells), cell.detach()


def forward(case, p, step, carry):
    x, at, kept = torch.nn.functional.embedding(tokens(case, step, 1), p[0]), 1, []
    for index in range(case["layers"]):
        kernel = case["window"] if index == 0 else 1
        given = x
        x, cell = layer(x, p[at], p[at + 1], kernel, carry[index])
        kept.append((cell, given[-1].detach()))
        at += 2
    weight = p[0] if case["tied"] else p[at]
    logits = torch.nn.functional.linear(x, weight, p[-1])
    labels = tokens(case, step, 4)
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten()), kept


def start(case):
    sizes, width = [], case["embedding"]
    for index in range(case["layers"]):
        last = index == case["layers"] - 1
        out = case["embedding"] if last and case["tied"] else case["hidden"]
        sizes.append((torch.zeros(case["batch"], out), torch.zeros(case["batch"], width)))
        width = out
    return sizes


def flat(tensors):
    return [float("%.9g" % v) for t in tensors for v in t.detach().flatten().tolist()]


def run(case):
    p, carry, out = parameters(case), start(case), dict(case, steps=STEPS, rate=RATE, scale=SCALE, loss=[])
    for step in range(STEPS):
        loss, carry = forward(case, p, step, carry)
        gradients = torch.autograd.grad(loss, p)
        out["loss"].append(float("%.12g" % loss.item()))
        if step in (0, 1):
            out["gradient" if step == 0 else "second_gradient"] = flat(gradients)
        if step < STEPS - 1:
            with torch.no_grad():
                for value, gradient in zip(p, gradients):
                    value -= RATE * gradient
    out["n"] = sum(v.numel() for v in p)
    out["after"] = flat(p)
    out["carry"] = flat([t for index, (cell, last) in enumerate(carry)
                         for t in ([cell, last] if case["window"] == 2 and index == 0 else [cell])])
    return out


json.dump({"torch": torch.__version__, "cases": [run(c) for c in CASES]}, sys.stdout, indent=None)
print()
