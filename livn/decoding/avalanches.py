"""Neuronal avalanches: how activity spreads from bin to bin."""

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.optimize import minimize_scalar

from livn.decoding.bursts import runs_of
from livn.decoding.measure import Positive, SpikeMeasure
from livn.decoding.powerlaw import PowerLaw, fit_power_law
from livn.decoding.trains import SpikeTrains

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SIGNIFICANT = 3.0  # standard errors, 1 / sqrt(n), of an autocorrelation that is 0 (Bartlett 1946)
MOST_LAGS = 150  # of the regression


class AvalancheAnalysis(SpikeMeasure):
    """Avalanches: runs of non-empty bins (Beggs & Plenz 2003, J Neurosci 23:11167).

    Bins of exactly `bin_width` start at the first spike. Size is spikes, duration is bins.

    Keys, 0 without spikes: `n_avalanches`, `mean_size`, `mean_duration`; `branching_ratio`, the
    mean over non-empty bins of the spikes in the next bin per spike, also where that is 0;
    `size_power_law_exponent` and `size_power_law_r2`, a line through the logarithms of a
    histogram, kept for comparison with older work.

    Keys, nan where they cannot be told: `branching_ratio_mr` and `autocorrelation_time_ms` of
    `multistep_regression`, which does not depend on how many of the cells are seen; and of sizes
    (`size_...`) and durations (`duration_...`) the maximum likelihood fit `..._exponent`,
    `..._xmin`, `..._n_tail`, `..._ks`, `..._p` (below 0.1: no power law), `..._llr` and `..._llr_p`
    (against an exponential), as in `PowerLaw`.

    Attributes:
        bin_width: ms.
        max_lag: longest lag of the regression, ms; at most a quarter of the bins.
        n_samples: for the p values; 0 leaves them out.
        seed: of the samples.
    """

    bin_width: Positive = 4.0
    max_lag: Positive = 600.0
    n_samples: int = Field(default=100, ge=0)
    seed: int = Field(default=0, ge=0)

    def measure(self, spikes: SpikeTrains) -> dict[str, float]:
        """Return sizes, durations, branching ratios and exponents."""
        counts = activity(spikes.times, self.bin_width)
        sizes, durations = avalanches(counts)
        slope, r2 = histogram_exponent(sizes)
        lags = max(1, round(self.max_lag / self.bin_width))
        ratio = multistep_regression(counts, lags)
        time = -self.bin_width / np.log(ratio) if 0 < ratio < 1 else np.nan
        return {
            "n_avalanches": len(sizes),
            "mean_size": float(sizes.mean()) if sizes.size else 0.0,
            "mean_duration": float(durations.mean()) if sizes.size else 0.0,
            "branching_ratio": branching_ratio(counts),
            "size_power_law_exponent": slope,
            "size_power_law_r2": r2,
            "branching_ratio_mr": ratio,
            "autocorrelation_time_ms": float(time),
            **_keys("size", fit_power_law(sizes, self.n_samples, self.seed)),
            **_keys("duration", fit_power_law(durations, self.n_samples, self.seed + 1)),
        }


def activity(times: Floats, bin_width: float) -> Ints:
    """Return the spikes per bin from the first spike to the last, shape (n_bins,)."""
    if not len(times):
        return np.empty(0, np.int64)
    bins = np.floor((times - times[0]) / bin_width + 1e-9).astype(np.int64)
    return np.bincount(bins)


def avalanches(counts: Ints) -> tuple[Ints, Ints]:
    """Return size (spikes) and duration (bins) of every run of non-empty bins."""
    start, stop = runs_of(counts > 0)
    total = np.concatenate([[0], np.cumsum(counts)])
    return total[stop] - total[start], stop - start


def branching_ratio(counts: Ints) -> float:
    """Return the mean over non-empty bins of next count / count; 0 without spikes.

    Counts that are only those of some of the cells give a value that is too low.
    """
    following = np.append(counts[1:], 0)
    return float(np.mean(following[counts > 0] / counts[counts > 0])) if counts.any() else 0.0


