"""Responses to stimuli: histograms around them, strength, latency and duration."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from livn.decoding.measure import NotNegative, Positive, SpikeMeasure, ratio
from livn.decoding.trains import SpikeTrains, whole_bins
from livn.errors import InvalidValue

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

INSIDE = 1e-9  # ms; a window may end where the run ends


class PeriStimulusHistogram(SpikeMeasure):
    """Spikes around each stimulus, by population.

    Trials whose window is not wholly within the run are left out.

    Keys: `edges` (ms from the stimulus, shape (n_bins + 1,)), `n_trials` and `onsets` (those
    used), `n_units` by population, `counts` by population, shape (n_trials, n_bins), `rate_hz` by
    population (mean over trials and all cells, silent ones too; nan without trials), and of every
    spike in a window `spike_times` (ms from the stimulus), `spike_ids`, `spike_trials`.

    Attributes:
        onsets: of the stimuli, ms from the start of the run.
        pre_ms, post_ms: window before and after, ms.
        bin_size: ms; bins have an edge at the stimulus.
    """

    units: Literal["cells"] = "cells"
    onsets: list[float]
    pre_ms: NotNegative = 50.0
    post_ms: Positive = 150.0
    bin_size: Positive = 5.0

    def measure(self, spikes: SpikeTrains) -> dict[str, Any]:
        """Return the histogram."""
        return peristimulus(spikes, self.onsets, self.pre_ms, self.post_ms, self.bin_size)


class StimulusResponse(SpikeMeasure):
    """How strongly, how fast and for how long the cells respond to one stimulus.

    A bin responds if its rate exceeds mean + threshold_k std of the bins before the stimulus.

    Keys, none if [onset - pre, onset + post) does not fit in the run: `evoked_rate_hz` (mean rate
    per cell after the stimulus), `response_gain` (that over the rate before; nan if that is 0),
    `response_peak_hz` (highest bin after), `response_latency_ms` (start of the first bin after the
    stimulus that responds, nan if none in `post_ms`), `response_duration_ms` (of the run of
    responding bins from there, within `tail_ms`; 0 if none), `response_probability` (share of all
    cells that are `responders`).

    Attributes:
        onset_ms: of the stimulus, from the start of the run.
        pre_ms, post_ms: window before and after, ms.
        bin_size: ms.
        tail_ms: how far after the stimulus the end of the response is looked for, ms.
        threshold_k: standard deviations.
    """

    onset_ms: NotNegative = 0.0
    pre_ms: Positive = 1000.0
    post_ms: Positive = 500.0
    bin_size: Positive = 10.0
    tail_ms: Positive = 4000.0
    threshold_k: NotNegative = 3.0

    def measure(self, spikes: SpikeTrains) -> dict[str, float]:
        """Return the response."""
        return stimulus_response(
            spikes, self.onset_ms, self.pre_ms, self.post_ms, bin_size=self.bin_size,
            tail_ms=self.tail_ms, threshold_k=self.threshold_k,
        )  # fmt: skip


def peristimulus(
    spikes: SpikeTrains, onsets: npt.ArrayLike, pre_ms: float, post_ms: float, bin_size: float
) -> dict[str, Any]:
    """Return the histogram around the onsets as `PeriStimulusHistogram` does.

    Raises:
        InvalidValue: if an onset is not a number or the window is no multiple of the bin.
    """
    starts = _fitting(np.atleast_1d(np.asarray(onsets, np.float64)), spikes, pre_ms, post_ms)
    n_pre, n_post = (_bins_in(width, bin_size) for width in (pre_ms, post_ms))
    n_bins = n_pre + n_post
    trial, position = _around(spikes, starts, pre_ms, post_ms)
    after = spikes.times[position] - starts[trial]
    which = np.clip(np.floor(after / bin_size + INSIDE).astype(np.int64) + n_pre, 0, n_bins - 1)
    member = spikes.membership()[spikes.index[position]]
    shape = len(spikes.groups), len(starts), n_bins
    flat = np.ravel_multi_index((member, trial, which), shape)
    counts = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)
    n_units = {name: len(cells) for name, cells in spikes.groups.items()}
    return {
        "edges": np.arange(-n_pre, n_post + 1) * bin_size,
        "onsets": starts,
        "n_trials": len(starts),
        "n_units": n_units,
        "counts": dict(zip(n_units, counts, strict=True)),
        "rate_hz": {
            name: c.sum(axis=0) / (len(starts) * max(1, n) * bin_size / 1000)
            if len(starts)
            else np.full(n_bins, np.nan)
            for (name, n), c in zip(n_units.items(), counts, strict=True)
        },
        "spike_times": after,
        "spike_ids": spikes.units[spikes.index[position]],
        "spike_trials": trial,
    }


def stimulus_response(
    spikes: SpikeTrains,
    onset_ms: float,
    pre_ms: float = 1000.0,
    post_ms: float = 500.0,
    *,
    bin_size: float = 10.0,
    tail_ms: float = 4000.0,
    threshold_k: float = 3.0,
) -> dict[str, float]:
    """Return the response to the stimulus at `onset_ms` as `StimulusResponse` does."""
    if onset_ms - pre_ms < -INSIDE or onset_ms + post_ms > spikes.duration + INSIDE:
        return {}
    tail = min(max(tail_ms, post_ms), spikes.duration - onset_ms)
    cells = max(1, spikes.n_units)
    before = _rates(spikes, onset_ms - pre_ms, pre_ms, bin_size) / cells
    after = _rates(spikes, onset_ms, tail, bin_size) / cells
    n_post = whole_bins(post_ms, bin_size)
    responding = after > before.mean() + threshold_k * before.std()
    first = np.flatnonzero(responding[:n_post])
    latency, length = float("nan"), 0.0
    if first.size:
        ended = np.flatnonzero(~responding[first[0] :])
        latency = float(first[0] * bin_size)
        length = float((ended[0] if ended.size else len(responding) - first[0]) * bin_size)
    n_pre, n_evoked = (int(n.sum()) for n in counts_around(spikes, onset_ms, pre_ms, post_ms))
    evoked, resting = n_evoked / (cells * post_ms / 1000), n_pre / (cells * pre_ms / 1000)
    return {
        "evoked_rate_hz": evoked,
        "response_gain": ratio(evoked, resting),
        "response_peak_hz": float(after[:n_post].max()),
        "response_latency_ms": latency,
        "response_duration_ms": length,
        "response_probability": ratio(
            int(responders(spikes, onset_ms, pre_ms, post_ms).sum()), spikes.n_units
        ),
    }


def responders(
    spikes: SpikeTrains, onset_ms: float, pre_ms: float, post_ms: float
) -> npt.NDArray[np.bool_]:
    """Return which units respond: post count > pre count (post / pre) + 1, shape (n_units,)."""
    before, after = counts_around(spikes, onset_ms, pre_ms, post_ms)
    found: npt.NDArray[np.bool_] = after > before * (post_ms / pre_ms) + 1
    return found


def counts_around(
    spikes: SpikeTrains, onset_ms: float, pre_ms: float, post_ms: float
) -> tuple[Ints, Ints]:
    """Return the spikes of each unit in the windows before and after, shape (n_units,)."""
    edges = np.searchsorted(spikes.times, [onset_ms - pre_ms, onset_ms, onset_ms + post_ms])
    first, middle, last = edges.tolist()
    return (
        np.bincount(spikes.index[first:middle], minlength=spikes.n_units),
        np.bincount(spikes.index[middle:last], minlength=spikes.n_units),
    )


def _rates(spikes: SpikeTrains, start: float, width: float, bin_size: float) -> Floats:
    """Return the rate of all units together in the bins of [start, start + width), Hz."""
    n_bins = whole_bins(width, bin_size)
    edges = start + np.arange(n_bins + 1) * bin_size - INSIDE
    return np.diff(np.searchsorted(spikes.times, edges)) / (bin_size / 1000)


def _fitting(onsets: Floats, spikes: SpikeTrains, pre_ms: float, post_ms: float) -> Floats:
    """Return the onsets whose window lies within the run."""
    if not np.all(np.isfinite(onsets)):
        raise InvalidValue(f"onsets are not finite: got {onsets.tolist()}; need ms.", got=onsets)
    begins, ends = onsets - pre_ms >= -INSIDE, onsets + post_ms <= spikes.duration + INSIDE
    return onsets[begins & ends]


def _around(
    spikes: SpikeTrains, onsets: Floats, pre_ms: float, post_ms: float
) -> tuple[Ints, Ints]:
    """Return trial and position of every spike in the window of a trial."""
    low, high = (np.searchsorted(spikes.times, onsets + at - INSIDE) for at in (-pre_ms, post_ms))
    n = high - low
    trial = np.repeat(np.arange(len(onsets)), n)
    return trial, np.arange(n.sum()) + np.repeat(low - np.cumsum(n) + n, n)


def _bins_in(width: float, bin_size: float) -> int:
    """Return how many bins the width is."""
    n = round(width / bin_size)
    if abs(n * bin_size - width) > INSIDE * max(1, n):
        raise InvalidValue(
            f"window is not a multiple of the bin: got {width:g} ms with bins of {bin_size:g} ms; "
            f"nearest {n * bin_size:g} ms.",
            got=width,
            allowed=n * bin_size,
        )
    return n
