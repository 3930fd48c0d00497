"""What a worst case hides: which rule is best in every single situation, and what each rule loses there against the
same workers without attackers.
"""

import math

from bands import paired
from page_html import join, table, tag
from page_sections import unattacked
from page_study import SITUATION
from page_tables import folded
from page_words import attacks, count, rule_word

MOST_SAID = 6  # situations in a sentence


class Situation:
    """Who attacks how: its groups with a value, best first; free: {rule: the group that nobody attacks}."""

    def __init__(self, study, task, place):
        at = dict(zip(SITUATION, place), task=task)
        self.name = ", ".join(at[aspect] for aspect in SITUATION if aspect == "attack" or study.grid.varies(aspect))
        known = [g for g in study.grid.find(**at) if study.values(g) and math.isfinite(study.band(g)[0])]
        self.groups = sorted(known, key=lambda g: study.band(g)[0], reverse=not study.measure.falls)
        self.free = {g.place["rule"]: g for g in unattacked(study, at) if study.values(g)}


def differs(study, a, b):
    """ "26.93 ± 1.62": how much better a is than b, paired by seed; and whether the band leaves out 0."""
    difference, half, _ = paired(study.values(a), study.values(b))
    difference = -difference if study.measure.falls else difference
    said = study.apart(difference) + (f" ± {study.apart(half)}" if math.isfinite(half) else "")
    return said, math.isfinite(half) and abs(difference) > half


def best_in(study, one):
    """A row: the best rule of a situation, and how sure that is."""
    first, rest = one.groups[0], one.groups[1:]
    row = [one.name, first.place["rule"], study.measure.spread(*study.band(first))]
    if not rest:
        return [*row, "–", "–", "–"]
    behind, apart = differs(study, first, rest[0])
    told = "not known" if "±" not in behind else "distinguishable" if apart else "not distinguishable"
    return [*row, f"{rest[0].place['rule']}, {study.measure.spread(*study.band(rest[0]))}", behind, told]


def loss_of(study, g, free):
    """What a rule loses to an attack, beside what is left."""
    said = study.measure.spread(*study.band(g))
    return said + (f"; {'rises by' if study.measure.falls else 'loses'} {differs(study, free, g)[0]}" if free else "")


def losses(study, found):
    """Rule by situation: what is left, and what is lost against no attack."""
    rows = []
    for rule in study.grid.labels["rule"]:
        cells = [next((loss_of(study, g, one.free.get(rule)) for g in one.groups if g.place["rule"] == rule), "–")
                 for one in found]
        free = next((one.free[rule] for one in found if rule in one.free), None)
        rows.append([rule, study.measure.spread(*study.band(free)) if free else "–", *cells])
    return rows


def by_situation(study):
    """Both tables of every task, and what they say; nothing where nobody attacks, or there is one rule."""
    if not attacks(study) or not study.grid.varies("rule"):
        return ""
    return join([of_task(study, task) for task in study.grid.labels["task"]])


def of_task(study, task):
    found = [one for one in (Situation(study, task, place) for place in study.situations(task)) if one.groups]
    if not found:
        return ""
    word, m, name = rule_word(study), study.measure, f"{task}: " if study.grid.varies("task") else ""
    tried = f"{name}{count(found, 'attack setting')} {'was' if len(found) == 1 else 'were'} tried."
    best = list(dict.fromkeys(one.groups[0].place["rule"] for one in found))
    if len(best) > 1 and len(found) <= MOST_SAID:
        tried += f" Which {word} is best depends on the attack: " + "; ".join(
            f"{one.groups[0].place['rule']} under {one.name}" for one in found) + "."
    rows = [best_in(study, one) for one in found]
    head = ["attack", f"best {word}", m.axis, "next", "behind the best by", "told from the best?"]
    parts = [tag("p", tried, class_="lead"), folded(f"The best {word} under every attack", rows, table(
        f"{name}The best {word} under every attack; ± is Student's 95 % band, of differences paired by seed",
        head, rows))]
    if any(one.free for one in found) and len(found) <= MOST_SAID:
        side = "higher" if m.falls else "lower"
        what = (f"{name}What attacks do to every {word}: {m.axis}, and how much {side} that is than with no worker "
                "Byzantine")
        parts.append(table(what, [word, "no attack", *[one.name for one in found]],
                           losses(study, found)))
    return join(parts)
