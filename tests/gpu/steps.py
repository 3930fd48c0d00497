"""A step of `simulate` with 7 and with 27 workers, one by one and fused."""
import sys

import kit

CASES = [("resnet20", 7, 32), ("resnet20", 27, 32), ("resnet18", 7, 128)]
if kit.SMALL:
    CASES = [("cnn", 3, 1)]


def main():
    for model, workers, batch in CASES:
        experiment = {"name": "steps", "workers": workers, "batch": batch, "model": model, "lr": 1e-4,
                      "data": {"kind": "glyphs", "train": workers * batch, "test": 1}, "eval": {"every": 0}}
        row = {"model": model, "workers": workers, "batch": batch}
        for fuse in (1, workers):
            try:
                row["one_by_one_s" if fuse == 1 else "fused_s"] = kit.step_s(
                    experiment, 1 if kit.SMALL else 5, *(() if fuse == 1 else ("--set", f"fuse={fuse}")))
            except RuntimeError as e:
                if fuse == 1:
                    raise
                row["fused_why_not"] = str(e)
        kit.record("steps", row)


if __name__ == "__main__":
    sys.exit(main())
