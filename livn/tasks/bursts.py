"""EvokeBursts and SuppressBursts: when a culture bursts."""

from abc import abstractmethod
from math import ceil
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from livn.decoding.bursts import isi_n_bursts, participants
from livn.decoding.trains import spike_trains
from livn.tasks.task import Gids, Observation, Task, Times

WAIT_SCALE = 1000.0  # ms since a burst; longer is seen as this
_EMPTY = (np.empty(0, np.int64), np.empty(0))


class BurstClock:
    """Finds network bursts in a stream of spikes, each once.

    Args:
        n, isi_n: that many spikes of any cells within `isi_n` ms are in a burst.
        min_cells: that it must recruit.
        gap: bursts with less than this between them are one, ms.
    """

    def __init__(self, n: int, isi_n: float, min_cells: int, gap: float):
        self.n, self.isi_n, self.min_cells, self.gap = n, isi_n, min_cells, gap
        self._spikes = _EMPTY
        self.now, self.until = 0.0, -np.inf  # ms: the end of the stream, and of the last burst
        self._start = -np.inf

    def hear(self, gids: Gids, times: Times, duration: float, cells: Gids) -> tuple[int, float]:
        """Return how many bursts have begun and how long it has been bursting, ms, since before.

        Args:
            gids, times: spikes of the next `duration` ms, from their start.
            cells: all there are.
        """
        before = self._spikes[1] >= self.now - max(self.gap, self.isi_n)
        gids = np.concatenate([self._spikes[0][before], gids])
        times = np.concatenate([self._spikes[1][before], self.now + times])
        self._spikes, self.now = (gids, times), self.now + duration
        found = isi_n_bursts(times, self.n, self.isi_n)
        offset = times[0] if len(times) else 0.0
        trains = spike_trains(cells, gids, times - offset, np.inf)
        found = found.keep(participants(trains, found) >= self.min_cells)
        begun, lasting = 0, 0.0
        for start, stop in zip(found.start, found.stop, strict=True):
            begun += start - self.until >= self.gap
            lasting += max(0.0, stop - max(start, self.until))
            self.until = max(self.until, stop)
        return int(begun), float(lasting)


class Bursts(Task):
    """What evoking and suppressing bursts share.

    A burst is ISI_N <= `isi_n`, that is N spikes of any cells within that time (Bakkum et al.
    2014, Front Comput Neurosci 7:193), with N a fifth of the cells and at least 10, which recruits
    a fifth of the cells; less than `gap` apart, two are one. With an amplifier, those that are seen
    are of electrodes instead of cells.

    The observation is float32 in [0, 1], shape (n_channels + 2,): spikes heard by each electrode
    in this step, as rate / 500 Hz; the share of the step in a burst; the time since the last burst
    ended / 1 s; all clipped.

    Attributes:
        isi_n: ms.
        gap: ms.
        share: of the cells.
    """

    settle: int = Field(default=300, ge=0)
    isi_n: float = Field(default=15.0, gt=0)
    gap: float = Field(default=100.0, ge=0)
    share: float = Field(default=0.2, gt=0, le=1)

    _truth: BurstClock = PrivateAttr()
    _sight: BurstClock = PrivateAttr()
    _n_bursts: int = PrivateAttr(0)
    _bursting: float = PrivateAttr(0.0)  # ms of this step
    _seen: float = PrivateAttr(0.0)

    def _begin(self, rng: np.random.Generator, options: dict[str, Any]) -> None:
        self._truth, self._sight = self._clock(len(self._gids)), self._clock(len(self._units))
        self._n_bursts, self._bursting, self._seen = 0, 0.0, 0.0

    def _clock(self, n_units: int) -> BurstClock:
        few = ceil(self.share * n_units)
        return BurstClock(max(10, few), self.isi_n, few, self.gap)

    def _turn(self, fired: tuple[Gids, Times], seen: tuple[Gids, Times]) -> tuple[float, bool]:
        begun, self._bursting = self._truth.hear(*fired, self.duration, self._gids)
        self._n_bursts += begun
        self._seen = self._bursting
        if self._blurred:
            self._seen = self._sight.hear(*seen, self.duration, self._units)[1]
        return self._reward(begun), False

    @abstractmethod
    def _reward(self, begun: int) -> float:
        """Return the reward of a step in which so many bursts began."""

    @property
    def output_space(self) -> spaces.Box:
        """Space of the observations; known after `setup`."""
        return spaces.Box(0.0, 1.0, (self._heard.n_channels + 2,), np.float32)

    def _observation(self, counts: NDArray[np.float64]) -> Observation:
        clock = self._sight if self._blurred else self._truth
        wait = min(1.0, (clock.now - clock.until) / WAIT_SCALE)
        both = [self._channels(counts), np.array([self._seen / self.duration, wait])]
        return np.clip(np.concatenate(both), 0.0, 1.0).astype(np.float32)

    def _info(self) -> dict[str, Any]:
        return {"n_bursts": self._n_bursts, "bursting_ms": self._bursting}


class EvokeBursts(Bursts):
    """The task of making the culture burst: 1 for each burst that begins in a step.

    As bursts less than `gap` apart are one, so that firing all the time is one burst, a policy
    must pulse and wait.
    """

    def _reward(self, begun: int) -> float:
        return float(begun)


class SuppressBursts(Bursts):
    """The task of keeping the culture from bursting: minus the share of a step in bursts.

    A burst that is known as one in a step may have begun before it; that time counts here, so that
    the return is minus the time in bursts whatever the length of a step.

    Wagenaar et al. 2005 (J Neurosci 25:680) did so by distributed weak stimulation. Nobody has in
    the predefined cultures, whose synapses do not depress: docs/tasks.md says what was tried.
    """

    def _reward(self, begun: int) -> float:
        return -self._bursting / self.duration
