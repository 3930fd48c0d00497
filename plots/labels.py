"""What a curve is called: the settings that tell it from the others of its figure, in words."""

import json

ATTACK = "adversaries.attack.kind"
BECOMES = "adversaries.attack.then.kind"

# Settings that labels name first.
FIRST = ("aggregator.kind", "aggregator.before", "adversaries.count", ATTACK, "workers", "model.kind", "data.kind")

# What an identity does not say because it is the default, and is named beside groups that say another.
USUAL = {"direction.kind": "momentum", "optimizer.kind": "sgd"}


def in_order(value):
    """For sorting settings: absent, numbers by size, the rest as text."""
    if value is None:
        return (0, 0, "")
    if isinstance(value, (int, float)):
        return (1, value, "")
    return (2, 0, json.dumps(value))


def telling(keys):
    """The settings that tell the groups apart, the most natural first, and no more than are needed."""
    names = {name for key in keys for name in key}
    order = [name for name in FIRST if name in names]
    order += sorted(names - set(order), key=lambda name: (not name.endswith(".kind"), name))
    chosen, told = [], [()] * len(keys)
    for name in order:
        finer = [(*t, json.dumps(key.get(name))) for t, key in zip(told, keys)]
        if len(set(finer)) > len(set(told)):
            chosen.append(name)
            told = finer
    return chosen


def label(g, names):
    said = []
    names = [name for name in names if name != "aggregator.kind" or "aggregator.before" not in names]
    for name in names:
        if name == "adversaries.count":
            said.append(f"{g.runs[0].byzantine} of {g.runs[0].workers} Byzantine")
        elif name == "workers" and "adversaries.count" not in names:
            said.append(f"{g.key[name]} worker" + ("s" if g.key[name] != 1 else ""))
        elif name in ("aggregator.before", "aggregator.kind"):
            said.append(chain(g.key))
        elif name == ATTACK and name in g.key:
            said.append(attack(g.key))
        elif name == BECOMES and ATTACK in names:
            continue  # said already
        elif name in USUAL and name not in g.key:
            said.append(USUAL[name])
        elif name in g.key and name.endswith(".kind"):
            said.append(str(g.key[name]))
        elif name in g.key and name != "workers":
            said.append(f"{name} = {g.key[name] if isinstance(g.key[name], str) else json.dumps(g.key[name])}")
    return ", ".join(said)


def attack(key):
    """What Byzantine workers do, and what that becomes: "sleeper+invert"."""
    return "+".join(str(key[name]) for name in (ATTACK, BECOMES) if name in key)


def chain(key):
    """The aggregator behind what stands before it: "clipping (limit 2) + nnm + krum"."""
    return " + ".join([*map(member, key.get("aggregator.before") or []), str(key.get("aggregator.kind"))])


def member(of_list):
    """A member of a list, with its keys."""
    keys = ", ".join(f"{name} {json.dumps(value)}" for name, value in of_list.items() if name != "kind")
    return of_list["kind"] + (f" ({keys})" if keys else "")
