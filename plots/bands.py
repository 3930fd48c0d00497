"""What numbers of several runs say together: the one place that computes it, for tables, figures and reports.

final       of a run: the mean of its last 5 evaluations (of all but that at step 0 where it has fewer). A run that
            diverged counts with its last recorded value, and whoever shows it marks it; one that has not finished
            counts nowhere.
peak        of a run, only where asked for and labelled as that: the best value over time. On test data this is chosen
            with the test data, and too good.
mean_band   over seeds: mean +- t(0.975, S - 1) s / sqrt(S), s with S - 1. One run has no band.
paired      over the seeds that both have: the same of the differences. What a seed does to both goes out of it.
worst_case  over attacks: the least of the means, over the seeds that all attacks have. Its band is the middle 95 % of
            that number over resamples of the seeds, the same for all attacks; every resample finds its own worst
            attack. Up to 10,000 resamples (five seeds) all of them are counted, so that nothing is left to chance; for
            more seeds 10,000 are drawn, always the same. With three seeds one resample of 27 is three times the worst
            seed: the band then reaches from the worst seed to the best, and says no more than that.

Only numpy. Everything that is not finite goes through as it is: a mean with NaN is NaN.
"""

import functools
import itertools
import math

import numpy as np

LAST = 5  # evaluations at the end that make a final value
RESAMPLES = 10_000
SHARE = 0.95  # of a band


# --- Student's t ---------------------------------------------------------------------------------------------------


def t_inside(angle, df):
    """
    P(|T| < t) for T of df degrees of freedom, a whole number, and angle = arctan(t / sqrt(df)): a finite sum
    (Abramowitz and Stegun 26.7.3 and 26.7.4).
    """
    sine, square = math.sin(angle), math.cos(angle) ** 2
    first = 3 if df % 2 else 2
    terms = np.cumprod([1.0] + [(k - 1) / k * square for k in range(first, df - 1, 2)])
    if df % 2 == 0:
        return sine * math.fsum(terms)
    return 2 / math.pi * (angle + (sine * math.cos(angle) * math.fsum(terms) if df > 1 else 0.0))


def t_outside(angle, df):
    """d/d(angle) of t_inside: cos^(df - 1), over its integral from 0 to pi/2."""
    scale = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) * 2 / math.sqrt(math.pi)
    return scale * math.cos(angle) ** (df - 1)


@functools.lru_cache(maxsize=None)
def t_quantile(p, df):
    """
    The p-quantile of Student's t, 0 < p < 1, for a whole number df >= 1 of degrees of freedom: the angle by Newton's
    method, which bisection keeps within what is known. Exact to about 1e-13 of its value.
    """
    if not 0 < p < 1 or df != int(df) or df < 1:
        raise ValueError(f"found p = {p} and df = {df}, expected 0 < p < 1 and a whole number of at least 1")
    if p == 0.5:
        return 0.0
    df = int(df)
    inside = abs(2 * p - 1)
    low, high, angle = 0.0, math.pi / 2, math.pi / 4
    for _ in range(200):
        off = t_inside(angle, df) - inside
        low, high = (low, angle) if off > 0 else (angle, high)
        slope = t_outside(angle, df)
        step = angle - off / slope if slope > 0 else math.nan
        step = step if low < step < high else (low + high) / 2
        if step == angle or high - low <= 2e-16 * angle:
            break
        angle = step
    return math.copysign(math.sqrt(df) * math.tan(angle), p - 0.5)


# --- bands ---------------------------------------------------------------------------------------------------------


def mean_band(values):
    """(mean, half width of the 95 % band); the half width of one value is NaN, and both are of none."""
    values = np.asarray(list(values), dtype=float)
    if len(values) == 0:
        return math.nan, math.nan
    mean = float(np.mean(values))
    if len(values) == 1:
        return mean, math.nan
    with np.errstate(invalid="ignore", over="ignore"):  # losses of runs that diverged
        spread = float(np.std(values, ddof=1))
    return mean, t_quantile((1 + SHARE) / 2, len(values) - 1) * spread / math.sqrt(len(values))


def half_widths(values):
    """Of each row of values [points][runs], NaN where a run has none: mean_band's half width over those there are."""
    return np.array([mean_band(row[~np.isnan(row)])[1] for row in np.asarray(values, dtype=float)])


def common_seeds(*by_seed):
    """The seeds that all of these {seed: value} have, in order."""
    return sorted(set.intersection(*(set(one) for one in by_seed))) if by_seed else []


def paired(a_by_seed, b_by_seed):
    """(mean of a - b, half width of its 95 % band, number of seeds that both have), from {seed: value} twice."""
    seeds = common_seeds(a_by_seed, b_by_seed)
    return (*mean_band(a_by_seed[seed] - b_by_seed[seed] for seed in seeds), len(seeds))


def resamples(count):
    """How often each of `count` seeds is drawn, [resamples][count]: all that there are, or 10,000 of them."""
    if count**count <= RESAMPLES:
        draws = np.array(list(itertools.product(range(count), repeat=count)))
    else:
        draws = np.random.Generator(np.random.Philox(key=count)).integers(count, size=(RESAMPLES, count))
    return (draws[:, :, None] == np.arange(count)).sum(axis=1)


def worst_case(of_attack, falls=False):
    """
    (worst attack, its mean, low, high) from {attack: {seed: value}}; falls: less is better, so that the worst is the
    largest. Of attacks that are equally bad the first. NaN: no seed that all attacks have, or for the band only one.
    """
    attacks = list(of_attack)
    seeds = common_seeds(*of_attack.values())
    if not attacks or not seeds:
        return None, math.nan, math.nan, math.nan
    sign = -1.0 if falls else 1.0
    values = sign * np.array([[of_attack[attack][seed] for seed in seeds] for attack in attacks], dtype=float)
    means = values.mean(axis=1)
    worst = int(np.argmin(means))  # a NaN is the least: nothing is worse than what is not known
    if len(seeds) < 2 or not np.isfinite(values).all():
        return attacks[worst], sign * float(means[worst]), math.nan, math.nan
    again = (resamples(len(seeds)) @ values.T / len(seeds)).min(axis=1)
    band = sorted(sign * float(edge) for edge in np.quantile(again, [(1 - SHARE) / 2, (1 + SHARE) / 2]))
    return (attacks[worst], sign * float(means[worst]), *band)


# --- one number of a run -------------------------------------------------------------------------------------------


def less_is_better(column):
    """Of a column of /evals: losses, perplexities and bits fall, accuracies rise."""
    return not column.endswith("accuracy")


def final(run, column="test_accuracy", peak=False):
    """
    One number of a run's column of /evals, as the head of this file says; NaN: the run has no value there, or has not
    ended.
    """
    if run.state not in ("finished", "diverged"):
        return math.nan
    steps, values = run.columns("/evals/step", f"/evals/{column}")
    later = values[steps > 0] if (steps > 0).any() else values
    known = later[np.isfinite(later)]
    if len(known) == 0:
        return math.nan
    if peak:
        return float(known.min() if less_is_better(column) else known.max())
    return float(known[-1] if run.state == "diverged" else later[-LAST:].mean())
