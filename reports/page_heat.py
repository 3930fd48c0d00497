"""Heat maps: a number in every cell, on a colour that goes from dark (little) to bright (much), the same for all maps
of a figure.
"""

import math

from page_html import BEHIND, details, join, scroll, table, tag
from page_style import ink_on, ramp
from page_svg import LETTER, broken, lines_of_text, number, svg, text

MOST_OPEN = 6  # maps that are shown at once


class Cell:
    """value decides the colour; main and sub stand in it; behind: markup for the table, main and sub if not given."""

    def __init__(self, value, main, sub="", behind=None):
        self.value, self.main, self.sub, self.behind = value, main, sub, behind


class Map:
    """
    cells: {(row, column): Cell}; framed: columns with a frame, such as the worst case; files: links to what is behind it,
    where they do not stand in the cells.
    """

    def __init__(self, title, corner, rows, columns, cells, framed=(), files=""):
        self.title, self.corner, self.rows, self.columns, self.cells = title, corner, rows, columns, cells
        self.framed, self.files = framed, files


class Scale:
    def __init__(self, maps, least=None):
        values = [cell.value for one in maps for cell in one.cells.values() if math.isfinite(cell.value)]
        values += [] if least is None else [least]
        self.low, self.high = (min(values), max(values)) if values else (0.0, 1.0)

    def colour(self, value):
        return ramp((value - self.low) / (self.high - self.low) if self.high > self.low else 0.5)


def draw_cell(cell, scale, x, y, width, height):
    if cell is None or not math.isfinite(cell.value):
        said = "–" if cell is None else cell.main
        return [tag("rect", x=number(x), y=number(y), width=width - 2, height=height - 2, class_="none"),
                text(x + width / 2 - 1, y + height / 2 + 3, said, text_anchor="middle")]
    colour = scale.colour(cell.value)
    ink = {"class_": "on-w" if ink_on(colour) == "#ffffff" else "on-b", "text_anchor": "middle"}
    parts = [tag("rect", x=number(x), y=number(y), width=width - 2, height=height - 2, fill=colour)]
    middle = x + width / 2 - 1
    parts.append(text(middle, y + height / 2 + (-2 if cell.sub else 3), cell.main, **ink))
    if cell.sub:
        parts.append(text(middle, y + height / 2 + 12, cell.sub, font_size="10", **ink))
    return parts


def draw(name, one, scale, about, size):
    """One map as an SVG."""
    width, height = size
    sides = [broken(label, 24) for label in one.rows]
    heads = [broken(label.replace(" = ", "\u00a0=\u00a0"), max(4, int(width / LETTER) - 1), most=6)
             for label in one.columns]
    left = LETTER * max([len(line) for lines in sides for line in lines], default=1) + 10
    top = 14 * max(map(len, heads), default=1) + 6
    parts = []
    for j, lines in enumerate(heads):
        parts += lines_of_text(left + width * (j + 0.5) - 1, top / 2 - 2, lines, text_anchor="middle")
    for i, (row, lines) in enumerate(zip(one.rows, sides)):
        y = top + height * i
        parts += lines_of_text(left - 8, y + height / 2 - 1, lines, text_anchor="end")
        for j, column in enumerate(one.columns):
            parts += draw_cell(one.cells.get((row, column)), scale, left + width * j, y, width, height)
    for column in one.framed:
        parts.append(tag("rect", x=number(left + width * one.columns.index(column) - 1), y=number(top - 1), width=width,
                         height=height * len(one.rows), class_="frame"))
    return svg(name, one.title or about, about, parts, left + width * len(one.columns) + 4,
               top + height * len(one.rows) + 4, natural=True)


def behind(one):
    """The same as a table."""
    rows = [[row, *[said(one.cells.get((row, column))) for column in one.columns]] for row in one.rows]
    made = table(one.title or one.corner, [one.corner, *one.columns], rows)
    return join([made, tag("p", one.files) if one.files else ""])


def said(cell):
    if cell is None:
        return "–"
    return cell.behind if cell.behind is not None else " ".join(filter(None, [cell.main, cell.sub]))


def figure(name, caption, maps, say, size=(92, 42), least=None):
    """
    say(value): a number in words, for the ends of the scale; least: where it begins, else with the least number.
    Nothing, where no cell has a value.
    """
    if not any(math.isfinite(cell.value) for one in maps for cell in one.cells.values()):
        return ""
    scale = Scale(maps, least)
    shown = [tag("div", tag("h3", one.title) if one.title else "",
                 scroll(one.title or caption, draw(f"{name}{i}", one, scale, caption, size)), class_="wide")
             for i, one in enumerate(maps)]
    first, rest = shown[:MOST_OPEN], shown[MOST_OPEN:]
    ends = tag("p", f"Colours go from dark ({say(scale.low)}) to bright ({say(scale.high)}).", class_="soft")
    return tag("figure", tag("figcaption", caption), tag("div", join(first), class_="maps"),
               details(f"{len(rest)} more maps", tag("div", join(rest), class_="maps")) if rest else "", ends,
               details(BEHIND, *[behind(one) for one in maps]), id=name)
