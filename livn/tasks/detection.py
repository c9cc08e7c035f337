"""Detection: a culture as a task sees it through electrodes, an amplifier and a threshold."""

from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from livn.env.gymnasium import Spikes
from livn.errors import InvalidState, NotSupported
from livn.io.amplifier import Amplifier
from livn.io.detection import Detector
from livn.run import Run
from livn.stimulus.phases import Phases, phases_of

SAMPLE = 0.05  # ms, 20 kHz
SETTLING, CALIBRATING = 3, 10  # windows of culture: all cells start alike, and fire together
WINDOW = 100.0  # ms

Floats = NDArray[np.float64]


@runtime_checkable
class Pulsing(Protocol):
    """An encoding that tells what electrodes play."""

    n_channels: int
    dt: float

    def commands(self, t_end: float, inputs: Any) -> Any:
        """Return the commands for an action, uA, as an array of shape (n_steps, n_channels)."""


class Detection:
    """What an array detects of a culture, step after step.

    Thresholds are calibrated once, on a second of the culture without stimuli on noise stream 0.

    Args:
        env: the culture, left as it is; records membrane currents every `SAMPLE` ms.
        encoding: plays the actions.
        amplifier: between electrodes and threshold.
        n_sigma: threshold in standard deviations of the noise of each channel.

    Attributes:
        culture: what it was calibrated on.
        per_spike: spikes of cells per detected spike, in what it was calibrated on.

    Raises:
        NotSupported: if the encoding does not tell what it plays.
    """

    def __init__(self, env: Any, encoding: Any, amplifier: Amplifier, n_sigma: float):
        self._gain = np.asarray(env.source_gain())
        if not isinstance(encoding, Pulsing) or encoding.n_channels != len(self._gain):
            raise NotSupported(
                f"amplifier does not see what is played: got encoding {encoding!r}; need one that "
                f"tells commands of {len(self._gain)} channels, such as PulseAmplitudes."
            )
        self.culture = env.culture(), env.seed
        self._encoding, self._amplifier = encoding, amplifier
        self._dead = amplifier.dead(len(self._gain), env.seed)
        self._played: list[Phases] = []
        self._action: Any = None
        self._detector, self.per_spike = self._calibrated(env, n_sigma)

    def _calibrated(self, env: Any, n_sigma: float) -> tuple[Detector, float]:
        """Return detector, and spikes of cells per spike that it finds."""
        stream, now = env.stream, env.snapshot() if env.t else None
        env.clear().reseed_noise(0)
        for _ in range(SETTLING):
            env.run(WINDOW)
        parts, n_fired = [], 0
        for _ in range(CALIBRATING):
            run = env.run(WINDOW)
            parts.append(self._record(run, env))
            n_fired += len(run.spike_times)
        if now is None:
            env.clear().reseed_noise(stream)
        else:
            env.restore(now)
        recorded = np.concatenate(parts, axis=1)
        detector = Detector.calibrated(recorded, SAMPLE, n_sigma)
        return detector, n_fired / max(1, len(detector.detect(recorded).samples))

    @property
    def n_channels(self) -> int:
        """Number of electrodes."""
        return len(self._gain)

    def begin(self) -> None:
        """Forget what was played and found."""
        self._played, self._action, self._detector = [], None, replace(self._detector)

    def passing(self, action: Any) -> Any:
        """Return what of the next action passes: nothing on dead electrodes."""
        self._action = np.asarray(action)
        return np.where(self._dead, np.float32(0.0), self._action)

    def detect(self, run: Run, env: Any) -> Spikes:
        """Return what is found in the run in which the last action was played.

        Raises:
            InvalidState: if membrane currents were not recorded.
        """
        if run.current is None:
            raise InvalidState(
                f"membrane currents are missing from the run: got {run!r}. Call setup(env) first."
            )
        if self._action is not None and run.duration is not None:
            commands = np.asarray(self._encoding.commands(run.duration, self._action))
            phases = phases_of(commands[None], self._encoding.dt)
            if phases.start.size:
                self._played.append(replace(phases, start=phases.start + run.t0))
            self._action = None
        start = round(run.t0 / SAMPLE)
        samples, channels = self._detector.detect(self._record(run, env), start)
        times: Floats = np.float64(SAMPLE) * (samples - start)
        return Spikes(times, channels)

    def _record(self, run: Run, env: Any) -> Floats:
        """Return what the amplifier makes of the potential, uV."""
        ending = run.t0 - self._amplifier.lasting_ms()
        self._played = [p for p in self._played if p.end >= ending]
        seen = Phases.joined(self._played) if self._played else None
        potential: Floats = self._gain @ np.asarray(run.current, np.float64)
        start = round(run.t0 / SAMPLE)
        return self._amplifier.record(potential, SAMPLE, env.seed, env.stream, start, seen)
