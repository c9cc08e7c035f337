"""The Env: record, run, set, clear."""

from dataclasses import dataclass
from hashlib import sha256
from math import inf
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from livn.arrays import positive
from livn.env.cells import CellRegistry
from livn.env.drive import make_drives
from livn.env.parameters import Change
from livn.env.plasticity import Plasticity
from livn.env.recorded import Recorded
from livn.env.touch import Touch
from livn.env.tuning import Tuning
from livn.errors import InvalidType, InvalidValue
from livn.run import Run
from livn.stimulus import Stimulus
from livn.types import Decoding, Encoding

_TOLERANCE = 1e-9  # ms, below which a time is taken to be on the grid


@dataclass(frozen=True)
class Snapshot:
    """Everything that decides the future of an Env but its io; can be pickled.

    Attributes:
        culture: what it was taken of: backend, model, system, and the cells that are simulated.
    """

    culture: dict[str, str]
    dt: float
    engine: Any
    stream: int
    params: Change
    stimulus_dt: float | None


class Env(Tuning, Recorded, Touch, Plasticity):
    """A culture: a system whose cells follow a model, touched through an io, on one backend.

    Args:
        system: name of a predefined system, directory or URL; a System; a number of unconnected
            cells or {population: number}.
        model: how cells move, a Model or the name of one ("Izhikevich"; "point" for the default
            point model of the backend); None for the system's default.
        io: how it is touched; None for the system's electrode array.
        seed: of everything random; the same seed gives the same bits.
        comm: MPI communicator; backends without MPI take None or one of size 1.
        subworld_size: ranks per simulation, for backends with MPI.
        backend: name of the backend; None for LIVN_BACKEND, else brian2.
        options: of the backend, such as `target="cython"` of brian2.

    Attributes:
        t: time since the start, ms.
        encoding, decoding: of the last `env(decoding, inputs, encoding)`.

    Raises:
        BackendNotFound: if the backend does not work here.
        UnknownName, InvalidType, InvalidValue: if system, model or seed make no sense.
    """

    encoding: Encoding | None = None
    decoding: Decoding | int | None = None

    @property
    def cells(self) -> CellRegistry:
        """The cells and their parameters."""
        return CellRegistry(self)

    # state

    def snapshot(self) -> Snapshot:
        """Return the state, to be continued from by `restore`, here or in an identical Env."""
        engine, params = self.engine, self.parameters.everything()
        return Snapshot(
            self._culture(), engine.dt, engine.snapshot(), self._stream, params, self._stimulus_dt
        )

    def restore(self, snapshot: Any) -> Self:
        """Continue from a snapshot, bit for bit in an Env of the same seed.

        An Env of another seed is a branch: it starts from the state of the snapshot and continues
        with its own seed, that is with other noise and other drawn cell parameters.

        Raises:
            InvalidType: if it is not a snapshot.
            InvalidValue: if it was taken of other cells, another system or model, or on another
                backend.
        """
        self._check_open()
        if not isinstance(snapshot, Snapshot):
            raise InvalidType(f"no snapshot: got {snapshot!r}; need what env.snapshot() returned.")
        own = self._culture()
        other = [name for name in own if snapshot.culture[name] != own[name]]
        if other:
            got, wanted = ({n: c[n] for n in other} for c in (snapshot.culture, own))
            raise InvalidValue(
                f"snapshot is of another culture: got {got}; this one is {wanted}. "
                "Make an Env like the one it was taken of.",
                got=got,
                allowed=wanted,
            )
        self.parameters.replace(snapshot.params)
        engine = self._engine
        if engine is None or engine.dt != snapshot.dt:
            engine = self._build(snapshot.dt)
        else:
            self._load(list(self.network_plan.populations))
        engine.restore(snapshot.engine)
        self._stimulus_dt = snapshot.stimulus_dt
        return self.reseed_noise(snapshot.stream)

    def _culture(self) -> dict[str, str]:
        cells = [
            f"{len(p)} {name} {sha256(p.gids.tobytes()).hexdigest()[:12]}"
            for name, p in self.network_plan.populations.items()
        ]
        system = self.system.uuid or f"{self.system.name} {self.system.population_ranges}"
        return {
            "backend": self.backend,
            "model": repr(self.model),
            "system": system,
            "cells": ", ".join(cells),
        }

    # time

    def run(self, duration: float, stimulus: Any = None, dt: float | None = None) -> Run:
        """Advance by `duration` ms and return what was recorded.

        Args:
            duration: ms, a multiple of the step and of the recording steps.
            stimulus: anything `Stimulus.from_arg` accepts; zero after its last sample.
            dt: step, ms; None for the one in use, at t = 0 the model's own. Fixed until `clear`.

        Returns:
            Times start at 0; `run.t0` is the time of its start. Spikes lie in [0, duration), each
            at the beginning of the step in which the membrane crossed threshold.

        Raises:
            InvalidValue: if duration, step, stimulus or recordings do not fit together.
            NotSupported: if the cells do not respond to this kind of stimulus.
        """
        self._check_open()
        step = self._step(dt)
        n_steps = _steps(duration, step)
        played = self._resolve_stimulus(stimulus, duration)
        values = {n: self.parameters.values(n) for n in self.network_plan.populations}
        drives = {}
        if played is not None:
            drives = make_drives(played, self.network_plan, self.model, values, n_steps, step)
        probes, where = self.recorder.probes(step, n_steps)
        engine = self._engine
        if engine is None or abs(engine.dt - step) > _TOLERANCE:
            engine = self._build(step)
        self._stimulus_dt = played.dt if played is not None else self._stimulus_dt
        run = Run(t0=self.t, duration=float(duration))
        output = engine.advance(n_steps, drives, probes)
        if self.recorder.spikes:
            run = run.add_spikes(*self._spikes(output.gids, output.steps, step))
        return self.recorder.add_series(run, output, where, drives, values, step)

    def _step(self, dt: float | None) -> float:
        """Return the step of the next run, ms."""
        used = self._engine.dt if self._engine is not None and self._engine.step else None
        if dt is None:
            return used or self.model.dt
        step: float = positive(dt, "step dt", "ms")
        if used is not None and abs(step - used) > _TOLERANCE:
            raise InvalidValue(
                f"step cannot change during a simulation: got dt={dt} ms after {used} ms. "
                "Call env.clear() first.",
                got=dt,
                allowed=used,
            )
        return used or step

    def _resolve_stimulus(self, given: Any, duration: float) -> Stimulus | None:
        stimulus = Stimulus.from_arg(given, self, duration)
        if stimulus is not None and stimulus.input_mode == "electrode":
            stimulus = self.cell_stimulus(stimulus)
        if stimulus is None or not stimulus.width:
            return None
        if self._stimulus_dt is not None and abs(stimulus.dt - self._stimulus_dt) > _TOLERANCE:
            raise InvalidValue(
                f"stimulus dt cannot change during a simulation: got {stimulus.dt} ms after "
                f"{self._stimulus_dt} ms. Resample the stimulus, or call env.clear() first.",
                got=stimulus.dt,
                allowed=self._stimulus_dt,
            )
        return stimulus

    def _spikes(
        self, gids: NDArray[np.int64], steps: NDArray[np.int64], dt: float
    ) -> tuple[NDArray[np.int64], NDArray[Any]]:
        if self.recorder.spikes != set(self.network_plan.populations):
            wanted = [self.network_plan.populations[n].gids for n in sorted(self.recorder.spikes)]
            kept = np.isin(gids, np.concatenate(wanted))
            gids, steps = gids[kept], steps[kept]
        return gids, steps * dt

    def __call__(
        self,
        decoding: Decoding | int,
        inputs: Any = None,
        encoding: Encoding | None = None,
        **run_options: Any,
    ) -> Any:
        """Encode, run, decode.

        Args:
            decoding: says how long to run and what to make of it; a number of ms returns the Run.
            inputs: what `encoding` turns into a stimulus; without one, the stimulus itself.
            encoding: turns inputs into a stimulus.
            run_options: passed to `run`.

        Raises:
            InvalidValue: if the duration is not positive.
        """
        duration = decoding.duration if isinstance(decoding, Decoding) else decoding
        _check_duration(duration)
        self.decoding, self.encoding = decoding, encoding
        if isinstance(decoding, Decoding):
            decoding.setup(self)
        stimulus = inputs if encoding is None else encoding(self, duration, inputs)
        run = self.run(duration, stimulus, **run_options)
        return decoding(run, self) if isinstance(decoding, Decoding) else run


def _check_duration(duration: Any) -> None:
    number = isinstance(duration, int | float | np.integer | np.floating)
    if isinstance(duration, bool) or not number or not 0 < duration < inf:
        raise InvalidValue(
            f"duration is not positive: got {duration!r}; need a number of ms > 0.", got=duration
        )


def _steps(duration: float, dt: float) -> int:
    _check_duration(duration)
    steps = round(duration / dt)
    if steps < 1 or abs(steps * dt - duration) > _TOLERANCE * max(1.0, steps):
        raise InvalidValue(
            f"duration is not a multiple of the step: got {duration} ms at a step of {dt} ms. "
            "Round the duration.",
            got=duration,
            allowed=dt,
        )
    return steps
