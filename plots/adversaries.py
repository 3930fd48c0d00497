#!/usr/bin/env python3
"""Final accuracy against the share of Byzantine workers: one curve for each aggregator, attack or whatever
else differs; error bars over the seeds. Without labels the final loss. A run that is not finished has no final
accuracy: a ring shows its last one, and no mean has it.

usage: python3 plots/adversaries.py RUN.h5... -o FILE.{png,svg,pdf}
"""

import numpy as np

import common

def final(run, name):
    """The last evaluation's value; NaN for a run that diverged."""
    values = run.column(f"/evals/{name}")
    if run.state == "diverged" or not len(values):
        return np.nan
    return values[-1]


def counted(run):
    """
    The settings that move along a curve: the count, and with it who is Byzantine where these are the first workers. Who
    else was named is another experiment, because shards of the data differ.
    """
    first = sorted(run.setting("adversaries.ids")) == list(range(run.byzantine))
    return ("adversaries.count", "adversaries.ids") if first else ("adversaries.count",)


def curves(runs):
    """
    Groups without the count; runs without Byzantine workers belong to every curve that differs only in the attack and
    in who attacks.
    """
    attacked = [run for run in runs if run.byzantine > 0]
    honest = [run for run in runs if run.byzantine == 0]
    groups = common.group(attacked or honest, without=counted)
    homeless = []
    for run in honest if attacked else []:
        key = without_attack(common.key_of(run, without=counted))
        homes = [g for g in groups if without_attack(g.key) == key and same_data(g, run)]
        for home in homes:
            home.runs.append(run)
        homeless += [] if homes else [run]
    return groups + (common.group(homeless, without=counted) if homeless else [])


def without_attack(key):
    return {k: v for k, v in key.items() if not k.startswith("adversaries.") and k != "data_id"}


def same_data(g, run):
    """Were they trained on the same data, as far as they say it?"""
    known = {member.data_id for member in g.runs if member.data_id}
    return not run.data_id or not known or run.data_id in known


def ended(run):
    """Will there be no better value? A run that diverged has none, but it is at its end."""
    return run.state in ("finished", "diverged")


def share(run):
    return 100 * run.byzantine / run.workers


def by_share(runs, name):
    """{share in %: (value, seed) of the runs}, in order of the share."""
    shares = {}
    for run in runs:
        shares.setdefault(share(run), []).append((final(run, name), run.setting("seed")))
    return dict(sorted(shares.items()))


def spread(values, kind):
    """Lengths of an error bar below and above the mean."""
    values = values[np.isfinite(values)]
    if kind == "none" or len(values) < 2:
        return 0, 0
    if kind == "std":
        return (values.std(ddof=1),) * 2
    return values.mean() - values.min(), values.max() - values.mean()


def draw_curve(axes, shares, args, style, text, factor):
    """Means with error bars. Where any seed diverged there is no mean, but a cross at the axis."""
    if not shares:
        return
    x = np.array(list(shares))
    values = [factor * np.array([value for value, _ in of_share]) for of_share in shares.values()]
    finite = np.array([np.isfinite(v).all() for v in values])
    mean = np.array([v.mean() if np.isfinite(v).all() else np.nan for v in values])
    bars = np.array([spread(v, args.band) for v in values]).T
    counted = ", ".join(filter(None, [text, common.count_text([[seed for _, seed in v] for v in shares.values()])]))
    axes.errorbar(x, mean, yerr=bars, marker="o", markersize=4, capsize=3, label=counted, **style)
    if not finite.all():
        axes.plot(x[~finite], np.zeros((~finite).sum()), "x", color=style["color"], clip_on=False,
                  transform=axes.get_xaxis_transform(), label=f"{text}, diverged".lstrip(", "))


def draw_unfinished(axes, runs, name, factor, style, text):
    """A ring for each at its last value."""
    found = [(share(run), factor * final(run, name)) for run in runs]
    if found:
        axes.plot(*zip(*found), "o", markersize=7, markerfacecolor="none", color=style["color"],
                  label=", ".join(filter(None, [text, common.unfinished_text(runs)])))


def draw(args, runs):
    labelled = any(np.isfinite(run.column("/evals/test_accuracy")).any() for run in runs)
    name, factor = ("test_accuracy", 100) if labelled else ("test_loss", 1)
    groups = curves(runs)
    figure, (axes,) = common.new_figure(args)
    for g, style in zip(groups, common.colours(len(groups))):
        draw_curve(axes, by_share([run for run in g.runs if ended(run)], name), args, style, g.label, factor)
        draw_unfinished(axes, [run for run in g.runs if not ended(run)], name, factor, style, g.label)
    axes.axvline(50, color="#888888", linewidth=0.8, linestyle=":")
    if not labelled and common.spans_decades([final(run, name) for run in runs]):
        axes.set_yscale("log")
    axes.set_xlabel("Byzantine workers (%)")
    axes.set_ylabel("final test accuracy (%)" if labelled else "final objective f(x)")
    if any(axes.get_legend_handles_labels()[1]):
        common.legend(axes)
    return figure


if __name__ == "__main__":
    common.main(common.parser(__doc__.split("\n\n")[0]), draw)
