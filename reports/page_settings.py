"""What was asked, and how to ask it again: settings that vary, settings that do not, and experiment files that make these
very runs once more.
"""

import json
import shlex

from grid import seed_of
from labels import in_order
from page_html import details, join, table, tag
from runs import belongs

MOST_VALUES = 12
# Where a result was written is no setting of what was run; a seed is said by `seeds`.
NO_SETTING = ("out",)
AGAIN = "{} the same runs, with the same ids, and with the same bits on the same processor and libraries:"
SHORT = {"adversaries.count": "Byzantine workers", "adversaries.ids": "who is Byzantine"}
ABSENT = "–"  # a setting of other rows


def as_json(value):
    return json.dumps(value, ensure_ascii=False)


def values_of(runs):
    """{setting: {value as JSON: number of runs}}, of everything that any run says."""
    found = {}
    idle = ("adversaries.attack",)  # what nobody does
    for name in sorted({name for run in runs for name in run.flat} - set(NO_SETTING)):
        of_setting = {}
        for run in runs:
            if not run.byzantine and belongs(name, idle):
                continue
            said = as_json(run.flat[name]) if name in run.flat else ABSENT
            of_setting[said] = of_setting.get(said, 0) + 1
        if of_setting:
            found[name] = of_setting
    return found


def several(of_setting):
    """ "0.1 (72 runs), 1 (72 runs)"."""
    known = sorted(of_setting.items(), key=lambda item: in_order(None if item[0] == ABSENT else json.loads(item[0])))
    named = [f"{value} ({count} run{'s' if count != 1 else ''})" for value, count in known[:MOST_VALUES]]
    more = len(of_setting) - MOST_VALUES
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def short(name):
    """A key in words: "attack z"."""
    plain = name.removeprefix("adversaries.").removesuffix(".kind")
    return SHORT.get(name) or plain.replace(".", " ").replace("_", " ")


def asked(runs):
    """Both tables of settings."""
    found = values_of(runs)
    vary = [[short(name), tag("span", several(values)), tag("code", name)]
            for name, values in found.items() if len(values) > 1]
    same = [[tag("code", name), next(iter(values))] for name, values in found.items() if len(values) == 1]
    parts = table("Settings that vary", ["setting", "values", "key"], vary) if vary else tag("p", "No setting varies.")
    others = table("Settings that are the same in all runs", ["setting", "value"], same)
    auto = as_json("auto") in {value for of_setting in found.values() for value in of_setting}
    said = tag("p", "“auto”: the program works the value out by itself, from the other settings or the machine; the "
                    "value is not among the settings.", class_="soft") if auto else ""
    return join([parts, said, details(f"{len(same)} settings that do not vary", others)])


# --- again ---------------------------------------------------------------------------------------------------------


def again(runs):
    """Experiment files, as dictionaries, whose runs are these: one for each name and set of keys that they were given."""
    alike = {}
    for run in runs:
        given = {key: value for key, value in run.given.items() if key not in (*NO_SETTING, "seed")}
        if given:
            alike.setdefault((str(given.get("name")), tuple(sorted(given))), []).append((given, seed_of(run)))
    return [one_file(of_file) for _, of_file in sorted(alike.items())]


def one_file(points):
    """
    A file for points with equal keys: those that vary become a sweep of them together; `seeds` where all points have the
    same.
    """
    vary = [key for key in points[0][0] if len({as_json(given[key]) for given, _ in points}) > 1]
    said = {key: value for key, value in points[0][0].items() if key not in vary}
    seeds_of = {}
    for given, seed in points:
        seeds_of.setdefault(as_json([given[key] for key in vary]), set()).add(seed)
    alike = {tuple(sorted(seeds)) for seeds in seeds_of.values()}
    if len(alike) == 1:
        seeds = list(alike.pop())
        said.update({"seeds": seeds} if len(seeds) > 1 else {"seed": seeds[0]})
        combinations = [json.loads(combination) for combination in seeds_of]
    else:
        vary = [*vary, "seed"]
        combinations = [json.loads(c) + [seed] for c, seeds in seeds_of.items() for seed in sorted(seeds)]
    if len(vary) == 1:
        said["sweep"] = {vary[0]: [combination[0] for combination in combinations]}
    elif vary:
        said["sweep"] = {",".join(vary): combinations}
    return said


def file_text(said):
    """A member a line, and in a sweep a combination a line."""
    lines = []
    for key, value in said.items():
        if key == "sweep":
            (names, combinations), = value.items()
            inside = ",\n    ".join(as_json(combination) for combination in combinations)
            lines.append(f'  "sweep": {{{as_json(names)}: [\n    {inside}\n  ]}}')
        else:
            lines.append(f"  {as_json(key)}: {as_json(value)}")
    return "{\n" + ",\n".join(lines) + "\n}"


def how_again(runs, claims=None):
    """Commands and files; claims: the file with claims that this page was given."""
    files = again(runs)
    names = ["again.json"] if len(files) == 1 else [f"again-{i + 1}.json" for i in range(len(files))]
    commands = [f"signsgd simulate {name} --out again/" for name in names] + [
        "signsgd report again/ -o again.html" + (f" --claims {shlex.quote(claims)}" if claims else "")]
    which = (f"Saved as {names[0]}, the file below makes" if len(names) == 1 else
             "Saved under these names, the files below make")
    parts = [tag("p", AGAIN.format(which)), tag("pre", "\n".join(commands))]
    parts += [details(name, tag("pre", file_text(said))) for name, said in zip(names, files)]
    return join(parts)
