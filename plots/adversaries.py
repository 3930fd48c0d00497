#!/usr/bin/env python3
"""Final accuracy against the share of Byzantine workers: one curve for each aggregator, attack or whatever
else differs; error bars over the seeds. Where rules and attacks differ there is a panel for each attack. Without
labels the final loss. A run that is not finished has no final accuracy: a ring shows its last one, and no mean
has it.

usage: python3 plots/adversaries.py RUN.h5... -o FILE.{png,svg,pdf}
"""

import json

import numpy as np

import common
from bands import mean_band
from grid import along, without_attack


def final(run, name):
    """The last evaluation's value; NaN for a run that diverged."""
    values = run.column(f"/evals/{name}")
    if run.state == "diverged" or not len(values):
        return np.nan
    return values[-1]


def curves(runs):
    """
    Groups without what moves along a curve; runs without Byzantine workers belong to every curve that differs only in
    the attack and in who attacks.
    """
    moving = along(runs)
    attacked = [run for run in runs if run.byzantine > 0]
    honest = [run for run in runs if run.byzantine == 0]
    groups = common.group(attacked or honest, without=moving)
    homeless = []
    for run in honest if attacked else []:
        key = without_attack(common.key_of(run, without=moving))
        homes = [g for g in groups if without_attack(g.key) == key and same_data(g, run)]
        for home in homes:
            home.runs.append(run)
        homeless += [] if homes else [run]
    return groups + (common.group(homeless, without=moving) if homeless else [])


def attack_of(key):
    return {k: v for k, v in key.items() if common.belongs(k, ["adversaries.attack"])}


def beside_attack(key):
    return {k: v for k, v in key.items() if k not in attack_of(key)}


def distinct(keys):
    """Different ones among them, in order of their first place."""
    return list({json.dumps(key, sort_keys=True): key for key in keys}.values())


def panels(groups):
    """
    [(title, groups)]. Attacks side by side, where something else differs too: six curves in one picture are hard to
    tell apart. Without an attack a group is a level to compare with, in every panel.
    """
    attacks = distinct(attack_of(g.key) for g in groups if attacked(g))
    others = distinct(beside_attack(g.key) for g in groups)
    if len(attacks) < 2 or len(others) < 2:
        return [("", groups)]
    of_attack = [[g for g in groups if not attacked(g) or attack_of(g.key) == attack] for attack in attacks]
    titles = common.telling(attacks)
    names = common.telling(others)
    for g in groups:
        g.label = common.label(g, names)
    return [("attack: " + common.label(common.Group(attack, []), titles), part)
            for attack, part in zip(attacks, of_attack)]


def attacked(g):
    return any(run.byzantine for run in g.runs)


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
    if kind == "t":
        return (mean_band(values)[1],) * 2
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


def draw_panel(axes, groups, args, name, factor, styles):
    for g, style in zip(groups, styles):
        draw_curve(axes, by_share([run for run in g.runs if ended(run)], name), args, style, g.label, factor)
        draw_unfinished(axes, [run for run in g.runs if not ended(run)], name, factor, style, g.label)
    axes.axvline(50, color="#888888", linewidth=0.8, linestyle=":")
    axes.set_xlabel("Byzantine workers (%)")


def style_of(parts):
    """A style for each curve of a panel; what is the same but for the attack looks the same in all panels."""
    if len(parts) == 1:
        return [common.colours(len(parts[0][1]))]
    keys = [[beside_attack(g.key) for g in part] for _, part in parts]
    known = distinct(key for of_part in keys for key in of_part)
    styles = common.colours(len(known))
    return [[styles[known.index(key)] for key in of_part] for of_part in keys]


def draw(args, runs):
    labelled = any(np.isfinite(run.column("/evals/test_accuracy")).any() for run in runs)
    name, factor = ("test_accuracy", 100) if labelled else ("test_loss", 1)
    parts = panels(curves(runs))
    figure, panes = common.new_figure(args, columns=len(parts))
    for axes, (title, groups), styles in zip(panes, parts, style_of(parts)):
        axes.set_title(title, fontsize=9)
        draw_panel(axes, groups, args, name, factor, styles)
    if len(panes) > 1:
        common.legend_of_all(panes)
    elif any(panes[0].get_legend_handles_labels()[1]):
        common.legend(panes[0])
    if not labelled and common.spans_decades([final(run, name) for run in runs]):
        panes[0].set_yscale("log")
    panes[0].set_ylabel("final test accuracy (%)" if labelled else "final objective f(x)")
    return figure


if __name__ == "__main__":
    common.main(common.parser(__doc__.split("\n\n")[0]), draw)
