"""The native engine: all steps of a run inside one compiled function."""

from collections.abc import Mapping, Sequence
from typing import Any

from livn.backend.contract import (
    NO_SPIKES,
    Changes,
    Drive,
    Engine,
    InputSpikes,
    Output,
    Probe,
    check_finite,
)
from livn.backend.native.copies import NativeCopies
from livn.backend.native.culture import Culture
from livn.backend.native.numbers import gather_numbers
from livn.backend.network import Network
from livn.models.values import Value


class NativeEngine(Engine):
    """A network in arrays, advanced by code made for its equations."""

    def __init__(
        self,
        network: Network,
        dt: float,
        seed: int,
        values: Mapping[str, Mapping[str, Value]],
        increments: Mapping[str, float],
        precision: str,
        threads: int,
    ):
        self.network, self.dt, self.seed = network, dt, seed
        self.precision, self.threads = precision, threads
        self._values = {name: dict(own) for name, own in values.items()}
        self._increments = dict(increments)
        loaded = gather_numbers(network, dt, [self._values], [self._increments])
        self.culture = Culture(network, 1, dt, loaded, [seed], precision, threads)

    @property
    def step(self) -> int:  # type: ignore[override]
        """Steps taken since the start."""
        return self.culture.steps[0]

    @property
    def stream(self) -> int:
        """Stream of the random numbers."""
        return self.culture.streams[0]

    @stream.setter
    def stream(self, stream: int) -> None:
        self.culture.streams = [stream]
        self.culture.rekey()

    # numbers

    def load_parameters(self, population: str, values: Mapping[str, Value]) -> None:
        """Take new parameter values; the state is kept."""
        self._values[population] = dict(values)
        self._load()

    def load_weights(self, increments: Mapping[str, float]) -> None:
        """Take new weights; events in flight arrive with them."""
        self._increments |= increments
        self._load()

    def _load(self) -> None:
        before = self.culture.loaded
        self.culture.load(
            gather_numbers(self.network, self.dt, [self._values], [self._increments], before)
        )

    # time

    def advance(
        self,
        n_steps: int,
        drives: Mapping[str, Drive],
        probes: Sequence[Probe],
        played: InputSpikes = NO_SPIKES,
    ) -> Output:
        """Simulate `n_steps`."""
        inputs: dict[str, Changes] = {}
        for name, drive in drives.items():  # of one stimulus, so most share the same samples
            same = [n for n in inputs if drives[n].index is drive.index]
            c = inputs[same[0]] if same else drive.changes()
            inputs[name] = Changes(c.steps, c.copies, c.which, drive.rows)
        _, gids, steps, series = self.culture.advance(n_steps, inputs, probes, played)
        if not self.culture.finite():
            for name, voltages in self.culture.voltages(0).items():
                check_finite(self.network.populations[name], voltages, self.step * self.dt)
        return Output(gids, steps, series)

    # state

    def reset(self) -> None:
        """Go back to step 0: states and events in flight."""
        self.culture.reset([0])

    def snapshot(self) -> Any:
        """Return states, events in flight and the step, as numpy arrays."""
        return self.culture.snapshot(0)

    def restore(self, snapshot: Any) -> None:
        """Continue from a snapshot."""
        self.culture.restore(0, snapshot)

    def close(self) -> None:
        """Drop all arrays and threads."""
        self.culture.close()

    def describe(self) -> str:
        """Return the precision, the number of threads, and what was compiled or loaded."""
        compiled = self.culture.compiled
        told = []
        for origin in ("compiled", "loaded"):
            seconds = [c.seconds for c in compiled if c.origin == origin]
            if seconds:
                told.append(f"{len(seconds)} functions {origin} in {sum(seconds):.1f} s")
        told += sorted({f"not kept: {c.unkept}" for c in compiled if c.unkept})
        code = ", ".join(told) or "code in memory"
        return f"native, {self.precision}, threads={self.threads} ({code})"

    def batch(
        self,
        seeds: Sequence[int],
        values: Sequence[Mapping[str, Mapping[str, Value]]],
        increments: Sequence[Mapping[str, float]],
    ) -> NativeCopies:
        """Return copies that are advanced together, by as many threads as this engine has."""
        return NativeCopies(
            self.network, self.dt, seeds, values, increments, self.precision, self.threads
        )
