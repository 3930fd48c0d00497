"""The parts of a page that are figures. Each returns markup, or nothing where the runs have nothing for it."""

import math

import numpy as np

import page_heat as heat
import page_panels as panels
from bands import mean_band
from grid import NO_ATTACK, ended, seed_of
from page_heat import Cell, Map
from page_html import Html, details, join, tag
from page_panels import Axes, Line
from page_svg import Style
from page_words import attacks, rule_word

NOTHING = Html("")
BESIDE = ("task", "attack", "share", "partition")  # what stands beside the rule
MOST_POINTS = 100  # of one curve
MOST_WORKERS, MOST_PARTITIONS = 40, 6
KAPPA = ("How robust the aggregator was: kappa over the run, and dotted, in the same colour, the bound that is known of it. "
         "Below the bound the definition of robustness holds.")
MARGINS = ("Margins of the vote at the last step that recorded them: share of coordinates by V, the sum of the counted "
           "votes' signs.")
CERTIFICATES = ("Certificates at the last step that recorded them: share of coordinates at which no f voters, whatever they "
                "had said, could have turned the majority.")


class Page:
    """
    What every section needs: the study, links to files, and how each line looks. A line is a rule, in a panel for each
    situation; where there is one rule, a line is a situation, all in one panel.
    """

    def __init__(self, study, links):
        self.study, self.links = study, links
        self.by_rule = study.grid.varies("rule")
        names = study.grid.labels["rule"] if self.by_rule else [self.situation(g) for g in self.in_order(study.groups)]
        self.styles = {name: Style(i) for i, name in enumerate(dict.fromkeys(names))}

    def order(self, g, aspects):
        labels = self.study.grid.labels
        return [labels[aspect].index(g.place[aspect]) for aspect in aspects]

    def in_order(self, groups):
        return sorted(groups, key=lambda g: self.order(g, BESIDE))

    def situation(self, g):
        """All but the rule, as far as it differs."""
        return ", ".join(g.place[aspect] for aspect in BESIDE if self.study.grid.varies(aspect))

    def line(self, g):
        """A group's label in a panel, and its style."""
        name = g.place["rule"] if self.by_rule else self.situation(g)
        return name or g.place["rule"], self.styles[name]

    def situations(self, groups):
        """[(title, groups)]: a panel each, in order."""
        found = {}
        for g in self.in_order(groups):
            found.setdefault(self.situation(g) if self.by_rule else "", []).append(g)
        return list(found.items())

    def conditions(self):
        """Places beside attack and rule, [(title, {aspect: label})], in order, of groups with Byzantine workers."""
        grid, found = self.study.grid, {}
        beside = [aspect for aspect in BESIDE if aspect != "attack"]
        for g in sorted(self.study.attacked(), key=lambda g: self.order(g, beside)):
            found[", ".join(g.place[aspect] for aspect in beside if grid.varies(aspect))] = {
                aspect: g.place[aspect] for aspect in beside}
        return list(found.items())


# --- curves --------------------------------------------------------------------------------------------------------


def line_of(page, g, points, factor=1.0, bound=False):
    """
    A group's runs as a line, where all of them have a point, thinned where there are too many; points: {x: value} of each
    run.
    """
    xs = sorted(set.intersection(*map(set, points)))
    chosen = np.linspace(0, len(xs) - 1, min(len(xs), MOST_POINTS)).round().astype(int) if xs else []
    xs = [xs[i] for i in chosen]
    bands = [mean_band([factor * of_run[x] for of_run in points]) for x in xs]
    label, style = page.line(g)
    return Line(label + (" (bound)" if bound else ""), style, xs, [mean for mean, _ in bands], [m - h for m, h in bands],
                [m + h for m, h in bands], g.runs, bound)


def over_steps(run, column):
    """{step: value} of a column."""
    steps, values = run.columns(column.rsplit("/", 1)[0] + "/step", column)
    return dict(zip(steps.tolist(), values.tolist()))


def over_run(page, name, caption, column, axes, factor=1.0, bound=None):
    """A figure of a column over the steps: a panel a situation, a line a rule."""
    has = [g for g in page.study.groups if any(ended(run) and run.has(column) for run in g.runs)]
    shown = []
    for title, groups in page.situations(has):
        lines = []
        for g in groups:
            runs = [run for run in g.runs if ended(run) and run.has(column)]
            for name_of, is_bound in [(column, False)] + ([(bound, True)] if bound else []):
                lines.append(line_of(page, g, [over_steps(run, name_of) for run in runs], factor, is_bound))
        shown.append((title, [line for line in lines if any(map(math.isfinite, line.mean))]))
    shown = [(title, lines) for title, lines in shown if lines]
    return panels.figure(name, caption, shown, axes, page.links) if shown else NOTHING


