"""What stays the same of an Env while its numbers are differentiated."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn import random
from livn.arrays import Array
from livn.backend.diffrax.culture import Cells, Clock, Wiring, structure, wiring
from livn.backend.diffrax.culture import clock as clock_at
from livn.backend.network import Network
from livn.env.drive import Inputs
from livn.env.parameters import Parameters
from livn.env.recording import Recorder
from livn.errors import InvalidValue
from livn.models.model import Model


@dataclass(frozen=True, eq=False)
class Culture:
    """Cells, synapses, names and recordings; two are the same only if they are one object.

    Attributes:
        parameters: knows the names, and the values at the start.
        dt: step, ms.
        seed, stream: of the noise where no key is given.
    """

    network: Network
    model: Model
    parameters: Parameters
    recorder: Recorder
    dt: float
    seed: int
    stream: int

    @cached_property
    def cells(self) -> tuple[Cells, ...]:
        """Code of every population."""
        return structure(self.network, self.dt)

    @cached_property
    def _wired(self) -> tuple[Wiring, int]:
        return wiring(self.network, self.dt, 1, derivatives=True)

    @property
    def wiring(self) -> Wiring:
        """Who is connected to whom."""
        return self._wired[0]

    @property
    def n_rows(self) -> int:
        """Steps that are remembered."""
        return self._wired[1]

    @cached_property
    def inputs(self) -> Inputs:
        """How stimuli reach the cells."""
        return Inputs(self.network, self.model)

    @property
    def sites(self) -> list[int]:
        """Sites of the random numbers, in the order of the keys."""
        return [draw.site for c in self.cells for draw in c.draws]

    def key(self, stream: int, seed: int) -> NDArray[np.uint32]:
        """Return the key words of a realisation of the noise, [n_draws, 2]."""
        words = [random.key(seed, stream, site) for site in self.sites]
        return np.array(words, np.uint32).reshape(-1, 2)

    def clock(self, step: int, n_steps: int, key: Array) -> Clock:
        """Return the clock of a run from `step` on.

        Raises:
            InvalidValue: if the key is not one of this culture.
        """
        if key.shape != (len(self.sites), 2):
            raise InvalidValue(
                f"noise key is not of this culture: got shape {key.shape}; need "
                f"({len(self.sites)}, 2). Use env.noise_key(stream).",
                got=key.shape,
            )
        found, until = clock_at(self.cells, self.seed, self.stream, step, self.n_rows)
        if n_steps > until:
            raise InvalidValue(
                f"run crosses a change of noise keys: got {n_steps} steps from {step}; at most "
                f"{until} in one run. Run up to there first.",
                got=n_steps,
                allowed=until,
            )
        return found._replace(keys=key)


def values_at_start(parameters: Parameters) -> dict[str, dict[str, Any]]:
    """Return population -> the free parameters in force."""
    return {
        name: {n: parameters.values(name)[n] for n in population.equations.parameters}
        for name, population in parameters.network.populations.items()
    }
