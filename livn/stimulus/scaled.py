"""The same pulses on every electrode, each with an amplitude of its own."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ScaledPulses:
    """Commands that are one waveform times an amplitude for each electrode.

    What they do to the cells is added up over the electrodes once, not at every step. As an array
    they are their commands.

    Attributes:
        waveform: of an amplitude of 1, finite, read-only, shape (n_steps, 1).
        amplitudes: uA, finite, shape (n_channels,).
        dt: step, ms.
    """

    waveform: NDArray[np.floating]
    amplitudes: NDArray[np.floating]
    dt: float

    @property
    def commands(self) -> NDArray[np.floating]:
        """The commands, uA, shape (n_steps, n_channels)."""
        return self.waveform * self.amplitudes

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.commands, dtype)
