"""Recruitment: how many cells a stimulus reaches as it grows, and when half of them answer."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from livn.decoding.measure import Positive, SpikeMeasure, as_run, spikes_of
from livn.decoding.response import INSIDE, counts_around, responders
from livn.decoding.trains import SpikeTrains, spike_trains
from livn.decoding.waveforms import rows_of, voltage_of
from livn.errors import InvalidValue
from livn.run import Run
from livn.types import Decoding


class RecruitmentCurve(SpikeMeasure):
    """The share of the cells that respond, by amplitude of the stimulus.

    A cell responds to a stimulus if it is one of the `responders`; the share at an amplitude is
    the median over its stimuli. Stimuli whose window is not within the run are left out.

    Keys: `curve` (by amplitude), `amplitudes_mv`, `probabilities`, and those of
    `recruitment_threshold`. Amplitudes are in the unit of the schedule, whatever the names say.

    Attributes:
        schedule: (onset in ms, amplitude) of each stimulus, as `PulseSweepPolicy.schedule` has it.
        pre_ms, post_ms: window before and after, ms.
        recruited: share that counts as recruited.
    """

    schedule: list[tuple[float, float]]
    pre_ms: Positive = 1000.0
    post_ms: Positive = 500.0
    recruited: float = Field(default=0.5, gt=0, le=1)

    def measure(self, spikes: SpikeTrains) -> dict[str, Any]:
        """Return the curve and where it crosses."""
        shares: dict[float, list[float]] = {}
        for onset, amplitude in self.schedule:
            fits = (
                onset - self.pre_ms >= -INSIDE and onset + self.post_ms <= spikes.duration + INSIDE
            )
            if fits and spikes.n_units:
                answer = responders(spikes, onset, self.pre_ms, self.post_ms)
                shares.setdefault(amplitude, []).append(float(answer.mean()))
        curve = {amplitude: float(np.median(shares[amplitude])) for amplitude in sorted(shares)}
        return {
            "curve": curve,
            "amplitudes_mv": [*curve],
            "probabilities": [*curve.values()],
            **recruitment_threshold(curve, self.recruited),
        }


class ExtracellularRecruitment(Decoding):
    """Between which amplitudes a stimulus recruits cells without blocking or overdriving them.

    A cell is recruited by a stimulus if it fires at least `min_spikes` times in the window after
    it, and faster than before. Stimuli whose window is not within the run are left out.

    Keys: `curve` (median over stimuli of the share of cells recruited) and `peak_mv` (highest
    potential of any cell after the stimulus), both by amplitude; `threshold_ua`, the smallest
    amplitude that recruits the share `recruited`; `block_ua`, the smallest one above that does not
    any more; `ceiling_ua`, the smallest whose peak exceeds `ceiling_mv`; None where there is none.
    `band`: the threshold and the largest amplitude tested below block and ceiling, None if there
    is no such amplitude.

    Attributes:
        schedule: (onset in ms, amplitude in uA) of each stimulus.
        pre_ms, post_ms: window before and after, ms.
        recruited: share of the cells.
        min_spikes: number.
        ceiling_mv: mV; None for no ceiling.
        units: gids of the cells that count; None for all.
        section: where the potential is recorded.
        voltage_dt: ms.
    """

    schedule: list[tuple[float, float]]
    pre_ms: Positive = 50.0
    post_ms: Positive = 20.0
    recruited: float = Field(default=0.5, gt=0, le=1)
    min_spikes: int = Field(default=1, ge=1)
    ceiling_mv: float | None = None
    units: list[int] | None = None
    section: str = "soma"
    voltage_dt: Positive = 0.025

    def setup(self, env: Any) -> None:
        """Record spikes and voltages."""
        env.record_spikes()
        sections = None if self.section == "soma" else [self.section]
        env.record_voltage(dt=self.voltage_dt, gids=self.units, sections=sections)

    def __call__(self, run: Run, env: Any) -> dict[str, Any]:
        """Return curve and limits, the same on every rank.

        Raises:
            InvalidState: if spikes or voltages were not recorded.
        """
        gids = env.simulated_gids()
        if env.comm is not None:
            gids = np.concatenate(env.comm.allgather(gids))
        merged = as_run(run).gather(env.comm)
        found: dict[str, Any] = {} if merged is None else self._measure(merged, gids)
        return found if env.comm is None else env.comm.bcast(found)

    def _measure(self, run: Run, gids: Any) -> dict[str, Any]:
        """Return curve and limits of a whole culture."""
        events, voltage = spikes_of(run), voltage_of(run)
        duration = float(self.duration if run.duration is None else run.duration)
        spikes = spike_trains(gids, events.ids, events.times, duration)
        counted = np.isin(spikes.units, gids if self.units is None else self.units)
        rows = rows_of(voltage, self.section)
        shares: dict[float, list[float]] = {}
        peaks: dict[float, list[float]] = {}
        for onset, amplitude in self.schedule:
            if not _fits(onset, self.pre_ms, self.post_ms, duration):
                continue
            before, after = counts_around(spikes, onset, self.pre_ms, self.post_ms)
            fired = (after >= self.min_spikes) & (after > before * (self.post_ms / self.pre_ms))
            shares.setdefault(amplitude, []).append(float(fired[counted].mean()))
            span = (np.array([onset, onset + self.post_ms]) - voltage.t0) / voltage.dt
            first, last = np.ceil(span - INSIDE).astype(int)
            peak = voltage.values[rows, first:last].max(initial=-np.inf)
            peaks.setdefault(amplitude, []).append(float(peak))
        curve = {a: float(np.median(shares[a])) for a in sorted(shares)}
        return self._limits(curve, {a: max(peaks[a]) for a in sorted(peaks)})

    def _limits(self, curve: dict[float, float], peak: dict[float, float]) -> dict[str, Any]:
        """Return the answer for a curve."""
        enough = [a for a in curve if curve[a] >= self.recruited]
        low = enough[0] if enough else None
        blocked = [a for a in curve if low is not None and a > low and a not in enough]
        ceiling = np.inf if self.ceiling_mv is None else self.ceiling_mv
        over = [a for a in peak if peak[a] > ceiling]
        limit = min(blocked[:1] + over[:1], default=np.inf)
        usable = [a for a in curve if low is not None and low <= a < limit]
        return {
            "curve": curve,
            "peak_mv": peak,
            "threshold_ua": low,
            "block_ua": blocked[0] if blocked else None,
            "ceiling_ua": over[0] if over else None,
            "band": (low, usable[-1]) if usable else None,
        }


def _fits(onset: float, pre_ms: float, post_ms: float, duration: float) -> bool:
    """Whether the window around a stimulus lies within the run."""
    return onset - pre_ms >= -INSIDE and onset + post_ms <= duration + INSIDE


def recruitment_threshold(curve: Mapping[float, float], recruited: float = 0.5) -> dict[str, Any]:
    """Return between which amplitudes the share of responding cells reaches `recruited`.

    Args:
        curve: share by amplitude.
        recruited: share, 0 to 1.

    Returns:
        `below_mv`, the amplitude before the first at which the share is reached, and `above_mv`,
        that one, each None where there is none; `censored`, "below" if already the smallest
        amplitude reaches it, "above" if none does, None if it lies between; `highest_tested_mv`
        and `probability_at_highest`, nan for an empty curve, whose `censored` is "above".

    Raises:
        InvalidValue: if `recruited` is not in (0, 1].
    """
    if not 0 < recruited <= 1:
        raise InvalidValue(
            f"recruited is not a share: got {recruited}; need 0 < recruited <= 1.", got=recruited
        )
    amplitudes = sorted(curve)
    reached = next((k for k, a in enumerate(amplitudes) if curve[a] >= recruited), len(amplitudes))
    return {
        "below_mv": amplitudes[reached - 1] if reached else None,
        "above_mv": amplitudes[reached] if reached < len(amplitudes) else None,
        "censored": "above" if reached == len(amplitudes) else None if reached else "below",
        "highest_tested_mv": amplitudes[-1] if amplitudes else float("nan"),
        "probability_at_highest": curve[amplitudes[-1]] if amplitudes else float("nan"),
        "recruited": recruited,
    }
