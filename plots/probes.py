"""What figures of probes share: which runs have recorded one, and the axis of its rows."""

import common


def probed(runs, group, asked):
    """
    The runs that recorded the group; an unfinished run without a row so far is left out. asked: how the experiment asks
    for it.
    """
    chosen = [run for run in runs if has_rows(run, group, asked)]
    if not chosen:
        raise common.PlotError(f"{runs[0].path}: {group}step is empty: no probe was due so far")
    return chosen


def has_rows(run, group, asked):
    if not run.has(group + "step"):
        raise common.PlotError(f"{run.path}: has no {group[:-1]}; the experiment must ask for it: \"record\": {asked}")
    there = len(run.column(group + "step")) > 0
    if not there:
        common.leave_out(run, f"{group}step is empty, {run.progress()}")
    return there


def factor_of(axis):
    """By what the steps of a run become the axis."""
    return epochs if axis == "epoch" else lambda run: 1


def epochs(run):
    """Passes over a worker's shard in a step."""
    factor = common.epochs_per_step(run)
    if factor == 0:
        raise common.PlotError(f"{run.path}: has no epochs; try --x step")
    return factor
