"""From indices to rows: a culture that is made once and simulates samples, several at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.sampling.design import Design
from experiments.sampling.encodings import PulseEncoding
from experiments.sampling.table import Recorded, row
from experiments.specs import make_encoding
from livn.env import Env
from livn.env.batch import EnvBatch
from livn.env.runs import CopiesDiverged, Runs
from livn.errors import InvalidValue, NotSupported
from livn.run import Run
from livn.types import Encoding

Rows = list[dict[str, Any]]


class Simulator:
    """Simulates samples of a design; a row does not depend on which others are made with it.

    Args:
        design: what the rows are.
        comm: communicator of this worker, of one rank.

    Raises:
        NotSupported: if several ranks are to simulate a sample together.
    """

    def __init__(self, design: Design, comm: Any = None):
        if comm is not None and comm.Get_size() > 1:
            raise NotSupported(
                f"samples are simulated by one rank each: got {comm.Get_size()} ranks to a "
                "simulation. Leave subworld out; n is how many work at once."
            )
        self.design = design
        self._env = Env(
            design.system, design.model, seed=design.seed, comm=comm, backend=design.backend
        ).init()
        self._encodings = [make_encoding(spec) for spec in design.encodings]
        self._io_of: list[dict[str, Any]] = []
        self._own: list[dict[str, Any]] = []
        for each in design.parameters:
            self._io_of.append({k: v for k, v in each.items() if k.startswith("io-")})
            self._own.append({k: v for k, v in each.items() if not k.startswith("io-")})
        if any(io != self._io_of[0] for io in self._io_of):
            raise InvalidValue(
                "parameter sets differ in how the array reaches the cells: got io- keys "
                f"{sorted({k for io in self._io_of for k in io})}; samples share one array. "
                "Make a dataset for each.",
                got=self._io_of,
            )
        self._env.set_params(self._io_of[0])
        self._env.record_spikes()
        if design.potential_dt is not None:
            self._env.record_membrane_current(dt=design.potential_dt)
        self._fresh = self._env.snapshot()
        self._copies: EnvBatch | None = None

    def __call__(self, indices: Sequence[int]) -> Rows:
        """Return the rows of these samples, simulated side by side."""
        batch = self._batch(len(indices)).restore(self._fresh)
        batch.set_params([self._own[self.design.parameter_set(i)] for i in indices])
        batch.clear().reseed_noise(list(indices))
        inputs = [self._inputs(index) for index in indices]
        stimuli = [self._stimulus(i, x) for i, x in zip(indices, inputs, strict=True)]
        runs, potentials = self._advance(batch, stimuli)
        return [
            row(self.design, index, self._recorded(index, runs[k], potentials[k], inputs[k]))
            for k, index in enumerate(indices)
        ]

    def close(self) -> None:
        """Free the memory of the culture."""
        if self._copies is not None:
            self._copies.close()
        self._env.close()

    def _batch(self, n: int) -> EnvBatch:
        """Return `n` copies of the culture; those of another number are given up."""
        if self._copies is None or len(self._copies) != n:
            if self._copies is not None:
                self._copies.close()
            self._copies = self._env.batch(n)
        return self._copies

    def _advance(
        self, batch: EnvBatch, stimuli: list[Any]
    ) -> tuple[list[Run | None], list[NDArray[np.float32] | None]]:
        """Return the run of each copy, None where it diverged, and its electrode potentials."""
        try:
            runs: Runs = batch.run(self.design.duration, stimuli)
        except CopiesDiverged as error:
            runs = error.runs
        each = [None if k in runs.diverged else runs[k] for k in range(len(runs))]
        return each, [None if run is None else self._potential(run) for run in each]

    def _potential(self, run: Run) -> NDArray[np.float32] | None:
        step = self.design.potential_dt
        if step is None:
            return None
        first = round(self.design.warmup / step)
        currents = np.asarray(run.current)[:, first:]
        return self._env.potential_recording(currents, run.current_ids).astype(np.float32)

    def _encoding(self, index: int) -> Encoding | None:
        return self._encodings[self.design.encoding(index)]

    def _inputs(self, index: int) -> Any:
        """Return what the encoding gets: a draw from its space, else the number to draw from."""
        encoding, draw = self._encoding(index), self.design.draw(index)
        if encoding is None:
            return None
        try:
            space = encoding.input_space
        except NotSupported:
            return draw
        space.seed(draw % 2**32)
        return space.sample()

    def _stimulus(self, index: int, inputs: Any) -> Any:
        encoding = self._encoding(index)
        return None if encoding is None else encoding(self._env, self.design.duration, inputs)

    def _recorded(
        self, index: int, run: Run | None, potential: NDArray[np.float32] | None, inputs: Any
    ) -> Recorded:
        encoding, env = self._encoding(index), self._env
        pulses = None
        if isinstance(encoding, PulseEncoding):
            pulses = encoding.pulses(env, self.design.duration, inputs)
        return Recorded(
            model=env.model.params_key(),
            n_cells=len(env.simulated_gids()),
            run=run,
            heard=[] if run is None else self._heard(run),
            potential=potential,
            inputs=None if encoding is None or isinstance(inputs, int) else np.asarray(inputs),
            pulses=pulses,
        )

    def _heard(self, run: Run) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Return (gids, times) of the spikes each electrode hears, none without an array."""
        try:
            gids, times = self._env.channel_recording(run.spike_ids, run.spike_times)
        except NotSupported:
            return []
        return [(gids[c], times[c]) for c in gids]


def simulator(design: Design) -> Callable[[Any], Simulator]:
    """Return the factory of a pool of workers: communicator -> what simulates samples there."""
    return _Factory(design)


class _Factory:
    """A factory that can be sent to a worker."""

    def __init__(self, design: Design):
        self._design = design

    def __call__(self, comm: Any = None) -> Simulator:
        return Simulator(self._design, comm)
