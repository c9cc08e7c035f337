"""What single and vector environments share: a checked action, and what a step reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from json import dumps
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn.errors import InvalidState, InvalidValue
from livn.run import Run

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
        first, count: of each gid, where its electrodes stand in `channels` and how many they are.
        channels: positions of electrodes.
        n_channels: number of electrodes.
    """

    first: NDArray[np.int64]
    count: NDArray[np.int64]
    channels: NDArray[np.int64]
    n_channels: int

    @classmethod
    def of(cls, env: Any) -> Self:
        """Return what the array of an Env hears."""
        heard = list(env.channel_recording(None).values())
        gids = np.concatenate([np.empty(0, np.int64), *heard])
        channels = np.repeat(np.arange(len(heard)), [len(own) for own in heard])
        n_gids = int(env.simulated_gids().max()) + 1
        count = np.bincount(gids, minlength=n_gids)
        order = np.argsort(gids, kind="stable")
        return cls(np.cumsum(count) - count, count, channels[order], len(heard))

    @cached_property
    def of_cells(self) -> NDArray[np.float64]:
        """1 where an electrode hears a cell, else 0, shape (n_gids, n_channels)."""
        heard = np.zeros((len(self.count), self.n_channels))
        heard[np.repeat(np.arange(len(self.count)), self.count), self.channels] = 1.0
        return heard

    def counts(self, gids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how many of these spikes each electrode heard, shape (n_channels,)."""
        return np.bincount(gids, minlength=len(self.count)) @ self.of_cells

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
        repeats = self.count[gids]
        within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        return Spikes(
            np.repeat(times, repeats), self.channels[np.repeat(self.first[gids], repeats) + within]
        )


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
        """Return what the encoding gets for an action in this step."""


@runtime_checkable
class Settling(Protocol):
    """A task whose episodes begin when the culture has settled."""

    @property
    def settle(self) -> int:
        """Time from the start of the culture to the start of an episode, ms, >= 0."""


def config_hash(env: Any, encoding: Any, decoding: Any) -> str:
    """Return 16 hexadecimal digits that differ where culture, parameters or task differ."""
    described = [env.culture(), env.seed, env.io.serialize(), env.params()]
    text = dumps([*described, hash(encoding), hash(decoding)], sort_keys=True, default=_as_list)
    return sha256(text.encode()).hexdigest()[:16]


def _as_list(value: Any) -> Any:
    return np.asarray(value).tolist()


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
    wrong = ~((values >= space.low) & (values <= space.high))  # nan too
    if wrong.any():
        place = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise InvalidValue(
            f"action is out of range: got {values[place]} at {place}; need "
            f"{space.low[place]} to {space.high[place]}. Clip it.",
            got=values,
            allowed=(space.low, space.high),
        )
    return values


def check_step(found: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
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
