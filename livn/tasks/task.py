"""Task: what all tasks share, and what is taken from them to see whether the spikes matter."""

from abc import abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from livn.env.gymnasium import Hearing
from livn.errors import InvalidState, InvalidType, InvalidValue, unknown_names
from livn.io.amplifier import Amplifier
from livn.run import Run
from livn.tasks.detection import SAMPLE, Detection
from livn.types import Decoding, Encoding

Ablation = Literal["none", "zero", "shuffled"]
ABLATIONS: tuple[Ablation, ...] = get_args(Ablation)
CHANNEL_SCALE = 500.0  # Hz, of all cells that an electrode hears together
_KEPT = 64  # steps whose spikes are shuffled

Gids = NDArray[np.int64]
Times = NDArray[np.float64]
Observation = NDArray[np.float32]


class Task(Decoding):
    """A decoding whose episodes begin and are rewarded.

    Between what the culture fires and what observations and motor decoding see of it stands the
    ablation: "none"; "zero", no spike is seen; "shuffled", those of a step drawn from the last 64
    of the episode, of cells drawn anew, so that neither when nor where says anything. Rewards are
    always of the culture as it is. A policy that earns as much without the spikes does not use
    them.

    With an amplifier, what is seen is what a threshold finds behind it, by electrode instead of by
    cell, and dead electrodes neither hear nor stimulate; `Detection` has the details. The info of a
    step has what was found as `detected`.

    Attributes:
        duration: of a step, ms.
        max_steps: after which an episode is truncated.
        settle: ms of culture before an episode, from t = 0, where all cells start alike.
        ablation: `reset(options={"ablation": "zero"})` sets that of an episode.
        amplifier: between electrodes and threshold; None for the spikes of the cells that each
            electrode hears.
        n_sigma: threshold in standard deviations of the noise of each channel; 4 to 6 are usual.
    """

    duration: int = Field(default=50, gt=0)
    max_steps: int = Field(default=200, ge=1)
    settle: int = Field(default=0, ge=0)
    ablation: Ablation = "none"
    amplifier: Amplifier | None = None
    n_sigma: float = Field(default=5.0, gt=0, allow_inf_nan=False)

    options: ClassVar[tuple[str, ...]] = ()  # of `reset`, besides "ablation"

    _hearing: Hearing | None = PrivateAttr(None)
    _encoding: Encoding | None = PrivateAttr(None)
    _detection: Detection | None = PrivateAttr(None)
    _gids: Gids = PrivateAttr(default_factory=lambda: np.empty(0, np.int64))
    _units: Gids = PrivateAttr(default_factory=lambda: np.empty(0, np.int64))  # seen to spike
    _rng: np.random.Generator = PrivateAttr(default_factory=np.random.default_rng)
    _ablating: Ablation = PrivateAttr("none")
    _past: deque[tuple[Gids, Times]] = PrivateAttr(default_factory=lambda: deque(maxlen=_KEPT))
    _steps: int = PrivateAttr(0)

    def setup(self, env: Any) -> None:
        """Record spikes, and learn which electrode hears which cell.

        Raises:
            NotSupported: if there is an amplifier and the encoding does not tell what it plays.
        """
        env.record_spikes()
        self._hearing, self._gids = Hearing.of(env), env.simulated_gids()
        self._encoding, self._units = env.encoding or self._encoding, self._gids
        if self.amplifier is not None:
            env.record_membrane_current(dt=SAMPLE)
            known = self._detection
            if known is None or known.culture != (env.culture(), env.seed):
                known = Detection(env, self._encoding, self.amplifier, self.n_sigma)
            self._detection, self._units = known, np.arange(known.n_channels)
            self._hearing = Hearing(np.eye(known.n_channels, dtype=bool))

    def actions(self) -> spaces.Box:
        """Return the action space, that of the encoding; known after `setup`."""
        if self._encoding is None:
            raise InvalidState("task knows no encoding: got no setup. Call setup(env) first.")
        space: spaces.Box = self._encoding.input_space
        return space

    def command(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the encoding gets for an action: that which passes the electrodes."""
        return action if self._detection is None else self._detection.passing(action)

    def reset(
        self, seed: int | None = None, options: Any = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode and return its first observation and info.

        Args:
            seed: of all that the task draws.
            options: "ablation", and what the task adds.

        Raises:
            InvalidType: if options are no mapping.
            UnknownName: if one is unknown.
            InvalidValue: if one has no such value.
        """
        if not isinstance(options, Mapping | None):
            raise InvalidType(
                f"options are not a mapping: got {options!r}; need names and values.", got=options
            )
        given = dict(options or {})
        unknown = [name for name in given if name not in (*self.options, "ablation")]
        if unknown:
            raise unknown_names("option", unknown, [*self.options, "ablation"])
        ablation = given.pop("ablation", self.ablation)
        if ablation not in ABLATIONS:
            raise InvalidValue(
                f"ablation does not exist: got {ablation!r}; known: {', '.join(ABLATIONS)}.",
                got=ablation,
                allowed=ABLATIONS,
            )
        rng = np.random.default_rng(seed)
        self._begin(rng, given)
        self._ablating, self._rng, self._steps = ablation, rng, 0
        self._past.clear()
        if self._detection is not None:
            self._detection.begin()
        return self._observation(np.zeros(self._heard.n_channels)), self._info()

    def __call__(self, run: Run, env: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Return (observation, reward, terminated, truncated, info) of a step."""
        gids, times = run.spike_ids, run.spike_times
        if gids is None or times is None:
            raise InvalidState(
                f"spikes are missing from the run: got {run!r}. Call env.record_spikes() first."
            )
        self._steps = steps = self._steps + 1
        fired, found = (gids, times), {}
        heard = fired
        if self._detection is not None:
            detected = self._detection.detect(run, env)
            heard, found = (detected.channels, detected.times), {"detected": detected}
        seen = self._ablated(*heard)
        reward, terminated = self._turn(fired, seen)
        ended = steps >= self.max_steps
        counts = self._heard.counts(seen[0])
        return self._observation(counts), reward, terminated, ended, self._info() | found

    def _ablated(self, gids: Gids, times: Times) -> tuple[Gids, Times]:
        """Return the spikes that are seen."""
        if self._ablating == "none":
            return gids, times
        if self._ablating == "zero":
            return gids[:0], times[:0]
        self._past.append((gids, times))
        others, when = self._past[int(self._rng.integers(len(self._past)))]
        mixed = self._rng.permutation(self._units)
        return mixed[np.searchsorted(self._units, others)], when

    @property
    def _blurred(self) -> bool:
        """Whether what is seen is not what the cells fired."""
        return self._ablating != "none" or self._detection is not None

    @property
    def _per_seen(self) -> float:
        """Spikes of cells that one seen spike stands for."""
        return 1.0 if self._detection is None else self._detection.per_spike

    @abstractmethod
    def _begin(self, rng: np.random.Generator, options: dict[str, Any]) -> None:
        """Begin an episode, or refuse its options and change nothing."""

    @abstractmethod
    def _turn(self, fired: tuple[Gids, Times], seen: tuple[Gids, Times]) -> tuple[float, bool]:
        """Take in the spikes of a step and return reward and whether the task is over."""

    @abstractmethod
    def _observation(self, counts: NDArray[np.float64]) -> Observation:
        """Return what is observed, given how many spikes each electrode was seen to hear."""

    @abstractmethod
    def _info(self) -> dict[str, Any]:
        """Return what the info of a step tells of the task."""

    @property
    def _heard(self) -> Hearing:
        hearing = self._hearing
        if hearing is None:
            raise InvalidState("task knows no culture: got no setup. Call setup(env) first.")
        return hearing

    def _channels(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return counts as rates / 500 Hz, at most 1."""
        return np.minimum(counts / (CHANNEL_SCALE * self.duration / 1000), 1.0)
