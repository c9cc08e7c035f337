"""Firing rates: of all cells, of each cell, of each population, over time."""

from math import floor
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from livn.decoding.measure import NotNegative, Positive, SpikeMeasure, mean, ratio, spread
from livn.decoding.trains import SpikeTrains
from livn.run import Run


class MeanFiringRate(SpikeMeasure):
    """The mean firing rate: all spikes over all simulated cells and the duration.

    Keys: `rate_hz` (0 without spikes), `total_spikes`, `n_units` (cells simulated, silent ones
    too), `duration_s`.
    """

    def measure(self, spikes: SpikeTrains) -> dict[str, float]:
        """Return the rate and what it is made of."""
        return {
            "rate_hz": ratio(spikes.n_spikes, spikes.n_units * spikes.seconds),
            "total_spikes": spikes.n_spikes,
            "n_units": spikes.n_units,
            "duration_s": spikes.seconds,
        }


class ActiveFraction(SpikeMeasure):
    """The share of the simulated cells that fire.

    Keys: `active_fraction`, `active_units`, `total_units` (cells simulated), `silent_units`.

    Attributes:
        min_spikes: a cell with fewer is silent.
    """

    min_spikes: int = Field(default=1, ge=1)

    def measure(self, spikes: SpikeTrains) -> dict[str, float]:
        """Return the share and the numbers of cells."""
        active = int(np.count_nonzero(spikes.counts >= self.min_spikes))
        return {
            "active_fraction": ratio(active, spikes.n_units),
            "active_units": active,
            "total_units": spikes.n_units,
            "silent_units": spikes.n_units - active,
        }


class Stability(SpikeMeasure):
    """Whether activity neither died nor ran away, judged by the rate per cell in bins.

    Runaway if the mean rate of the bins in the tail exceeds `max_rate_hz`, quiescent if that of
    all bins is below `min_rate_hz`.

    Keys: `is_stable` (none of the others), `is_runaway`, `is_quiescent`, `has_nan` (in a recorded
    voltage or current), `tail_mean_hz`, `global_mean_hz`, `max_rate_hz`, `min_rate_hz`.

    Attributes:
        tail_window: how much of the end is the tail, ms.
        max_rate_hz, min_rate_hz: bounds of the rate per cell.
        bin_size: ms; a run shorter than a bin is one bin of its own length.
    """

    tail_window: Positive = 1000.0
    max_rate_hz: Positive = 20.0
    min_rate_hz: NotNegative = 0.05
    bin_size: Positive = 100.0

    def __call__(self, run: Run, env: Any) -> dict[str, Any]:
        """Return the verdicts and the rates, the same on every rank."""
        found = super().__call__(run, env)
        broken = any(
            series is not None and not np.all(np.isfinite(series))
            for series in (run.voltage, run.current)
        )
        broken = broken if env.comm is None else any(env.comm.allgather(broken))
        stable = not (broken or found["is_runaway"] or found["is_quiescent"])
        return {"is_stable": stable, **found, "has_nan": broken}

    def measure(self, spikes: SpikeTrains) -> dict[str, Any]:
        """Return rates and what they say."""
        n_bins = spikes.bins(self.bin_size)
        width = min(self.bin_size, spikes.duration)
        counts = spikes.population_counts(width, n_bins)
        rates = counts / (width / 1000 * max(1, spikes.n_units))
        first = floor(max(0.0, spikes.duration - self.tail_window) / self.bin_size)
        tail, overall = float(rates[min(first, n_bins - 1) :].mean()), float(rates.mean())
        return {
            "is_runaway": tail > self.max_rate_hz,
            "is_quiescent": overall < self.min_rate_hz,
            "tail_mean_hz": tail,
            "global_mean_hz": overall,
            "max_rate_hz": self.max_rate_hz,
            "min_rate_hz": self.min_rate_hz,
        }


class PerUnitFiringRate(SpikeMeasure):
    """The firing rate of every simulated cell.

    Keys: `per_unit_rates_hz` (by gid, 0 for silent cells), `max_rate_hz`, `min_rate_hz`,
    `mean_rate_hz`, `rate_cv` (std / mean over cells, nan without spikes), `n_units`.
    """

    def measure(self, spikes: SpikeTrains) -> dict[str, Any]:
        """Return the rates and their spread."""
        rates = spikes.counts / spikes.seconds
        return {
            "per_unit_rates_hz": dict(zip(spikes.units.tolist(), rates.tolist(), strict=True)),
            "max_rate_hz": float(rates.max(initial=0.0)),
            "min_rate_hz": float(rates.min()) if rates.size else 0.0,
            "mean_rate_hz": mean(rates),
            "rate_cv": spread(rates),
            "n_units": spikes.n_units,
        }


