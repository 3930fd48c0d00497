#!/usr/bin/env python3
"""Accuracy or loss over a run: one curve for each experiment, the mean and the band over its seeds.
A run that is not finished is a dotted line of its own.

usage: python3 plots/curves.py RUN.h5... -o FILE.{png,svg,pdf} [--x step|epoch|wall|bytes]
       [--y test_accuracy|test_loss|train_loss|train_accuracy|validation_accuracy|validation_loss|test_perplexity|
        train_perplexity|test_bits|validation_bits]
"""

import numpy as np

import common

X_COLUMNS = {"step": "step", "epoch": "epoch", "wall": "wall_s", "bytes": "bytes"}
Y_NAMES = ["test_accuracy", "test_loss", "train_loss", "train_accuracy", "validation_accuracy", "validation_loss",
           "test_perplexity", "train_perplexity", "test_bits", "validation_bits"]


def default_y(runs):
    """Accuracy where there are labels, else the loss."""
    for run in runs:
        if np.isfinite(run.column("/evals/test_accuracy")).any():
            return "test_accuracy"
    return "test_loss"


def x_scale(name, longest):
    """Label and factor of the x axis."""
    if name == "wall":
        return ("wall time (min)", 1 / 60) if longest > 600 else ("wall time (s)", 1)
    if name == "bytes":
        for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if longest >= size:
                return f"sent and received by all workers ({unit})", 1 / size
        return "sent and received by all workers (bytes)", 1
    return {"step": "step", "epoch": "epoch (passes over the samples in use)"}[name], 1


def y_text(name, runs):
    what = name.replace("_", " ")
    if name.endswith("accuracy"):
        return f"{what} (%)", 100
    if name.endswith("perplexity"):
        return what, 1
    if name.endswith("_bits"):
        return f"bits a token on the {name.removesuffix('_bits')} text", 1
    labelled = any(run.setting("data.kind") != "none" for run in runs)
    return f"{what} (nats)" if labelled else "objective f(x)", 1


def apart(x, y):
    """Settings that make no other experiment, but another curve: what the axes are measured on."""
    return (common.TIMED if x == "wall" else ()) + (("eval.train",) if y.startswith("train_") else ())


def draw(args, runs):
    name = args.y or default_y(runs)
    groups = common.group(runs, apart=apart(args.x, name))
    x, y = f"/evals/{X_COLUMNS[args.x]}", f"/evals/{name}"
    everything = np.concatenate([run.column(y) for run in runs])
    if not np.isfinite(everything).any():
        raise common.PlotError(f"{y} holds no value in any of the files; try another --y")
    x_label, x_factor = x_scale(args.x, max(run.column(x).max(initial=0) for run in runs))
    y_label, y_factor = y_text(name, runs)
    figure, (axes,) = common.new_figure(args)

    def table_of(some):
        return common.table(some, x, y, lambda run: x_factor).scaled(y_factor)

    for g, style in zip(groups, common.colours(len(groups))):
        text = g.label or runs[0].setting("name")
        common.draw_group(axes, g, table_of, args, style, text)
    if args.log or (not name.endswith("accuracy") and common.spans_decades(everything)):
        axes.set_yscale("log")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label + common.spread_note(groups, args.band))
    if common.needs_legend(groups):
        common.legend(axes)
    return figure


def parser():
    p = common.parser(__doc__.split("\n")[0])
    p.add_argument("--x", choices=list(X_COLUMNS), default="step")
    p.add_argument("--y", choices=Y_NAMES, help="default: test_accuracy, or test_loss without labels")
    p.add_argument("--log", action="store_true", help="logarithmic y axis")
    return p


if __name__ == "__main__":
    common.main(parser(), draw)