def curves(page):
    m = page.study.measure
    say = lambda mean, half: m.spread(mean / m.factor, half / m.factor)  # noqa: E731
    axes = Axes("step", m.axis, say, ends=(0, math.inf if m.falls else 100))
    caption = f"{m.name.capitalize()} over the run{page.study.below('95 % band', '; shaded: ')}."
    if any(run.state == "diverged" for run in page.study.runs):
        caption += " A line ends where the first of its runs diverged."
    return over_run(page, "curves", caption, f"/evals/{m.column}", axes, m.factor)


def plain(mean, half):
    return f"{mean:.4g}" + (f" ± {half:.2g}" if math.isfinite(half) else "")


# --- heat maps -----------------------------------------------------------------------------------------------------


def cell_of(page, g):
    study = page.study
    mean, half = study.band(g)
    mark = f"{study.diverged(g)} diverged" if study.diverged(g) else ""
    sub = mark or (f"± {study.measure.bare(half)}" if math.isfinite(half) else "")
    links = page.links.seeds([run for run in g.runs if ended(run)]) if study.values(g) else ""
    behind = join([study.measure.spread(mean, half), f", {mark}" if mark else "", " · ", links])
    return Cell(study.measure.factor * mean, study.measure.bare(mean), sub, behind)


def cell_of_worst(page, worst):
    m = page.study.measure
    sub = f"({m.bare(worst.low)} to {m.bare(worst.high)})" if math.isfinite(worst.low) else ""
    links = page.links.seeds([run for run in worst.group.runs if ended(run)])
    behind = join([f"{m.between(worst.mean, worst.low, worst.high)}, {worst.group.place['attack']} · ", links])
    return Cell(m.factor * worst.mean, m.bare(worst.mean), sub, behind)


def unattacked(study, place):
    """What has no Byzantine workers, but as many workers, beside those at a place: what attacks are compared with."""
    workers = {g.runs[0].workers for g in study.grid.find(**place)}
    return [g for g in study.grid.find(task=place["task"], partition=place["partition"], attack=NO_ATTACK)
            if g.runs[0].workers in workers]


def by_attack(page):
    """Rule x attack, a map a condition, with the worst case at the right."""
    study, maps = page.study, []
    columns = [label for label in study.grid.labels["attack"]]
    worst = "worst attack (bootstrap)" if study.seeds()[1] > 1 else "worst attack"
    for title, place in page.conditions():
        groups = unattacked(study, place) + study.grid.find(**place)
        head = {g.place["attack"]: g.place["attack"] for g in groups}
        if attacks(study) and NO_ATTACK in head:
            head[NO_ATTACK] = f"{NO_ATTACK}, none Byzantine"  # where the map's title says how many others have
        cells = {(g.place["rule"], head[g.place["attack"]]): cell_of(page, g) for g in groups}
        for rule in study.grid.labels["rule"]:
            found = study.worst_of_all(rule, **place) if len(attacks(study)) > 1 else None
            if found:
                cells[rule, worst] = cell_of_worst(page, found)
        used = [head[column] for column in columns if column in head]
        framed = [worst] if any(at == worst for _, at in cells) else []
        maps.append(Map(title, rule_word(study), study.grid.labels["rule"], used + framed, cells, framed))
    if not study.grid.varies("rule") and len(attacks(study)) < 2:
        return NOTHING
    caption = f"Final {study.measure.axis}, {rule_word(study)} by attack{study.below('95 % band (±, Student)')}."
    if any(NO_ATTACK in at for one in maps for _, at in one.cells) and attacks(study):
        caption += f" In the column “{NO_ATTACK}” no worker is Byzantine."
    if any(one.framed for one in maps):
        caption += f" Framed: the worst attack{study.below('bootstrap band (low to high)', ', with its ')}."
    return heat.figure("by-attack", caption, maps, lambda value: study.measure.say(value / study.measure.factor))


def worst_by(page, name, what, maps):
    m = page.study.measure
    caption = f"{what}, final {m.axis}{page.study.below('bootstrap band (low to high)')}."
    return heat.figure(name, caption, maps, lambda value: m.say(value / m.factor))


def by_condition(page):
    """Rule x condition: the worst case over attacks."""
    study, found = page.study, page.conditions()
    if len(found) < 2:
        return NOTHING
    cells = {}
    for title, place in found:
        for rule in study.grid.labels["rule"]:
            worst = study.worst_of_all(rule, **place)
            if worst:
                cells[rule, title] = cell_of_worst(page, worst)
    one = Map("", rule_word(study), study.grid.labels["rule"], [title for title, _ in found], cells)
    return worst_by(page, "by-condition", "Worst case over attacks", [one])


