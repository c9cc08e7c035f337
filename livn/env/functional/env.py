"""The Env that JAX differentiates, maps and compiles."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from livn.arrays import Array, is_traced, positive
from livn.backend.diffrax.culture import State
from livn.backend.diffrax.surrogate import Surrogate
from livn.env.env import Env
from livn.env.functional.course import (
    How,
    assembled,
    entrance,
    plan_course,
)
from livn.env.functional.culture import Culture, values_at_start
from livn.env.functional.exact import check_exact, exact_run, has_reset
from livn.env.functional.numbers import Numbers, numbers_of
from livn.env.functional.pytrees import register_io
from livn.env.geometry import compartment_coordinates
from livn.env.parameters import by_name
from livn.env.times import count_steps
from livn.env.tuning import prefixed
from livn.errors import InvalidValue, NotSupported
from livn.io import IO
from livn.run import Run
from livn.stimulus import Stimulus


@dataclass(frozen=True)
class Moment:
    """A state of the cells and the number of steps since the start."""

    state: State
    step: int


@dataclass(frozen=True)
class FunctionalEnv:
    """An Env whose numbers are the leaves of a pytree.

    Attributes:
        culture: what does not change.
        parameters: population -> free parameter -> value, or one per cell.
        weights: weight key -> factor.
        coordinates: rows (gid, x, y, z) of the cells that are simulated, µm.
        io: how the culture is touched and heard.
    """

    culture: Culture
    parameters: dict[str, dict[str, Any]]
    weights: dict[str, Any]
    coordinates: Array
    io: IO

    # numbers

    def set_params(self, params: Mapping[str, Any]) -> "FunctionalEnv":
        """Return an env with other numbers, by the keys of `Env.set_params`.

        Args:
            params: values may be traced, which nothing but their names and shapes is checked of.

        Raises:
            UnknownName, InvalidValue: as `Env.set_params`.
        """
        touching = {k[3:]: v for k, v in by_name(params).items() if k.startswith("io-")}
        own = {k: v for k, v in params.items() if not k.startswith("io-")}
        known = self.culture.parameters
        if not is_traced(*own.values()):
            known.resolve({k: np.asarray(v) for k, v in own.items()})
        weights, parameters = dict(self.weights), {n: dict(v) for n, v in self.parameters.items()}
        for key, value, places in known.addressed(own):
            canonical = known.weight_key(key)
            if canonical is not None:
                weights[canonical] = value
            for population, flat in places:
                _check_shape(key, value, len(self.culture.network.populations[population]))
                parameters[population][flat] = value
        io = self.io.with_params(touching) if touching else self.io
        return replace(self, parameters=parameters, weights=weights, io=io)

    def set_weights(self, weights: Mapping[str, Any]) -> "FunctionalEnv":
        """Return an env with other weights, `{post}_{pre}-{section}-{mechanism}-weight`."""
        return self.set_params(
            {f"weight-{k.removeprefix('weight-')}": v for k, v in weights.items()}
        )

    def set_noise(self, noise: Mapping[str, Any]) -> "FunctionalEnv":
        """Return an env with other noise parameters, `{name}` or `{POP}-{name}`."""
        return self.set_params(prefixed("noise-", noise))

    def with_io(self, io: IO) -> "FunctionalEnv":
        """Return an env that is touched and heard by another io, such as moved electrodes."""
        register_io(io)
        return replace(self, io=io)

    def with_coordinates(self, coordinates: Array) -> "FunctionalEnv":
        """Return an env whose cells are elsewhere; delays stay those of the system.

        Args:
            coordinates: rows (gid, x, y, z), µm, of the simulated cells in order of gid.

        Raises:
            InvalidValue: if there is not one row per simulated cell.
        """
        if coordinates.shape != self.coordinates.shape:
            raise InvalidValue(
                f"coordinates are not those of the cells: got shape {coordinates.shape}; need "
                f"{self.coordinates.shape}, rows (gid, x, y, z).",
                got=coordinates.shape,
                allowed=self.coordinates.shape,
            )
        return replace(self, coordinates=coordinates)

    def _numbers(self) -> Numbers:
        c = self.culture
        return numbers_of(c.network, c.cells, c.dt, c.n_rows, self.parameters, self.weights)

    # the dish

    def compartments(self) -> tuple[Array, NDArray[np.str_]]:
        """Return rows (gid, x, y, z) of every compartment, µm, and their sections."""
        return self._placed(self._numbers())

    def _placed(self, numbers: Numbers) -> tuple[Array, NDArray[np.str_]]:
        network = self.culture.network
        here = _ByGid(network.gids, self.coordinates)
        return compartment_coordinates(network, here, numbers.values)

    def cell_stimulus(self, channel_inputs: Any, dt: float = 1.0) -> Stimulus:
        """Return what electrode commands, µA, do to the cells, as `Env.cell_stimulus`."""
        rows, sections = self.compartments()
        made = self.io.cell_stimulus(rows, channel_inputs, dt, sections=sections)
        if not is_traced(made.gids):
            return made
        gids = [np.repeat(p.gids, len(p.equations.sections))
                for p in self.culture.network.populations.values()]  # fmt: skip
        return Stimulus(
            made.inputs(0, made.n_steps), made.dt, np.concatenate(gids), made.input_mode,
            sections=made.sections, gain=made.gain, **made.extra,
        )  # fmt: skip

    def potential_recording(self, membrane_currents: Array) -> Array:
        """Return the potential at every channel, µV, [n_channels, T], of `run.current`, µA."""
        return self.io.sensitivity(self.compartments()[0]) @ membrane_currents

    # time

    def noise_key(self, stream: int = 0, seed: int | None = None) -> NDArray[np.uint32]:
        """Return the key of a realisation of the noise; stack several to map over them."""
        return self.culture.key(stream, self.culture.seed if seed is None else seed)

    def start(self) -> Moment:
        """Return the moment at which a culture starts."""
        return Moment(self._numbers().start, 0)

    def run(self, duration: float, stimulus: Any = None, **options: Any) -> Run:
        """Return what was recorded of `duration` ms from the start; options as of `advance`."""
        return self.advance(duration, stimulus, **options)[0]

    def advance(
        self,
        duration: float,
        stimulus: Any = None,
        *,
        moment: Moment | None = None,
        key: Any = None,
        spikes: str = "surrogate",
        surrogate: Surrogate | None = None,
        checkpoint: bool = True,
        truncate: float | None = None,
        max_spikes: int | None = None,
    ) -> tuple[Run, Moment]:
        """Return what was recorded of `duration` ms, and the moment at the end.

        Args:
            duration: ms, a multiple of the step and of the recording steps.
            stimulus: as of `Env.run`; arrays may be traced.
            moment: where to start; None for the start.
            key: of the noise, from `noise_key`; None for that of the Env.
            spikes: "surrogate" or "exact", see docs/gradients.md.
            surrogate: the curve; None for that of Zenke & Ganguli (2018).
            checkpoint: whether reverse mode computes again what it needs, instead of keeping it.
            truncate: ms after which the derivative of the state is cut (truncated backpropagation
                through time, Williams & Peng 1990, Neural Comput 2:490); None never does.
            max_spikes: of a cell, that `run.spikes` has place for; None for one per step.

        Returns:
            Spikes are `PaddedEvents`; the channel "spike_train" is 1 in the steps with a spike and
            carries the derivative of the surrogate.

        Raises:
            UnknownName: for another treatment of spikes.
            InvalidValue, NotSupported: as `Env.run`.
        """
        how = How.checked(spikes, surrogate, checkpoint, truncate, max_spikes, self.culture.dt)
        culture, n_steps = self.culture, count_steps(duration, self.culture.dt)
        numbers = self._numbers()
        here = Moment(numbers.start, 0) if moment is None else moment
        played = Stimulus.from_arg(stimulus, self, duration)
        if played is not None and played.input_mode == "electrode":
            played = self.cell_stimulus(played)
        if how.spikes == "exact":
            check_exact(culture, numbers.values)
            if has_reset(culture):
                return self._exact(played, numbers, moment, float(duration), max_spikes)
        plan = plan_course(culture, played, n_steps, how)
        samples, enter = entrance(culture, played, numbers.values, n_steps, plan.course.frame)
        words = culture.key(culture.stream, culture.seed) if key is None else key
        clock = culture.clock(here.step, n_steps, words)
        state, kept = plan.simulate(
            culture.wiring, numbers.constants, clock, here.state, samples, enter
        )
        run = assembled(culture, plan, kept, numbers.values, here.step, float(duration))
        return run, Moment(state, here.step + n_steps)

    def _exact(
        self, stimulus: Any, numbers: Numbers, moment: Any, duration: float, n_spikes: Any
    ) -> tuple[Run, Moment]:
        if moment is not None:
            raise NotSupported(
                "exact spike times start at t = 0: got a moment to start from. Run the whole "
                "duration at once."
            )
        run = exact_run(self.culture, stimulus, numbers.values, numbers.start, duration, n_spikes)
        return run, Moment(numbers.start, 0)


@dataclass(frozen=True)
class _ByGid:
    """Rows of the simulated cells, looked up by gid."""

    gids: NDArray[np.int64]
    rows: Array

    def __getitem__(self, gids: NDArray[Any]) -> Array:
        return self.rows[np.searchsorted(self.gids, gids)]


def functional(env: Env, dt: float | None = None) -> FunctionalEnv:
    """Return an env of the same cells, numbers and recordings that JAX transforms.

    It starts at t = 0 whatever `env` did, and does not know of later changes of it.

    Args:
        env: on any backend.
        dt: step, ms; None for that of the model.
    """
    register_io(env.io)
    step = env.model.dt if dt is None else positive(dt, "step dt", "ms")
    culture = Culture(
        env.network_plan, env.model, env.parameters.twin(env.seed), env.recorder.twin(),
        step, env.seed, env.stream,
    )  # fmt: skip
    parameters = values_at_start(culture.parameters)
    return FunctionalEnv(
        culture, parameters, dict(culture.parameters.weights), env.simulated_coordinates(), env.io
    )


def _check_shape(key: str, value: Any, n_cells: int) -> None:
    shape = np.shape(value)
    if shape not in ((), (n_cells,)):
        raise InvalidValue(
            f"parameter {key!r} has the wrong shape: got {shape}; need one value or ({n_cells},).",
            got=shape,
        )


jax.tree_util.register_dataclass(
    FunctionalEnv, ["parameters", "weights", "coordinates", "io"], ["culture"]
)
jax.tree_util.register_dataclass(Moment, ["state"], ["step"])
_register: Any = jax.tree_util.register_pytree_node
_register(Env, lambda env: ((functional(env),), None), lambda _, leaves: leaves[0])
