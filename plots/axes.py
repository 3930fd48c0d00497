"""Runs along settings that a user names: the rows and columns of a table, what is chosen for each, what is filtered.

A name is a dotted setting as /config has it ("partition.alpha"), the end of one that is the only one ("alpha"), or one
of SHORT. A setting with members ("aggregator") stands for all of them; its label says its kind and those that differ.
"""

import difflib
import json

from labels import ATTACK, attack, chain, in_order
from results import PlotError
from runs import key_of

SHORT = {"attack": "adversaries.attack", "byzantine": "adversaries.count"}
LONG = {name: short for short, name in SHORT.items()}
NO_ATTACK = "none"
DATA = "data_id"  # of runs on other data: a setting like others


def settings_of(run):
    """
    All settings of a run by their dotted names: those of its identity under their first names, and what is none of it,
    such as `eval`. Byzantine workers that are the first ones are said by their count.
    """
    if not hasattr(run, "settings"):
        own = key_of(run)
        if own.get("adversaries.ids") == list(range(own.get("adversaries.count") or 0)):
            del own["adversaries.ids"]
        tops = {name.split(".")[0] for name in own}
        others = {name: value for name, value in run.flat.items() if name.split(".")[0] not in tops}
        run.settings = {**others, **own, **({DATA: run.data_id} if run.data_id else {})}
    return run.settings


def prefixes(names):
    """Every setting, and every one that has members."""
    found = set(names)
    for name in names:
        parts = name.split(".")
        found.update(".".join(parts[:i]) for i in range(1, len(parts)))
    return found


def resolve(name, runs, option):
    """The dotted name that is meant."""
    known = prefixes({key for run in runs for key in settings_of(run)})
    wanted = SHORT.get(name, name)
    if wanted in known:
        return wanted
    ends = sorted(full for full in known if full.endswith("." + wanted))
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise PlotError(f"{option} {name}: may be {', '.join(ends)}; which one?")
    near = difflib.get_close_matches(name, [*SHORT, *(part for full in sorted(prefixes(of_identity(runs))) for part in (full, full.split(".")[-1]))], 1, 0.7)
    raise PlotError(f"{option} {name}: these runs have no such setting" + (f"; did you mean {near[0]}?" if near else "")
                    + f" What differs between them: {', '.join(collapse(varying(runs))) or 'nothing'}")


def below(name, prefix):
    return name == prefix or name.startswith(prefix + ".")


def values(runs, name):
    """The different values of a setting, in order; None: absent."""
    found = {json.dumps(settings_of(run).get(name)): settings_of(run).get(name) for run in runs}
    return sorted(found.values(), key=in_order)


def of_identity(runs):
    """The settings that make experiments, without the seed."""
    return sorted({key for run in runs for key in key_of(run)} | {DATA})


def varying(runs, without=()):
    """The settings of the identity that differ, but those below one of `without`."""
    return [name for name in of_identity(runs)
            if not any(below(name, prefix) for prefix in without) and len(values(runs, name)) > 1]


def collapse(names):
    """Settings in few words: of what differs in its kind, or in what stands before it, the whole."""
    wholes = {name.rsplit(".", 1)[0] for name in names if name.endswith((".kind", ".before"))}
    wholes = {whole for whole in wholes if not any(below(whole, other) for other in wholes - {whole})}
    said = [next((whole for whole in wholes if below(name, whole)), name) for name in names]
    return list(dict.fromkeys(LONG.get(name, name) for name in said))


class Axis:
    """
    One of the settings that runs are compared by. labels: in order; of(run): its label. whole: members that differ are
    part of the label; else it is the kind alone, or the method with what stands before it.
    """

    def __init__(self, name, runs, option, whole=True):
        self.name = name
        self.prefix = resolve(name, runs, option)
        self.is_attack = self.prefix == "adversaries.attack"
        self.members = sorted({key for run in runs for key in settings_of(run) if below(key, self.prefix)})
        bases = {}
        for run in runs:
            bases.setdefault(self.base(run), []).append(run)
        self.more = {base: self.differing(some) if whole else [] for base, some in bases.items()}
        order = {}
        for run in runs:
            order.setdefault(self.of(run), self.place(run))
        self.labels = sorted(order, key=order.get)

    def base(self, run):
        key = settings_of(run)
        if self.is_attack:
            return attack(key) if key.get(ATTACK) else NO_ATTACK
        if self.prefix == "aggregator":
            return chain(key)
        value = key.get(self.prefix + ".kind", key.get(self.prefix))
        return value if isinstance(value, str) else "none" if value is None else json.dumps(value)

    def said(self, name):
        return name.endswith(".kind") or name in (self.prefix, "aggregator.before")

    def differing(self, runs):
        return [name for name in self.members if not self.said(name) and len(values(runs, name)) > 1]

    def of(self, run):
        base = self.base(run)
        more = [f"{name[len(self.prefix) + 1:]} {as_text(settings_of(run).get(name))}" for name in self.more[base]]
        return f"{base} ({', '.join(more)})" if more else base

    def place(self, run):
        """For sorting: no attack first, numbers by size, words by the alphabet, and then what differs within them."""
        key = settings_of(run)
        own = key.get(self.prefix)
        first = own if isinstance(own, (int, float)) and not isinstance(own, bool) else self.base(run)
        return [first != NO_ATTACK, in_order(first), [in_order(key.get(name)) for name in self.more[self.base(run)]]]


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value)


def chosen(runs, wheres):
    """The runs that fulfil every NAME=VALUE; a value is a label, a kind, or JSON."""
    for where in wheres:
        name, equals, value = where.partition("=")
        if not equals:
            raise PlotError(f"--where {where}: expected NAME=VALUE, as in --where partition=iid")
        axis = Axis(name, runs, "--where")
        left = [run for run in runs if value in (axis.of(run), axis.base(run)) or is_number(axis.base(run), value)]
        if not left:
            raise PlotError(f"--where {where}: no run has that; there are: {', '.join(axis.labels)}")
        runs = left
    return runs


def is_number(text, value):
    """Are both the same number, however written?"""
    try:
        return float(text) == float(value)
    except ValueError:
        return False
