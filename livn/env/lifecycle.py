"""The part of an Env that is made, built, cleared and closed."""

import inspect
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from livn import settings
from livn.backend import load
from livn.backend.contract import Engine
from livn.backend.network import Network
from livn.env.drive import Inputs
from livn.env.parameters import Parameters
from livn.env.plan import plan_network
from livn.env.recording import Recorder
from livn.env.trains import Trains
from livn.errors import InvalidState, InvalidType, NotSupported, unknown_names
from livn.io import IO
from livn.models import make_model
from livn.models.model import Model
from livn.models.values import Value
from livn.system import BaseSystem, resolve
from livn.system.checks import whole
from livn.types import Capability


class Lifecycle:
    """What an Env is made of, and its engine from `init` to `close`."""

    def __init__(
        self,
        system: str | PathLike[str] | BaseSystem | int | Mapping[str, int],
        model: Model | str | None = None,
        io: IO | None = None,
        seed: int = 123,
        comm: Any = None,
        subworld_size: int | None = None,
        *,
        backend: str | None = None,
        **options: Any,
    ):
        self.backend = backend or settings.backend()
        self._module = load(self.backend)
        self.capabilities: frozenset[Capability] = self._module.CAPABILITIES
        if Capability.MPI not in self.capabilities and comm is not None and comm.Get_size() > 1:
            raise NotSupported(
                f"backend {self.backend!r} runs in one process: got a communicator of "
                f"{comm.Get_size()} ranks. Pass comm=None or use a backend with MPI."
            )
        if Capability.MPI not in self.capabilities and subworld_size is not None:
            raise NotSupported(
                f"backend {self.backend!r} runs in one process: got subworld_size="
                f"{subworld_size!r}. Leave it out or use a backend with MPI."
            )
        self._check_options(options)
        self.seed = whole("seed", seed, at_least=0)
        self.comm, self.subworld_size = comm, subworld_size
        if comm is not None and subworld_size is not None:
            self.comm = self._module.subworld(comm, subworld_size)
        self.system: BaseSystem = resolve(system, comm)
        self.model = self._resolve_model(model)
        self.io = self._resolve_io(io)
        self.options = options
        self._engine: Engine | None = None
        self._stream = 0
        self.stimulus_dt: float | None = None
        self._closed = False
        self._plan(None)

    def _resolve_model(self, model: Any) -> Model:
        if model is None:
            chosen: Model = self.system.default_model(self.comm)
            return chosen
        if isinstance(model, str):
            return make_model(self._module.POINT_MODEL if model == "point" else model)
        if not isinstance(model, Model):
            is_class = isinstance(model, type) and issubclass(model, Model)
            hint = f" Pass an instance: {model.__name__}()." if is_class else ""
            raise InvalidType(
                f"model is not a Model: got {model!r}; need a Model or the name of one.{hint}",
                got=model,
            )
        return model

    def _resolve_io(self, io: Any) -> IO:
        if io is None:
            return self.system.default_io(self.comm)
        if not isinstance(io, IO):
            raise InvalidType(
                f"io is not an IO: got {io!r}; need an IO such as livn.io.MEA, or None.", got=io
            )
        return io

    def _check_options(self, options: Iterable[str]) -> None:
        accepted = inspect.signature(self._module.build).parameters.values()
        known = [p.name for p in accepted if p.default is not p.empty]
        unknown = [name for name in options if name not in known]
        if unknown and not any(p.kind is p.VAR_KEYWORD for p in accepted):
            raise unknown_names(f"option of backend {self.backend}", unknown, known)

    def _plan(self, selection: Mapping[str, NDArray[np.int64]] | None) -> None:
        shared = self.comm is not None and Capability.MPI in self.capabilities
        part = (self.comm.Get_rank(), self.comm.Get_size()) if shared else (0, 1)
        self.network_plan: Network = plan_network(self.system, self.model, selection, part)
        self.parameters = Parameters(self.network_plan, self.seed, self.model.dt)
        self.recorder = Recorder(self.network_plan)
        self.inputs = Inputs(self.network_plan, self.model)
        self.trains = Trains()

    def selection(self, select: Any, method: str = "first", bounds: Any = None) -> Self:
        """Simulate a subset of the cells; before anything is set, recorded or built.

        Args:
            select, method, bounds: as in `System.selection`.

        Raises:
            InvalidState: if the cells are already built, parameters set or recordings asked for.
        """
        asked = self.recorder.spikes or self.recorder.channels or self.trains
        untouched = not (asked or self.parameters.changed)
        if self._engine is not None or not untouched:
            raise InvalidState(
                f"env is already in use: got selection({select!r}) after init(), set_params(), "
                "record() or play_input_spikes(). Select first."
            )
        self._plan(self.system.selection(select, method, bounds, self.seed))
        return self

    def init(self) -> Self:
        """Build cells and synapses; noise is off until it is set."""
        self.check_open()
        if self._engine is None:
            self._build(self.model.dt)
        return self

    def reinit(self) -> Self:
        """Build cells and synapses anew; parameters stay, t is 0."""
        self.trains = Trains()
        return self._discard().init()

    def _build(self, dt: float) -> Engine:
        """Make an engine with a step of `dt` ms in place of the present one."""
        self._discard()
        values = {n: self.parameters.values(n) for n in self.network_plan.populations}
        engine = self.new_engine(dt, self.seed, values, self.parameters.increments())
        engine.stream = self._stream
        self._engine = engine
        return engine

    def new_engine(
        self,
        dt: float,
        seed: int,
        values: Mapping[str, Mapping[str, Value]],
        increments: Mapping[str, float],
    ) -> Engine:
        """Return an engine of these cells that is no part of this Env.

        Args:
            dt, seed, values, increments: as the `build` of a backend takes them.
        """
        shared = {"comm": self.comm} if Capability.MPI in self.capabilities else {}
        engine: Engine = self._module.build(
            self.network_plan, dt, seed, values, increments, **self.options, **shared
        )
        return engine

    def _discard(self) -> Self:
        if self._engine is not None:
            self._engine.close()
        self._engine, self.stimulus_dt = None, None
        return self

    @property
    def engine(self) -> Engine:
        """What computes; there after `init`."""
        self.check_open()
        if self._engine is None:
            raise InvalidState("env is not initialised: got no engine. Call env.init() first.")
        return self._engine

    @property
    def network(self) -> Any:
        """The simulator's own network object, for people who know it (brian2: `Network`)."""
        return self.engine.native()

    @property
    def t(self) -> float:
        """Time since the start, ms."""
        return 0.0 if self._engine is None else self._engine.step * self._engine.dt

    @property
    def stream(self) -> int:
        """Stream of the noise."""
        return self._stream

    def describe(self) -> str:
        """Return in one line what is computed with what."""
        computed = self.backend if self._engine is None else self._engine.describe()
        return f"{self.system.name}, {self.model.params_key()}, {computed}"

    def clear(self, reseed: bool = False) -> Self:
        """Go back to t = 0 with the initial state; parameters and what is recorded stay.

        Args:
            reseed: also move to the next noise stream.
        """
        self.check_open()
        if self._engine is not None:
            self._engine.reset()
        self.stimulus_dt, self.trains = None, Trains()
        return self.reseed_noise() if reseed else self

    def reseed_noise(self, stream: int | None = None) -> Self:
        """Move to another realisation of the noise: the next one, or `stream` (0 is the first)."""
        self.check_open()
        chosen = self._stream + 1 if stream is None else stream
        self._stream = whole("noise stream", chosen, at_least=0)
        if self._engine is not None:
            self._engine.stream = self._stream
        return self

    def close(self) -> Self:
        """Free the memory of this Env; it cannot be used afterwards."""
        self._discard()
        self._closed = True
        return self

    def check_open(self) -> None:
        """Raise InvalidState after `close`."""
        if self._closed:
            raise InvalidState("env is closed: got a call after close(). Make a new Env.")
