#!/usr/bin/env python3
"""What an experiment file claims, held against what its runs found.

usage: python3 reports/claims.py EXPERIMENT.json FOLDER|RUN.h5... [--json] [--strict]

A claim is about one number: the mean over seeds of (`of` less `than`) in `measure`, paired by seed, with its 95 % band
(plots/bands.py). It holds where the whole band lies on the claimed side, does not hold where no part of it does, and is
not decided in between. One seed has no band, and its number decides alone, which is said.

Exit code: 0: every claim was judged; 1: runs of a claim are missing, or with --strict one does not hold; 2: a claim
means runs of several experiments.
"""

import json
import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "plots"))

import bands  # noqa: E402
from labels import telling  # noqa: E402
from results import PlotError, files_below, program  # noqa: E402
from runs import Run, flatten, group  # noqa: E402
from script import Parser, sentences  # noqa: E402

HOLDS, FAILS, OPEN, MISSING = "holds", "does not hold", "not decided", "missing"
SEVERAL = {HOLDS: "hold", FAILS: "do not hold"}
ENDED = ("finished", "diverged")
BESIDE = ("claims", "sweep", "seeds", "seed", "out", "data_dir")  # of a file: what is no setting of all its runs


# --- which runs are meant ------------------------------------------------------------------------------------------


