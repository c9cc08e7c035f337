"""What the workers of a DistributedEnv do: settings and trials of their culture."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import PrivateAttr

from livn.env.env import Env
from livn.env.snapshot import Snapshot
from livn.types import Decoding, Encoding

PIPELINES = 64  # that a worker keeps
NEEDS_RESET = "_needs_reset"  # in the state of a decoding: the worker resets it first


class Culture:
    """What answers in a worker: an Env, and the pipelines it has seen."""

    def __init__(self, env: Env):
        self.env = env
        self._pipelines: dict[Any, tuple[Any, Any]] = {}

    def __call__(self, task: "Setting | Trial") -> Any:
        """Return the answer to a task."""
        return task.answer(self)

    def pipeline(self, decoding: Any, encoding: Any) -> tuple[Any, Any]:
        """Return the decoding and encoding first seen that equal these, with what they keep."""
        pair: tuple[Any, Any] = decoding, encoding
        known = self._pipelines.get(pair)  # compares by content, which takes time
        if known is None:
            if len(self._pipelines) == PIPELINES:
                self._pipelines.pop(next(iter(self._pipelines)))
            known = self._pipelines[pair] = pair
        return known


@dataclass(frozen=True)
class Setting:
    """A call that every culture must have had."""

    name: str
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]

    def answer(self, culture: Culture) -> None:
        """Make the call."""
        getattr(culture.env, self.name)(*self.arguments, **self.named)


@dataclass(frozen=True)
class Trial:
    """One task.

    Attributes:
        stream: of the noise.
        decoding, encoding, inputs, options: as of the call of an Env; no decoding runs nothing.
        state: of the decoding; None if it has none.
        start: where to continue from; None for a fresh start.
        keep: whether to return where it ended.
    """

    stream: int
    decoding: Any
    encoding: Encoding | None
    inputs: Any
    options: Mapping[str, Any]
    state: dict[str, Any] | None
    start: Snapshot | None
    keep: bool

    def answer(self, culture: Culture) -> "Ended":
        """Run the trial; what its decoding asked to be recorded is forgotten afterwards."""
        env = culture.env
        decoding, encoding = culture.pipeline(self.decoding, self.encoding)
        recorder, env.recorder = env.recorder, env.recorder.twin()
        try:
            self._begin(env, decoding)
            value = None
            if decoding is not None:
                value = env(decoding, self.inputs, encoding, **self.options)
            end = env.init().snapshot() if self.keep else None
            return Ended(value, state_of(decoding), end)
        finally:
            env.recorder = recorder

    def _begin(self, env: Env, decoding: Any) -> None:
        if self.start is None:
            env.clear()
        else:  # with the settings that are in force now
            env.restore(replace(self.start, params=env.parameters.everything()))
        env.reseed_noise(self.stream)
        if put_state(decoding, self.state) and decoding.state.pop(NEEDS_RESET, False):
            decoding.reset()


class Listening(Decoding):
    """Hands back the run, for a decoding that is where tasks are handed out.

    Attributes:
        spikes, channels: to be recorded besides what the culture records, as a Recorder has them.
        state: of that decoding, which an encoding may read and write; travels with the task.
    """

    spikes: set[str]
    channels: dict[str, Any]

    _state: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def state(self) -> dict[str, Any]:
        """What lasts."""
        return self._state

    def setup(self, env: Any) -> None:
        """Record what is asked for."""
        env.recorder.spikes |= self.spikes
        env.recorder.channels |= self.channels


@dataclass(frozen=True)
class Ended:
    """What a trial leaves: its answer, the state of its decoding, and that of its culture."""

    value: Any
    state: dict[str, Any] | None
    culture: Snapshot | None


def state_of(decoding: Any) -> dict[str, Any] | None:
    """Return a copy of what a decoding keeps in its `state`, None if it has none."""
    state = getattr(decoding, "state", None)
    return dict(state) if isinstance(state, dict) else None


def put_state(decoding: Any, state: dict[str, Any] | None) -> bool:
    """Give a decoding what it kept elsewhere, and return whether it keeps anything."""
    own = getattr(decoding, "state", None)
    if state is None or not isinstance(own, dict):
        return False
    own.clear()
    own.update(state)
    return True


def culture(comm: Any, **made_of: Any) -> Culture:
    """Return what answers in a worker.

    Args:
        comm: communicator of the ranks of this worker; None or of size 1 for one process.
        made_of: arguments of the Env.
    """
    return Culture(Env(comm=comm if comm is not None and comm.Get_size() > 1 else None, **made_of))
