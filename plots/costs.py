"""What a run sent so far, by direction."""

import math

import numpy as np


def up_share(run):
    """
    The share of all bytes that workers sent (the rest they received), over the recorded steps: those of which no row was
    recorded cost alike. NaN: no bytes are recorded.
    """
    up, down = (float(run.column(f"/steps/bytes_{way}").sum()) for way in ("up", "down"))
    return up / (up + down) if up + down > 0 else math.nan


def sent(run, way):
    """Bytes of all workers so far at each evaluation; way: "up", "down" or "both"."""
    share = {"up": up_share, "down": lambda run: 1 - up_share(run), "both": lambda run: 1.0}[way](run)
    return np.where(run.column("/evals/bytes") == 0, 0.0, share * run.column("/evals/bytes"))
