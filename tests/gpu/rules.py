"""A step with every rule, on messages of 11 million coordinates, beside one that counts votes."""
import sys

import kit

N_HIDDEN = [30] if kit.SMALL else [2600, 3400]  # 784-2600-3400-10: 10.9 million parameters
WORKERS, F = (11, 1)
RULES = ["vote", "mean", "median", "trimmed-mean", "krum", "multi-krum", "geometric-median", "centered-clipping", "meamed", "bulyan",
         "mda", "monna", "smea", "caf"]
if kit.SMALL:
    RULES = ["vote", "mean", "multi-krum"]


def main():
    failed = False
    experiment = {"name": "rules", "workers": WORKERS, "batch": 1, "model": {"kind": "mlp", "hidden": N_HIDDEN}, "lr": 1e-4,
                  "data": {"kind": "glyphs", "train": WORKERS, "test": 1}, "eval": {"every": 0}}
    for rule in RULES:
        keys = {"kind": rule}
        if rule not in ("vote", "mean"):
            keys["f"] = F
        try:
            s = kit.step_s({**experiment, "aggregator": keys}, 1 if kit.SMALL else 3, times=1)
            kit.record("rules", {"rule": rule, "workers": WORKERS, "step_s": s})
        except RuntimeError as e:
            failed = True
            kit.record("rules", {"rule": rule, "workers": WORKERS, "why_not": str(e)})
    return failed


if __name__ == "__main__":
    sys.exit(main())
