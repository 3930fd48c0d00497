#!/usr/bin/env python3
"""One page about a folder of results: what was compared, which rule was best under the worst attack, how sure that is,
and the tables and figures behind it. The page loads nothing, and runs no script.

usage: python3 reports/report.py FOLDER|RUN.h5... -o PAGE.html [--title TEXT] [--claims FILE.json]
"""

import os
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "plots"))

import page_attacks as attacks  # noqa: E402  (the other folder must be known before)
import page_costs as costs  # noqa: E402
import page_sections as sections  # noqa: E402
import page_settings as settings  # noqa: E402
import page_style as style  # noqa: E402
import page_tables as tables  # noqa: E402
import page_words as words  # noqa: E402
from page_html import Html, Links, join, section, tag  # noqa: E402
from page_runs import read  # noqa: E402
from page_study import Study  # noqa: E402
from script import Parser, sentences, write_whole  # noqa: E402

# The page begins with this; by it `signsgd report` knows a page that it may replace (src/h5/h5_replace.c).
HEAD = ('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="generator" content="signsgd report">\n')
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def parts_of(page, claims):
    """[(name, title, markup)] of what there is to show."""
    study = page.study
    found = [
        ("claims", "Claims", claims_of(claims, study)),
        ("asked", "What was asked", join([tables.data_notes(study), settings.asked(study.runs)])),
        ("heat", "Heat maps", join([sections.by_attack(page), sections.by_condition(page), sections.by_share(page)])),
        ("table", "Every setting", tables.settings(page)),
        ("over-run", "Over the run", sections.curves(page)),
        ("costs", "Bytes and wall time", costs.figure(page)),
        ("margin", "Margins and certificates", join([sections.margins(page), sections.certificates(page)])),
        ("robust", "Kappa beside its bound", sections.kappa(page)),
        ("partition", "Who has which data", sections.partition(page)),
        ("trouble", "What failed, diverged or is unfinished", tables.trouble(page)),
        ("again", "How to run it again", join([settings.how_again(study.runs, claims), tables.runs(page)])),
        ("notes", "How the numbers were made", words.notes()),
    ]
    return [part for part in found if part[2]]


def claims_of(path, study):
    """Verdicts of a file's claims; nothing where none was named."""
    if not path:
        return ""
    import claims  # only where it is asked for: its file brings its own checks

    return claims.section(path, study)


def title_of(args, study):
    names = list(dict.fromkeys(str(run.setting("name")) for run in study.runs))
    return args.title or ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def whole(args, study):
    page = sections.Page(study, Links(args.out))
    title = title_of(args, study)
    parts = parts_of(page, args.claims)
    named = [("short", "In short"), *[part[:2] for part in parts]]
    places = [tag("li", tag("a", said, href=f"#{name}")) for name, said in named]
    contents = tag("nav", tag("ul", *places), aria_label="Contents")
    head = join([tag("title", f"{title}: report"), tag("style", Html(style.sheet()))], "\n")
    body = join([
        tag("a", "To the results", href="#short", class_="skip"),
        tag("header", tag("h1", title), tag("p", tables.summary(study), class_="soft")), contents,
        tag("main", section("short", "In short", words.lead(study), attacks.by_situation(study)),
            *[section(*part) for part in parts]),
    ], "\n")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    return f"{HEAD}{policy}{view}{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n"


def parser():
    p = Parser(description=__doc__.split("\n\n")[0])
    p.add_argument("runs", nargs="+", metavar="FOLDER|RUN.h5", help="result files, or folders with such below")
    p.add_argument("-o", "--out", required=True, metavar="PAGE.html")
    p.add_argument("--title", help="title of the page")
    p.add_argument("--claims", metavar="FILE.json", help="an experiment with claims, whose verdicts the page shows")
    return p


def main(args):
    runs, refused = read(args.runs)
    write_whole(args.out, whole(args, Study(runs, refused)))


if __name__ == "__main__":
    sentences(parser(), main)