class PopulationFiringRates(SpikeMeasure):
    """The mean firing rate of each population: its spikes over all its simulated cells.

    Key: `rates_hz`, by population.
    """

    units: Literal["cells"] = "cells"

    def measure(self, spikes: SpikeTrains) -> dict[str, dict[str, float]]:
        """Return the rates."""
        return {
            "rates_hz": {
                name: ratio(spikes.counts[cells].sum(), len(cells) * spikes.seconds)
                for name, cells in spikes.groups.items()
            }
        }


class PopulationActiveFraction(SpikeMeasure):
    """The share of each population that fires within a bin, over time.

    Keys: `mean_active_fraction` and `std_active_fraction` by population, `bin_size`, `n_bins`.

    Attributes:
        bin_size: ms; a run shorter than a bin is one bin.
    """

    units: Literal["cells"] = "cells"
    bin_size: Positive = 50.0

    def measure(self, spikes: SpikeTrains) -> dict[str, Any]:
        """Return mean and standard deviation over bins."""
        n_bins = spikes.bins(self.bin_size)
        active = spikes.active_counts(self.bin_size, n_bins)
        shares = {n: k / max(1, len(spikes.groups[n])) for n, k in active.items()}
        return {
            "mean_active_fraction": {n: float(share.mean()) for n, share in shares.items()},
            "std_active_fraction": {n: float(share.std()) for n, share in shares.items()},
            "bin_size": self.bin_size,
            "n_bins": n_bins,
        }


class PopulationRateMetrics(SpikeMeasure):
    """How much the number of spikes of all units varies from bin to bin.

    Keys: `mean_count`, `std_count`, `coefficient_of_variation` (std / mean) and `fano_factor`
    (variance / mean, 1 for a Poisson process; both nan without spikes), `bin_size`, `n_bins`.

    Attributes:
        bin_size: ms; a run shorter than two bins is halved instead.
    """

    bin_size: Positive = 100.0

    def measure(self, spikes: SpikeTrains) -> dict[str, float]:
        """Return mean and spread of the counts."""
        n_bins = max(2, spikes.bins(self.bin_size))
        width = min(self.bin_size, spikes.duration / n_bins)
        counts = spikes.population_counts(width, n_bins)
        return {
            "mean_count": float(counts.mean()),
            "std_count": float(counts.std()),
            "coefficient_of_variation": spread(counts),
            "fano_factor": ratio(float(counts.var()), float(counts.mean())),
            "bin_size": width,
            "n_bins": n_bins,
        }


class PopulationAutocorrTau(SpikeMeasure):
    """The integrated autocorrelation time of the spike count of all units.

    tau = bin (1 + 2 sum of the autocorrelation up to the first lag where it is not positive),
    within [bin_size, max_lag]; nan for 8 bins or fewer or a count that does not vary.

    Keys: `pop_autocorr_tau` (ms), `bin_size`, `max_lag`.

    Attributes:
        bin_size: ms.
        max_lag: longest lag, ms.
    """

    bin_size: Positive = 10.0
    max_lag: Positive = 5000.0
    min_bins: ClassVar[int] = 9

    def measure(self, spikes: SpikeTrains) -> dict[str, float]:
        """Return the time."""
        n_bins, tau = spikes.bins(self.bin_size), float("nan")
        counts = spikes.population_counts(self.bin_size, n_bins)
        if n_bins >= self.min_bins and np.ptp(counts):
            lags = min(n_bins - 1, max(1, round(self.max_lag / self.bin_size)))
            correlation = autocorrelation(counts)[1 : lags + 1]
            ended = np.flatnonzero(correlation <= 0)
            positive = correlation[: ended[0] if ended.size else None]
            tau = self.bin_size * (1 + 2 * float(positive.sum()))
            tau = float(np.clip(tau, self.bin_size, max(self.bin_size, self.max_lag)))
        return {"pop_autocorr_tau": tau, "bin_size": self.bin_size, "max_lag": self.max_lag}


def autocorrelation(counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the autocorrelation at every lag, 1 at lag 0 (the biased estimator: sums over n).

    Args:
        counts: values that vary, shape (n,).
    """
    series = np.asarray(counts, np.float64)
    deviation = series - series.mean()
    n = len(deviation)
    power = np.abs(np.fft.rfft(deviation, 2 * n)) ** 2
    sums = np.fft.irfft(power, 2 * n)[:n]
    normed: npt.NDArray[np.float64] = sums / sums[0]
    return normed
