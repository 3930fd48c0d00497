"""The forms that a table is written in. All but CSV begin with MARK, and CSV with a header that ends in CSV_ENDS: by these
`signsgd table` knows a file that it may replace (src/h5/h5_replace.c).
"""

import csv
import io
import json
import math

MARK = "signsgd table"
CSV_ENDS = ["mean", "half_width", "low", "high", "n", "diverged", "unfinished", "worst_attack"]


def said(table, entry):
    """An entry in words; signs are plain letters that every form writes in its own way."""
    number = table.measure.number
    if not entry.count or not math.isfinite(entry.mean):
        return "–" + marks(entry)
    text = number(entry.mean, entry.difference)
    if entry.attack is not None:
        text += f" [{number(entry.low)}, {number(entry.high)}]" if math.isfinite(entry.low) else ""
        return f"{text} {entry.attack}{marks(entry)}"
    text += f" ± {number(entry.half)}" if math.isfinite(entry.half) else ""
    return f"{text} ({entry.count}){marks(entry)}"


def marks(entry):
    return "".join(f" {sign}{count}" for sign, count in (("†", entry.diverged), ("‡", entry.unfinished)) if count)


def one_line(words):
    """What a file says may hold line ends and letters that turn the others round."""
    return "".join(letter if letter.isprintable() else " " for letter in words)


def around(table):
    """(the title, the notes)."""
    return one_line(table.title()), [one_line(note) for note in table.notes()]


def lines_of(table):
    """The head and the rows, as texts."""
    corner = table.rows.name + (f" \\ {table.columns.name}" if table.columns else "")
    lines = [[corner, *table.heads, *(["worst case"] if table.worst else [])]]
    for i, row in enumerate(table.rows.labels):
        entries = table.entries[i] + ([table.worst[i]] if table.worst else [])
        lines.append([row, *(said(table, entry) for entry in entries)])
    return [[one_line(cell) for cell in line] for line in lines]


def text(table):
    lines, (title, notes) = lines_of(table), around(table)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    body = ["  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
            for line in lines]
    return "\n".join([f"{MARK}: {title}", "", *body, "", *notes]) + "\n"


def mark_down(words):
    """Neither a column of its own nor HTML."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def markdown(table):
    lines, (title, notes) = [list(map(mark_down, line)) for line in lines_of(table)], around(table)
    rows = [f"| {' | '.join(line)} |" for line in lines]
    rule = "|" + "|".join([" --- "] + [" ---: "] * (len(lines[0]) - 1)) + "|"
    return "\n".join([f"<!-- {MARK} -->", f"{capital(mark_down(title))}.", "", rows[0], rule, *rows[1:], "",
                      *(f"{mark_down(note)}  " for note in notes)]).rstrip() + "\n"


def capital(sentence):
    return sentence[0].upper() + sentence[1:]


TEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
       "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "–": "--", "†": r"$\dagger$", "‡": r"$\ddagger$",
       "[": "{[}", "]": "{]}", "<": "$<$", ">": "$>$", "|": r"\textbar{}", '"': "''"}


def tex(words):
    return "".join(TEX.get(letter, letter) for letter in words)


def latex(table):
    """Plain LaTeX: no package is needed."""
    lines, (title, notes) = lines_of(table), around(table)
    lines[0][0] = lines[0][0].replace(" \\ ", " / ")
    rows = [" & ".join(map(tex, line)) + r" \\" for line in lines]
    return "\n".join([f"% {MARK}: {title}", rf"\begin{{tabular}}{{l{'r' * (len(lines[0]) - 1)}}}", r"\hline", rows[0],
                      r"\hline", *rows[1:], r"\hline", r"\end{tabular}", *(f"% {note}" for note in notes)]) + "\n"


def bare(value):
    return None if isinstance(value, float) and not math.isfinite(value) else value


def facts(entry):
    return [bare(entry.mean), bare(entry.half), bare(entry.low), bare(entry.high), entry.count, entry.diverged, entry.unfinished,
            entry.attack]


def csv_text(table):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [axis.name for axis in table.axes] if table.columns else [table.rows.name, "value"]
    writer.writerow([*names, *CSV_ENDS])
    for entry in table.everything():
        writer.writerow([entry.row, entry.column, *("" if fact is None else fact for fact in facts(entry))])
    return out.getvalue()


def json_text(table):
    def member(entry):
        return {"row": entry.row, "column": entry.column, **dict(zip(CSV_ENDS, facts(entry)))}

    cells = [member(entry) for row in table.entries for entry in row]
    return json.dumps({
        "made_by": MARK, "title": table.title(), "value": table.measure.column, "peak": table.peak,
        "rows": table.rows.labels, "columns": table.heads, "against": table.against[1] if table.against else None,
        "cells": cells, "worst": [member(entry) for entry in table.worst] if table.worst else None, "notes": table.notes(),
    }, ensure_ascii=False) + "\n"


FORMS = {"text": text, "markdown": markdown, "latex": latex, "csv": csv_text, "json": json_text}
