"""Amplifier: what real electrodes and electronics make of commands and of a potential.

Every disturbance is off unless it is asked for, and is a function of (seed, stream, channel,
sample) alone, so that windows recorded one after the other equal one long recording.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from livn import random
from livn.errors import InvalidValue
from livn.stimulus.phases import Phases

Floats = NDArray[np.float64]

# What draws, far from the sites of the noise of cells.
NOISE_SITE, DROPOUT_SITE = 1 << 40, (1 << 40) + 1
GONE = 10.0  # time constants after which an artefact is over: 5e-5 of it are left


@dataclass(frozen=True)
class Amplifier:
    """Noise, artefact, blanking, saturation and dead electrodes, in the order they act.

    Attributes:
        noise_uv: standard deviation of white noise of each sample, uV; 2 to 10 are usual.
        artefact_uv: potential on the stimulating electrode per uA of a phase, while it lasts, uV.
        artefact_tau_ms: with which it decays after the phase, ms; over after 10 of them.
        artefact_spread: share of it on every other electrode.
        saturation_uv: larger potentials are cut to this, of either sign, uV.
        blanking_ms: after the end of each phase all channels are 0 for this time, and during it;
            None blanks nothing.
        dropout: share of electrodes that are dead: they record 0 and pass no current; which,
            follows from the seed.

    Raises:
        InvalidValue: if a number is negative, or a share above 1.
    """

    noise_uv: float = 0.0
    artefact_uv: float = 0.0
    artefact_tau_ms: float = 1.0
    artefact_spread: float = 0.1
    saturation_uv: float = inf
    blanking_ms: float | None = None
    dropout: float = 0.0

    def __post_init__(self) -> None:
        shares = {"artefact_spread", "dropout"}
        for name, value in vars(self).items():
            most = 1.0 if name in shares else inf
            if value is not None and not 0.0 <= value <= most:
                raise InvalidValue(
                    f"amplifier {name} is out of range: got {value!r}; need 0 to {most:g}.",
                    got=value,
                    allowed=(0.0, most),
                )
        if self.artefact_uv and not self.artefact_tau_ms:
            raise InvalidValue(
                "amplifier artefact_tau_ms is out of range: got 0; need more than 0 ms.", got=0.0
            )

    def record(
        self,
        potential: Floats,
        dt: float,
        seed: int = 0,
        stream: int = 0,
        start: int = 0,
        phases: Phases | None = None,
    ) -> Floats:
        """Return what is recorded of the potential at the electrodes.

        Args:
            potential: uV, shape (n_channels, n_samples).
            dt: between samples, ms.
            seed, stream: of the noise; which electrodes are dead follows from the seed.
            start: number of the first sample.
            phases: of the commands, their times from sample 0, ms. Those on dead electrodes make
                no artefact and blank as others do.

        Returns:
            uV, of the same shape.
        """
        recorded: Floats = np.array(potential, np.float64)
        n_channels, n_samples = recorded.shape
        dead = self.dead(n_channels, seed)
        if self.noise_uv:
            key = random.key(seed, stream, NOISE_SITE)
            draws = random.normals(key, np.arange(n_channels), start, n_samples)
            recorded += self.noise_uv * draws[0].T
        times: Floats = np.arange(start, start + n_samples) * np.float64(dt)
        if phases is not None and self.artefact_uv:
            recorded += self._artefact(phases, times, dead)
        np.clip(recorded, -self.saturation_uv, self.saturation_uv, out=recorded)
        if phases is not None and self.blanking_ms is not None:
            recorded[:, self._blank(phases, times)] = 0.0
        recorded[dead] = 0.0
        return recorded

    def dead(self, n_channels: int, seed: int = 0) -> NDArray[np.bool_]:
        """Return which electrodes neither record nor pass current, shape (n_channels,)."""
        if not self.dropout:
            return np.zeros(n_channels, bool)
        drawn = random.uniforms(random.key(seed, 0, DROPOUT_SITE), np.arange(n_channels), 0, 1)
        return np.asarray(drawn[0, 0] < self.dropout)

    def lasting_ms(self) -> float:
        """Return how long after a phase it is still seen, ms."""
        return max(
            GONE * self.artefact_tau_ms if self.artefact_uv else 0.0, self.blanking_ms or 0.0
        )

    def _artefact(self, phases: Phases, times: Floats, dead: NDArray[np.bool_]) -> Floats:
        """Return the artefact of all phases, uV; where no current passes there is none."""
        found = np.zeros((dead.size, times.size))
        for k in np.flatnonzero(~dead[phases.channel]):
            end = phases.start[k] + phases.duration[k]
            over = end + GONE * self.artefact_tau_ms
            seen = slice(*np.searchsorted(times, [phases.start[k] - 1e-9, over + 1e-9]))
            after = np.maximum(0.0, times[seen] - end)
            shape = np.exp(-after / self.artefact_tau_ms)
            shape *= self.artefact_uv * phases.current[k]
            found[:, seen] += self.artefact_spread * shape
            found[phases.channel[k], seen] += (1.0 - self.artefact_spread) * shape
        return found

    def _blank(self, phases: Phases, times: Floats) -> NDArray[np.bool_]:
        """Return at which samples every channel is blanked."""
        blank = np.zeros(times.size, bool)
        ends = phases.start + phases.duration + (self.blanking_ms or 0.0)
        for start, end in zip(phases.start, ends, strict=True):
            blank |= (times >= start - 1e-9) & (times < end - 1e-9)
        return blank
