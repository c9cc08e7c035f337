"""Which pulses of a loop are played when: one after the other on each electrode."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from livn import random
from livn.errors import InvalidValue
from livn.stimulus import Device
from livn.stimulus.phases import Phases, phases_of
from livn.stimulus.policies import ElectrodePolicy
from livn.stimulus.pulses import PulseTrain

KNOWN = 64  # policies whose pulses are remembered
LATENCY_SITE = (1 << 40) + 2  # what draws; see livn.io.amplifier


class Stim(NamedTuple):
    """A pulse that was played.

    Attributes:
        timestamp: frame in which it begins.
        channel: position of the electrode.
    """

    timestamp: int
    channel: int


class Clock(Protocol):
    """A loop, as far as its pulses need it."""

    env: Any
    device: Device
    dt: float
    n_channels: int
    frame_ms: float
    frames_per_tick: int

    @property
    def timestamp(self) -> int:
        """Frame that begins now."""


@dataclass(frozen=True)
class Queued:
    """A train of pulses that begins at a step."""

    train: PulseTrain
    first: int

    @property
    def end(self) -> int:
        """First step after it."""
        return self.first + self.train.n_steps


class Schedule:
    """The pulses that wait to be played, and what was played of late.

    Args:
        loop: that plays them.
        latency_ms: from a decision to its first phase, besides the lead of the device, ms.
        jitter_ms: standard deviation of a half-normal addition to it, ms.
    """

    def __init__(self, loop: Clock, latency_ms: float, jitter_ms: float):
        for name, value in (("latency_ms", latency_ms), ("latency_jitter_ms", jitter_ms)):
            if not 0 <= value < np.inf:
                raise InvalidValue(
                    f"{name} is negative: got {value!r}; need 0 ms or more.", got=value
                )
        self._loop, self._latency, self._jitter = loop, latency_ms, jitter_ms
        self._queued: list[Queued] = []
        self._coming: list[Stim] = []
        self._played: list[Phases] = []
        self._known: dict[ElectrodePolicy, tuple[PulseTrain, Phases]] = {}
        self._free = np.zeros(loop.n_channels, np.int64)  # first step at which a channel is free
        self._steps_per_frame = round(loop.frame_ms / loop.dt)

    def add(self, policy: ElectrodePolicy) -> int:
        """Queue a policy, and return the frame in which it begins."""
        loop = self._loop
        train, phases = self._checked(policy)
        wait = max(1e-3 * loop.device.lead_us, self._latency + self._drawn())
        now = loop.timestamp * self._steps_per_frame
        driven = list(train.channels)
        soon = now + int(np.ceil(wait / loop.dt - 1e-9))
        first = self._on_grid(max(soon, int(self._free[driven].max())))
        queued = [*self._queued, Queued(train, first)]
        self._check_driven(queued)
        self._free[driven] = first + train.n_steps
        self._queued = queued
        start = phases.start + first * loop.dt
        self._played.append(replace(phases, start=start))
        frames = np.floor(start / loop.frame_ms + 1e-6).astype(int)
        begin = np.flatnonzero(phases.position == 0)
        pairs = zip(frames[begin].tolist(), phases.channel[begin].tolist(), strict=True)
        self._coming += [Stim(*pair) for pair in pairs]
        return first // self._steps_per_frame

    def _checked(self, policy: ElectrodePolicy) -> tuple[PulseTrain, Phases]:
        """Return pulses and phases of a policy that the device allows."""
        if policy not in self._known:
            dt = self._loop.dt
            train = policy.train(dt)
            commands = train.window(0, train.n_steps)
            self._loop.device.check(commands, dt)
            if len(self._known) == KNOWN:
                self._known.pop(next(iter(self._known)))
            self._known[policy] = train, phases_of(commands[None], dt)
        return self._known[policy]

    def commands(self, iteration: int) -> NDArray[np.float32] | None:
        """Return the commands of the tick that begins now, uA, None if there are none."""
        start = self._loop.timestamp * self._steps_per_frame
        stop = start + self._loop.frames_per_tick * self._steps_per_frame
        self._queued = [q for q in self._queued if q.end > start]
        now = [q for q in self._queued if q.first < stop]
        if not now:
            return None
        found = np.zeros((stop - start, self._loop.n_channels), np.float32)
        for queued in now:
            first, last = max(start, queued.first), min(stop, queued.end)
            window = queued.train.window(first - queued.first, last - queued.first)
            found[first - start : last - start] += window
        return found

    def stims(self, stop: int) -> list[Stim]:
        """Return the pulses that began before frame `stop` and were not returned before."""
        begun = sorted(stim for stim in self._coming if stim.timestamp < stop)
        self._coming = [stim for stim in self._coming if stim.timestamp >= stop]
        return begun

    def seen(self, start: int, lasting_ms: float) -> Phases | None:
        """Return the phases that are seen from frame `start` on, and forget those before."""
        ending = start * self._loop.frame_ms - lasting_ms
        self._played = [p for p in self._played if p.end >= ending]
        return Phases.joined(self._played) if self._played else None

    def _check_driven(self, queued: list[Queued]) -> None:
        """Check that trains do not drive too many channels at once, where one begins."""
        for begin in {q.first for q in queued}:
            now = [q.train.channels for q in queued if q.first <= begin < q.end]
            self._loop.device.check_driven(len(set().union(*now)))

    def _on_grid(self, step: int) -> int:
        """Return this step, or the first after it that is on the time grid of the device."""
        grid_us = self._loop.device.grid_us or 0.0
        grid = max(1, round(1e-3 * grid_us / self._loop.dt))
        return -(-step // grid) * grid

    def _drawn(self) -> float:
        """Return the addition to the latency of this moment, ms."""
        if not self._jitter:
            return 0.0
        env = self._loop.env
        key = random.key(env.seed, env.stream, LATENCY_SITE)
        drawn = random.normals(key, np.zeros(1, np.int64), self._loop.timestamp, 1)
        return float(self._jitter * abs(drawn[0, 0, 0]))
