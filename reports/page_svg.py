"""A small writer of charts: axes with round numbers, lines with bands, marks. One SVG is one panel; it has a title and
a description for those who do not see it, and colours by class, so that it follows the page's scheme.
"""

import math

from page_html import join, tag
from page_style import COLOURS, DASHES, MARKERS

WIDTH, HEIGHT = 360, 236
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 8, 40
LETTER = 7.7  # width of a letter of 12 pixels, about


def number(value):
    """A coordinate."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


class Style:
    """How the i-th of several curves looks, on every panel and in the legend."""

    def __init__(self, i):
        self.colour = f"c{i % COLOURS}"
        self.dash = DASHES[i // COLOURS % len(DASHES)]
        self.marker = MARKERS[i % len(MARKERS)]

    def mark(self, x, y, size=4.0):
        at = {"class_": f"mark {self.colour}"}
        if self.marker == "circle":
            return tag("circle", cx=number(x), cy=number(y), r=number(size), **at)
        around = {"square": [(-1, -1), (1, -1), (1, 1), (-1, 1)], "triangle": [(0, -1.2), (1.2, 1), (-1.2, 1)],
                  "diamond": [(0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)]}[self.marker]
        return tag("polygon", points=" ".join(f"{number(x + size * a)},{number(y + size * b)}" for a, b in around), **at)

    def swatch(self):
        """The line in a legend."""
        line = tag("line", x1="1", y1="7", x2="29", y2="7", class_=f"line {self.colour}", stroke_dasharray=self.dash)
        return tag("svg", line, self.mark(15, 7, 3.4), width="30", height="14", viewBox="0 0 30 14", aria_hidden="true")


def key(entries):
    """A legend below its panels: (style, text)."""
    return tag("ul", *[tag("li", style.swatch(), text) for style, text in entries], class_="key")


def steps_between(low, high, most=5):
    """Round numbers from low to high, at most `most` + 1 of them."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * m for m in (1, 2, 5, 10, 20) if span / (power * m) <= most)
    first = math.ceil(low / step - 1e-9)
    return [step * k for k in range(first, math.floor(high / step + 1e-9) + 1)]


class Axis:
    """Numbers to coordinates; log: of positive numbers."""

    def __init__(self, values, start, end, log=False, most=5, room=0.04):
        finite = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
        self.log = log
        low, high = (min(finite), max(finite)) if finite else (1.0, 10.0) if log else (0.0, 1.0)
        low, high = (math.log10(low), math.log10(high)) if log else (low, high)
        edge = (high - low) * room or (0.2 if log else abs(high) * 0.05 or 1.0)
        self.low, self.high, self.start, self.end, self.most = low - edge, high + edge, start, end, most

    def at(self, value):
        """On a logarithmic axis what is not positive, as the lower end of a wide band, is at its edge."""
        if self.log:
            value = max(math.log10(value), self.low) if value > 0 else self.low
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self):
        """(coordinate, text)"""
        if self.log and self.high - self.low < 1.2:
            values = steps_between(10**self.low, 10**self.high, self.most)
            return [(self.at(value), short(value)) for value in values if value > 0]
        if not self.log:
            return [(self.at(value), short(value)) for value in steps_between(self.low, self.high, self.most)]
        decades = range(math.ceil(self.low), math.floor(self.high) + 1)
        every = max(1, math.ceil(len(decades) / self.most))
        return [(self.at(10.0**k), short(10.0**k)) for k in decades if k % every == 0]


def short(value):
    """A number at an axis: 0.25, 1500, 2 M, 1e-06."""
    if abs(value) >= 1e12:
        return f"{value:.2g}"
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == ' k' else size):.3g}{letter}"
    return f"{value:.4g}"


def text(x, y, said, **more):
    return tag("text", said, x=number(x), y=number(y), **more)


def frame(x_axis, y_axis, x_label, y_label):
    """Grid, ticks and the names of both axes."""
    x_label, y_label = (label + (" (log scale)" if axis.log else "")
                        for axis, label in ((x_axis, x_label), (y_axis, y_label)))
    parts = []
    for y, said in y_axis.ticks():
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=number(y), y2=number(y), class_="grid"))
        parts.append(text(LEFT - 6, y + 4, said, class_="tick", text_anchor="end"))
    for x, said in x_axis.ticks():
        parts.append(tag("line", x1=number(x), x2=number(x), y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM + 4, class_="axis"))
        parts.append(text(x, HEIGHT - BOTTOM + 16, said, class_="tick", text_anchor="middle"))
    parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM, class_="axis"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_label, text_anchor="middle"))
    middle = number((TOP + HEIGHT - BOTTOM) / 2)
    parts.append(tag("text", y_label, transform=f"translate(12 {middle}) rotate(-90)", text_anchor="middle"))
    return parts


def runs_of(x, *columns):
    """Stretches without a gap, as lists of points: where a column is not finite the line is broken."""
    stretch, found = [], []
    for point in zip(x, *columns):
        if all(math.isfinite(value) for value in point):
            stretch.append(point)
        elif stretch:
            found.append(stretch)
            stretch = []
    return found + ([stretch] if stretch else [])


def points(pairs):
    return " ".join(f"{number(x)},{number(y)}" for x, y in pairs)


def curve(style, x_axis, y_axis, x, mean, low, high, bound=False):
    """A line, with the band where there is one; a stretch of one point is a mark."""
    parts = []
    for stretch in runs_of(x, low, high):
        around = [(x_axis.at(a), y_axis.at(h)) for a, _, h in stretch]
        around += [(x_axis.at(a), y_axis.at(b)) for a, b, _ in reversed(stretch)]
        parts.append(tag("polygon", points=points(around), class_=f"band {style.colour}"))
    for stretch in runs_of(x, mean):
        line = [(x_axis.at(a), y_axis.at(b)) for a, b in stretch]
        if bound:
            parts.append(tag("polyline", points=points(line), class_=f"bound {style.colour}"))
            continue
        if len(line) > 1:
            parts.append(tag("polyline", points=points(line), class_=f"line {style.colour}",
                             stroke_dasharray=style.dash))
        parts.append(style.mark(*line[-1], 3.4))
    return parts


def svg(name, title, about, parts, width=WIDTH, height=HEIGHT, natural=False):
    """One picture; natural: never larger or smaller than it is, so that it scrolls where there is no room."""
    size = {"width": number(width), "height": number(height)} if natural else {}
    head = [tag("title", title, id=f"{name}-t"), tag("desc", about, id=f"{name}-d")]
    return tag("svg", *head, join(parts), role="img", aria_labelledby=f"{name}-t", aria_describedby=f"{name}-d",
               viewBox=f"0 0 {number(width)} {number(height)}", **size)


def broken(said, letters, most=3):
    """A text in lines of about so many letters, at most so many lines."""
    lines = [""]
    for word in said.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > letters:
            lines.append("")
        lines[-1] = (lines[-1] + " " + word).strip()
    cut = len(lines) > most
    lines = lines[:most]
    return [line if len(line) <= letters + 4 and not (cut and line is lines[-1]) else line[:letters + 2].rstrip(" ,") + "…"
            for line in lines]


def lines_of_text(x, y, lines, **more):
    """Several lines of text around a height."""
    first = y + 4 - 7 * (len(lines) - 1)
    return [text(x, first + 14 * i, line, **more) for i, line in enumerate(lines)]
