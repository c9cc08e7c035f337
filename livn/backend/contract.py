"""What a backend must offer. The contract suite in tests/ holds every backend to it.

A backend is a package with `CAPABILITIES`, `POINT_MODEL` (the model that "point" means) and
`build(network, dt, seed, values, increments, **options) -> Engine`.
An engine knows steps, not milliseconds of the user, and takes its numbers as arrays: the Env has
checked everything before it calls.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livn.backend.network import Network, Population
from livn.errors import Diverged, NotSupported
from livn.models.values import Value
from livn.types import Capability

if TYPE_CHECKING:
    from livn.backend.copies import Copies

# What every backend that simulates cultures can do.
CULTURES = frozenset(
    {
        Capability.SIMULATION,
        Capability.PER_GID_VOLTAGE,
        Capability.NOISE,
        Capability.REPLAYABLE_NOISE,
        Capability.EXTRACELLULAR_STIMULUS,
    }
)


@dataclass(frozen=True)
class Drive:
    """Input to one population, constant for `hold` steps per sample and zero afterwards.

    Sample k acts on steps [k hold, (k+1) hold) of the call. Most samples of a pulse train are
    zero, so only distinct rows are kept: sample k is `rows[name][index[k]]`, and row 0 is zero.

    Attributes:
        hold: steps per sample.
        index: int64 [n_samples].
        rows: input name (`I_<section>` nA, `G_<section>` µS) -> float64 [n_rows, n_cells].
    """

    hold: int
    index: NDArray[np.int64]
    rows: Mapping[str, NDArray[np.float64]]

    def row(self, step: int) -> int:
        """Return the row in force at a step of the call."""
        sample = step // self.hold
        return int(self.index[sample]) if sample < len(self.index) else 0

    def changes(self) -> "Changes":
        """Return when the row in force becomes another one."""
        played = np.zeros(len(self.index) + 2, np.int64)
        played[1:-1] = self.index
        at = (played[1:] != played[:-1]).nonzero()[0]
        return Changes(at * self.hold, np.zeros(len(at), np.int64), played[1:][at], self.rows)


@dataclass(frozen=True)
class Changes:
    """Input to one population of several copies: from a step on a row, until the next change.

    Attributes:
        steps: of the call, int64 [n_changes], ascending.
        copies: whose input changes, int64 [n_changes].
        which: the row in force from then on, int64 [n_changes].
        rows: as of a `Drive`; row 0 is zero.
    """

    steps: NDArray[np.int64]
    copies: NDArray[np.int64]
    which: NDArray[np.int64]
    rows: Mapping[str, NDArray[np.float64]]

    def of(self, copy: int, n_steps: int) -> Drive:
        """Return the input of one copy during `n_steps`."""
        mine = self.copies == copy
        number = np.searchsorted(self.steps[mine], np.arange(n_steps), side="right")
        return Drive(1, np.append(0, self.which[mine])[number], self.rows)


@dataclass(frozen=True)
class InputSpikes:
    """Spikes that only the synapses of a cell know of: the cell does nothing.

    Attributes:
        cells: place of each among all cells of the network, int64 [n].
        steps: of the call, ascending, int64 [n].
    """

    cells: NDArray[np.int64]
    steps: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.steps)

    def at(self, step: int) -> NDArray[np.int64]:
        """Return the cells whose synapses are told of a spike in a step of the call."""
        if not len(self):
            return self.cells
        first, last = np.searchsorted(self.steps, (step, step + 1))
        return self.cells[first:last]


NO_SPIKES = InputSpikes(np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(frozen=True)
class Probe:
    """A request to sample `variable` of a population, every `every` steps from the first.

    The sample at step k is the state before that step.
    """

    population: str
    variable: str
    every: int
    cells: NDArray[np.int64] | None = None


@dataclass
class Output:
    """What one call of `advance` gave: spikes as (gid, step of the call), and a series a probe."""

    gids: NDArray[np.int64]
    steps: NDArray[np.int64]
    series: list[NDArray[np.float64]] = field(default_factory=list)  # [n_cells, n_samples] each


def check_finite(
    population: Population, voltages: Sequence[NDArray[np.floating]], t: float
) -> None:
    """Refuse voltages [n_cells] of a population that are not finite at time `t` ms.

    Raises:
        Diverged: naming the cells.
    """
    bad = ~np.all(np.isfinite(voltages), axis=0)
    if bad.any():
        gids = population.gids[bad].tolist()
        shown = ", ".join(map(str, gids[:10])) + (" ..." if len(gids) > 10 else "")
        raise Diverged(
            f"voltage of {population.name} is not finite: got nan or inf in {len(gids)} of "
            f"{len(population)} cells (gids {shown}) by t = {t:g} ms. Use a smaller step or weaker "
            "input, then call env.clear().",
            got=gids,
        )


class Engine(ABC):
    """A network that is being simulated. `step` counts from 0 and never skips."""

    network: Network
    dt: float
    seed: int
    stream: int = 0
    step: int = 0

    @abstractmethod
    def load_parameters(self, population: str, values: Mapping[str, Value]) -> None:
        """Take the parameter values of a population (all of them, free and derived)."""

    @abstractmethod
    def load_weights(self, increments: Mapping[str, float]) -> None:
        """Take weight key -> conductance one event adds, µS."""

    @abstractmethod
    def advance(
        self,
        n_steps: int,
        drives: Mapping[str, Drive],
        probes: Sequence[Probe],
        played: InputSpikes = NO_SPIKES,
    ) -> Output:
        """Simulate `n_steps`; a population without a drive gets none.

        Events of `played` spikes arrive as those of spikes of the cells in the same step would.

        Raises:
            Diverged: if a voltage is not finite at the end, naming the cells (`check_finite`).
        """

    @abstractmethod
    def reset(self) -> None:
        """Go back to step 0 with the initial state of the loaded parameters, no event in flight."""

    @abstractmethod
    def snapshot(self) -> Any:
        """Return everything that decides the future, a dict with the "step"; can be pickled."""

    @abstractmethod
    def restore(self, snapshot: Any) -> None:
        """Continue from a snapshot of this or of an identical engine."""

    @abstractmethod
    def close(self) -> None:
        """Free all memory; the engine cannot be used afterwards."""

    def batch(
        self,
        seeds: Sequence[int],
        values: Sequence[Mapping[str, Mapping[str, Value]]],
        increments: Sequence[Mapping[str, float]],
    ) -> "Copies | None":
        """Return new copies of the network that are advanced together.

        None where the backend does not do that: copies are then engines advanced in turn.

        Args:
            seeds, values, increments: of each copy, as `build` takes them.
        """
        return None

    def native(self) -> Any:
        """Return the simulator's own network object.

        Raises:
            NotSupported: where there is none.
        """
        raise NotSupported(
            f"backend {self.describe()} has no network object of its own; brian2 has one."
        )

    def describe(self) -> str:
        """Return in one line how the network is computed."""
        return type(self).__module__