def multistep_regression(counts: npt.ArrayLike, max_lag: int) -> float:
    """Return the branching ratio m from the decay of the correlation over several steps.

    Regression of the count k bins later on the count has slope b m^k, whose m stays the same when
    only some of the cells are seen (Wilting & Priesemann 2018, Nat Commun 9:2325). b and m are
    fitted to the slopes by least squares. Activity must be stationary.

    Args:
        counts: spikes per bin, shape (n,).
        max_lag: longest lag, bins; at most n / 4. Of more than 150 lags so many are
            used, denser where they are short.

    Returns:
        m >= 0; nan where no correlation is seen: counts that do not vary, fewer than 16 bins, or a
        fitted first slope within chance of 0.
    """
    series = np.asarray(counts, dtype=np.float64)
    lags = min(max_lag, len(series) // 4)
    if lags < 4 or not np.ptp(series):
        return float("nan")
    steps = np.arange(1, lags + 1)
    if lags > MOST_LAGS:
        steps = np.unique(np.geomspace(1, lags, MOST_LAGS).astype(np.int64))
    slopes = np.array([_slope(series[:-k], series[k:]) for k in steps])
    m, b = _decay(steps, slopes)
    return m if b * m > SIGNIFICANT / np.sqrt(len(series)) else float("nan")


def histogram_exponent(sizes: Ints) -> tuple[float, float]:
    """Return -slope and R2 of a line through the logarithms of a log-binned histogram of sizes.

    Biased (Clauset et al. 2009, section 3.1). 0, 0 with 10 avalanches or fewer, or where fewer
    than 3 of 19 bins are filled.
    """
    if len(sizes) <= 10 or sizes.max() <= 1:
        return 0.0, 0.0
    edges = np.logspace(0, np.log10(sizes.max()), 20)
    edges[-1] = sizes.max()  # whatever the power was rounded to
    counts, _ = np.histogram(sizes, edges)
    filled = counts > 0
    if np.count_nonzero(filled) <= 2:
        return 0.0, 0.0
    x = np.log10((edges[:-1] + edges[1:]) / 2)[filled]
    y = np.log10(counts[filled] / counts.sum())
    slope, offset = np.polyfit(x, y, 1)
    residual, total = np.sum((y - slope * x - offset) ** 2), np.sum((y - y.mean()) ** 2)
    return float(-slope), float(1 - residual / total) if total > 0 else 0.0


def _slope(before: Floats, after: Floats) -> float:
    """Return the slope of the regression of `after` on `before`; 0 where `before` is constant."""
    deviation = before - before.mean()
    square = float(np.sum(deviation * deviation))  # a BLAS product would wake all cores
    return float(np.sum(deviation * after)) / square if square > 0 else 0.0


def _decay(steps: Ints, slopes: Floats) -> tuple[float, float]:
    """Return m and b of the b m^k, b >= 0, nearest to the slopes."""

    def factor(m: float) -> float:
        shape = m**steps
        return max(0.0, float(shape @ slopes) / float(shape @ shape))

    def error(m: float) -> float:
        return float(np.sum((slopes - factor(m) * m**steps) ** 2))

    tried = np.concatenate([np.linspace(0.02, 0.9, 45), 1 - np.geomspace(0.1, 1e-4, 45)])
    tried = np.append(tried, [1.0, 1.01, 1.02])
    k = int(np.argmin([error(m) for m in tried]))
    bounds = tried[max(0, k - 1)], tried[min(len(tried) - 1, k + 1)]
    m = float(minimize_scalar(error, bounds=bounds, method="bounded", options={"xatol": 1e-9}).x)
    return m, factor(m)


def _keys(prefix: str, fit: PowerLaw) -> dict[str, float]:
    """Return the fit as keys of the answer."""
    return {
        f"{prefix}_exponent": fit.exponent,
        f"{prefix}_xmin": fit.first,
        f"{prefix}_n_tail": fit.n_tail,
        f"{prefix}_ks": fit.distance,
        f"{prefix}_p": fit.p_value,
        f"{prefix}_llr": fit.against_exponential,
        f"{prefix}_llr_p": fit.against_exponential_p,
    }
