#!/usr/bin/env python3
"""Messages that are signs with scales, or codes, as their definitions have them: in numpy, with nothing of this
project. Writes messages.json beside itself.

A case: the keys of a compressor, the rate, the lengths of the layers, vectors `v` of one worker step by step; what
its messages say, what it remembers, the bytes of a message, and where the answer is compressed too what it says.
Drawn: the probabilities of a coordinate's values, as their mean, and the most that a value can be."""
import json
import pathlib
import numpy as np

V = [1, -2, 0.5, 0]
W = [-0.25, 0.5, 1, 2]
LONG = [0.5, -1.5, 2, 0.25, -0.25, 3, -3, 1, -0.5, 4]


def planes(n):
    return 8 * ((n + 63) // 64)


def ranges(lengths):
    ends = np.cumsum(lengths)
    return [slice(e - n, e) for e, n in zip(ends, lengths)]


def scaled(t, parts):
    """|t|_1 over the length of a range, times the sign; +1 for 0."""
    said = np.zeros_like(t)
    for r in parts:
        said[r] = np.abs(t[r]).mean() * np.where(t[r] < 0, -1, 1)
    return said


def two_means(t, parts):
    said = np.zeros_like(t)
    for r in parts:
        x = t[r]
        said[r] = np.where(x < 0, x[x < 0].mean() if (x < 0).any() else 0, x[x >= 0].mean() if (x >= 0).any() else 0)
    return said


def feedback(said_of, parts, vectors, rate, two_way):
    e = np.zeros(len(vectors[0]))
    server = np.zeros(len(vectors[0]))
    out = {"says": [], "remembers": [], "answers": []}
    for v in vectors:
        t = e + rate * np.array(v, float)
        said = said_of(t, parts)
        e = t - said
        out["says"].append(said.tolist())
        out["remembers"].append(e.tolist())
        if two_way:
            down = said_of(server + said, parts)
            server = server + said - down
            out["answers"].append(down.tolist())
    return out


def plain(said_of, parts, vectors, two_way):
    out = {"says": [], "remembers": [], "answers": []}
    for v in vectors:
        said = said_of(np.array(v, float), parts)
        out["says"].append(said.tolist())
        if two_way:
            out["answers"].append(said_of(said, parts).tolist())
    return out


def case(kind, layers, vectors, rate=1.0, two_way=False, **keys):
    scope = keys.get("scope", "whole" if kind == "ef-sign" else "layer")
    parts = ranges(layers if scope == "layer" else [sum(layers)])
    if kind == "ef-sign":
        out = feedback(scaled, parts, vectors, rate, two_way)
    elif kind == "one-bit":
        out = feedback(two_means, parts, vectors, 1.0, two_way)
    else:
        out = plain(scaled, parts, vectors, two_way)
    scales = len(parts) * (2 if kind == "one-bit" else 1)
    n = sum(layers)
    row = {"kind": kind, **keys}
    if two_way:
        row["two_way"] = True
    return {"compressor": row, "lr": rate, "layers": layers, "v": vectors, "bytes": planes(n) + 4 * scales, **out}


def drawn(layers, v, clip=None, **keys):
    x = np.array(v, float)
    parts = ranges(layers if keys.get("scope", "layer") == "layer" else [sum(layers)])
    most = np.zeros_like(x)
    for r in parts:
        if clip:
            limit = clip * x[r].std()
            x[r] = np.clip(x[r], -limit, limit)
        most[r] = np.abs(x[r]).max()
    n = len(v)
    digits = (n + 4) // 5 if keys.get("packing") == "trits" else (n + 3) // 4
    row = {"kind": "terngrad", "clip": clip or "none", **keys}
    return {"compressor": row, "layers": layers, "v": v, "bytes": 4 + 4 * len(parts) + digits, "mean": x.tolist(),
            "most": most.tolist()}


exact = [
    case("ef-sign", [4], [V, W], rate=0.1),
    case("ef-sign", [4], [V, W], rate=0.1, two_way=True),
    case("ef-sign", [3, 1], [V, W], rate=0.5, scope="layer"),
    case("ef-sign", [7, 3], [LONG, LONG[::-1]], rate=0.25, scope="layer", two_way=True),
    case("scaled-sign", [4], [V], zero="positive"),
    case("scaled-sign", [4], [V], zero="positive", scope="whole"),
    case("scaled-sign", [7, 3], [LONG], scope="layer"),
    case("scaled-sign", [7, 3], [LONG], scope="layer", two_way=True),
    case("one-bit", [4], [V]),
    case("one-bit", [4], [V, W, V], scope="whole", two_way=True),
    case("one-bit", [7, 3], [LONG, LONG[::-1], LONG]),
    case("one-bit", [2, 2], [[1, 2, -1, -2], [-3, 1, 2, 2]]),
]
random = [
    drawn([4], V),
    drawn([4], V, scope="whole", packing="trits"),
    drawn([2, 2], V, packing="trits"),
    drawn([7, 3], LONG),
    drawn([10], LONG, clip=1.5),
    drawn([7, 3], LONG, clip=1, packing="trits"),
]
path = pathlib.Path(__file__).with_name("messages.json")
path.write_text("{\"exact\": [\n" + ",\n".join(map(json.dumps, exact)) + "\n],\n\"drawn\": [\n" +
                ",\n".join(map(json.dumps, random)) + "\n]}\n")
