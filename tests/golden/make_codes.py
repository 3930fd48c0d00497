#!/usr/bin/env python3
"""Messages in bytes by another way than the program's: integers of any size, strings of bits, sorting.

usage: make_codes.py > tests/golden/codes.json
"""
import json
import math

import numpy as np


def digits_bytes(base, count):
    """ceil(count log2(base) / 8), exactly."""
    return ((base**count - 1).bit_length() + 7) // 8


def pack_digits(base, digits):
    """Blocks of 512 digits, each the little-endian bytes of sum of digit i times base^i."""
    out = b""
    for begin in range(0, len(digits), 512):
        block = digits[begin : begin + 512]
        number = sum(d * base**i for i, d in enumerate(block))
        out += number.to_bytes(digits_bytes(base, len(block)), "little")
    return out


def elias(n):
    """The recursive code of Elias 1975, as a string of bits."""
    code = "0"
    while n > 1:
        group = format(n, "b")
        code = group + code
        n = len(group) - 1
    return code


def pack_bits(bits):
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def elias_levels(ranges):
    bits = ""
    for levels in ranges:
        before = -1
        for i, level in enumerate(levels):
            if level:
                bits += elias(i - before) + ("1" if level < 0 else "0") + elias(abs(level))
                before = i
        if before != len(levels) - 1:
            bits += elias(len(levels) - before)
    return pack_bits(bits)


def fixed_levels(ranges, most):
    return b"".join(pack_digits(2 * most + 1, [l + most for l in levels]) for levels in ranges)


def sparse(p, share, signs):
    """Largest first, of as large ones the lower index first."""
    p = np.asarray(p, np.float32)
    k = max(1, math.floor(share * len(p)))
    chosen = sorted(sorted(range(len(p)), key=lambda i: (-abs(p[i]), i))[:k])
    out = np.asarray(chosen, "<u4").tobytes()
    if not signs:
        return out + p[chosen].astype("<f4").tobytes()
    return out + np.packbits(p[chosen] < 0, bitorder="little").tobytes()


def drawn_levels(seed, count, most, zeros):
    rng = np.random.default_rng(seed)
    levels = rng.integers(1, most + 1, count) * rng.choice([-1, 1], count)
    levels[rng.random(count) < zeros] = 0
    return [int(l) for l in levels]


def qsgd(v, s, norm):
    v = np.asarray(v, float)
    size = np.sqrt((v * v).sum()) if norm == "l2" else np.abs(v).max()
    a = s * np.abs(v) / size
    return {"level": [int(l) for l in np.floor(a)], "up": list(a - np.floor(a)), "norm": float(np.float32(size))}


def main():
    rng = np.random.default_rng(17)
    all_ranges = [
        (4, [[1, -3, 0, 0], [4]]),
        (1, [[0] * 20, [1, 0, -1], [0]]),
        (3, [drawn_levels(1, 600, 3, 0.5), drawn_levels(2, 512, 3, 0.9), drawn_levels(3, 7, 3, 0)]),
        (100, [drawn_levels(4, 1300, 100, 0.99)]),
        (32767, [drawn_levels(5, 70, 32767, 0.1)]),
    ]
    sparse_cases = [
        ([1, -2, 0.5, 0], 0.25),
        ([3, -3, 3, -3, 3], 0.6),
        ([0.5], 0.01),
        ([float(np.float32(x)) for x in rng.normal(size=300)], 0.1),
        ([float(np.float32(x)) for x in rng.integers(1, 4, 100) * rng.choice([-1, 1], 100)], 0.33),
    ]
    cases = {
        "digits": [
            {"base": b, "digits": d, "bytes": pack_digits(b, d).hex()}
            for b, d in [
                (3, [2, 1, 0, 2, 2, 1]),
                (3, [2] * 513),
                (9, [int(x) for x in rng.integers(0, 9, 100)]),
                (65535, [65534] * 6),
            ]
        ],
        "digits_bytes": [
            {"base": b, "count": c, "bytes": c // 512 * digits_bytes(b, 512) + digits_bytes(b, c % 512)}
            for b in (2, 3, 5, 9, 17, 255, 65535)
            for c in (0, 1, 5, 40, 41, 511, 512, 513, 100000)
        ],
        "elias": [
            {"n": n, "bits": elias(n)}
            for n in (1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 100, 255, 256, 65535, 65536, 2**31, 2**53 - 1)
        ],
        "levels": [
            {"most": most, "ranges": ranges, "fixed": fixed_levels(ranges, most).hex(), "elias": elias_levels(ranges).hex()}
            for most, ranges in all_ranges
        ],
        "sparse": [
            {"p": p, "share": share, "values": sparse(p, share, False).hex(), "signs": sparse(p, share, True).hex()}
            for p, share in sparse_cases
        ],
        "qsgd": [
            {"v": [1, -2, 0.5, 0], "levels": s, "norm": norm, "of": qsgd([1, -2, 0.5, 0], s, norm)}
            for s, norm in [(4, "l2"), (4, "max"), (1, "max"), (1, "l2"), (8, "l2"), (2, "max")]
        ],
    }
    parts = [f' "{name}": [\n  ' + ",\n  ".join(map(json.dumps, of)) + "\n ]" for name, of in cases.items()]
    print("{\n" + ",\n".join(parts) + "\n}")


if __name__ == "__main__":
    main()
