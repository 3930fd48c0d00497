"""The table of a run of run.sh, from what its parts have left in OUT."""
import json
import os

OUT = os.environ["OUT"]


def rows(name):
    try:
        with open(f"{OUT}/{name}.json", encoding="utf-8") as f:
            return [json.loads(line) for line in f if line.startswith("{")]
    except FileNotFoundError:
        return []


def table(title, head, body):
    if not body:
        return
    print(f"\n### {title}\n\n| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    for cells in body:
        print(f"| {' | '.join(cells)} |")


def ms(row, key):
    return f"{1e3 * row[key]:.3f}" if key in row else "-"


def ratio(row, over, under):
    return f"{row[over] / row[under]:.2f}" if row.get(over) and row.get(under) else "-"


def latest(found, *keys):
    """Of each combination of keys the last row, in the order of the first."""
    out = {}
    for row in found:
        out[tuple(row[k] for k in keys)] = row
    return out.values()


def main():
    with open(f"{OUT}/devices.log", encoding="utf-8") as f:
        devices = [" ".join(line.split()) for line in f]
    print("\n## " + next((line for line in devices if line.startswith("GPU 0")), "no GPU"))
    for line in devices:
        if line.startswith(("NVIDIA driver", "CUDA runtime", "cuBLAS", "cuDNN", "signsgd")):
            print(f"- {line}")
    with open(f"{OUT}/parts.log", encoding="utf-8") as f:
        table("Parts", ["part", "end"], [line.strip().split(": ", 1) for line in f])
    checked = rows("check")
    wrong = [r for r in checked if not r["passed"]]
    print(f"\nKernels compared with their definitions: {len(checked)}, of them wrong: {len(wrong)}")
    table("Sign kernels, beside a copy within the device", ["kernel", "n", "M", "ms", "GB/s", "copy GB/s", "ratio"],
          [[r["kernel"], str(r["n"]), str(r["workers"] or "-"), f"{r['ms']:.4f}", f"{r['gbps']:.0f}", f"{r['limit_gbps']:.0f}",
            f"{r['ratio']:.2f}"] for r in rows("kernels")])
    table("Networks, ms a step, beside PyTorch", ["model", "batch", "precision", "ours", "eager", "eager / ours", "compiled",
                                                  "compiled / ours"],
          [[r["model"], str(r["batch"]), r["precision"], ms(r, "ours_s"), ms(r, "eager_s"), ratio(r, "eager_s", "ours_s"),
            ms(r, "compiled_s"), ratio(r, "compiled_s", "ours_s")] for r in latest(rows("models"), "model", "precision")])
    table("Workers of an mlp, ms a step, beside PyTorch's loop over them", ["what", "ours", "fused", "loop", "loop / ours",
                                                                           "loop / fused"],
          [[r["what"], ms(r, "ours_s"), ms(r, "fused_s"), ms(r, "loop_s"), ratio(r, "loop_s", "ours_s"),
            ratio(r, "loop_s", "fused_s")] for r in latest(rows("mlp"), "what")])
    table("Steps of a simulation, ms", ["model", "workers", "batch", "one by one", "fused", "one by one / fused"],
          [[r["model"], str(r["workers"]), str(r["batch"]), ms(r, "one_by_one_s"), ms(r, "fused_s"),
            ratio(r, "one_by_one_s", "fused_s")] for r in rows("steps")])
    votes = next((r for r in rows("rules") if r["rule"] == "vote"), {})
    table("A step with every rule, 11 million coordinates, ms", ["rule", "workers", "step", "over a vote's"],
          [[r["rule"], str(r["workers"]), ms(r, "step_s") if "step_s" in r else r["why_not"],
            ratio({"a": r.get("step_s"), "b": votes.get("step_s")}, "a", "b")] for r in rows("rules")])


if __name__ == "__main__":
    main()
