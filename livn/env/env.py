"""The Env: record, run, set, clear."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Self

from livn.arrays import positive
from livn.env.batch import EnvBatch
from livn.env.cells import CellRegistry
from livn.env.input_spikes import PlayedTrains
from livn.env.loop import Loop
from livn.env.plasticity import Plasticity
from livn.env.recorded import Recorded
from livn.env.snapshot import Snapshot, check_snapshot
from livn.env.times import TOLERANCE, check_duration, check_stimulus_dt, count_steps
from livn.env.touch import Touch
from livn.env.tuning import Tuning
from livn.errors import InvalidValue
from livn.run import Run
from livn.stimulus import Stimulus
from livn.types import Decoding, Encoding


class Env(Tuning, Recorded, Touch, Plasticity, PlayedTrains):
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
            self.culture(), engine.dt, engine.snapshot(), self._stream, params, self.stimulus_dt,
            self.trains,
        )  # fmt: skip

    def restore(self, snapshot: Any) -> Self:
        """Continue from a snapshot, bit for bit in an Env of the same seed.

        An Env of another seed is a branch: it starts from the state of the snapshot and continues
        with its own seed, that is with other noise and other drawn cell parameters.

        Raises:
            InvalidType: if it is not a snapshot.
            InvalidValue: if it was taken of other cells, another system or model, or on another
                backend.
        """
        self.check_open()
        check_snapshot(snapshot, self.culture())
        same = self.parameters.holds(snapshot.params)
        if not same:
            self.parameters.replace(snapshot.params)
        engine = self._engine
        if engine is None or engine.dt != snapshot.dt:
            engine = self._build(snapshot.dt)
        elif not same:
            self._load(list(self.network_plan.populations))
        engine.restore(snapshot.engine)
        self.stimulus_dt, self.trains = snapshot.stimulus_dt, snapshot.trains
        return self.reseed_noise(snapshot.stream)

    def culture(self) -> dict[str, str]:
        """Return what a snapshot must have been taken of to be continued here."""
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
        self.check_open()
        step = self._step(dt)
        n_steps = count_steps(duration, step)
        played = self._resolve_stimulus(stimulus, duration)
        values = {n: self.parameters.values(n) for n in self.network_plan.populations}
        drives = {}
        if played is not None:
            drives = self.inputs.drives(played, values, n_steps, step)
        probes, where = self.recorder.probes(step, n_steps)
        engine = self._engine
        if engine is None or abs(engine.dt - step) > TOLERANCE:
            engine = self._build(step)
        self.stimulus_dt = played.dt if played is not None else self.stimulus_dt
        t0, trains = self.t, self.trains
        told = trains.due(self.network_plan.gids, engine.step, n_steps, step)
        output = engine.advance(n_steps, drives, probes, told)
        self.trains = trains.after(engine.step, step)
        run = Run(self.recorder.spikes_of(output, step, float(duration)), t0, float(duration))
        return self.recorder.add_series(run, output, where, drives, values, step)

    def _step(self, dt: float | None) -> float:
        """Return the step of the next run, ms."""
        used = self._engine.dt if self._engine is not None and self._engine.step else None
        if dt is None:
            return used or self.model.dt
        step: float = positive(dt, "step dt", "ms")
        if used is not None and abs(step - used) > TOLERANCE:
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
        check_stimulus_dt(stimulus, self.stimulus_dt)
        return stimulus

    def batch(
        self, n: int, seeds: Sequence[int] | None = None, streams: Sequence[int] | None = None
    ) -> EnvBatch:
        """Return `n` copies of this culture as it is now, which are advanced together.

        Copy k gives the bits that an Env of its seed gives on its noise stream. Cells, recordings,
        io and step are those of this Env; it and the copies do not know of each other afterwards.
        The native backend computes the copies side by side, other backends one after the other.

        Args:
            n: number of copies, 1 or more.
            seeds: of each copy; None for that of this Env, that is for the same cells.
            streams: of the noise of each copy; None for this Env's and the n - 1 that follow.

        Raises:
            InvalidValue: if there is no copy, or not one seed and stream for each.
            NotSupported: if spike trains are being played.
        """
        self.trains.refuse()
        return EnvBatch(self.init(), n, seeds, streams)

    def loop(self, ticks_per_second: float, **options: Any) -> Loop:
        """Return a loop: `for tick in env.loop(100, stop_after_seconds=10)`.

        Args:
            ticks_per_second: how often the program gets a tick, of simulated time; a tick is a
                whole number of frames. Frames are those of the device of a `Platform`, else of
                0.04 ms, and the step is the largest that divides a frame and is at most that of
                the model: 0.02 ms for the default model on a CL1.
            stop_after_seconds, stop_after_ticks: end, also of simulated time; else `loop.stop()`.
            frames: record the potential of every electrode.
            amplifier: what is between it and the frames, and which electrodes are dead; None for
                nothing.
            detector: finds the spikes in the frames; None gives those of the cells within reach.
            latency_ms, latency_jitter_ms: from a decision to its stimulus; the second is the
                standard deviation of a normal number whose magnitude is added.
            recording: file that all is written to, closed at the end.
            paced: keep to the wall clock; `loop.jitter` tells how late ticks were.

        Raises:
            InvalidValue: if ticks are not whole frames, or an end or latency is none.
        """
        return Loop(self, ticks_per_second, **options)

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
        check_duration(duration)
        self.decoding, self.encoding = decoding, encoding
        if isinstance(decoding, Decoding):
            decoding.setup(self)
        stimulus = inputs if encoding is None else encoding(self, duration, inputs)
        run = self.run(duration, stimulus, **run_options)
        return decoding(run, self) if isinstance(decoding, Decoding) else run
