"""What advances several copies of a network, each with its own seed, parameters and time."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.backend.contract import Changes, Engine, Probe
from livn.errors import Diverged
from livn.models.values import Value

Integers = NDArray[np.int64]
PopulationValues = Mapping[str, Mapping[str, Value]]  # population -> parameter -> value


@dataclass(frozen=True)
class CopiesOutput:
    """What one call of `advance` gave.

    Attributes:
        copies, gids, steps: of every spike, by copy, then by step of the call, then by gid.
        series: a series a probe, [n_copies, n_cells, n_samples].
        diverged: what `Engine.advance` would have raised, by copy.
    """

    copies: Integers
    gids: Integers
    steps: Integers
    series: list[NDArray[np.float64]]
    diverged: dict[int, Diverged] = field(default_factory=dict)


class Copies(ABC):
    """Copies of a network that are being simulated; each gives the bits an `Engine` would.

    Attributes:
        steps: taken by each copy since its start.
        streams: of random numbers, of each copy.
    """

    steps: list[int]
    streams: list[int]

    @abstractmethod
    def load(
        self, values: Sequence[PopulationValues], increments: Sequence[Mapping[str, float]]
    ) -> None:
        """Take parameter values and weights of every copy; an object seen before has not changed.

        States are kept.
        """

    @abstractmethod
    def advance(
        self, n_steps: int, inputs: Mapping[str, Changes], probes: Sequence[Probe]
    ) -> CopiesOutput:
        """Simulate `n_steps` of every copy; a population without input gets none."""

    @abstractmethod
    def reset(self, copies: Sequence[int]) -> None:
        """Let some copies go back to their step 0, the others stay where they are."""

    @abstractmethod
    def snapshot(self, copy: int) -> Any:
        """Return what an `Engine` in the state of a copy would."""

    @abstractmethod
    def restore(self, copy: int, snapshot: Any) -> None:
        """Let a copy continue from a snapshot of a copy or of an engine."""

    @abstractmethod
    def close(self) -> None:
        """Free all memory; the copies cannot be used afterwards."""


class InTurn(Copies):
    """Copies that are engines of their own, advanced one after the other."""

    def __init__(self, engines: Sequence[Engine], values: Sequence[PopulationValues]):
        self.engines = list(engines)
        self._loaded = [list(own.values()) for own in values]

    @property
    def steps(self) -> list[int]:  # type: ignore[override]
        """Steps taken by each copy."""
        return [engine.step for engine in self.engines]

    @property
    def streams(self) -> list[int]:
        """Streams of each copy."""
        return [engine.stream for engine in self.engines]

    @streams.setter
    def streams(self, streams: list[int]) -> None:
        for engine, stream in zip(self.engines, streams, strict=True):
            engine.stream = stream

    def load(
        self, values: Sequence[PopulationValues], increments: Sequence[Mapping[str, float]]
    ) -> None:
        """Hand what has changed to the engines."""
        for k, engine in enumerate(self.engines):
            for name, own in values[k].items():
                if not any(own is known for known in self._loaded[k]):
                    engine.load_parameters(name, own)
            engine.load_weights(increments[k])
            self._loaded[k] = list(values[k].values())

    def advance(
        self, n_steps: int, inputs: Mapping[str, Changes], probes: Sequence[Probe]
    ) -> CopiesOutput:
        """Simulate `n_steps` of one copy after the other."""
        gids, steps, diverged = [], [], {}
        samples: list[list[NDArray[np.float64]]] = []
        for k, engine in enumerate(self.engines):
            drives = {name: changes.of(k, n_steps) for name, changes in inputs.items()}
            try:
                output = engine.advance(n_steps, drives, probes)
            except Diverged as error:
                diverged[k] = error
                samples.append([])
                gids.append(np.empty(0, np.int64))
                steps.append(np.empty(0, np.int64))
                continue
            order = np.lexsort((output.gids, output.steps))
            gids.append(output.gids[order])
            steps.append(output.steps[order])
            samples.append(output.series)
        copies = np.repeat(np.arange(len(gids)), [len(g) for g in gids])
        series = _stacked(samples, len(probes))
        return CopiesOutput(copies, np.concatenate(gids), np.concatenate(steps), series, diverged)

    def reset(self, copies: Sequence[int]) -> None:
        """Reset the engines of some copies."""
        for k in copies:
            self.engines[k].reset()

    def snapshot(self, copy: int) -> Any:
        """Return the snapshot of the engine of a copy."""
        return self.engines[copy].snapshot()

    def restore(self, copy: int, snapshot: Any) -> None:
        """Let the engine of a copy continue from a snapshot."""
        self.engines[copy].restore(snapshot)

    def close(self) -> None:
        """Close the engines."""
        for engine in self.engines:
            engine.close()


def _stacked(
    samples: Sequence[Sequence[NDArray[np.float64]]], n_probes: int
) -> list[NDArray[np.float64]]:
    """Return [n_copies, n_cells, n_samples] of each probe, nan where a copy has none."""
    stacked = []
    for k in range(n_probes):
        shape = next((own[k].shape for own in samples if own), (0, 0))
        stacked.append(np.stack([own[k] if own else np.full(shape, np.nan) for own in samples]))
    return stacked