def same(found, wanted):
    """
    Is a setting, as a result file has it in full, what a claim says of it? As in an experiment file a name alone, or a
    number alone (its first key), stands for a choice; keys that a claim does not name may be anything.
    """
    if isinstance(wanted, dict):
        kind = {"kind": found} if isinstance(found, str) else found
        return isinstance(kind, dict) and all(same(kind.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        found = found or []
        return isinstance(found, list) and len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(found, dict):
        first = next((value for key, value in found.items() if key != "kind"), None)
        return found.get("kind") == wanted if isinstance(wanted, str) else first is not None and first == wanted
    return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)


def setting(config, dotted):
    """The value at "a.b.c"; None: there is none."""
    for name in dotted.split("."):
        if isinstance(config, str):
            config = {"kind": config}
        config = config.get(name) if isinstance(config, dict) else None
    return config


def meant(runs, selection):
    return [run for run in runs if all(same(setting(run.config, key), value) for key, value in selection.items())]


def one_experiment(runs, selection, where):
    """The runs that a selection means, which may differ in their seeds alone."""
    found = meant(runs, selection)
    groups = group(found)
    if len(groups) > 1:
        raise PlotError(f"{where}: {text_of(selection)} means runs of {len(groups)} experiments, which differ in "
                        f"{', '.join(telling([g.key for g in groups]))}; name what tells them apart")
    return found


def other_settings(run, root):
    """{dotted key: its value in the run} where an experiment file says another: the run was made with `--set`."""
    swept = {key for names in root.get("sweep") or {} for key in names.split(",")}
    fixed = flatten({key: value for key, value in root.items() if key not in BESIDE})
    found = {key: setting(run.config, key) for key in fixed
             if not any(key == s or key.startswith(s + ".") or s.startswith(key + ".") for s in swept)}
    return {key: value for key, value in found.items() if value is not None and not same(value, fixed[key])}


def say_other_settings(path, root, runs):
    """A verdict about runs that are not the file's own, shortened ones as a rule, is one about these."""
    others = [found for found in (other_settings(run, root) for run in runs) if found]
    if others:
        keys = ", ".join(dict.fromkeys(f"{key} = {json.dumps(value)}" for found in others for key, value in found.items()))
        return f"{len(others)} of {len(runs)} runs have other settings than {path}: {keys}"
    return ""


def seed_of(value):
    """A seed that no double holds is written as a string."""
    return int(value, 0) if isinstance(value, str) else int(value)


def text_of(selection):
    return json.dumps(selection)


# --- one claim -----------------------------------------------------------------------------------------------------


class Side:
    """What one side of a claim has: values by seed, and what lacks."""

    def __init__(self, claim, name, runs, seeds, where):
        self.selection = claim[name]
        self.by_seed, self.diverged, self.lacking, self.runs = {}, [], [], []
        if not isinstance(self.selection, dict):
            self.mean, self.half = float(self.selection), 0.0
            return
        self.runs = one_experiment(runs, self.selection, f"{where}.{name}")
        for run in self.runs:
            if run.state in ENDED:
                seed = seed_of(run.setting("seed"))
                self.by_seed[seed] = bands.final(run, claim.get("measure", "test_accuracy"))
                self.diverged += [seed] if run.state == "diverged" else []
        if self.by_seed and not self.diverged and all(map(math.isnan, self.by_seed.values())):
            raise PlotError(f"{where}.{name}: these runs have no {claim.get('measure', 'test_accuracy')}; name "
                            "another `measure`")
        self.lacking = [seed for seed in map(seed_of, seeds) if seed not in self.by_seed]
        self.mean, self.half = bands.mean_band(self.by_seed.values())

    @property
    def is_number(self):
        return not isinstance(self.selection, dict)


class Finding:
    """
    A claim beside what was found: `verdict` (one of HOLDS, FAILS, OPEN, MISSING), the sides `of` and `than`, the mean
    `difference` and the half width `half` of its band (NaN: one seed), the number of `seeds`.
    """

    def __init__(self, claim, runs, seeds, where):
        self.claim = claim
        self.say, self.source = claim["say"], claim.get("source", "")
        self.measure = claim.get("measure", "test_accuracy")
        self.by, self.tolerance = claim.get("by"), claim.get("tolerance", 0.0)
        self.of = Side(claim, "of", runs, seeds, where)
        self.than = Side(claim, "than", runs, seeds, where)
        if self.than.is_number:
            self.difference, self.half = self.of.mean - self.than.mean, self.of.half
            self.seeds = len(self.of.by_seed)
        else:
            self.difference, self.half, self.seeds = bands.paired(self.of.by_seed, self.than.by_seed)
        self.verdict = MISSING if self.of.lacking or self.than.lacking else self.judge()

    def judge(self):
        half = 0.0 if math.isnan(self.half) else self.half
        if not math.isfinite(self.difference):
            return OPEN
        if self.by is None:
            nearest, furthest = max(0.0, abs(self.difference) - half), abs(self.difference) + half
            return HOLDS if furthest <= self.tolerance else FAILS if nearest > self.tolerance else OPEN
        sign = -1 if self.by < 0 else 1
        reached, asked = sign * self.difference, abs(self.by) - self.tolerance
        return HOLDS if reached - half >= asked else FAILS if reached + half < asked else OPEN

    # --- in words --------------------------------------------------------------------------------------------------

    def number(self, value):
        return f"{100 * value:.1f}" if self.unit else f"{value:.4g}"

    def side(self, side):
        """The mean of a side with its unit."""
        return self.number(side.mean) + (" %" if self.unit else "")

    def apart(self, value):
        """A difference, with a digit more than the sides have: those are rounded."""
        return f"{100 * value:+.2f}" if self.unit else f"{value:+.5g}"

    def amount(self, value):
        """What is claimed: "20 points"."""
        said = f"{100 * value if self.unit else value:.4g}"
        return said + (self.unit.removesuffix("s") if said == "1" else self.unit)

    @property
    def unit(self):
        return " points" if self.measure.endswith("accuracy") else ""

    def asked(self):
        """What is claimed, and how much less is allowed."""
        if self.by is None:
            return f"the same within {self.amount(self.tolerance)}"
        if not self.by:
            return f"no lower{f' by more than {self.amount(self.tolerance)}' if self.tolerance else ''}"
        allowed = f", or up to {self.amount(self.tolerance)} less than that" if self.tolerance else ""
        return f"at least {self.amount(abs(self.by))} {'lower' if self.by < 0 else 'higher'}{allowed}"

    def found(self):
        """The numbers of both sides, their difference and its band."""
        if self.verdict == MISSING:
            return self.gaps()
        return (f"{self.measure.replace('_', ' ')} {self.side(self.of)} against {self.side(self.than)}: "
                f"{self.differs()}")

    def gaps(self):
        return "; ".join(self.lacks(side) for side in (self.of, self.than) if side.lacking)

    def differs(self):
        """The difference and its band, and what diverged."""
        text = f"{self.apart(self.difference)}{self.unit}"
        if math.isnan(self.half):
            text += f", {'one seed' if self.seeds == 1 else f'{self.seeds} seeds'}, no band"
        else:
            text += (f", 95 % band {self.apart(self.difference - self.half)} to "
                     f"{self.apart(self.difference + self.half)}, {self.seeds} seeds")
        gone = [f"{len(side.diverged)} of {len(side.by_seed)} runs of {name} diverged"
                for name, side in (("`of`", self.of), ("`than`", self.than)) if side.diverged]
        return "; ".join([text, *gone])

    def lacks(self, side):
        seeds = ", ".join(map(str, side.lacking))
        return f"no finished run of seed {seeds} with {text_of(side.selection)}"

    def row(self, experiment, number):
        """For a machine."""
        band = not (self.verdict == MISSING or math.isnan(self.half))
        numbers = {"of_mean": self.of.mean, "than_mean": self.than.mean, "difference": self.difference,
                   "low": self.difference - self.half if band else math.nan,
                   "high": self.difference + self.half if band else math.nan}
        return {"experiment": experiment, "claim": number, "say": self.say, "source": self.source,
                "verdict": self.verdict, "measure": self.measure, "of": self.claim["of"], "than": self.claim["than"],
                **{key: value if math.isfinite(value) else None for key, value in numbers.items()},
                "seeds": self.seeds, "by": self.by, "tolerance": self.tolerance,
                "diverged": len(self.of.diverged) + len(self.than.diverged), "asked": self.asked(),
                "found": self.found()}


# --- a file --------------------------------------------------------------------------------------------------------


def read_experiment(path):
    """(an experiment file, whose form signsgd has checked; the seeds of its runs)."""
    try:
        with open(path, encoding="utf-8") as file:
            root = json.load(file)
        return root, root.get("seeds") or [root.get("seed", 1)]
    except OSError as error:
        raise PlotError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, AttributeError) as error:
        raise PlotError(f"{path}: is no experiment: {error}") from None


