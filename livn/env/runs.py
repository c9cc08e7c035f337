"""What came out of a batch."""

from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from livn.backend.contract import Changes, Output
from livn.backend.copies import CopiesOutput
from livn.env.recording import Recorder
from livn.errors import Diverged
from livn.run import Run
from livn.run.checks import on_grid

Values = Mapping[str, Mapping[str, Any]]


class Runs(Sequence[Run]):
    """The run of every copy of a batch over the same duration; a Run is made when asked for.

    The spikes of all copies are also there as three arrays, sorted by copy, then as in a Run.

    Attributes:
        t0: time at which the window of each copy starts, ms, shape (n_copies,).
        duration: length of the windows, ms.
        diverged: copies whose voltages are no numbers any more; asking for their Run raises.
    """

    def __init__(
        self, output: CopiesOutput, recorder: Recorder, inputs: Mapping[str, Changes],
        values: Sequence[Values], dt: float, n_steps: int, t0: NDArray[np.float64],
    ):  # fmt: skip
        self.t0, self.duration = t0, float(on_grid(n_steps * dt))
        self.diverged = tuple(output.diverged)
        self._output, self._recorder, self._inputs = output, recorder, inputs
        self._values, self._dt, self._n_steps = values, dt, n_steps
        self._where = recorder.probes(dt, n_steps)[1]
        self._kept = recorder.kept(output.gids)
        self._bounds = np.searchsorted(output.copies, np.arange(len(t0) + 1))

    @property
    def copies(self) -> NDArray[np.int64] | None:
        """Copy of each spike, ascending, shape (n_spikes,); None if spikes were not recorded."""
        return self._output.copies[self._kept] if self._recorder.spikes else None

    @property
    def spike_ids(self) -> NDArray[np.int64] | None:
        """Gid of each spike, shape (n_spikes,); None if spikes were not recorded."""
        return self._output.gids[self._kept] if self._recorder.spikes else None

    @property
    def spike_times(self) -> NDArray[np.float64] | None:
        """Time of each spike, ms, shape (n_spikes,); None if spikes were not recorded."""
        if not self._recorder.spikes:
            return None
        times: NDArray[np.float64] = on_grid(self._output.steps[self._kept] * self._dt)
        return times

    def __len__(self) -> int:
        return len(self.t0)

    @overload
    def __getitem__(self, which: int) -> Run: ...

    @overload
    def __getitem__(self, which: slice) -> list[Run]: ...

    def __getitem__(self, which: int | slice) -> Run | list[Run]:
        if isinstance(which, slice):
            return [self[k] for k in range(len(self))[which]]
        k = range(len(self))[which]
        if k in self._output.diverged:
            raise self._output.diverged[k]
        own = slice(self._bounds[k], self._bounds[k + 1])
        series = [s[k] for s in self._output.series]
        output = Output(self._output.gids[own], self._output.steps[own], series)
        channels = self._recorder.spikes_of(output, self._dt, self.duration)
        run = Run(channels, float(self.t0[k]), self.duration)
        if not self._where:
            return run
        drives = {name: changes.of(k, self._n_steps) for name, changes in self._inputs.items()}
        return self._recorder.add_series(
            run, output, self._where, drives, self._values[k], self._dt
        )

    def __repr__(self) -> str:
        return f"Runs({len(self)} of {self.duration:g} ms)"


class CopiesDiverged(Diverged):
    """Voltages of some copies of a batch became nan or infinite; `got` lists the copies.

    Attributes:
        runs: of all copies; those of the others are as they would have been.
    """

    runs: Runs


def copies_diverged(runs: Runs, errors: Mapping[int, Diverged]) -> CopiesDiverged:
    """Return the error for copies whose voltages are no numbers any more."""
    copies = list(errors)
    error = CopiesDiverged(
        f"copies {copies} of {len(runs)} diverged: got in copy {copies[0]}: "
        f"{errors[copies[0]].message} The others are in `runs` of this error. Clear these with "
        f"batch.clear({copies}).",
        got=copies,
    )
    error.runs = runs
    return error
