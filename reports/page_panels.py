"""A figure of several panels with lines: one panel a situation, one line a rule, each rule alike on all of them."""

import math

from page_html import BEHIND, details, join, table, tag
from page_svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, curve, frame, key, svg

MOST_OPEN = 12  # panels that are shown at once
MOST_ROWS = 25  # of a table behind a panel


class Line:
    """
    x, mean, low, high: lists of equal length, NaN where there is none; runs: those behind it; bound: the line of what a
    theory allows, drawn dotted.
    """

    def __init__(self, label, style, x, mean, low, high, runs, bound=False):
        self.label, self.style, self.x, self.mean, self.low, self.high = label, style, x, mean, low, high
        self.runs, self.bound = runs, bound


class Axes:
    """
    What both axes are called, how numbers of y are said: say(mean, half of the band). ends: what y cannot leave, as a
    share 0 and 100 %; wider bands are drawn up to there.
    """

    def __init__(self, x, y, say, log=False, ends=(-math.inf, math.inf)):
        self.x, self.y, self.say, self.log, self.ends = x, y, say, log, ends

    def cut(self, values):
        low, high = self.ends
        return [min(max(value, low), high) if math.isfinite(value) else value for value in values]


def panel(name, title, lines, axes, spans):
    """One SVG; spans: the values that all panels of a figure share an axis for."""
    x_axis = Axis([x for line in lines for x in line.x], LEFT, WIDTH - RIGHT, room=0.02)
    y_axis = Axis(spans, HEIGHT - BOTTOM, TOP, log=axes.log)
    parts = frame(x_axis, y_axis, axes.x, axes.y)
    for line in lines:
        parts += curve(line.style, x_axis, y_axis, line.x, line.mean, axes.cut(line.low), axes.cut(line.high),
                       line.bound)
    return svg(name, f"{axes.y}: {title}", in_words(lines, axes), parts)


def in_words(lines, axes):
    """Where each line ends, for those who do not see it."""
    said = []
    for line in lines:
        known = [(x, mean) for x, mean in zip(line.x, line.mean) if math.isfinite(mean)]
        if known and not line.bound:
            said.append(f"{line.label} {axes.say(known[-1][1], math.nan)}")
    return f"At the end, {axes.x} {known_end(lines)}: " + "; ".join(said) + "." if said else "No value is known."


def known_end(lines):
    return f"{max(x for line in lines for x in line.x):g}"


def thinned(values):
    """At most MOST_ROWS of them, evenly spread, the first and the last among them."""
    if len(values) <= MOST_ROWS:
        return values
    return [values[round(i * (len(values) - 1) / (MOST_ROWS - 1))] for i in range(MOST_ROWS)]


def numbers(title, lines, axes, links):
    """The table behind a panel, and the files behind that."""
    xs = thinned(sorted({x for line in lines for x in line.x}))
    at = [dict(zip(line.x, zip(line.mean, line.low, line.high))) for line in lines]
    rows = [[f"{x:g}", *[said_at(of_line.get(x), axes) for of_line in at]] for x in xs]
    files = [["runs", *[links.seeds(line.runs) for line in lines]]]
    return table(f"{axes.y}, {title}", [axes.x, *[line.label for line in lines]], rows + files)


def said_at(found, axes):
    if found is None or not math.isfinite(found[0]):
        return "–"
    mean, low, high = found
    return axes.say(mean, (high - low) / 2)


def spanned(line, axes):
    """What of a line the axis has to show: on a logarithmic one wide bands would leave no room for the rest."""
    return line.mean if axes.log else [*line.mean, *axes.cut(line.low), *axes.cut(line.high)]


def figure(name, caption, panels, axes, links):
    """panels: (title, lines). Their lines have one legend, below."""
    panels = [(title, lines) for title, lines in panels if any(line.x for line in lines)]
    spans = [value for _, lines in panels for line in lines for value in spanned(line, axes)]
    shown = [tag("div", tag("h3", title) if title else "", panel(f"{name}{i}", title or caption, lines, axes, spans),
                 class_="panel") for i, (title, lines) in enumerate(panels)]
    legend = {line.label: line.style for _, lines in panels for line in lines if not line.bound}
    behind = details(BEHIND, *[numbers(title, lines, axes, links) for title, lines in panels])
    first, rest = shown[:MOST_OPEN], shown[MOST_OPEN:]
    more = details(f"{len(rest)} more panels", tag("div", join(rest), class_="panels")) if rest else ""
    return tag("figure", tag("figcaption", caption), tag("div", join(first), class_="panels"), more,
               key([(style, label) for label, style in legend.items()]), behind, id=name)
