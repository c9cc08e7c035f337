"""Waveforms: the membrane potential around each spike, and the shape of an action potential."""

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from livn.decoding.measure import Positive, as_run, population_gids, spikes_of
from livn.errors import InvalidState, InvalidValue
from livn.run import Run, Series
from livn.types import Decoding

Floats = npt.NDArray[np.float64]

ONSET = 10.0  # mV/ms, the rise at which a spike starts (Bean 2007, Nat Rev Neurosci 8:451)


class Waveforms(Decoding):
    """The membrane potential around the spikes of each population.

    Keys: `dt`, `pre_ms`, `waveforms` by population, mV, shape (n, T), the spike at `pre_ms`; and
    `shape` by population, that of `waveform_shape` of the mean waveform. Spikes whose window is
    not within the run are left out.

    Attributes:
        pre_ms, post_ms: window before and after, ms, multiples of `voltage_dt`.
        section: where the potential is recorded.
        populations: a name or several; None for all.
        max_spikes: per population, evenly spread over those there are.
        voltage_gids: cells recorded; None for all.
        voltage_dt: ms.
    """

    pre_ms: Positive = 4.0
    post_ms: Positive = 10.0
    section: str = "soma"
    populations: str | tuple[str, ...] | None = None
    max_spikes: int = Field(default=500, ge=1)
    voltage_gids: list[int] | None = None
    voltage_dt: Positive = 0.025

    def setup(self, env: Any) -> None:
        """Record spikes and voltages."""
        env.record_spikes(self.populations)
        env.record_voltage(
            self.populations,
            dt=self.voltage_dt,
            gids=self.voltage_gids,
            sections=None if self.section == "soma" else [self.section],
        )

    def __call__(self, run: Run, env: Any) -> dict[str, Any]:
        """Return the waveforms and their shape, the same on every rank.

        Raises:
            InvalidState: if spikes or voltages were not recorded.
        """
        found = {
            name: spike_waveforms(
                run, gids, self.pre_ms, self.post_ms, self.section, self.max_spikes
            )
            for name, gids in population_gids(env, self.populations).items()
        }
        if env.comm is not None:
            parts = env.comm.allgather(found)
            found = {
                name: np.concatenate([p[name] for p in parts if name in p])[: self.max_spikes]
                for name in dict.fromkeys(n for p in parts for n in p)
            }
        dt = run.voltage_dt or self.voltage_dt
        shapes = {name: waveform_shape(w, dt, self.pre_ms) for name, w in found.items()}
        return {"dt": dt, "pre_ms": self.pre_ms, "waveforms": found, "shape": shapes}


def spike_waveforms(
    run: Run,
    gids: npt.ArrayLike,
    pre_ms: float,
    post_ms: float,
    section: str = "soma",
    max_spikes: int = 500,
) -> Floats:
    """Return the voltage around spikes of these cells.

    Args:
        run: with spikes and voltage.
        gids: the cells; those without a voltage are left out.
        pre_ms, post_ms: window, ms.
        section: whose voltage.
        max_spikes: evenly spread over those there are.

    Returns:
        mV, shape (n, T), T = (pre + post) / dt.

    Raises:
        InvalidState: if spikes or voltage were not recorded.
        InvalidValue: if the window is shorter than a sample.
    """
    spikes, series = spikes_of(run), voltage_of(run)
    before, after = round(pre_ms / series.dt), round(post_ms / series.dt)
    if before + after < 1:
        raise InvalidValue(
            f"waveform is shorter than a sample: got {pre_ms} + {post_ms} ms; need {series.dt} ms.",
            got=(pre_ms, post_ms),
        )
    rows = rows_of(series, section)
    rows = rows[np.isin(series.ids[rows], np.asarray(gids))]
    rows = rows[np.argsort(series.ids[rows], kind="stable")]
    mine = np.isin(spikes.ids, series.ids[rows])
    sample = np.rint((spikes.times[mine] - series.t0) / series.dt).astype(np.int64)
    row = rows[np.searchsorted(series.ids[rows], spikes.ids[mine])]
    inside = (sample >= before) & (sample + after <= series.n_samples)
    sample, row = sample[inside], row[inside]
    if len(sample) > max_spikes:
        some = np.linspace(0, len(sample) - 1, max_spikes).round().astype(np.int64)
        sample, row = sample[some], row[some]
    window = sample[:, None] + np.arange(-before, after)
    return np.asarray(series.values[row[:, None], window], np.float64)


def voltage_of(run: Run) -> Series:
    """Return the voltage of a run.

    Raises:
        InvalidState: if it was not recorded.
    """
    series = as_run(run).channels.get("voltage")
    if not isinstance(series, Series):
        raise InvalidState(
            f"run has no voltage: got {run!r}. Call env.record_voltage() before it runs."
        )
    return series


def rows_of(series: Series, section: str) -> npt.NDArray[np.int64]:
    """Return the positions of the rows of this section; rows without a name are somata."""
    names = series.sections or ("soma",) * len(series)
    return np.flatnonzero([name == section for name in names])


def waveform_shape(waveforms: npt.ArrayLike, dt: float, pre_ms: float) -> dict[str, float]:
    """Return the shape of the mean of these waveforms.

    Args:
        waveforms: mV, shape (n, T).
        dt: ms.
        pre_ms: from the start of a waveform to its spike, ms.

    Returns:
        `threshold_mV`, the potential where the rise first reaches 10 mV/ms; `peak_mV`, the highest
        from there on; `amplitude_mV`, peak - threshold; `half_width_ms`, how long it is above half
        of that; `ahp_mV`, the lowest after the peak - threshold; `n_spikes`. All nan but the last
        where there are no waveforms or none rises so fast.
    """
    samples = np.asarray(waveforms, np.float64)
    unknown = dict.fromkeys(
        ["threshold_mV", "peak_mV", "amplitude_mV", "half_width_ms", "ahp_mV"], float("nan")
    )
    if not samples.size:
        return {**unknown, "n_spikes": 0}
    mean = samples.mean(axis=0)
    rising = np.flatnonzero(np.diff(mean) / dt >= ONSET)
    if not rising.size:
        return {**unknown, "n_spikes": len(samples)}
    start = int(rising[0])
    peak = start + int(np.argmax(mean[start:]))
    threshold, height = float(mean[start]), float(mean[peak])
    half = (threshold + height) / 2
    return {
        "threshold_mV": threshold,
        "peak_mV": height,
        "amplitude_mV": height - threshold,
        "half_width_ms": _crossing(mean, peak, 1, half, dt) + _crossing(mean, peak, -1, half, dt),
        "ahp_mV": float(mean[peak:].min()) - threshold,
        "n_spikes": len(samples),
    }


def _crossing(mean: Floats, peak: int, step: int, level: float, dt: float) -> float:
    """Return the time from the peak to where it falls below `level`, ms; nan if never."""
    side = mean[peak:] if step > 0 else mean[peak::-1]
    below = np.flatnonzero(side < level)
    if not below.size:
        return float("nan")
    k = int(below[0])
    return float((k - (level - side[k]) / (side[k - 1] - side[k])) * dt)
