#!/usr/bin/env python3
"""The toy problems of Bernstein et al. 2019 and what the theory says of them.

Without options: the objective against the step on a logarithmic scale (figure 1): one panel for the number
of workers, one for the number of Byzantine ones, where both vary. For model median-toy: x itself, with the mean and
the median that the workers disagree about.

--theory: the mean of |g_k|_1 over the run against its number of steps K, and Theorem 2's bound,
2 / sqrt(K) (|sigma|_1 / (sqrt(M) (1 - 2 alpha)) + sqrt(|L|_1 (f0 - f*))), for runs with a batch of K samples.
The runs must have recorded the exact gradient: "record": {"sign_failure": 1}.

usage: python3 plots/toy.py RUN.h5... -o FILE.{png,svg,pdf} [--theory]
"""

import numpy as np

import common

X_PATH = "/probes/snapshots/x"
L1_PATH = "/probes/sign_failure/full_l1"


def panels(runs):
    """Figure 1 has two: honest runs by their number of workers, and one number of workers by its Byzantine ones."""
    most = max(run.workers for run in runs)
    honest = [run for run in runs if run.byzantine == 0]
    largest = [run for run in runs if run.workers == most]
    if any(run.workers < most for run in honest) and any(run.byzantine > 0 for run in largest):
        return [("all honest", honest), (f"{most} workers", largest)]
    return [("", runs)]


def objective(runs):
    return common.table(runs, "/evals/step", "/evals/test_loss")


def draw_objective(args, runs):
    parts = panels(runs)
    figure, all_axes = common.new_figure(args, len(parts))
    for axes, (title, members) in zip(all_axes, parts):
        groups = common.group(members)
        for g, style in zip(groups, common.colours(len(groups))):
            common.draw_group(axes, g, objective, args, style, g.label or members[0].setting("name"))
        axes.set_yscale("log")
        axes.set_title(title)
        axes.set_xlabel("step")
        common.legend(axes)
    all_axes[0].set_ylabel("objective f(x)" + common.spread_note(common.group(runs), args.band))
    return figure


def draw_median(args, runs):
    """x over the run. Only the first run's a is marked: a figure compares aggregators on the same one."""
    figure, (axes,) = common.new_figure(args)
    groups = common.group(runs)
    for g, style in zip(groups, common.colours(len(groups))):
        common.draw_group(axes, g, first_coordinate, args, style, g.label or "x")
    wanted = np.array(runs[0].setting("model.a"), dtype=float)
    for value, text, dashes in ((np.mean(wanted), "mean", ":"), (np.median(wanted), "median", "-.")):
        axes.axhline(value, color="#888888", linewidth=1, linestyle=dashes, label=f"{text} of a = {value:.4g}")
    axes.set_xlabel("step")
    axes.set_ylabel("x")
    common.legend(axes)
    return figure


def has_snapshots(run):
    """A short run, or one that has just begun, may have been asked for them and have none."""
    return run.has(X_PATH) and len(run.column(X_PATH)) > 0


def first_coordinate(runs):
    """x[0] at the steps of the snapshots."""
    points = []
    for run in runs:
        steps, x = run.columns(common.step_of(X_PATH), X_PATH)
        points.append({step: (step, np.ravel(row)[0]) for step, row in zip(steps, x)})
    return common.paired(points, runs)


def l1_smoothness(run):
    """|L|_1 from the settings. Drawn curvatures are not recorded."""
    n = run.number("model.dimensions")
    given = run.flat.get("model.curvature") or []
    if not given and run.number("model.spread") != 1:
        raise common.PlotError(f"{run.path}: the bound needs |L|_1, and model.spread draws L without recording it")
    return float(np.sum(given)) if len(given) == n else n * float(given[0] if given else 1)


def bound(run):
    """Theorem 2 at this run's K, M and alpha, for the mean of |g_k|_1; infinite when half or more are Byzantine."""
    if run.setting("model.kind") != "quadratic":
        raise common.PlotError(f"{run.path}: --theory needs model quadratic, found {run.setting('model.kind')}")
    steps, batch = run.number("steps"), run.number("batch")
    if steps != batch:
        raise common.PlotError(f"{run.path}: Theorem 2 is for a batch of K samples in K steps; found a batch of "
                               f"{batch} in {steps} steps")
    alpha = run.byzantine / run.workers
    if alpha >= 0.5:
        return np.inf
    noise = run.number("model.dimensions") * run.number("model.noise") / np.sqrt(run.workers) / (1 - 2 * alpha)
    start = run.column("/evals/test_loss")
    if not len(start):
        raise common.PlotError(f"{run.path}: /evals is empty, and the bound needs f at the start")
    return 2 / np.sqrt(steps) * (noise + np.sqrt(l1_smoothness(run) * start[0]))


def measured(run):
    values = run.column(L1_PATH)
    if not len(values):
        raise common.PlotError(f"{run.path}: {L1_PATH} is empty")
    return values.mean()


def over_steps(runs, value):
    """The values of the runs at their planned numbers of steps: one line, though each run has one point of it."""
    found = common.paired([{run.number("steps"): (run.number("steps"), value(run))} for run in runs], runs)
    return common.Table(found.x, found.values, found.seeds, found.count > 0)


def draw_theory(args, runs):
    figure, (axes,) = common.new_figure(args)
    groups = common.group(runs, without=lambda run: ("steps", "batch"))
    for g, style in zip(groups, common.colours(len(groups))):
        style = {**style, "linestyle": "-", "marker": "o", "markersize": 4}
        common.draw_group(axes, g, lambda some: over_steps(some, measured), args, style, g.label or "measured")
        limit = over_steps(g.runs, bound)
        axes.plot(limit.x, limit.mean, linestyle="--", color=style["color"])
    axes.plot([], [], linestyle="--", color="#555555", label="bound of Theorem 2")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("steps K, each with a batch of K samples a worker")
    axes.set_ylabel("mean of |g|₁ over the steps" + common.spread_note(groups, args.band))
    common.legend(axes)
    return figure


def draw(args, runs):
    if args.theory:
        return draw_theory(args, runs)
    if runs[0].setting("model.kind") == "median-toy" and all(has_snapshots(run) for run in runs):
        return draw_median(args, runs)
    return draw_objective(args, runs)


def parser():
    p = common.parser(__doc__.split("\n\n")[0])
    p.add_argument("--theory", action="store_true", help="Theorem 2's bound over the measured gradient norm")
    return p


if __name__ == "__main__":
    common.main(parser(), draw)
