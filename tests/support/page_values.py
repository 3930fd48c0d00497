#!/usr/bin/env python3
"""Checks a page of `signsgd report` as a reader would: that it is whole, loads nothing, can be read by everybody, says what
the result files say, and that its links lead to them. Prints how many numbers were compared.

usage: page_values.py PAGE.html FOLDER         the folder's runs differ in rule, attack and seed only
       page_values.py --again PAGE.html        print the experiment file on the page that makes its runs again
       page_values.py --whole PAGE.html        check the page's markup alone
       page_values.py --style                  check the contrasts of both schemes
"""

import glob
import html.parser
import math
import os
import sys
from urllib.parse import unquote

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
for room in ("plots", "reports"):
    sys.path.insert(1, os.path.join(HERE, "..", "..", room))

VOID = {"meta"}
KNOWN = set("html head meta title style body a header nav main section figure figcaption table caption thead tbody tr th td "
            "ul li p h1 h2 h3 h4 div span strong code pre details summary svg desc line rect circle polygon polyline "
            "text".split())


class Page(html.parser.HTMLParser):
    """The elements of a page, each with what is inside it; what is not closed, or closed twice, is an error."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.root = Element("", {}, None)
        self.at = self.root
        self.feed(text)
        self.close()
        assert self.at is self.root, f"<{self.at.name}> is not closed"

    def handle_starttag(self, name, attributes):
        assert name in KNOWN, f"found <{name}>, which no page has"
        element = Element(name, dict(attributes), self.at)
        if name not in VOID:
            self.at = element

    def handle_endtag(self, name):
        assert self.at.name == name, f"</{name}> closes <{self.at.name}>"
        self.at = self.at.above

    def handle_data(self, text):
        self.at.inside.append(text)


class Element:
    def __init__(self, name, attributes, above):
        self.name, self.attributes, self.above, self.inside = name, attributes, above, []
        if above:
            above.inside.append(self)

    def text(self):
        return "".join(part if isinstance(part, str) else part.text() for part in self.inside)

    def all(self, name):
        found = []
        for part in self.inside:
            if isinstance(part, Element):
                found += ([part] if part.name == name else []) + part.all(name)
        return found

    def first(self, name):
        found = self.all(name)
        assert found, f"<{self.name} {self.attributes}> has no <{name}>"
        return found[0]


def check_structure(page):
    """What those need who do not see it, or who come by keys."""
    ids = [value for element in everything(page.root) for key, value in element.attributes.items() if key == "id"]
    assert len(ids) == len(set(ids)), "an id is there twice"
    for element in everything(page.root):
        for key, value in element.attributes.items():
            assert key not in ("src", "onload", "onerror", "onclick", "style"), f"found the attribute {key}"
            if key in ("aria-labelledby", "aria-describedby"):
                assert value in ids, f"{key} names {value}, which is not there"
    for figure in page.root.all("figure"):
        assert figure.first("figcaption").text() and figure.all("details")[-1].first("table")
        assert figure.all("details")[-1].first("a"), "a figure has no link"
        for svg in figure.all("svg"):
            if svg.attributes.get("aria-hidden") != "true":
                assert svg.attributes["role"] == "img" and svg.first("title").text() and svg.first("desc").text()
    for table in page.root.all("table"):
        assert table.first("caption").text()
        assert all(head.attributes.get("scope") in ("row", "col") for head in table.all("th")), "a <th> has no scope"
    levels = [int(element.name[1]) for element in everything(page.root) if element.name in ("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:])), "a heading is passed over"


def everything(element):
    for part in element.inside:
        if isinstance(part, Element):
            yield part
            yield from everything(part)


def check_links(page, folder):
    """Each leads to a place on the page or to a result file; every result file has one."""
    ids = {element.attributes.get("id") for element in everything(page.root)}
    files = set()
    for link in page.root.all("a"):
        where = link.attributes["href"]
        if where.startswith("#"):
            assert where[1:] in ids, f"{where} leads nowhere"
            continue
        assert where.startswith("./"), f"{where} is no relative link"
        files.add(os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), unquote(where))))
    there = {os.path.realpath(path) for path in glob.glob(os.path.join(folder, "*.h5"))}
    assert files == there, f"links and files differ: {sorted(files ^ there)}"


def table_of(page, part):
    """[{column: text}] of the table whose caption has this in it."""
    table = next(table for table in page.root.all("table") if part in table.first("caption").text())
    heads = [cell.text() for cell in table.first("thead").all("th")]
    rows = [[cell.text() for cell in row.inside] for row in table.first("tbody").all("tr")]
    return [dict(zip(heads, row)) for row in rows]


def results(folder):
    """{rule: {attack: {seed: final accuracy}}}, straight from the files."""
    import h5py

    found = {}
    for path in glob.glob(os.path.join(folder, "*.h5")):
        with h5py.File(path, "r") as file:
            meta, values = file["meta"].attrs, file["evals/test_accuracy"][...]
            assert len(values) > 5
            of_rule = found.setdefault(meta["aggregator"], {})
            of_rule.setdefault(meta["attack"], {})[int(meta["seed"])] = float(values[-5:].mean())
    return found


def percent(value):
    return f"{100 * value:.1f}"


def check_numbers(page, folder):
    """The numbers of the page are those of plots/bands.py."""
    from bands import mean_band, paired, worst_case

    known, compared = results(folder), 0
    for row in table_of(page, "of every setting"):
        mean, half = mean_band(known[row["rule"]][row["attack"]].values())
        expected = percent(mean) + (f" ± {percent(half)}" if math.isfinite(half) else "")
        assert row["test accuracy (%)"] == expected, (row, expected)
        compared += 1
    assert compared == sum(map(len, known.values()))
    worst = {rule: worst_case(dict(sorted(of_attack.items()))) for rule, of_attack in known.items()}
    ranks = table_of(page, "by its worst case")
    first = ranks[0]["rule"]
    assert [row["rule"] for row in ranks] == sorted(worst, key=lambda rule: -worst[rule][1])
    for row in ranks:
        attack, mean, low, high = worst[row["rule"]]
        assert row["worst case, test accuracy (bootstrap band)"] == f"{percent(mean)} % ({percent(low)} to {percent(high)})", row
        assert row["where that is"] == attack, row
        if row["rule"] != first:
            best = known[first][worst[first][0]]
            difference, half, _ = paired(best, known[row["rule"]][attack])
            behind = f"{100 * difference:.2f} ± {100 * half:.2f}"
            assert row["behind the first by (±: Student's)"] == behind, row
            apart = abs(difference) > half
            assert row["told from the first?"] == ("distinguishable" if apart else "not distinguishable"), row
        compared += 1
    for row in table_of(page, "best rule under every attack"):
        final = {rule: mean_band(of_attack[row["attack"]].values()) for rule, of_attack in known.items()}
        best = max(final, key=lambda rule: final[rule][0])
        assert row["best rule"] == best, row
        assert row["test accuracy (%)"] == f"{percent(final[best][0])} ± {percent(final[best][1])}", row
    check_falls(page, folder)
    lead = " ".join(p.text() for p in page.root.all("p") if p.attributes.get("class") == "lead")
    _, mean, low, high = worst[first]
    assert f"{first} keeps {percent(mean)} % ({percent(low)} to {percent(high)})" in lead, lead
    return compared


def check_falls(page, folder):
    """How many runs fell before their end, straight from the files."""
    import h5py

    fell = 0
    for path in glob.glob(os.path.join(folder, "*.h5")):
        with h5py.File(path, "r") as file:
            values = file["evals/test_accuracy"][...]
            fell += bool(values.max() - values[-1] > 0.1)
    said = page.root.text()
    expected = f"In {fell} of " if fell else "In no run did the test accuracy fall by more than 10 points"
    assert expected in said, expected


def check_style():
    from page_style import DARK, LIGHT, contrast, ink_on, ramp

    for scheme in (LIGHT, DARK):
        for ground in ("paper", "shade"):
            for colour in [scheme["ink"], scheme["soft"], scheme["link"], *scheme["lines"]]:
                assert contrast(colour, scheme[ground]) >= 4.5, (colour, scheme[ground])
    for i in range(101):
        assert contrast(ink_on(ramp(i / 100)), ramp(i / 100)) >= 4.5


def main(arguments):
    if arguments[0] == "--style":
        return check_style()
    with open(arguments[-1] if arguments[0].startswith("--") else arguments[0], encoding="utf-8") as file:
        text = file.read()
    assert text.startswith("<!DOCTYPE html>\n")
    page = Page(text.split("\n", 1)[1])
    if arguments[0] == "--again":
        folded = next(d for d in page.root.all("details") if d.first("summary").text() == "again.json")
        return print(folded.first("pre").text())
    assert "default-src 'none'" in text and "url(" not in text and "@import" not in text
    check_structure(page)
    if arguments[0] == "--whole":
        return None
    check_links(page, arguments[1])
    return print(check_numbers(page, arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
