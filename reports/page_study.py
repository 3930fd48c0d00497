"""What the runs of a page say together: one final value a run, one mean with its band a setting, the worst case of each
rule, and how the rules compare. All numbers are those of plots/bands.py.
"""

import math

from bands import mean_band, paired, worst_case
from grid import NO_ATTACK, Grid, ended, finals, measure_of

SITUATION = ("attack", "share", "partition")


class Worst:
    """A rule's worst situation: where, its mean, its band, and the values there by seed."""

    def __init__(self, rule, groups, of, falls):
        place, self.mean, self.low, self.high = worst_case({g.key_of_place: of[id(g)] for g in groups}, falls)
        self.rule, self.groups = rule, groups
        self.group = next((g for g in groups if g.key_of_place == place), None)
        self.values = of[id(self.group)] if self.group else {}


class Study:
    def __init__(self, runs, refused=()):
        self.runs, self.refused = runs, list(refused)
        self.grid = Grid(runs)
        self.groups = self.grid.groups
        self.measure = measure_of(runs)
        self.of = {id(g): finals(g, self.measure.column) for g in self.groups}
        self.bands = {id(g): mean_band(self.of[id(g)].values()) for g in self.groups}
        for g in self.groups:
            g.key_of_place = tuple(g.place[aspect] for aspect in SITUATION)
            g.label = self.name_of(g)

    def name_of(self, g):
        """
        A setting in words, as far as settings differ: its rule and who attacks it. The share of runs without Byzantine
        workers is said already.
        """
        aspects = [aspect for aspect in ("task", "rule", *SITUATION) if self.grid.varies(aspect)]
        workers = len({run.workers for run in self.runs}) > 1
        shares = len({one.place["share"] for one in self.groups if one.place["attack"] != NO_ATTACK}) > 1
        if not workers and not shares and self.grid.varies("attack"):
            aspects = [aspect for aspect in aspects if aspect != "share"]
        return ", ".join(filter(None, (g.place[aspect] for aspect in aspects))) or g.label

    def values(self, g):
        return self.of[id(g)]

    def band(self, g):
        return self.bands[id(g)]

    def diverged(self, g):
        return sum(run.state == "diverged" for run in g.runs)

    def seeds(self):
        """(fewest, most) seeds that have ended behind a setting."""
        counts = [len(self.values(g)) for g in self.groups]
        return min(counts), max(counts)

    def attacked(self, **place):
        """Groups with Byzantine workers, or all where there are none."""
        found = self.grid.find(**place)
        return [g for g in found if g.place["attack"] != NO_ATTACK] or found

    def situations(self, task):
        """All situations in which any rule has a value, with Byzantine workers where any has them, in order."""
        return list(dict.fromkeys(g.key_of_place for g in self.in_order(self.attacked(task=task)) if self.values(g)))

    def below(self, band, before="; below it its "):
        """What a figure says of its bands, where there are any."""
        return f"{before}{band} over seeds" if self.seeds()[1] > 1 else ""

    def in_order(self, groups):
        labels = self.grid.labels
        return sorted(groups, key=lambda g: [labels[aspect].index(g.place[aspect]) for aspect in SITUATION])

    def worst(self, rule, **place):
        """Of one rule over all attacks at a place; None: it has no value there."""
        groups = self.in_order([g for g in self.attacked(**place) if g.place["rule"] == rule and self.values(g)])
        return Worst(rule, groups, self.of, self.measure.falls) if groups else None

    def worst_of_all(self, rule, **place):
        """As worst(); None as well where it lacks a situation that another rule has, or a seed that all of them have."""
        found = self.worst(rule, **place)
        wanted = {g.key_of_place for g in self.attacked(**place) if self.values(g)}
        whole = found and found.group and wanted == {g.key_of_place for g in found.groups}
        return found if whole else None

    def ranking(self, task):
        """
        (Worst of each rule that was run in every situation, best first; rules that were not, with how many lack). Rules
        of other tasks are neither.
        """
        wanted, ranked, lacking = set(self.situations(task)), [], []
        for rule in [rule for rule in self.grid.labels["rule"] if self.grid.find(rule=rule, task=task)]:
            found = self.worst(rule, task=task)
            missing = len(wanted - {g.key_of_place for g in found.groups}) if found else len(wanted)
            if missing or not found or not math.isfinite(found.mean):
                lacking.append((rule, missing))
            else:
                ranked.append(found)
        return sorted(ranked, key=lambda one: one.mean, reverse=not self.measure.falls), lacking

    def compare(self, a, b):
        """How far a's worst situation is from b's: the difference with its band, and what follows from it."""
        difference, half, count = paired(*((b.values, a.values) if self.measure.falls else (a.values, b.values)))
        if count < 2:
            return Verdict(f"{self.apart(difference)}{self.unit}, without a band: " + (
                "one seed says nothing about how sure that is" if count else "no seed is common to both"),
                self.apart(difference), None)
        numbers = f"{self.apart(difference)} ± {self.apart(half)}"
        return Verdict(f"{numbers}{self.unit} (95 % band, paired over {count} seeds)", numbers, abs(difference) > half)

    def apart(self, difference):
        """A difference, with a digit more than values have: those are rounded."""
        if not math.isfinite(difference):
            return "–"
        return f"{difference:.5g}" if self.measure.falls else f"{self.measure.factor * difference:.2f}"

    @property
    def unit(self):
        """Of differences: of shares in percent, those are points."""
        return "" if self.measure.falls else " points"


class Verdict:
    """A difference in words, and in numbers alone; apart: whether its band excludes 0, None: there is no band."""

    def __init__(self, words, numbers, apart):
        self.words, self.numbers, self.apart = words, numbers, apart

    @property
    def short(self):
        return {None: "not known", True: "distinguishable", False: "not distinguishable"}[self.apart]


def states(runs):
    """ "144 runs: 140 finished, 2 diverged, 2 interrupted"."""
    found = {}
    for run in runs:
        found[run.state] = found.get(run.state, 0) + 1
    order = ["finished", "diverged", "interrupted", "failed", "running"]
    said = [f"{found[state]} {state}" for state in order + sorted(set(found) - set(order)) if state in found]
    return f"{len(runs)} run{'s' if len(runs) != 1 else ''}: " + ", ".join(said)


def unfinished(runs):
    return [run for run in runs if not ended(run)]
