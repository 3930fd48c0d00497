"""Helper of same_bits.sh: experiments of one point, comparison of result files, summary of paired timings.

same_bits.py point FILE.json KEY=VALUE...   FILE without its sweep and seeds, dotted keys set: one run
same_bits.py compare FOLDER WAY...          FOLDER/old-WAY.h5 and FOLDER/new-WAY.h5, number by number
same_bits.py seconds ITEM                   timings out of the program's JSON lines, as "ITEM seconds"
same_bits.py ratios FILE                    of lines "old|new ITEM seconds" the median ratios new/old
"""
import json
import statistics
import sys


def value_of(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def point(path, *changes):
    with open(path, encoding="utf-8") as f:
        experiment = json.load(f)
    for key in ("sweep", "seeds"):
        experiment.pop(key, None)
    for change in changes:
        key, value = change.split("=", 1)
        at, names = experiment, key.split(".")
        for name in names[:-1]:
            if not isinstance(at.get(name), dict):
                at[name] = {"kind": at[name]} if name in at else {}
            at = at[name]
        at[names[-1]] = value_of(value)
    print(json.dumps(experiment))


def counts(name, way):
    """Is the dataset a result? Times and what a network did are none; texts have no numbers."""
    group, column = name.split("/")[0], name.rsplit("/", 1)[-1]
    if group in ("config", "meta", "profile", "faults") or column.endswith("_s"):
        return False
    return way != "train" or not column.startswith("bytes")  # a server's bytes have heartbeats among them


def datasets(path, way):
    import h5py

    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and counts(name, way):
            found[name] = item[()]

    with h5py.File(path, "r") as f:
        f.visititems(visit)
    return found


def difference(old, new):
    """What differs, in words; None: every bit is the same."""
    if new is None:
        return "missing"
    if old.shape != new.shape or old.dtype != new.dtype:
        return f"{old.dtype}{list(old.shape)}, {new.dtype}{list(new.shape)}"
    if old.tobytes() == new.tobytes():
        return None
    a, b = old.reshape(-1), new.reshape(-1)
    others = [i for i in range(a.size) if a[i].tobytes() != b[i].tobytes()]
    return f"{len(others)} of {a.size}, the first {a[others[0]]!r}, {b[others[0]]!r}"


def compare(folder, *ways):
    told = []
    for way in ways:
        old, new = (datasets(f"{folder}/{side}-{way}.h5", way) for side in ("old", "new"))
        if not any(name.startswith("final/") for name in old):
            told.append(f"{way}: no /final")
        for name in sorted(old):
            found = difference(old[name], new.get(name))
            if found:
                told.append(f"{way}:/{name} ({found})")
    more = f" and {len(told) - 3} more" if len(told) > 3 else ""
    print("DIFFERENT " + ", ".join(told[:3]) + more if told else "same")
    return 1 if told else 0


def seconds(item):
    for line in sys.stdin:
        row = json.loads(line)
        if "kernel" in row:
            if row["backend"] == "cpu" and row["lanes"] == 1:
                workers = f",M={row['workers']}" if row["workers"] else ""
                print(f"{item}{workers} {row['ms'] / 1000}")
        elif "round_s" in row:
            print(f"{item} {row['round_s']}")
        else:
            print(f"{item} {row['wall_s'] / row['steps']}")


def ratios(path):
    taken = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            side, item, value = line.split()
            taken.setdefault(item, {"old": [], "new": []})[side].append(float(value))
    print(f"{'item':<22} {'old':>11} {'new':>11}  new/old  (lowest to highest of the pairs)")
    for item, t in taken.items():
        pairs = [new / old for old, new in zip(t["old"], t["new"])]
        ratio = statistics.median(pairs)
        old, new = (f"{statistics.median(t[side]) * 1e6:.1f} us" for side in ("old", "new"))
        agree = min(pairs) > 1 or max(pairs) < 1
        mark = "" if abs(ratio - 1) <= 0.03 else "  OUTSIDE 3 %" if agree else "  outside 3 %, pairs disagree"
        print(f"{item:<22} {old:>11} {new:>11}  {ratio:.3f}    ({min(pairs):.3f} to {max(pairs):.3f}){mark}")


if __name__ == "__main__":
    work = {"point": point, "compare": compare, "seconds": seconds, "ratios": ratios}[sys.argv[1]]
    sys.exit(work(*sys.argv[2:]))
