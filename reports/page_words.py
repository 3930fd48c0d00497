"""The first paragraphs of a page, made from its numbers: what was compared, which rule was best under the worst attack,
and how sure that is.
"""

from grid import NO_ATTACK
from page_html import join, table, tag
from page_study import SITUATION, states

MOST_NAMED = 8
FEW = 5  # seeds, of which a bootstrap has little to draw


def listed(labels):
    more = len(labels) - MOST_NAMED
    named = [str(label) for label in labels[:MOST_NAMED]]
    between = "; " if any("," in label for label in named) else ", "
    return between.join(named) + (f" and {more} more" if more > 0 else "")


def count(labels, one, several=None):
    return f"{len(labels)} {one if len(labels) == 1 else several or one + 's'}"


def rule_word(study):
    """A rule, where no more than the aggregator differs."""
    return "rule" if all(name.startswith("aggregator") for name in study.grid.names["rule"]) else "method"


def attacks(study):
    return [label for label in study.grid.labels["attack"] if label != NO_ATTACK]


def one_of(values, most=4):
    """ "0 or 6"; "0 to 24" of many."""
    values = sorted(set(values))
    if len(values) > most:
        return f"{values[0]} to {values[-1]}"
    return " or ".join([", ".join(map(str, values[:-1])), str(values[-1])]) if len(values) > 1 else str(values[0])


def trained(study):
    """Who trains what, for how long: the sentence before all others."""
    runs = study.runs
    byzantine = {run.byzantine for run in runs}
    whom = ("none of them Byzantine" if byzantine == {0} else f"{one_of(byzantine)} of them Byzantine")
    tasks = [label for label in study.grid.labels["task"] if label]
    kinds = sorted({str(run.flat.get("data.kind")) for run in runs} - {"None", "none"})
    models = sorted({str(run.flat.get("model.kind")) for run in runs})
    what = f"the model {' or '.join(models)}" if len(models) <= 4 else f"{len(models)} models"
    what += f" on the data {' or '.join(kinds)}" if kinds and len(kinds) <= 4 else ""
    more = f" ({listed(tasks)})" if len(tasks) > 1 else ""
    workers = one_of(run.workers for run in runs)
    if workers == "1":
        return f"1 worker trains {what}{more} for {one_of(run.number('steps') for run in runs)} steps."
    return (f"{workers} workers, {whom}, train {what}{more} for "
            f"{one_of(run.number('steps') for run in runs)} steps.")


def compared(study):
    """What stands beside what."""
    labels, word = study.grid.labels, rule_word(study)
    first = trained(study)
    said = [f"{count(labels['rule'], word)} ({listed(labels['rule'])})"]
    if attacks(study):
        said.append(f"under {count(attacks(study), 'attack setting')} ({listed(attacks(study))})")
    said.append(f"with {listed(labels['share'])} workers" if len(labels["share"]) == 1 else
                f"with {count(labels['share'], 'share')} of Byzantine workers ({listed(labels['share'])})")
    said.append(f"the data shared as {labels['partition'][0]}" if len(labels["partition"]) == 1 else
                f"the data shared in {len(labels['partition'])} ways ({listed(labels['partition'])})")
    few, most = study.seeds()
    seeds = f"{few} to {most} seeds" if few != most else f"{most} seed{'s' if most != 1 else ''}"
    return f"{first} Compared: {'; '.join(said)}. {seeds} a setting; {states(study.runs)}."


def where(study, worst):
    """The worst situation in words, as far as situations differ."""
    place = [worst.group.place[aspect] for aspect in SITUATION if study.grid.varies(aspect)]
    return f", under {', '.join(place)}" if place else ""


def opening(study, task):
    """How the sentence about a task's best rule begins: what is the worst of."""
    places = list(zip(*study.situations(task)))
    names = ("attack", "share of Byzantine workers", "partition")
    words = [word for word, labels in zip(names, places) if len(set(labels)) > 1]
    if not words:
        return "Under attack, " if attacks(study) else "At the end, "
    if len(words) == 1:
        return f"Under its worst {words[0]}, "
    return f"Under its worst combination of {', '.join(words[:-1])} and {words[-1]}, "


def verdict(study, first, others):
    """How sure the first place is."""
    sentence = study.compare(first, others[0])
    said = f"The difference to the next is {sentence.words}"
    if sentence.apart is None:
        return said + "."
    if sentence.apart:
        said += ": distinguishable."
    else:
        said += f": not distinguishable, so neither can be called the best."
    alike = [other.rule for other in others[1:] if study.compare(first, other).apart is False]
    return said + (f" Nor can {listed(alike)} be told from the first." if alike and not sentence.apart else
                   f" Not distinguishable from the first: {listed(alike)}." if alike else "")


