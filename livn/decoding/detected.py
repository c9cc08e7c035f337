"""Spikes as the array detects them: crossings of a threshold, behind a real amplifier."""

from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import Field

from livn.decoding.core import potential_of
from livn.decoding.measure import as_run
from livn.io.amplifier import Amplifier
from livn.io.detection import Detector, noise_level
from livn.run import Run
from livn.stimulus.phases import phases_of
from livn.stimulus.policies import ElectrodePolicy
from livn.types import Decoding


class DetectedSpikes(Decoding):
    """What a threshold finds in the potential of each electrode.

    Noise and dead electrodes are those of the seed and noise stream of the Env, so that another
    trial has other noise and the same dead electrodes.

    Keys: `times` (ms) and `channels` (positions) of the spikes in order of time, `noise_uv` and
    `threshold_uv` of each channel. The same on every rank.

    Attributes:
        amplifier: between electrodes and threshold.
        pulses: that were played from the start of the run, whose artefact is seen and which are
            blanked; None for none.
        n_sigma: threshold in standard deviations of the noise of each channel, which is estimated
            from the median of this run (Quiroga et al. 2004, Neural Comput 16:1661); 4 to 6.
        threshold_uv: of all channels instead, below 0, uV.
        refractory_ms: in which a channel detects no other spike, ms.
        dt: between samples, ms.
    """

    amplifier: Amplifier = Amplifier()
    pulses: ElectrodePolicy | None = None
    n_sigma: float = Field(default=5.0, gt=0, allow_inf_nan=False)
    threshold_uv: float | None = Field(default=None, lt=0, allow_inf_nan=False)
    refractory_ms: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    dt: float = Field(default=0.05, gt=0, allow_inf_nan=False)

    def setup(self, env: Any) -> None:
        """Record membrane currents."""
        env.record_membrane_current(dt=self.dt)

    def __call__(self, run: Run, env: Any) -> dict[str, Any]:
        """Return what was detected.

        Raises:
            InvalidState: if membrane currents were not recorded.
        """
        run = as_run(run, "DetectedSpikes")
        potential, step = potential_of(run, env), run.current_dt
        found: dict[str, Any] = {}
        if potential is not None and step is not None:  # on root
            found = self._detect(np.asarray(potential, np.float64), step, run.t0, env)
        return found if env.comm is None else dict(env.comm.bcast(found))

    def _detect(self, potential: Any, step: float, t0: float, env: Any) -> dict[str, Any]:
        start = round(t0 / step)
        phases = None
        if self.pulses is not None:
            phases = phases_of(np.asarray(self.pulses())[None], self.pulses.dt)
            phases = replace(phases, start=phases.start + t0)
        recorded = self.amplifier.record(potential, step, env.seed, env.stream, start, phases)
        detector = Detector.calibrated(recorded, step, self.n_sigma, self.refractory_ms)
        if self.threshold_uv is not None:
            detector.threshold_uv = np.full(len(recorded), self.threshold_uv)
        samples, channels = detector.detect(recorded)
        return {
            "times": samples * step,
            "channels": channels,
            "noise_uv": noise_level(recorded),
            "threshold_uv": detector.threshold_uv,
        }
