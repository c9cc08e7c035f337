"""EnvBatch: copies of a culture advanced together, so that learning and tuning fill a machine."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from livn.arrays import is_array
from livn.backend.copies import Copies, InTurn
from livn.env.batch_drive import changes
from livn.env.copy import Copy
from livn.env.geometry import compartment_coordinates
from livn.env.parameters import Parameters, by_name
from livn.env.runs import Runs, copies_diverged
from livn.env.snapshot import Snapshot, check_snapshot
from livn.env.times import check_stimulus_dt, count_steps
from livn.errors import InvalidState, InvalidType, InvalidValue, NotSupported
from livn.stimulus import Stimulus
from livn.system.checks import whole

if TYPE_CHECKING:
    from livn.env.env import Env


class EnvBatch:
    """Copies of an Env, made by `env.batch(n)`; each keeps its own time, parameters and noise.

    `batch[k]` is a copy by itself.

    Attributes:
        n: number of copies.
        seeds, streams: of each copy, as of an Env.
        dt: step, ms.
        parameters: of each copy.
        system, model, io: of all copies.
    """

    def __init__(
        self, env: "Env", n: int, seeds: Sequence[int] | None, streams: Sequence[int] | None
    ):
        self.n = whole("number of copies", n, at_least=1)
        given = self._one_each("seed", [env.seed] * self.n if seeds is None else seeds)
        self.seeds = [whole("seed", seed, at_least=0) for seed in given]
        first = env.engine.stream
        chosen = range(first, first + self.n) if streams is None else streams
        self.system, self.model, self.io, self.dt = env.system, env.model, env.io, env.engine.dt
        self._network, self._drives_of, self.recorder = (
            env.network_plan, env.inputs, env.recorder.twin()
        )  # fmt: skip
        self._culture = env.culture()
        self.parameters = [env.parameters.twin(seed) for seed in self.seeds]
        self._stimulus_dt: list[float | None] = [env.stimulus_dt] * self.n
        self._copies: Copies | None = self._make(env)
        self.reseed_noise(chosen)
        if env.t > 0:
            now = env.engine.snapshot()
            for k in range(self.n):
                self._copies.restore(k, now)

    def _make(self, env: "Env") -> Copies:
        self._read()
        copies = env.engine.batch(self.seeds, self._values, self._increments)
        if copies is not None:
            return copies
        each = zip(self.seeds, self._values, self._increments, strict=True)
        return InTurn([env.new_engine(self.dt, *own) for own in each], self._values)

    def _read(self) -> None:
        """Note the values in force, the same objects where parameters have not changed."""
        names = list(self._network.populations)
        self._values = [{n: p.values(n) for n in names} for p in self.parameters]
        made: dict[tuple[float, ...], dict[str, float]] = {}
        self._increments = []
        for own, p in zip(self._values, self.parameters, strict=True):
            key = (*map(id, own.values()), *p.weights.values())
            if key not in made:
                made[key] = p.increments()
            self._increments.append(made[key])
        self._placed: tuple[NDArray[np.float64], NDArray[np.str_]] | None = None

    @property
    def copies(self) -> Copies:
        """What computes."""
        if self._copies is None:
            raise InvalidState("batch is closed: got a call after close(). Make a new batch.")
        return self._copies

    @property
    def streams(self) -> list[int]:
        """Stream of the noise of each copy."""
        return self.copies.streams

    @property
    def t(self) -> NDArray[np.float64]:
        """Time since the start of each copy, ms, shape (n,)."""
        return np.array(self.copies.steps) * self.dt

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, k: int) -> "Copy":
        return Copy(self, range(self.n)[k])

    def __iter__(self) -> Iterator["Copy"]:
        return (Copy(self, k) for k in range(self.n))

    def __repr__(self) -> str:
        return f"EnvBatch({self.n} of {self.system.name}, {self.model.params_key()})"

    # time

    def run(self, duration: float, stimuli: Any = None) -> Runs:
        """Advance every copy by `duration` ms and return what was recorded of each.

        Args:
            duration: ms, a multiple of the step and of the recording steps.
            stimuli: a list with what `env.run` takes for each copy; or a `Stimulus` or an array
                of shape (n, n_steps, n_columns), which costs less; or one stimulus for all; None
                for none.

        Raises:
            InvalidValue: if there is not one stimulus for each copy, or something does not fit.
            CopiesDiverged: if voltages of a copy are no numbers any more, naming the copies.
        """
        copies = self.copies
        n_steps = count_steps(duration, self.dt)
        played = self._played(stimuli, duration)
        each = [played] * self.n if isinstance(played, Stimulus) else played
        for stimulus, known in zip(each, self._stimulus_dt, strict=True):
            if stimulus is not None:
                check_stimulus_dt(stimulus, known)
        inputs = changes(played, self._drives_of, self._values, n_steps, self.dt)
        probes, _ = self.recorder.probes(self.dt, n_steps)
        self._stimulus_dt = [
            known if stimulus is None else stimulus.dt
            for stimulus, known in zip(each, self._stimulus_dt, strict=True)
        ]
        t0 = self.t
        output = copies.advance(n_steps, inputs, probes)
        runs = Runs(output, self.recorder, inputs, self._values, self.dt, n_steps, t0)
        if output.diverged:
            raise copies_diverged(runs, output.diverged)
        return runs

    def _played(self, given: Any, duration: float) -> Stimulus | list[Stimulus | None]:
        """Return the stimulus of the cells of all copies, or of those of each copy."""
        if isinstance(given, list | tuple):
            each = self._one_each("stimulus", given)
        else:
            given = Stimulus(given) if is_array(given) else given
            if isinstance(given, Stimulus) and given.batch_shape:
                return self._of_batch(given)
            each = [given] * self.n
        distinct = {id(own): own for own in each}
        made = {
            key: self._of_cells(Stimulus.from_arg(own, self, duration))
            for key, own in distinct.items()
        }
        return [made[id(own)] for own in each]

    def _of_batch(self, stimulus: Stimulus) -> Stimulus | list[Stimulus | None]:
        if stimulus.batch_shape != (self.n,):
            raise InvalidValue(
                f"stimulus is not one for each copy: got a batch of shape {stimulus.batch_shape}; "
                f"need ({self.n}, n_steps, n_columns).",
                got=stimulus.batch_shape,
                allowed=(self.n,),
            )
        return self._of_cells(stimulus) or [None] * self.n

    def _of_cells(self, stimulus: Stimulus | None) -> Stimulus | None:
        if stimulus is not None and stimulus.input_mode == "electrode":
            stimulus = self.cell_stimulus(stimulus)
        return None if stimulus is None or not stimulus.width else stimulus

    def cell_stimulus(self, channel_inputs: Any, dt: float = 1.0) -> Stimulus:
        """Return what electrode commands do to the cells; see `Env.cell_stimulus`.

        Args:
            channel_inputs: commands, µA, of shape (n, n_steps, n_channels) for all copies, or
                what `Env.cell_stimulus` takes.
            dt: step of an array, ms.

        Raises:
            NotSupported: if the compartments of copies lie in different places.
        """
        if self._placed is None:
            somata = self.system.neuron_coordinates
            distinct = {tuple(map(id, v.values())): v for v in self._values}
            places = [compartment_coordinates(self._network, somata, v) for v in distinct.values()]
            rows, sections = places[0]
            if any(not np.array_equal(rows, other) for other, _ in places):
                raise NotSupported(
                    "batch has copies whose compartments lie in different places: got other "
                    "dendrite offsets; electrodes act on all copies alike. Give each copy a "
                    "stimulus of an Env with its parameters."
                )
            rows.flags.writeable = sections.flags.writeable = False
            self._placed = rows, sections
        rows, sections = self._placed
        return self.io.cell_stimulus(rows, channel_inputs, dt, sections=sections)

    # state

    def clear(self, copies: int | Sequence[int] | None = None, reseed: bool = False) -> Self:
        """Let copies go back to t = 0 with their initial state; the others stay where they are.

        Args:
            copies: which, None for all.
            reseed: also move each to the noise stream n after its own: one that no copy has had
                where the streams are those the batch began with by default.
        """
        chosen = self._chosen(copies)
        self.copies.reset(chosen)
        for k in chosen:
            self._stimulus_dt[k] = None
        if reseed:
            self.reseed_noise([self.streams[k] + self.n for k in chosen], chosen)
        return self

    def reseed_noise(
        self, streams: Sequence[int], copies: int | Sequence[int] | None = None
    ) -> Self:
        """Move copies to another realisation of the noise, one stream for each."""
        chosen = self._chosen(copies)
        new = self.streams
        for k, stream in zip(chosen, self._one_each("noise stream", streams, chosen), strict=True):
            new[k] = whole("noise stream", stream, at_least=0)
        self.copies.streams = new
        return self

    def set_params(
        self,
        params: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        copies: int | Sequence[int] | None = None,
    ) -> Self:
        """Set parameters of copies, all or none; keys are those of `Env.set_params`.

        Args:
            params: the same for all of them, or one mapping for each.
            copies: which, None for all.

        Raises:
            InvalidValue: if there is not one mapping for each; and as `Env.set_params`.
            NotSupported: for `io-` keys, the io being that of all copies.
        """
        chosen = self._chosen(copies)
        alike = isinstance(params, Mapping)
        given = [params] * len(chosen) if alike else self._one_each("mapping", params, chosen)
        touching = sorted({key for own in given for key in by_name(own) if key.startswith("io-")})
        if touching:
            raise NotSupported(
                f"batch cannot set io parameters, its copies share the io: got {touching}. "
                "Set them on the Env before env.batch."
            )
        changed: dict[tuple[float, ...], Parameters] = {}
        new = list(self.parameters)
        for k, own in zip(chosen, given, strict=True):
            before = self.parameters[k]
            key = (id(own), *map(id, self._values[k].values()), *before.weights.values())
            if key not in changed:
                changed[key] = before.twin(before.seed)
                changed[key].apply(before.resolve(own))
            new[k] = changed[key].twin(before.seed)
        return self._put(new)

    def _put(self, parameters: list[Parameters]) -> Self:
        """Put parameters in force, in copies that have not started yet also in their start."""
        copies, before = self.copies, self._values
        self.parameters = parameters
        self._read()
        copies.load(self._values, self._increments)
        steps = copies.steps
        fresh = [
            k for k in range(self.n)
            if not steps[k] and any(v is not before[k][n] for n, v in self._values[k].items())
        ]  # fmt: skip
        copies.reset(fresh)
        return self

    def params(self, k: int) -> dict[str, Any]:
        """Return every parameter in force in copy `k` by the key that sets it."""
        touching = {f"io-{name}": value for name, value in self.io.params().items()}
        return self.parameters[k].in_force() | touching

    def snapshot(self, copies: int | Sequence[int] | None = None) -> list[Snapshot]:
        """Return the state of copies; an Env like it continues from there as the copy does."""
        return [
            Snapshot(
                self._culture, self.dt, self.copies.snapshot(k), self.streams[k],
                self.parameters[k].everything(), self._stimulus_dt[k],
            )
            for k in self._chosen(copies)
        ]  # fmt: skip

    def restore(
        self, snapshots: Snapshot | Sequence[Snapshot], copies: int | Sequence[int] | None = None
    ) -> Self:
        """Let copies continue from snapshots of copies or Envs; see `Env.restore`.

        Args:
            snapshots: one for all of them, or one for each.
            copies: which, None for all.

        Raises:
            InvalidType, InvalidValue: if one is no snapshot of such a culture at this step.
        """
        chosen = self._chosen(copies)
        alike = isinstance(snapshots, Snapshot)
        given = [snapshots] if alike else self._one_each("snapshot", snapshots, chosen)
        each = [check_snapshot(snapshot, self._culture) for snapshot in given]
        each = each * len(chosen) if alike else each
        for snapshot in each:
            snapshot.trains.refuse()
            if snapshot.dt != self.dt:
                raise InvalidValue(
                    f"snapshot has another step: got {snapshot.dt} ms; this batch has {self.dt} "
                    "ms. Batch an Env of that step.",
                    got=snapshot.dt,
                    allowed=self.dt,
                )
        new = list(self.parameters)
        for k, snapshot in zip(chosen, each, strict=True):
            if not new[k].holds(snapshot.params):
                new[k] = new[k].twin(self.seeds[k])
                new[k].replace(snapshot.params)
            self._stimulus_dt[k] = snapshot.stimulus_dt
        if any(a is not b for a, b in zip(new, self.parameters, strict=True)):
            self._put(new)
        for k, snapshot in zip(chosen, each, strict=True):
            self.copies.restore(k, snapshot.engine)
        return self.reseed_noise([s.stream for s in each], chosen)

    def close(self) -> Self:
        """Free the memory of all copies; the batch cannot be used afterwards."""
        if self._copies is not None:
            self._copies.close()
        self._copies = None
        return self

    def _chosen(self, copies: int | Sequence[int] | None) -> list[int]:
        """Return the numbers of the copies an argument names."""
        if copies is None:
            return list(range(self.n))
        chosen = np.atleast_1d(np.asarray(copies))
        inside = chosen.dtype.kind in "iu" and np.all((chosen >= 0) & (chosen < self.n))
        if chosen.size and (not inside or len(np.unique(chosen)) < chosen.size):
            raise InvalidValue(
                f"copies are not there, or named twice: got {copies!r}; need numbers from 0 to "
                f"{self.n - 1}, each once.",
                got=copies,
                allowed=range(self.n),
            )
        return [int(k) for k in chosen]

    def _one_each(self, what: str, given: Any, copies: Sequence[int] | None = None) -> list[Any]:
        """Return what is given for each copy as a list."""
        n = self.n if copies is None else len(copies)
        if not isinstance(given, Sequence | np.ndarray):
            raise InvalidType(
                f"batch needs one {what} for each copy: got {given!r}; need a list of {n}.",
                got=given,
            )
        if len(given) != n:
            raise InvalidValue(
                f"batch needs one {what} for each copy: got {len(given)}; need {n}.",
                got=len(given),
                allowed=n,
            )
        return list(given)
