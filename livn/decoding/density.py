"""Population spike density: how many cells are active, and the rate over time."""

from math import gamma
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve

from livn.decoding.measure import NotNegative, Positive, SpikeMeasure, mean, ratio, spread
from livn.decoding.trains import SpikeTrains
from livn.errors import InvalidValue, unknown_names

Floats = npt.NDArray[np.float64]

CHUNK = 2_000_000  # kernel values at a time, 16 MB
ROUNDING = 1e-9  # of the largest sum; a Fourier transform cannot tell less


class PopulationSpikeDensity(SpikeMeasure):
    """The activity of each population: who takes part, and its spike density over time.

    The density is that of all spikes of the population per cell, smoothed with a bandwidth that
    follows the rate (BAKS: Ahmadi, Constandinou & Bouganis 2018, PLoS ONE 13:e0206794).

    Keys, each by population: `mean_rate` (Hz, spikes of active cells over active cells and
    duration; nan without any), `fraction_active` (cells faster than `active_threshold`, over all
    simulated), `mean_fraction_active_per_bin` and `std_fraction_active_per_bin` (cells that fire in
    a bin, over all), `rate_cv` (std / mean of the density over time, nan without spikes),
    `density_hz` (shape (n_times,)), `n_total`, `n_active`; and `times_ms` of the density.

    Attributes:
        temporal_resolution: bin for the fraction active, ms.
        stability_resolution: step of the density, ms.
        active_threshold: Hz, one for all or by population.
        baks_alpha, baks_beta: of `baks`.
    """

    units: Literal["cells"] = "cells"
    temporal_resolution: Positive = 2.0
    stability_resolution: Positive = 2.0
    active_threshold: NotNegative | dict[str, NotNegative] = 0.01
    baks_alpha: Positive = 4.77
    baks_beta: Positive | None = None

    def measure(self, spikes: SpikeTrains) -> dict[str, Any]:
        """Return what is known of each population, by key and population."""
        if isinstance(self.active_threshold, dict):
            unknown = sorted(set(spikes.groups) ^ set(self.active_threshold))
            if unknown:
                raise unknown_names("population of active_threshold", unknown, spikes.groups)
        n_bins = spikes.bins(self.temporal_resolution)
        firing = spikes.active_counts(self.temporal_resolution, n_bins)
        found: dict[str, Any] = {}
        for name in spikes.groups:
            for key, value in self._of(spikes, name, firing[name]).items():
                found.setdefault(key, {})[name] = value
        n_times = spikes.bins(self.stability_resolution)
        return {**found, "times_ms": (np.arange(n_times) + 0.5) * self.stability_resolution}

    def _of(self, spikes: SpikeTrains, name: str, firing: npt.NDArray[np.int64]) -> dict[str, Any]:
        """Return what is known of one population."""
        cells, threshold = spikes.groups[name], self.active_threshold
        rates = spikes.counts[cells] / spikes.seconds
        active = rates > (threshold[name] if isinstance(threshold, dict) else threshold)
        share = firing / max(1, len(cells))
        density = self._density(spikes, name) / max(1, len(cells))
        return {
            "mean_rate": mean(rates[active]),
            "fraction_active": ratio(int(active.sum()), len(cells)),
            "mean_fraction_active_per_bin": float(share.mean()),
            "std_fraction_active_per_bin": float(share.std()),
            "rate_cv": spread(density),
            "density_hz": density,
            "n_total": len(cells),
            "n_active": int(np.count_nonzero(active)),
        }

    def _density(self, spikes: SpikeTrains, name: str) -> Floats:
        """Return the density of all spikes of a population, Hz."""
        step = self.stability_resolution
        n_times = spikes.bins(step)
        bins, inside = spikes.binned(step, n_times)
        mine = inside & (spikes.membership()[spikes.index] == [*spikes.groups].index(name))
        counts = np.bincount(bins[mine], minlength=n_times)
        return binned_baks(counts, step / 1000, self.baks_alpha, self.baks_beta)


