"""Markup that cannot be broken by what it says: whatever is not markup already is escaped on its way in."""

import html
import os
from urllib.parse import quote

# Letters that HTML has no place for: controls, halves of surrogates.
UNSAYABLE = {code: "\ufffd" for code in [*range(9), 11, 12, *range(14, 32), 127, *range(0xD800, 0xE000)]}


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


def table(caption, head, rows, first="row"):
    """A table; the first cell of each row is its head. Cells are text or markup."""
    heads = [tag("th", cell, scope="col") for cell in head]
    body = [tag("tr", tag("th", row[0], scope=first), *[tag("td", cell) for cell in row[1:]]) for row in rows]
    return scroll(caption, tag("table", tag("caption", caption), tag("thead", tag("tr", *heads)), tag("tbody", *body)))


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
        runs = sorted(runs, key=lambda run: run.setting("seed"))
        return join(["seed ", join([self.to(run, run.setting("seed")) for run in runs], ", ")])