def by_share(page):
    """Share x partition, a map a rule: the worst case over attacks."""
    study, grid = page.study, page.study.grid
    if not grid.varies("share") or not grid.varies("partition"):
        return NOTHING
    maps = []
    for task in grid.labels["task"]:
        for rule in grid.labels["rule"]:
            cells = {}
            for share in grid.labels["share"]:
                for partition in grid.labels["partition"]:
                    worst = study.worst_of_all(rule, task=task, share=share, partition=partition)
                    if worst:
                        cells[partition, share] = cell_of_worst(page, worst)
            title = ", ".join(filter(None, [task if grid.varies("task") else "", rule]))
            maps.append(Map(title, "partition", grid.labels["partition"], grid.labels["share"], cells))
    return worst_by(page, "by-share", "Worst case over attacks by share of Byzantine workers and partition",
                    [one for one in maps if one.cells])


# --- probes --------------------------------------------------------------------------------------------------------


def kappa(page):
    log = Axes("step", "kappa", plain, log=True)
    return over_run(page, "kappa", KAPPA, "/probes/kappa/kappa", log, bound="/probes/kappa/bound")


def last_rows(page, name, caption, column, axes, points_of):
    """A figure of the last row of a probe: points_of(row) -> {x: y}."""
    shown = []
    runs_of = {id(g): [run for run in g.runs if ended(run) and run.has(column) and len(run.column(column))]
               for g in page.study.groups}
    for title, groups in page.situations([g for g in page.study.groups if runs_of[id(g)]]):
        lines = []
        for g in groups:
            runs = runs_of[id(g)]
            lines.append(line_of(page, g, [points_of(run.column(column)[-1]) for run in runs]))
        shown.append((title, lines))
    return panels.figure(name, caption, shown, axes, page.links) if shown else NOTHING


def margins(page):
    def points_of(votes):
        """Of an odd number of voters V is odd; what cannot be is no point."""
        possible = [v for v in range(len(votes)) if votes[v % 2::2].any()]
        return {v - len(votes) // 2: 100 * float(votes[v]) / max(float(votes.sum()), 1) for v in possible}

    axes = Axes("V", "coordinates (%)", plain, ends=(0, 100))
    return last_rows(page, "margins", MARGINS, "/probes/margin/votes", axes, points_of)


def certificates(page):
    def points_of(turned):
        return {f: 100 * (1 - float(share)) for f, share in enumerate(turned, 1)}

    axes = Axes("f", "safe coordinates (%)", plain, ends=(0, 100))
    return last_rows(page, "certificates", CERTIFICATES, "/probes/certificate/turned", axes, points_of)


def partition(page):
    """What each worker got, by class: a map for each partition that is there."""
    maps, seen, alike = [], set(), True
    for g in page.study.groups:
        for run in sorted(g.runs, key=seed_of):
            if not run.has("/partition/samples"):
                continue
            samples = run.column("/partition/samples")
            if samples.tobytes() in seen:
                continue
            seen.add(samples.tobytes())
            alike = alike and g.place["partition"].split(" ")[0] == "iid"
            if len(maps) < MOST_PARTITIONS:
                maps.append(shares_map(page, g, run, samples))
    if not maps:
        return NOTHING
    more = f" The first {MOST_PARTITIONS} of {len(seen)} that differ." if len(seen) > MOST_PARTITIONS else ""
    caption = f"Samples of each class in each worker's share; B: Byzantine.{more}"
    if alike:
        said = ("The data are shared iid: each worker's share is drawn at random from all classes, so that the shares "
                "differ by chance alone.")
        return join([tag("p", said), details(caption, *map(heat.behind, maps))])
    return heat.figure("partition-map", caption, maps, lambda value: f"{value:.0f}", (46, 22), least=0.0)


def shares_map(page, g, run, samples):
    byzantine = set(run.flat.get("adversaries.ids") or ())
    rows = [f"worker {w}{' B' if w in byzantine else ''}" for w in range(min(len(samples), MOST_WORKERS))]
    columns = [str(c) for c in range(samples.shape[1])] if samples.shape[1] > 1 else ["tokens"]
    cells = {(row, column): Cell(float(samples[w, c]), f"{samples[w, c]:.0f}") for w, row in enumerate(rows)
             for c, column in enumerate(columns)}
    cut = f", the first {MOST_WORKERS} of {len(samples)} workers" if len(samples) > MOST_WORKERS else ""
    return Map(f"{g.place['partition']}, seed {run.setting('seed')}{cut}", "worker", rows, columns, cells,
               files=join(["First of this partition: ", page.links.to(run, run.meta["id"])]))
