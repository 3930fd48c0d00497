"""The tables of a page: every setting with its band, what did not finish, and every run with what says which it is."""

import math

from grid import ASPECTS, ended
from page_html import details, join, table, tag
from page_words import rule_word

FALL = 0.1  # of accuracy, from a run's best evaluation to its last, is worth a word
MOST_ROWS = 60  # that are shown at once
HEAD = ("lowest to highest seed", "seeds", "remarks", "files")  # behind the place and the value
STOPPED = ("run", "seed", "state", "how far", "why")


def folded(what, rows, made):
    """A long table behind a word."""
    return made if len(rows) <= MOST_ROWS else details(f"{what}: {len(rows)} rows", made)


def settings(page):
    """Every setting: its place, its seeds, its final value with the band."""
    study, grid = page.study, page.study.grid
    aspects = [aspect for aspect in ("task", *[a for a in ASPECTS if a != "task"]) if grid.varies(aspect)] or ["rule"]
    words = {"rule": rule_word(study), "share": "Byzantine workers"}
    rows = []
    for g in study.groups:
        values = study.values(g)
        ends = " to ".join(study.measure.bare(end(values.values())) for end in (min, max)) if len(values) > 1 else "–"
        rows.append([*[g.place[aspect] or "–" for aspect in aspects], study.measure.spread(*study.band(g)), ends,
                     str(len(values)), states_of(g), page.links.seeds(g.runs)])
    what = f"Final {study.measure.axis} of every setting: mean ± half of the 95 % band over seeds"
    head = [*[words.get(aspect, aspect) for aspect in aspects], study.measure.axis, *HEAD]
    return folded("Every setting", rows, table(what, head, rows))


def states_of(g):
    states = [run.state for run in g.runs if run.state != "finished"]
    return ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states))) or "–"


def trouble(page):
    """Runs that diverged, failed, were interrupted or still run, and files that are no results."""
    runs = [run for run in page.study.runs if run.state != "finished"]
    rows = [[page.links.to(run, label_of(page, run)), run.setting("seed"), run.state,
             run.progress().removeprefix(f"{run.state} "), run.meta["why"] or "–"] for run in runs]
    parts = [folded("Runs", rows, table("Runs that did not finish", STOPPED, rows))] if rows else []
    if page.study.refused:
        parts.append(tag("p", "Files that are left out, because they are no results or damaged:"))
        parts.append(tag("ul", *[tag("li", sentence) for _, sentence in page.study.refused]))
    if not parts:
        parts = [tag("p", "Nothing: every run finished.")]
    return join([*parts, fallen(page.study)])


def fallen(study):
    """Where the accuracy of runs was much higher before their end: how many, in which settings."""
    if study.measure.falls:
        return ""
    rows, count = [], 0
    for g in study.groups:
        ended_runs = [run for run in g.runs if ended(run)]
        falls = [fall for fall in map(fall_of, ended_runs) if fall > FALL]
        count += len(falls)
        if falls:
            rows.append([g.label or "all", f"{len(falls)} of {len(ended_runs)}", f"{100 * max(falls):.1f} points"])
    what = f"more than {100 * FALL:.0f} points from a run's best evaluation to its last"
    if not rows:
        return tag("p", f"In no run did the test accuracy fall by {what}.")
    said = (f"In {count} of {sum(map(ended, study.runs))} runs that ended the test accuracy fell by {what}, in "
            f"{len(rows)} setting{'s' if len(rows) != 1 else ''}:")
    made = table("Runs whose accuracy fell before their end", ["setting", "runs", "most"], rows)
    return join([tag("p", said), folded("Settings", rows, made)])


def fall_of(run):
    """How far the last evaluation is below the best one."""
    values = [value for value in run.column("/evals/test_accuracy").tolist() if math.isfinite(value)]
    return max(values) - values[-1] if values else 0.0


def label_of(page, run):
    g = next(g for g in page.study.groups if any(member is run for member in g.runs))
    return g.label or str(run.setting("name"))


def runs(page):
    """Which run is which, made by what, on which machine."""
    rows = []
    for run in page.study.runs:
        meta = run.meta
        rows.append([page.links.to(run, meta["id"] or run.path), label_of(page, run), run.setting("name"),
                     run.setting("seed"), meta["data_id"] or "–", run.state, meta["start"] or "–",
                     f"{meta['version']} {meta['commit']}".strip() or "–", machine(meta)])
    head = ["id", "setting", "name", "seed", "data id", "state", "begun", "version", "machine"]
    return details(f"All {len(rows)} runs: ids, data ids, versions, machines", table("All runs", head, rows))


def lanes_of(meta):
    lanes = str(meta["lanes"] or "")
    return f"{lanes} lane{'s' if lanes != '1' else ''}" if lanes else ""


def machine(meta):
    said = [meta["host"], meta["processor"], lanes_of(meta), meta["backend"],
            meta["backend_detail"], meta["libraries"]]
    return ", ".join(part for part in said if part)


def data_notes(study):
    """What every use of these results must say of their data."""
    notes = sorted({run.data_note for run in study.runs if run.data_note})
    return join([tag("p", note, class_="note") for note in notes])


def summary(study):
    """One line below the title: made by what, when."""
    versions = sorted({f"{run.meta.get('version', '')} ({run.meta.get('commit', '')})" for run in study.runs})
    begun = sorted(run.meta.get("start") or "" for run in study.runs)
    days = sorted({begun[0][:10], begun[-1][:10]} - {""})
    return f"Results of signsgd {', '.join(versions)}, " + (" to ".join(days) if days else "undated")


