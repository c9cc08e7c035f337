"""Encodings made for sampling: what they play follows from one number, and is listed."""

from abc import abstractmethod
from typing import Any

import numpy as np
from pydantic import Field

from livn.stimulus.policies import ElectrodePolicy
from livn.stimulus.pulses import PulseTrain, biphasic_phases, pulse_train
from livn.types import Encoding

Pulse = tuple[float, int, float]


class PulseEncoding(Encoding):
    """An encoding that can list its pulses; rows of a dataset then hold them."""

    @abstractmethod
    def pulses(self, env: Any, t_end: float, inputs: Any) -> list[Pulse]:
        """Return (onset ms, electrode, amplitude uA) of every pulse, by onset, for these inputs."""


class RandomPulses(PulseEncoding):
    """Biphasic pulses at random times on random electrodes, of random amplitudes.

    Intervals are `interval` of rest after each pulse and an exponential wait of the same mean, so
    pulses come as a Poisson process with dead time. Electrodes and amplitudes are uniform.

    Attributes:
        start: before the first pulse, ms.
        interval: rest after a pulse, and mean of the further wait, ms.
        amplitude: lowest and highest, uA; pulses are charge balanced, cathodic phase first.
        phase_duration: of each of the two phases, ms.
        channels: electrodes that may be chosen; empty for all.
        dt: step of the commands, ms.
    """

    start: float = Field(default=2000.0, ge=0)
    interval: float = Field(default=500.0, gt=0)
    amplitude: tuple[float, float] = (1.0, 5.0)
    phase_duration: float = Field(default=0.2, gt=0)
    channels: tuple[int, ...] = ()
    dt: float = Field(default=0.05, gt=0)

    def __call__(self, env: Any, t_end: float, inputs: Any) -> Any:
        """Return the pulses as a policy for the array of the Env, None where no pulse fits.

        Args:
            env: the Env to be stimulated.
            t_end: duration of the run, ms.
            inputs: a whole number to draw from; the same number gives the same pulses.
        """
        pulses = self.pulses(env, t_end, inputs)
        if not pulses:
            return None
        return ListedPulses(
            n_channels=env.io.num_channels,
            channels=tuple(sorted({channel for _, channel, _ in pulses})),
            pulses=tuple(pulses),
            phase_duration=self.phase_duration,
            dt=self.dt,
        )

    def pulses(self, env: Any, t_end: float, inputs: Any) -> list[Pulse]:
        """Return (onset ms, electrode, amplitude uA) of every pulse, by onset."""
        rng = np.random.default_rng(int(inputs))
        known = self.channels or tuple(range(env.io.num_channels))
        low, high = self.amplitude
        found: list[Pulse] = []
        time = self.start + rng.exponential(self.interval)
        while time + 2 * self.phase_duration + self.dt < t_end:
            onset = round(round(time / self.dt) * self.dt, 9)
            electrode = int(known[rng.integers(len(known))])
            found.append((onset, electrode, float(rng.uniform(low, high))))
            time += 2 * self.phase_duration + self.interval + rng.exponential(self.interval)
        return found


class ListedPulses(ElectrodePolicy):
    """Biphasic pulses, cathodic first, each on an electrode and of an amplitude of its own.

    Attributes:
        pulses: (onset ms, electrode, amplitude uA), by onset; they do not overlap.
        phase_duration: of each of the two phases, ms.
    """

    pulses: tuple[Pulse, ...] = ()
    phase_duration: float = 0.2

    def train(self, dt: float) -> PulseTrain:
        """Return the pulses on a grid of `dt` ms."""
        amplitudes = np.zeros((len(self.pulses), len(self.channels)))
        for row, (_, channel, amplitude) in enumerate(self.pulses):
            amplitudes[row, self.channels.index(channel)] = amplitude
        return pulse_train(
            n_channels=self.n_channels,
            channels=self.channels,
            onsets=[onset for onset, _, _ in self.pulses],
            amplitudes=amplitudes,
            phases=biphasic_phases(self.phase_duration, 0.0, cathodic_first=True),
            dt=dt,
        )
