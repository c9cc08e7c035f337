"""PulseAmplitudes: an action sets how strongly each electrode stimulates."""

from functools import lru_cache
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import Field

from livn.stimulus import BiphasicPulsePolicy, ScaledPulses, Stimulus
from livn.types import Encoding


class PulseAmplitudes(Encoding):
    """Plays biphasic pulses on all electrodes, their amplitudes given by an action in [-1, 1].

    Action a of an electrode is a * max_amplitude uA: 0 is no pulse, above 0 the cathodic phase
    comes first, below 0 the anodic, or with `anodic=False` there is none. Cells answer much alike
    to both, so that for one who learns, more is more only without the anodic ones. Pulses are
    charge balanced, and all electrodes pulse together, `latency` ms after the start of the step and
    every `interval` ms.

    Attributes:
        n_channels: number of electrodes of the array.
        max_amplitude: uA; 5 uA for 0.2 ms pass 1 nC per phase.
        phase_duration, interphase_gap: ms, multiples of `dt`.
        interval: from pulse to pulse, ms.
        latency: from the start of the step to the first pulse, ms.
        anodic: whether an action below 0 pulses.
        dt: step of the commands, ms, a multiple of that of the culture.
    """

    n_channels: int = Field(ge=1)
    max_amplitude: float = Field(default=5.0, gt=0)
    phase_duration: float = Field(default=0.2, gt=0)
    interphase_gap: float = Field(default=0.05, ge=0)
    interval: float = Field(default=10.0, gt=0)
    latency: float = Field(default=0.0, ge=0)
    anodic: bool = True
    dt: float = Field(default=0.05, gt=0)

    def __call__(self, env: Any, t_end: float, inputs: Any) -> Stimulus:
        """Return what the pulses do to the cells.

        Args:
            env: an Env or an EnvBatch.
            t_end: duration of the step, ms.
            inputs: actions, shape (n_channels,), or (n_copies, n_channels) for a batch.

        Raises:
            InvalidValue: if a pulse does not fit into the step.
        """
        commands = self.commands(t_end, inputs)
        stimulus: Stimulus = env.cell_stimulus(commands, dt=self.dt)
        return stimulus

    def commands(self, t_end: float, inputs: Any) -> ScaledPulses | NDArray[np.float64]:
        """Return what the electrodes play, uA, shape (n_steps, n_channels), copies in front.

        Args:
            t_end, inputs: as of a call.
        """
        amplitudes = self.amplitudes(inputs)
        times = self.phase_duration, self.interphase_gap, self.interval, self.dt, self.latency
        pulses = unit_pulses(t_end, *times)
        if amplitudes.ndim == 1:
            return ScaledPulses(pulses, amplitudes, self.dt)
        return np.asarray(pulses * amplitudes[..., None, :])

    def charge(self, inputs: Any) -> NDArray[np.float64]:
        """Return the charge of one phase of a pulse on each electrode, nC, >= 0.

        Args:
            inputs: as of a call.
        """
        return np.asarray(np.abs(self.amplitudes(inputs)) * self.phase_duration)

    def amplitudes(self, inputs: Any) -> NDArray[np.float64]:
        """Return the amplitude of the first phase on each electrode, uA, cathodic above 0.

        Args:
            inputs: as of a call.
        """
        values = np.asarray(inputs, np.float64)
        return self.max_amplitude * (values if self.anodic else np.maximum(values, 0.0))

    @property
    def input_space(self) -> spaces.Box:
        """One number in [-1, 1] for each electrode, float32."""
        return spaces.Box(-1.0, 1.0, (self.n_channels,), np.float32)


@lru_cache(maxsize=64)
def unit_pulses(
    t_end: float,
    phase_duration: float,
    interphase_gap: float,
    interval: float,
    dt: float,
    latency: float = 0.0,
) -> NDArray[np.float32]:
    """Return biphasic pulses of 1 uA every `interval`, ms, read-only, shape (n_steps, 1).

    Args:
        t_end: of the step they have to fit into, ms.
        phase_duration, interphase_gap, interval, dt, latency: as of `PulseAmplitudes`.
    """
    onsets = latency + interval * np.arange(max(1, np.ceil((t_end - latency) / interval)))
    policy = BiphasicPulsePolicy(
        n_channels=1, channels=(0,), amplitude=1.0, phase_duration=phase_duration,
        interphase_gap=interphase_gap, pulse_times=tuple(onsets.tolist()), dt=dt,
    )  # fmt: skip
    policy.check_duration(t_end)
    return np.asarray(policy.render())
