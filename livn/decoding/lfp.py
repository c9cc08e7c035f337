"""LFP: the low-frequency potential at the electrodes, its band powers and its slope."""

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.integrate import trapezoid
from scipy.signal import butter, sosfiltfilt, welch

from livn.decoding.core import potential_of
from livn.decoding.measure import Positive, as_run
from livn.errors import InvalidValue
from livn.run import Run
from livn.types import Decoding

Floats = npt.NDArray[np.float64]
Band = tuple[Positive, Positive]

BANDS: dict[str, Band] = {
    "delta": (1, 4),
    "theta": (4, 8),
    "alpha": (8, 13),
    "beta": (13, 30),
    "gamma": (30, 80),
}  # Hz


class LFP(Decoding):
    """The local field potential: what membrane currents make at the electrodes, filtered.

    The Butterworth filter runs forwards and backwards, so it shifts nothing in time and counts
    twice. Then every k-th sample is kept, k = floor(rate / downsample_hz); without a low pass below
    downsample_hz / 2 what is faster folds back.

    Keys: `lfp` (uV, float32, shape (n_channels, n_samples)), `sample_rate_hz`, `n_channels`,
    `n_samples`; without samples these are empty, `downsample_hz`, 0, 0. With band power `<band>`
    and `broadband` (uV2) and, where broadband is not 0, `<band>_relative`. With a slope
    `spectral_slope` (nan where fewer than 3 frequencies or no power lie in the band).

    Attributes:
        channels: ids of the channels; None for all.
        downsample_hz: rate to come down to, at least.
        lowpass_hz: corner of the filter; None for none, and none at or above half the rate.
        lowpass_order: of the filter.
        compute_band_power: True for delta to gamma, or {name: (low, high)} in Hz.
        slope_band: Hz, where a line is fitted to log10 power over log10 frequency; its slope is
            the spectral slope, -2 for Brownian noise, 0 for white (Miller et al. 2009, PLoS Comput
            Biol 5:e1000609). None for none.
        nperseg, noverlap: samples per segment and shared by neighbours, of Welch's method with a
            Hann window on the mean over channels; at most the samples there are.
    """

    channels: list[int] | None = None
    downsample_hz: Positive = 1000.0
    lowpass_hz: Positive | None = None
    lowpass_order: int = Field(default=4, ge=1)
    compute_band_power: bool | dict[str, Band] = False
    slope_band: Band | None = None
    nperseg: int = Field(default=2048, ge=1)
    noverlap: int | None = Field(default=None, ge=0)

    def setup(self, env: Any) -> None:
        """Record membrane currents."""
        env.record_membrane_current(dt=env.membrane_current_recording_dt or 0.1)

    def __call__(self, run: Run, env: Any) -> dict[str, Any]:
        """Return the potential and what was asked of its spectrum, the same on every rank.

        Raises:
            InvalidState: if membrane currents were not recorded.
            InvalidValue: if a channel is not on the array or a band is empty.
        """
        rows = self._rows(env)
        self._check_bands()
        potential = potential_of(as_run(run, "LFP"), env)
        found: dict[str, Any] = {}
        if potential is not None and run.current_dt is not None:
            found = self._analyse(np.asarray(potential, np.float64)[rows], 1000 / run.current_dt)
        return found if env.comm is None else env.comm.bcast(found)

    def _rows(self, env: Any) -> npt.NDArray[np.int64]:
        """Return the positions of the channels on the array."""
        known = np.asarray(env.io.channel_ids)
        if self.channels is None:
            return np.arange(len(known))
        unknown = [c for c in self.channels if c not in known]
        if unknown:
            raise InvalidValue(
                f"channels are not on the array: got {unknown}; known: {known.tolist()}.",
                got=unknown,
                allowed=known,
            )
        return np.array([int(np.flatnonzero(known == c)[0]) for c in self.channels], np.int64)

    def _check_bands(self) -> None:
        bands = dict(self._bands())
        if self.slope_band is not None:
            bands["slope_band"] = self.slope_band
        empty = {name: band for name, band in bands.items() if not band[0] < band[1]}
        if empty:
            raise InvalidValue(f"bands are empty: got {empty}; need (low, high) Hz.", got=empty)

    def _bands(self) -> dict[str, Band]:
        if isinstance(self.compute_band_power, dict):
            return self.compute_band_power
        return BANDS if self.compute_band_power else {}

    def _analyse(self, potential: Floats, rate: float) -> dict[str, Any]:
        """Return the answer for the potential of the chosen channels."""
        n_channels, n_samples = potential.shape
        if not n_channels or not n_samples:
            empty = np.empty((0, 0), np.float32)
            found = {"lfp": empty, "sample_rate_hz": self.downsample_hz}
            return {**found, "n_channels": 0, "n_samples": 0}
        if self.lowpass_hz is not None and self.lowpass_hz < rate / 2:
            potential = low_pass(potential, rate, self.lowpass_hz, self.lowpass_order)
        every = max(1, int(rate / self.downsample_hz + 1e-9))
        lfp, rate = potential[:, ::every], rate / every
        return {
            "lfp": lfp.astype(np.float32),
            "sample_rate_hz": rate,
            "n_channels": n_channels,
            "n_samples": lfp.shape[1],
            **self._spectrum(lfp.mean(axis=0), rate),
        }

    def _spectrum(self, signal: Floats, rate: float) -> dict[str, float]:
        """Return band powers and slope of one signal."""
        bands = self._bands()
        if not bands and self.slope_band is None:
            return {}
        n = min(self.nperseg, len(signal))
        overlap = min(n // 2 if self.noverlap is None else self.noverlap, len(signal) // 2, n - 1)
        frequency, power = welch(signal, rate, nperseg=n, noverlap=overlap)
        found = {}
        if bands:
            found = {name: band_power(frequency, power, band) for name, band in bands.items()}
            everything = band_power(frequency, power, (0.0, rate))
            relative = {f"{n}_relative": v / everything for n, v in found.items() if everything}
            found |= {"broadband": everything, **relative}
        if self.slope_band is not None:
            found["spectral_slope"] = spectral_slope(frequency, power, self.slope_band)
        return found


def low_pass(signal: Floats, rate: float, corner: float, order: int = 4) -> Floats:
    """Return the signal without what is faster than `corner` Hz, along the last axis, unshifted.

    Args:
        signal: shape (..., n_samples).
        rate: Hz.
        corner: Hz, where a single pass of the Butterworth filter halves the power.
        order: of the filter.
    """
    sections = butter(order, corner, fs=rate, output="sos")
    edge = min(3 * (order + 1), signal.shape[-1] - 1)
    filtered: Floats = sosfiltfilt(sections, signal, axis=-1, padlen=edge)
    return filtered


def band_power(frequency: Floats, power: Floats, band: tuple[float, float]) -> float:
    """Return the power within low <= f <= high by the trapezoid rule; 0 where no frequency is.

    Args:
        frequency: Hz, evenly spaced, shape (n,).
        power: spectral density, shape (n,).
        band: low and high, Hz.
    """
    inside = (frequency >= band[0]) & (frequency <= band[1])
    if np.count_nonzero(inside) == 1 and len(frequency) > 1:
        return float(power[inside][0] * (frequency[1] - frequency[0]))
    return float(trapezoid(power[inside], frequency[inside]))


def spectral_slope(frequency: Floats, power: Floats, band: tuple[float, float]) -> float:
    """Return the slope of log10 power over log10 frequency within the band.

    Least squares; nan with fewer than 3 frequencies with power in the band.
    """
    inside = (frequency >= band[0]) & (frequency <= band[1]) & (frequency > 0) & (power > 0)
    if np.count_nonzero(inside) < 3:
        return float("nan")
    return float(np.polyfit(np.log10(frequency[inside]), np.log10(power[inside]), 1)[0])
