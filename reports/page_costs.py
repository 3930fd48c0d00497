"""Final accuracy against what it cost: bytes on the wire, and wall time. One mark a setting."""

import math

import numpy as np

from bands import mean_band
from costs import sent
from grid import ended
from page_html import BEHIND, details, join, table, tag
from page_svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, frame, key, number, svg

MOST_BANDS = 60  # marks with their bands: more would hide each other
ALIKE = 1.001  # sizes up to this apart are the same
MOST_TOLD = 20  # marks in the description of a picture
HEAD = ("up", "down", "both ways", "wall time", "runs")
SHARED = "Runs at the same time share the machine, so that their wall times are longer."


class Cost:
    """A group's means over the runs that have ended: bytes up, down and together, seconds; NaN: not known."""

    def __init__(self, g):
        runs = [run for run in g.runs if ended(run)]
        self.both, self.up, self.down = (mean_band([last(sent(run, way)) for run in runs])[0]
                                         for way in ("both", "up", "down"))
        self.seconds = mean_band([last(run.column("/evals/wall_s")) for run in runs])[0]


def last(values):
    return float(values[-1]) if len(values) else math.nan


def size(value):
    """Bytes in words."""
    if not math.isfinite(value):
        return "–"
    for unit, letter in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= unit:
            return f"{value / unit:.3g} {letter}"
    return f"{value:.0f} B"


def panel(page, name, title, costs, x_of, label):
    """Marks of all groups over one cost, on a logarithmic axis."""
    study = page.study
    shown = [(g, x_of(cost)) for g, cost in costs if x_of(cost) > 0 and math.isfinite(study.band(g)[0])]
    if not shown:
        return ""
    factor = study.measure.factor
    ends = [value for g, _ in shown for value in edges(study.band(g), factor)]
    x_axis = Axis([x for _, x in shown], LEFT, WIDTH - RIGHT, log=True, room=0.08)
    y_axis = Axis(ends, HEIGHT - BOTTOM, TOP)
    parts = frame(x_axis, y_axis, label, study.measure.axis)
    for g, x in shown:
        (_, style), (mean, half) = page.line(g), study.band(g)
        if math.isfinite(half) and len(shown) <= MOST_BANDS:
            low, high = edges((mean, half), factor)
            parts.append(tag("line", x1=number(x_axis.at(x)), x2=number(x_axis.at(x)), y1=number(y_axis.at(low)),
                             y2=number(y_axis.at(high)), class_=f"bar {style.colour}"))
        parts.append(style.mark(x_axis.at(x), y_axis.at(factor * mean)))
    about = "; ".join(f"{g.label or 'the runs'}: {label} {x:.3g}, {study.measure.spread(*study.band(g))}"
                      for g, x in shown[:MOST_TOLD])
    return tag("div", tag("h3", title), svg(name, title, about, parts), class_="panel")


def edges(band, factor):
    mean, half = band
    half = half if math.isfinite(half) else 0.0
    return factor * (mean - half), factor * (mean + half)


def figure(page):
    study = page.study
    costs = [(g, Cost(g)) for g in study.groups if study.values(g)]
    sizes = [cost.both for _, cost in costs if cost.both > 0]
    equal = len(sizes) > 1 and max(sizes) <= ALIKE * min(sizes)
    sent_by = "" if equal else panel(page, "bytes", "Against bytes sent, both ways", costs, lambda cost: cost.both,
                                     "bytes")
    shown = [sent_by, panel(page, "wall", "Against wall time", costs, lambda cost: cost.seconds, "seconds")]
    if not any(shown):
        return ""
    hosts = {(run.meta["host"], run.meta["lanes"], run.meta["backend"]) for run in study.runs}
    fair = "" if len(hosts) == 1 else (f" They were made in {len(hosts)} settings of machine, lanes and backend: their times "
                                       "do not compare.")
    rows = [[g.label or "all", study.measure.spread(*study.band(g)), size(cost.up), size(cost.down), size(cost.both),
             f"{cost.seconds:.3g} s" if math.isfinite(cost.seconds) else "–", page.links.seeds(g.runs)]
            for g, cost in costs]
    legend = key([(style, label) for label, style in dict(page.line(g) for g, _ in costs).items()])
    lines = study.below("95 % band", "; lines: ")
    if equal:
        fair += f" All settings send the same, {size(max(sizes))} both ways."
    caption = f"Final {study.measure.axis} against what a run cost, one mark a setting{lines}. {SHARED}{fair}"
    behind = table("What every setting cost, mean over its runs", ["setting", study.measure.name, *HEAD], rows)
    return tag("figure", tag("figcaption", caption), tag("div", join(shown), class_="panels"), legend,
               details(BEHIND, behind), id="costs-figure")
