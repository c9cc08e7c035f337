"""Power laws of whole numbers: exponent by maximum likelihood, and whether it is one at all."""

from dataclasses import dataclass, replace
from math import nan

import numpy as np
import numpy.typing as npt
from scipy.special import erfc, zeta

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EXPONENTS = (1.01, 8.0)  # searched for the maximum; zeta diverges at 1
FIRST_VALUES = 30  # candidates for the smallest value that follows the law, at most
FEWEST = 50  # values in the tail, the rule of thumb of Clauset et al. 2009
TABLE = 2_000  # values with an exact probability when samples are drawn; the law is smooth beyond
FARTHEST = 1e15  # value drawn, below which every whole number is a float


@dataclass(frozen=True)
class PowerLaw:
    """p(x) = x^-exponent / zeta(exponent, first) for whole x >= first, fitted to data.

    Attributes:
        exponent: nan where there were too few values to fit.
        first: smallest value that follows the law.
        n_tail: values from there on.
        distance: largest distance of the cumulative distributions (Kolmogorov-Smirnov).
        p_value: share of samples of the law that fit worse; below 0.1 it is none. nan if not asked.
        against_exponential: log-likelihood ratio to an exponential; positive favours the law.
        against_exponential_p: probability of so large a ratio by chance (Vuong 1989).
    """

    exponent: float = nan
    first: int = 0
    n_tail: int = 0
    distance: float = nan
    p_value: float = nan
    against_exponential: float = nan
    against_exponential_p: float = nan


def fit_power_law(values: npt.ArrayLike, n_samples: int = 0, seed: int = 0) -> PowerLaw:
    """Return the power law that fits whole numbers best (Clauset, Shalizi & Newman 2009).

    SIAM Review 51:661. The exponent maximises the likelihood of the tail (eq. 3.5), the tail
    starts where the distance to the law is smallest (section 3.3), and the p value is that of
    section 4.1: samples are made like the data, the law in the tail and the data below it, and
    each is fitted anew.

    Args:
        values: whole numbers of at least 1, shape (n,).
        n_samples: for the p value, accurate to 1 / (2 sqrt(n_samples)); 0 leaves it out.
        seed: of the samples.

    Returns:
        The fit; nan exponent with fewer than 50 values or all of them equal.
    """
    distinct, counts = np.unique(np.asarray(values, dtype=np.int64), return_counts=True)
    fit = _best(distinct, counts)
    if not np.isfinite(fit.exponent):
        return fit
    start, n = int(np.searchsorted(distinct, fit.first)), int(counts.sum())
    ratio, chance = _vuong(distinct[start:], counts[start:], fit)
    fit = replace(fit, against_exponential=ratio, against_exponential_p=chance)
    if not n_samples:
        return fit
    rng, below = np.random.default_rng(seed), counts[:start]
    shares = np.append(below / n, _probabilities(fit) * (1 - below.sum() / n))
    worse = 0
    for _ in range(n_samples):
        drawn, times = _draw(rng, distinct[:start], shares, fit, n)
        worse += _best(drawn, times).distance >= fit.distance
    return replace(fit, p_value=worse / n_samples)


def sample_power_law(exponent: float, first: int, n: int, seed: int = 0) -> Ints:
    """Return n whole numbers drawn from the power law of this exponent, at least `first`."""
    law, rng = PowerLaw(exponent, first), np.random.default_rng(seed)
    nothing = np.empty(0, np.int64)
    return rng.permutation(np.repeat(*_draw(rng, nothing, _probabilities(law), law, n)))


def _best(distinct: Ints, counts: Ints) -> PowerLaw:
    """Return the fit whose tail is closest to the law."""
    tail = np.cumsum(counts[::-1])[::-1]  # values from each distinct one on
    starts = np.flatnonzero(tail[:-1] >= FEWEST)
    if not starts.size:
        return PowerLaw(n_tail=int(counts.sum()))
    if len(starts) > FIRST_VALUES:
        spaced = np.geomspace(1, len(starts), FIRST_VALUES).astype(np.int64) - 1
        starts = starts[np.unique(spaced)]
    logs = np.cumsum((counts * np.log(distinct))[::-1])[::-1]
    exponents = _most_likely(distinct[starts], logs[starts] / tail[starts])
    found = [_distance(distinct[s:], counts[s:], a) for s, a in zip(starts, exponents, strict=True)]
    k = int(np.argmin(found))
    first = int(distinct[starts[k]])
    return PowerLaw(float(exponents[k]), first, int(tail[starts[k]]), float(found[k]))


def _most_likely(first: Ints, mean_log: Floats) -> Floats:
    """Return for each tail the exponent that maximises -ln zeta(a, first) - a mean(ln x)."""
    low, high = (np.full(len(first), bound) for bound in EXPONENTS)
    golden = (np.sqrt(5) - 1) / 2
    for _ in range(40):  # the bracket shrinks by 0.618^40 = 4e-9
        a, b = high - golden * (high - low), low + golden * (high - low)
        left = np.log(zeta(a, first)) + a * mean_log < np.log(zeta(b, first)) + b * mean_log
        low, high = np.where(left, low, a), np.where(left, b, high)
    middle: Floats = (low + high) / 2
    return middle


def _distance(distinct: Ints, counts: Ints, exponent: float) -> float:
    """Return the largest distance of the cumulative distributions from distinct[0] on."""
    total = zeta(exponent, distinct[0])
    law_below = 1 - zeta(exponent, distinct) / total  # P(X < x)
    law_upto = 1 - zeta(exponent, distinct + 1) / total
    data_upto = np.cumsum(counts) / counts.sum()
    data_below = data_upto - counts / counts.sum()
    gaps = np.abs([data_upto - law_upto, data_below - law_below])  # at each value and just below
    return float(gaps.max())


def _vuong(distinct: Ints, counts: Ints, fit: PowerLaw) -> tuple[float, float]:
    """Return the log-likelihood ratio to a geometric tail and the chance of one so large."""
    n, beyond = counts.sum(), distinct - fit.first
    excess = np.sum(counts * beyond) / n
    stay = excess / (1 + excess)  # most likely ratio of successive probabilities
    law = -fit.exponent * np.log(distinct) - np.log(zeta(fit.exponent, fit.first))
    pointwise = law - (np.log1p(-stay) + beyond * np.log(stay))
    total = float(np.sum(counts * pointwise))
    spread = float(np.sqrt(np.sum(counts * (pointwise - total / n) ** 2)))
    return total, float(erfc(abs(total) / (np.sqrt(2) * spread))) if spread else 1.0


def _probabilities(law: PowerLaw) -> Floats:
    """Return the probabilities of the values of the table, and of all beyond."""
    after = zeta(law.exponent, law.first + np.arange(TABLE + 1)) / zeta(law.exponent, law.first)
    within: Floats = np.append(-np.diff(after), after[-1])
    return within / within.sum()


def _draw(
    rng: np.random.Generator, below: Ints, shares: Floats, law: PowerLaw, n: int
) -> tuple[Ints, Ints]:
    """Return values and how often each is drawn: exact within the table, rounded beyond it.

    `shares` are the probabilities of the values below the law, of the table and of all beyond.
    """
    counts = rng.multinomial(n, shares)
    last = law.first + TABLE
    far = (last - 0.5) * (1 - rng.random(counts[-1])) ** (-1 / (law.exponent - 1)) + 0.5
    beyond, times = np.unique(np.minimum(far, FARTHEST).astype(np.int64), return_counts=True)
    values = np.concatenate([below, np.arange(law.first, last), beyond])
    counts = np.concatenate([counts[:-1], times])
    return values[counts > 0], counts[counts > 0]