def evaluate(path, runs):
    """
    (name, [a Finding for each claim], what is to say of the runs) of the experiment file at `path`; runs of other names
    count nowhere.
    """
    root, seeds = read_experiment(path)
    name, claims = root.get("name", "run"), root.get("claims")
    if not claims:
        raise PlotError(f"{path}: has no `claims`, expected a list of them")
    own = [run for run in runs if run.setting("name") == name]
    if len(own) < len(runs):
        print(f"{program()}: {len(runs) - len(own)} of {len(runs)} results have another name than {name}: passed over",
              file=sys.stderr)
    findings = [Finding(claim, own, seeds, f"{path}: claims[{i}]") for i, claim in enumerate(claims)]
    return name, findings, say_other_settings(path, root, own)


def shown(text):
    """A file's text on a terminal, which obeys no control character of it."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def print_text(path, findings):
    for finding in findings:
        print(f"{finding.verdict:13}  {shown(finding.say)}")
        if finding.source:
            print(f"{'':13}    {shown(finding.source)}")
        print(f"{'':13}    of:      {text_of(finding.claim['of'])}")
        print(f"{'':13}    than:    {text_of(finding.claim['than'])}")
        print(f"{'':13}    claimed: {finding.asked()}")
        print(f"{'':13}    found:   {finding.found()}")
    print(f"{path}: {summary(findings)}")


def summary(findings):
    """ "6 claims, 3 hold, ..." """
    verdicts = [finding.verdict for finding in findings]
    counts = [f"{verdicts.count(v)} {v if verdicts.count(v) == 1 else SEVERAL.get(v, v)}"
              for v in (HOLDS, FAILS, OPEN, MISSING) if v in verdicts]
    return f"{len(findings)} claim{'s' if len(findings) > 1 else ''}, {', '.join(counts)}"


def side_of(finding, side, study):
    """A side of a claim on a page: which setting it is, in the words of the page's other parts, and its mean."""
    if side.is_number:
        return finding.side(side)
    if side.lacking or not side.runs:
        return text_of(side.selection)
    name = next((g.label for g in study.groups if any(run is side.runs[0] for run in g.runs)), "")
    return f"{name or text_of(side.selection)}: {finding.side(side)}"


def in_words(text):
    """Sides as a page calls them."""
    return text.replace("`of`", "the first").replace("`than`", "the second")


def section(path, study):
    """The claims of a file as a part of a page of results (report.py)."""
    from page_html import join, table, tag  # only pages need it

    _, findings, note = evaluate(path, study.runs)
    said = [join([f.say, tag("span", f" ({f.source})", class_="soft") if f.source else ""]) for f in findings]
    sides = [join([tag("span", side_of(f, side, study)) for side in (f.of, f.than)], " against ") for f in findings]
    rows = [[tag("strong", f.verdict), claim, f.asked(), both,
             f.gaps() if f.verdict == MISSING else in_words(f.differs())]
            for f, claim, both in zip(findings, said, sides)]
    measures = sorted({f.measure.replace("_", " ") for f in findings})
    words = (f"{os.path.basename(path)} has {summary(findings)}. Compared are means of the last {bands.LAST} "
             f"evaluations ({', '.join(measures)}), paired by seed, with Student's 95 % band: a claim holds where the "
             "whole band is on the claimed side, does not hold where none of it is, and is not decided in between."
             f"{f' {note}.' if note else ''}")
    head = ["verdict", "claim", "claimed: the first is", "the first against the second", "difference found"]
    return join([tag("p", words), table("What is claimed, and what was found", head, rows)])


def parser():
    p = Parser(prog=program(), description=__doc__.split("\n\n")[0])
    p.add_argument("experiment")
    p.add_argument("paths", nargs="+")
    p.add_argument("--json", action="store_true")
    p.add_argument("--strict", action="store_true")
    return p


def main(args):
    name, findings, note = evaluate(args.experiment, [Run(path) for path in files_below(args.paths)])
    if note:
        print(f"{program()}: {note}", file=sys.stderr)
    if args.json:
        for number, finding in enumerate(findings):
            print(json.dumps(finding.row(name, number)))
    else:
        print_text(args.experiment, findings)
    verdicts = {finding.verdict for finding in findings}
    sys.exit(1 if MISSING in verdicts or (args.strict and FAILS in verdicts) else 0)


if __name__ == "__main__":
    sentences(parser(), main)
