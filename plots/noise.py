#!/usr/bin/env python3
"""The noise of stochastic gradients (Bernstein et al. 2019, figure 2): a histogram for each watched weight
(columns) at each recorded step (rows), over the mini-batches of a full pass, with the normal curve of the same mean and
deviation, the skewness, and Hartigan's dip with its p value (a small p: not unimodal).

The run must have recorded it: "record": {"gradient_noise": {"epochs": [0, 1, 5], "random": 3}}.

usage: python3 plots/noise.py RUN.h5 -o FILE.{png,svg,pdf} [--rows N] [--columns N]
"""

import numpy as np

import common

GROUP = "/probes/gradient_noise/"


class Noise:
    """The group's columns: values [steps][weights][mini-batches], figures [steps][weights]."""

    def __init__(self, run):
        if not run.has(GROUP + "values"):
            raise common.PlotError(f"{run.path}: has no {GROUP[:-1]}; the experiment must ask for it: \"record\": "
                                   "{\"gradient_noise\": ...}")
        names = ("step", "values", "skewness", "dip", "dip_p")
        self.step, self.values, self.skewness, self.dip, self.p = run.columns(*(GROUP + name for name in names))
        if not len(self.step):
            raise common.PlotError(f"{run.path}: {GROUP}step is empty: no probe was due so far")
        text = run.file[GROUP + "weight"].attrs["names"]
        self.names = (text.decode() if isinstance(text, bytes) else str(text)).split()


def chosen(count, most):
    """At most `most` of `count` rows, evenly spread, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(i) for i in np.linspace(0, count - 1, most)})


def power_of_ten(values):
    """The exponent that the axis is labelled in."""
    largest = np.abs(values).max() / 2
    return int(np.floor(np.log10(largest))) if largest > 0 and np.isfinite(largest) else 0


def draw_panel(axes, values, note):
    exponent = power_of_ten(values)
    values = values / 10.0**exponent
    mean, deviation = values.mean(), values.std(ddof=1)
    bins = int(np.clip(2 * len(values) ** 0.5, 8, 40))
    axes.hist(values, bins=bins, density=True, color=common.PALETTE[4], alpha=0.75, linewidth=0)
    if deviation > 0:
        x = np.linspace(mean - 3.5 * deviation, mean + 3.5 * deviation, 200)
        curve = np.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))
        axes.plot(x, curve, color="#555555", linewidth=0.9)
    axes.axvline(mean, color=common.PALETTE[1], linewidth=0.9, linestyle="--")
    axes.set_ylim(top=axes.get_ylim()[1] * 1.3)
    axes.text(0.98, 0.97, note, transform=axes.transAxes, ha="right", va="top", fontsize=7)
    axes.set_yticks([])
    axes.grid(False)
    axes.locator_params(axis="x", nbins=4)
    axes.set_xlabel(f"gradient ({common.power(exponent)})" if exponent else "gradient", fontsize=7, labelpad=1)
    axes.tick_params(labelsize=7)


def row_text(run, step):
    epoch = step * common.epochs_per_step(run)
    return f"step {step:.0f}" + (f"\nepoch {epoch:.3g}" if epoch > 0 else "\nstart" if step == 0 else "")


def draw(args, runs):
    if len(runs) != 1:
        raise common.PlotError(f"found {len(runs)} result files, expected one: each has weights of its own")
    noise = Noise(runs[0])
    rows = chosen(len(noise.step), args.rows)
    weights = min(args.columns, noise.values.shape[1])
    if args.height is None:
        args.height = 0.6 + 1.75 * len(rows)
    figure, axes = common.new_figure(args, weights, len(rows), sharey=False)
    if not args.title and not runs[0].finished:
        figure.suptitle(runs[0].progress())
    for r, at in enumerate(rows):
        for w in range(weights):
            panel = axes[r * weights + w]
            draw_panel(panel, noise.values[at, w],
                       f"skewness {noise.skewness[at, w]:.2f}\ndip {noise.dip[at, w]:.3f}, p {noise.p[at, w]:.2f}")
            if r == 0:
                panel.set_title(noise.names[w], fontsize=8)
        axes[r * weights].set_ylabel(row_text(runs[0], noise.step[at]))
    return figure


def parser():
    p = common.parser(__doc__.split("\n\n")[0])
    p.set_defaults(height=None)
    p.add_argument("--rows", type=int, default=4, help="most steps to draw, evenly spread (default 4)")
    p.add_argument("--columns", type=int, default=3, help="most weights to draw, the first ones (default 3)")
    return p


if __name__ == "__main__":
    common.main(parser(), draw)
