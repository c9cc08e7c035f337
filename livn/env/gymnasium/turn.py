"""What single and vector environments share: a checked action, and what a step reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn.env.env import Env
from livn.env.parameters import Parameters
from livn.errors import InvalidState, InvalidType, InvalidValue
from livn.run import Run

Step = tuple[Any, float, bool, bool, dict[str, Any]]
MAX_SEED = 2**31  # what draws of seeds and streams stay below


class Spikes(NamedTuple):
    """What the array heard in one step; a spike within reach of two electrodes is there twice.

    Attributes:
        times: ms from the start of the step, ascending.
        channels: position of the electrode that heard it.
    """

    times: NDArray[np.float64]
    channels: NDArray[np.int64]


@dataclass(frozen=True)
class Hearing:
    """Which electrodes hear which cell.

    Attributes:
        heard: whether an electrode hears a cell, shape (n_gids, n_channels).
    """

    heard: NDArray[np.bool_]

    @classmethod
    def of(cls, env: Any) -> Self:
        """Return what the array of an Env hears."""
        gids = list(env.channel_recording(None).values())
        heard = np.zeros((int(env.simulated_gids().max()) + 1, len(gids)), bool)
        for channel, own in enumerate(gids):
            heard[own, channel] = True
        return cls(heard)

    @property
    def n_channels(self) -> int:
        """Number of electrodes."""
        return self.heard.shape[1]

    def counts(self, gids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how many of these spikes each electrode heard, shape (n_channels,)."""
        counts: NDArray[np.float64] = self.heard[gids].sum(axis=0, dtype=float)
        return counts

    def spikes(self, run: Run) -> Spikes:
        """Return what the electrodes heard of a run.

        Raises:
            InvalidState: if spikes were not recorded.
        """
        gids, times = run.spike_ids, run.spike_times
        if gids is None or times is None:
            raise InvalidState(
                f"spikes are missing from the run: got {run!r}. Call env.record_spikes() first."
            )
        spike, channels = self.heard[gids].nonzero()
        return Spikes(times[spike], channels)


@runtime_checkable
class Staged(Protocol):
    """A decoding that is a Pipe."""

    stages: list[Any]

    @property
    def state(self) -> dict[str, Any]:
        """What lasts from call to call."""

    @property
    def context(self) -> dict[str, Any]:
        """What lasts for one call."""


@runtime_checkable
class Restarting(Protocol):
    """A decoding whose episodes begin."""

    def reset(self, **options: Any) -> Any:
        """Return the first observation and info."""


@runtime_checkable
class Charging(Protocol):
    """An encoding that knows what its electrodes pass."""

    def charge(self, inputs: Any) -> NDArray[np.float64]:
        """Return the charge of one phase of a pulse on each electrode, nC."""


@runtime_checkable
class Commanding(Protocol):
    """A task that has a say in what is played on the electrodes."""

    def actions(self) -> spaces.Box:
        """Return the action space; asked after `setup`."""

    def command(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the encoding gets for an action in this step.

        Asked again where that is refused, so that it draws no random numbers.
        """


@runtime_checkable
class Settling(Protocol):
    """A task whose episodes begin when the culture has settled."""

    @property
    def settle(self) -> int:
        """Time from the start of the culture to the start of an episode, ms, >= 0."""


class Origin:
    """What the steps of an episode come from, told by a hash that follows what is set meanwhile.

    Args:
        culture, seed: of the Env.
        encoding, decoding: configured for the episode.
    """

    def __init__(self, culture: Mapping[str, str], seed: int, encoding: Any, decoding: Any):
        self._made_of = [culture, seed, hash(encoding), hash(decoding)]
        self._io: Any = None
        self._version: object = None
        self._hash = ""

    def hash(self, io: Any, parameters: Parameters) -> str:
        """Return 16 hexadecimal digits that differ where culture, parameters or task differ."""
        if parameters.version is not self._version or io is not self._io:
            described = [*self._made_of, io.serialize(), io.params(), parameters.in_force()]
            text = dumps(described, sort_keys=True, default=_as_list)
            self._hash = sha256(text.encode()).hexdigest()[:16]
            self._version, self._io = parameters.version, io
        return self._hash


def _as_list(value: Any) -> Any:
    return np.asarray(value).tolist()


def check_env(env: Any) -> Env:
    """Return the culture an environment is made of.

    Raises:
        InvalidType: if it is not an Env.
    """
    if not isinstance(env, Env):
        raise InvalidType(
            f"culture of an environment is not an Env: got {type(env).__name__}; need one Env, as "
            "livn.make returns, or for GymnasiumEnv a DistributedEnv. For several, make a "
            "GymnasiumVectorEnv, or several GymnasiumEnv of one DistributedEnv.",
            got=env,
        )
    return env


def check_action(action: Any, space: spaces.Space[Any]) -> Any:
    """Return the action, float32 if the space is a Box.

    Raises:
        InvalidValue: if it is not in the space.
    """
    if not isinstance(space, spaces.Box):
        if not space.contains(action):
            raise InvalidValue(
                f"action is not in the action space: got {action!r}; need one of {space}.",
                got=action,
            )
        return action
    try:
        values = np.asarray(action, np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidValue(
            f"action is not numeric: got {action!r}; need shape {space.shape}.", got=action
        ) from error
    if values.shape != space.shape:
        raise InvalidValue(
            f"action has the wrong shape: got {values.shape}; need {space.shape}.",
            got=values.shape,
            allowed=space.shape,
        )
    inside = (values >= space.low) & (values <= space.high)  # nan is not
    if not inside.all():
        place = tuple(int(k) for k in np.argwhere(~inside)[0])
        raise InvalidValue(
            f"action is out of range: got {values[place]} at {place}; need "
            f"{space.low[place]} to {space.high[place]}. Clip it.",
            got=values,
            allowed=(space.low, space.high),
        )
    return values


def check_start(found: Any) -> tuple[Any, dict[str, Any]]:
    """Return what a decoding makes of `reset`.

    Raises:
        InvalidValue: if it is not (observation, info).
    """
    if not isinstance(found, tuple) or len(found) != 2:
        raise InvalidValue(
            f"decoding began no episode: got {found!r} of reset; need (observation, info). "
            "Put a GymStep into the pipe."
        )
    return found


def check_step(found: Any) -> Step:
    """Return what a decoding makes of a step.

    Raises:
        InvalidValue: if it is not (observation, reward, terminated, truncated, info).
    """
    if not isinstance(found, tuple) or len(found) != 5:
        raise InvalidValue(
            f"decoding returned no step: got {type(found).__name__}; need (observation, reward, "
            "terminated, truncated, info). End the pipe with a GymStep that gets an action.",
            got=found,
        )
    return found


def draw(rng: np.random.Generator) -> tuple[int, int]:
    """Return the noise stream of the culture and the seed of the task for the next episode."""
    stream, seed = rng.integers(MAX_SEED, size=2)
    return int(stream), int(seed)


def report(
    run: Run, hearing: Hearing, charge: NDArray[np.float64] | None, known: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the info of a step: its spikes, charge and time, and what is `known` besides."""
    info: dict[str, Any] = {"spikes": hearing.spikes(run), "time_ms": run.t1, **known}
    return info if charge is None else {"charge_nc": charge, **info}