def baks(
    spike_times_s: npt.ArrayLike,
    time_s: npt.ArrayLike,
    alpha: float = 4.77,
    beta: float | None = None,
) -> tuple[Floats, Floats]:
    """Return the firing rate and the bandwidth, by Bayesian adaptive kernel smoothing.

    Ahmadi, Constandinou & Bouganis 2018 (PLoS ONE 13:e0206794): a Gaussian kernel whose bandwidth
    at each time is the posterior mean given the spikes around it.

    Args:
        spike_times_s: s, shape (n_spikes,).
        time_s: where the rate is wanted, s, shape (n_times,).
        alpha: shape of the prior, > 0.
        beta: its scale, 1/s2; None for n_spikes^(4/5).

    Returns:
        Rate, Hz, and bandwidth, s, both of shape (n_times,); 0 and nan without spikes.

    Raises:
        InvalidValue: if `alpha` or `beta` is out of range.
    """
    spikes = np.asarray(spike_times_s, np.float64)
    times = np.asarray(time_s, np.float64)
    if not spikes.size:
        return np.zeros(len(times)), np.full(len(times), np.nan)
    beta = _checked(alpha, beta, len(spikes))
    step = max(1, CHUNK // len(spikes))
    rate, bandwidth = np.empty(len(times)), np.empty(len(times))
    for start in range(0, len(times), step):
        span = slice(start, start + step)
        square = (times[span, None] - spikes) ** 2
        scaled = square / 2 + 1 / beta
        over, under = ((scaled**power).sum(axis=1) for power in (-alpha, -alpha - 0.5))
        width = gamma(alpha) / gamma(alpha + 0.5) * over / under
        gaussian = np.exp(-square / (2 * width[:, None] ** 2))
        rate[span] = gaussian.sum(axis=1) / (np.sqrt(2 * np.pi) * width)
        bandwidth[span] = width
    return rate, bandwidth


def binned_baks(
    counts: npt.ArrayLike, step_s: float, alpha: float = 4.77, beta: float | None = None
) -> Floats:
    """Return the rate of `baks` in the middle of each bin, from spikes taken to be there too.

    The cost grows with the number of bins, not with that of spikes.

    Args:
        counts: spikes per bin, shape (n_bins,).
        step_s: width of a bin, s.
        alpha, beta: as in `baks`.

    Returns:
        Hz, shape (n_bins,); 0 without spikes.
    """
    spikes = np.asarray(counts, np.float64)
    n, total = len(spikes), float(spikes.sum())
    if not total:
        return np.zeros(n)
    beta = _checked(alpha, beta, total)
    lag = (np.arange(2 * n - 1) - (n - 1)) * step_s
    square = 1 + beta * lag**2 / 2  # the factor beta is taken out of the ratio of sums below
    over, under = (_convolved(spikes, square**power) for power in (-alpha, -alpha - 0.5))
    filled = np.flatnonzero(spikes)
    after = np.searchsorted(filled, np.arange(n))
    near = np.abs(filled[np.clip([after - 1, after], 0, len(filled) - 1)] - np.arange(n)).min(
        axis=0
    )
    far = under < ROUNDING * under.max()  # where rounding drowns the sums the nearest spike decides
    root = np.sqrt(1 + beta * (near * step_s) ** 2 / 2)
    width = np.divide(over, under, out=root, where=~far)
    width *= gamma(alpha) / gamma(alpha + 0.5) / np.sqrt(beta)
    return _smoothed(spikes, np.maximum(width, step_s / 2), step_s)


def _smoothed(spikes: Floats, width: Floats, step_s: float) -> Floats:
    """Return the sum of Gaussians at every bin, each bin with its own width, s.

    Interpolated between convolutions with fixed widths a tenth apart, which is within 0.2 %.
    """
    n = len(spikes)
    n_widths = 2 + int(np.log(width.max() / width.min()) / 0.1)
    widths = np.geomspace(width.min(), width.max() * (1 + 1e-9), n_widths)
    place = np.log(width / widths[0]) / np.log(widths[1] / widths[0])
    lag = (np.arange(2 * n - 1) - (n - 1)) * step_s
    rate = np.zeros(n)
    for k, fixed in enumerate(widths):
        share = np.maximum(0, 1 - np.abs(place - k))
        gaussian = np.exp(-0.5 * (lag / fixed) ** 2) / (np.sqrt(2 * np.pi) * fixed)
        rate += share * _convolved(spikes, gaussian)
    return np.maximum(rate, 0.0)


def _convolved(spikes: Floats, kernel: Floats) -> Floats:
    """Return the sum of kernels, given from lag 1 - n to n - 1, centred on the spikes."""
    n = len(spikes)
    summed: Floats = fftconvolve(spikes, kernel)[n - 1 : 2 * n - 1]
    return summed


def _checked(alpha: float, beta: float | None, n_spikes: float) -> float:
    """Return beta, or the usual one for None."""
    chosen = n_spikes**0.8 if beta is None else beta
    if not (alpha > 0 and chosen > 0):
        raise InvalidValue(
            f"baks prior is not valid: got alpha={alpha}, beta={beta}; need both > 0.",
            got=(alpha, beta),
        )
    return chosen
