"""What users subclass or stand in for: encodings, decodings, and what each may rely on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum, StrEnum
from hashlib import sha256
from json import dumps
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from livn.errors import NotSupported
from livn.run import Run


class Capability(StrEnum):
    """What an Env on some backend can do; a member equals its name as text."""

    SIMULATION = "simulation"
    MPI = "mpi"
    PER_GID_VOLTAGE = "per_gid_voltage"
    NOISE = "noise"
    REPLAYABLE_NOISE = "replayable_noise"
    PLASTICITY = "plasticity"
    DIFFERENTIABLE = "differentiable"
    IMMUTABLE = "immutable"
    EXTRACELLULAR_STIMULUS = "extracellular_stimulus"


class _Configured(BaseModel):
    """A callable that is its class and its configuration; private attributes do not count."""

    model_config = ConfigDict(
        extra="forbid", validate_assignment=True, arbitrary_types_allowed=True
    )

    if not TYPE_CHECKING:  # names of fields and private attributes stay checked

        def __getattr__(self, name):
            """Return a private attribute without what pydantic asks of it at every read."""
            if name in self.__private_attributes__:
                held = self.__pydantic_private__ or {}
                if name in held:
                    return held[name]
            return super().__getattr__(name)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return dumps(_identity(self)) == dumps(_identity(other))

    def __hash__(self) -> int:
        digest = sha256(dumps(_identity(self)).encode()).digest()
        return int.from_bytes(digest[:7])


class Encoding(_Configured):
    """Turns inputs, such as the action of an agent, into a stimulus.

    Subclasses give `__call__`. Fields are the configuration: they decide equality and hash, the
    same in every process.
    """

    def __call__(self, env: Any, t_end: float, inputs: Any) -> Any:
        """Return the stimulus of the next `t_end` ms for these inputs, None for none.

        Args:
            env: the Env to be stimulated.
            t_end: duration of the run, ms.
            inputs: what the caller of the Env passed.

        Returns:
            Anything `Stimulus.from_arg` accepts.
        """
        raise NotSupported(
            f"encoding {type(self).__name__} cannot encode: got no __call__; give it one."
        )

    @property
    def input_space(self) -> Any:
        """The space (Gymnasium) of the inputs."""
        raise NotSupported(
            f"encoding {type(self).__name__} names no input space; override input_space."
        )


class Decoding(_Configured):
    """Says how long to run and what to record, and turns the recording into an answer.

    Subclasses give `__call__`, and `setup` if they need recordings. Fields are the configuration:
    they decide equality and hash, the same in every process.

    Attributes:
        duration: how long the Env runs, ms, > 0.

    Raises:
        ValueError: if `duration` is not positive (pydantic's ValidationError).
    """

    duration: int = Field(gt=0)

    def setup(self, env: Any) -> None:
        """Ask the Env for the recordings this decoding needs; called before each run."""

    def __call__(self, run: Run, env: Any) -> Any:
        """Return what was read out of the run; here the run itself.

        Args:
            run: what was recorded, of this rank.
            env: the Env that ran.
        """
        return run

    @property
    def output_space(self) -> Any:
        """The space (Gymnasium) of the answers."""
        raise NotSupported(
            f"decoding {type(self).__name__} names no output space; override output_space."
        )


@runtime_checkable
class System(Protocol):
    """Who is there: cells in populations, each at a place."""

    @property
    def name(self) -> str:
        """Name of the system."""

    @property
    def populations(self) -> Sequence[str]:
        """Names of the populations."""

    @property
    def population_ranges(self) -> Mapping[str, tuple[int, int]]:
        """First gid and number of cells of each population."""

    @property
    def num_neurons(self) -> int:
        """Number of cells."""

    @property
    def neuron_coordinates(self) -> npt.NDArray[np.float64]:
        """Rows of gid, x, y, z, um, shape (n, 4)."""

    @property
    def bounding_box(self) -> npt.NDArray[np.float64]:
        """Lowest and highest corner, um, shape (2, 3)."""


@runtime_checkable
class Model(Protocol):
    """What moves: the cells of each population, with defaults for known systems."""

    def default_weights(self, system: str) -> Mapping[str, float]:
        """Return the synaptic weights for a system of this name."""

    def default_noise(self, system: str) -> Mapping[str, float]:
        """Return the noise parameters for a system of this name."""

    def recordable_states(self) -> Sequence[str]:
        """Return what can be recorded besides spikes."""

    def params_key(self) -> str:
        """Return the name under which tuned parameters of this model are stored."""


@runtime_checkable
class Cell(Protocol):
    """One simulated cell."""

    @property
    def gid(self) -> int:
        """Number of the cell, unique over populations."""

    @property
    def population(self) -> str:
        """Name of its population."""

    def get_params(self) -> Mapping[str, float]:
        """Return its parameters as "<section>.<name>"."""

    def set_params(self, params: Mapping[str, float]) -> Any:
        """Set some of its parameters."""


@runtime_checkable
class Env(Protocol):
    """What an encoding or decoding may rely on: a culture that can be recorded and run."""

    @property
    def system(self) -> Any:
        """The system simulated."""

    @property
    def model(self) -> Any:
        """The model of its cells."""

    @property
    def io(self) -> Any:
        """How it is stimulated and recorded from."""

    @property
    def comm(self) -> Any:
        """MPI communicator, None in a single process."""

    @property
    def t(self) -> float:
        """Time simulated so far, ms."""

    def record_spikes(self, population: Any = None) -> Any:
        """Record spikes from now on."""

    def record_voltage(self, population: Any = None, dt: float = 0.1) -> Any:
        """Record membrane potentials every `dt` ms from now on."""

    def record_membrane_current(self, population: Any = None, dt: float = 0.1) -> Any:
        """Record transmembrane currents every `dt` ms from now on."""

    def set_params(self, params: Any) -> Any:
        """Set weights, noise, cell and io parameters by key."""

    def run(self, duration: float, stimulus: Any = None) -> Run:
        """Advance by `duration` ms and return what was recorded."""

    def clear(self) -> Any:
        """Go back to the state of a fresh Env."""


def _identity(value: Any) -> Any:
    """Return JSON data that is the same for the same class and configuration, in any process.

    What has no name to import it by (a lambda, an object of a foreign class) is only itself.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, BaseModel):
        return _configuration(value, type(value).model_fields)
    if is_dataclass(value) and not isinstance(value, type):
        return _configuration(value, [f.name for f in fields(value)])
    if isinstance(value, Enum):
        return [_path(type(value)), value.name]
    if isinstance(value, Mapping):
        pairs = [[_identity(k), _identity(v)] for k, v in value.items()]
        return ["mapping", sorted(pairs, key=dumps)]
    if isinstance(value, set | frozenset):
        return ["set", sorted(map(_identity, value), key=dumps)]
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(_identity, value)]
    if isinstance(value, np.ndarray | np.generic) and value.dtype != object:
        digest = sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return ["array", str(value.dtype), list(value.shape), digest]
    if (
        isinstance(value, type | FunctionType | BuiltinFunctionType)
        and "<" not in value.__qualname__
    ):
        return _path(value)
    return ["object", id(value)]


def _configuration(value: Any, names: Iterable[str]) -> Any:
    """Return class and attributes of a value."""
    return [_path(type(value)), {n: _identity(getattr(value, n)) for n in names}]


def _path(named: Any) -> str:
    """Return where a class or function is imported from."""
    return f"{named.__module__}:{named.__qualname__}"