def best(study, task):
    """The sentence that the page is for, of one task."""
    ranked, lacking = study.ranking(task)
    m = study.measure
    if not ranked:
        return f"No {rule_word(study)} was run to its end in every situation, so that none can be called the best."
    first, rest = ranked[0], ranked[1:]
    verb = "has a loss of" if m.falls else "keeps" if attacks(study) else "reaches"
    lead = f"{first.rule or 'the ' + rule_word(study)} {verb} {m.between(first.mean, first.low, first.high)}"
    parts = [opening(study, task), tag("strong", lead), where(study, first)]
    if rest:
        following = [f"{one.rule} with {m.between(one.mean, one.low, one.high)}{where(study, one)}" for one in rest[:3]]
        parts += [f": the {'lowest' if m.falls else 'highest'} of all. Then ", "; ".join(following), ". ",
                  verdict(study, first, rest)]
    else:
        parts += [f". It is the only {rule_word(study)} here, so that none can be called the best."
                  if not lacking else f". It is the only {rule_word(study)} that was run in every situation."]
    if lacking:
        names = listed([rule for rule, _ in lacking])
        parts.append(f" Not ranked, because they lack a value in some situation: {names}.")
    return join(parts)


def sure(study):
    """What the bands are, in one sentence or two."""
    few, most = study.seeds()
    if most == 0:
        return "No run has ended so far: this page has no results yet."
    if most < 2:
        return ("Every setting has one seed: there are no bands, and nothing on this page says how sure a difference is. "
                "Two seeds or more (“seeds” in the experiment) would.")
    counted = few if few == most else f"{few} to {most}"
    said = (f"Two kinds of 95 % bands over {counted} seeds: ± is Student's, (low to high) is the bootstrap band of a "
            "worst case. Bands of worst cases do not decide which is better; the differences paired by seed do. Final "
            f"{study.measure.name} is the mean of a run's last 5 evaluations.")
    if most <= FEW:
        said += (f" A bootstrap of {'so few' if few != most else most} seeds reaches no further than from the worst seed "
                 "to the best: it is too narrow.")
    return said + (" Settings with one seed have no band." if few < 2 else "")


def lead(study):
    parts = [tag("p", compared(study), class_="lead")]
    for task in study.grid.labels["task"]:
        several = study.grid.varies("task")
        parts.append(tag("p", tag("strong", f"{task}: ") if several else "", best(study, task), class_="lead"))
        parts.append(ranks(study, task, several))
    return join([*parts, tag("p", sure(study), class_="note")])


def ranks(study, task, several):
    """All rules by their worst case, where there are several."""
    ranked, lacking = study.ranking(task)
    if len(ranked) < 2:
        return ""
    rows = []
    for place, one in enumerate(ranked):
        beside = study.compare(ranked[0], one) if place else None
        rows.append([one.rule, study.measure.between(one.mean, one.low, one.high),
                     ", ".join(one.group.place[aspect] for aspect in SITUATION if study.grid.varies(aspect)) or "–",
                     beside.numbers if beside else "–", beside.short if beside else "the first"])
    rows += [[rule, "–", f"lacks {missing} situation{'s' * (missing > 1)}" if missing else "no value", "–", "not ranked"]
             for rule, missing in lacking]
    bootstrap = " (bootstrap band)" if study.seeds()[1] > 1 else ""
    what = (f"Every {rule_word(study)} by its worst case" + (f", {task}" if several else "") +
            "; differences to the first are paired by seed, with their 95 % bands")
    return table(what, [rule_word(study), f"worst case, {study.measure.name}{bootstrap}", "where that is",
                        "behind the first by (±: Student's)", "told from the first?"], rows)


NOTES = [
    "Final value of a run: the mean of its last 5 evaluations (of all evaluations but the one before the first step, "
    "where there are fewer than five). It is no best value over time: that would be chosen with the test data.",
    "A run that diverged counts with the last value that it recorded, and is marked. One that has not finished counts "
    "nowhere; it is listed above.",
    "± and shaded bands: 95 % by Student's t over seeds, mean ± t(0.975, S − 1) s / √S; t is 4.30 with 3 seeds, 2.78 with 5. "
    "One run has no band. Curves show bands only as far as values can be; tables say all of them.",
    "Worst case: the least of the means (of losses the largest) over the situations, of the seeds that all of them have, and "
    "as (low to high) the middle 95 % of that number over resamples of the seeds, drawn for all situations together. "
    "With 3 seeds that reaches no further than from the worst seed to the best: it is too narrow.",
    "Differences are paired by seed: at equal seeds both rules had equal data and starts. “Distinguishable” means that the "
    "95 % band of the difference leaves out 0; it is not corrected for how many rules are compared, nor for that the worst "
    "situation of each was found in the same runs.",
]


def notes():
    return tag("ul", *[tag("li", note) for note in NOTES])
