"""Markup that cannot be broken by what it says: whatever is not markup already is escaped on its way in."""

import html
import os
import re
from urllib.parse import quote

from grid import seed_of

# Letters that HTML has no place for: controls, halves of surrogates.
UNSAYABLE = {code: "\ufffd" for code in [*range(9), 11, 12, *range(14, 32), 127, *range(0xD800, 0xE000)]}


LONG = 40  # letters of a cell that stay on one line
BEHIND = "Numbers and files behind this figure"


class Html(str):
    """Text that is markup."""


def esc(text):
    if isinstance(text, Html):
        return text
    return Html(html.escape(str(text).translate(UNSAYABLE), quote=True))


def join(parts, between=""):
    return Html(esc(between).join(esc(part) for part in parts))


def tag(element, *children, **attributes):
    """<element ...>children</element>; class_ is class, aria_label is aria-label; None leaves an attribute out."""
    said = "".join(f' {name.rstrip("_").replace("_", "-")}="{esc(value)}"'
                   for name, value in attributes.items() if value is not None)
    return Html(f"<{element}{said}>{join(children)}</{element}>")


def details(summary, *children):
    return tag("details", tag("summary", summary), *children)


def scroll(label, *children):
    """What may be wider than the screen: it scrolls by itself, by keys too."""
    return tag("div", *children, class_="scroll", tabindex="0", role="region", aria_label=label)


def cell_of(said):
    """A cell; long ones may break."""
    return tag("td", said, class_="wrap" if len(re.sub("<[^>]*>", "", str(said))) > LONG else None)


def table(caption, head, rows, first="row"):
    """A table; the first cell of each row is its head. Cells are text or markup."""
    heads = [tag("th", cell, scope="col") for cell in head]
    body = [tag("tr", tag("th", row[0], scope=first), *map(cell_of, row[1:])) for row in rows]
    made = tag("table", tag("caption", tag("span", caption)), tag("thead", tag("tr", *heads)), tag("tbody", *body))
    return scroll(caption, made)


def section(name, title, *children):
    """A part of the page with its name in the address."""
    return tag("section", tag("h2", title, id=f"{name}-title"), *children, id=name, aria_labelledby=f"{name}-title")


class Links:
    """Links from the page to result files, relative, so that a folder may be moved as a whole."""

    def __init__(self, page):
        self.folder = os.path.dirname(os.path.abspath(page))

    def to(self, run, text):
        relative = os.path.relpath(os.path.abspath(run.path), self.folder)
        return tag("a", text, href="./" + quote(os.fsencode(relative), safe="/"))

    def seeds(self, runs):
        """ "seed 1, 2, 3", each a link."""
        runs = sorted(runs, key=seed_of)
        return join(["seed ", join([self.to(run, run.setting("seed")) for run in runs], ", ")])
