"""The tick loop: a culture that runs on while a program listens and stimulates.

Conventions are those of the CL API of Cortical Labs: integer timestamps count frames since t = 0,
spikes have a timestamp and a channel and never the number of a cell.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livn.arrays import n_steps, positive
from livn.env.loop.file import Recording
from livn.env.loop.schedule import Schedule, Stim
from livn.errors import InvalidState, InvalidType, InvalidValue, NotSupported
from livn.io import Platform
from livn.io.amplifier import Amplifier
from livn.io.detection import Detector
from livn.run import Run
from livn.stimulus import DEVICES, Device, Stimulus
from livn.stimulus.phases import Phases
from livn.stimulus.policies import ElectrodePolicy

if TYPE_CHECKING:
    from livn.env.env import Env

INT16 = np.iinfo(np.int16)


class Spike(NamedTuple):
    """A spike as the array knows it.

    Attributes:
        timestamp: frame in which it begins.
        channel: position of the electrode.
    """

    timestamp: int
    channel: int


@dataclass(frozen=True)
class Analysis:
    """What was found in the time of one tick.

    Attributes:
        start_timestamp, stop_timestamp: first frame, and the first that is left out.
        spikes: in order of time; detected if the loop detects, else those the electrodes hear.
        stims: first phase of each pulse that was played.
    """

    start_timestamp: int
    stop_timestamp: int
    spikes: list[Spike]
    stims: list[Stim]


@dataclass(frozen=True)
class Tick:
    """One turn of a loop.

    Attributes:
        iteration: number of the tick, from 0.
        iteration_timestamp: frame at which it is given to the program.
        iteration_next_timestamp: that of the next one.
        frames: what was recorded since the last one, int16, shape (n_frames, n_channels); None if
            the loop records no frames.
        uv_per_unit: of the frames, uV.
        analysis: spikes and stimuli of the same time.
        run: what the culture did, with the spikes of every cell: the ground truth.
        jitter_ms: how much later than its time on the wall clock it was given, ms; 0 if the loop
            keeps no pace.
        loop: it belongs to.
    """

    iteration: int
    iteration_timestamp: int
    iteration_next_timestamp: int
    frames: NDArray[np.int16] | None
    uv_per_unit: float
    analysis: Analysis
    run: Run
    jitter_ms: float
    loop: "Loop"

    def stimulate(self, policy: ElectrodePolicy) -> int:
        """Play pulses from now on; returns the frame in which the first of them may begin.

        See `Loop.stimulate`.
        """
        return self.loop.stimulate(policy)


class Jitter(NamedTuple):
    """How late ticks were, ms.

    Attributes:
        mean, worst: over all ticks.
        late: number of ticks later than half a tick.
    """

    mean: float
    worst: float
    late: int


class Loop:
    """An iterator of ticks; made by `env.loop`, which tells the arguments.

    Attributes:
        env: the culture.
        device: that dates and limits what is done; of the platform of the Env.
        dt: step of the simulation, ms.
        n_channels: of the array.
        frames_per_tick: number of frames.
        tick_ms: length of a tick, ms.
        lateness: of each tick so far, ms.
    """

    def __init__(
        self,
        env: "Env",
        ticks_per_second: float,
        stop_after_seconds: float | None = None,
        stop_after_ticks: int | None = None,
        *,
        frames: bool = False,
        amplifier: Amplifier | None = None,
        detector: Detector | None = None,
        latency_ms: float = 0.0,
        latency_jitter_ms: float = 0.0,
        recording: Recording | None = None,
        paced: bool = False,
    ):
        if env.comm is not None and env.comm.Get_size() > 1:
            raise NotSupported(
                f"loop runs in one process: got an env on {env.comm.Get_size()} ranks. Make it "
                "without comm."
            )
        self.env = env.init()
        self.device: Device = (
            env.io.device if isinstance(env.io, Platform) else DEVICES["unlimited"]
        )
        self.n_channels = env.io.num_channels
        frame_ms = 1e3 / self.device.rate_hz if self.device.rate_hz else env.model.dt
        self.frame_ms = frame_ms
        self.dt = frame_ms / ceil(frame_ms / env.model.dt - 1e-9)
        self.frames_per_tick = self._frames_per_tick(ticks_per_second)
        self.tick_ms = self.frames_per_tick * frame_ms
        self._n_ticks = self._ticks(stop_after_seconds, stop_after_ticks)
        self._first = n_steps(env.t, frame_ms, "time of the env") if env.t else 0
        self._recording, self._paced = recording, paced
        self._amplifier, self._detector = amplifier or Amplifier(), detector
        usable = np.isin(np.arange(self.n_channels), [*self.device.usable(self.n_channels)])
        self._dead = ~usable | self._amplifier.dead(self.n_channels, env.seed)
        self._frames = frames or detector is not None
        self._schedule = Schedule(self, latency_ms, latency_jitter_ms)
        self._stopped, self._iteration = False, 0
        self.lateness: list[float] = []

    def _frames_per_tick(self, ticks_per_second: float) -> int:
        wanted = positive(ticks_per_second, "ticks_per_second", "Hz")
        exact = 1e3 / (wanted * self.frame_ms)
        whole = max(1, round(exact))
        if abs(exact - whole) > 1e-6 * whole:
            raise InvalidValue(
                f"ticks do not consist of whole frames: got {wanted:g} ticks per second of "
                f"{exact:.6g} frames of {self.frame_ms:g} ms; nearest is "
                f"{1e3 / (whole * self.frame_ms):.10g}. Choose a divisor of "
                f"{1e3 / self.frame_ms:g}.",
                got=ticks_per_second,
                allowed=1e3 / (whole * self.frame_ms),
            )
        return whole

    def _ticks(self, seconds: float | None, ticks: int | None) -> int | None:
        if seconds is not None and ticks is not None:
            raise InvalidValue(
                f"loop has two ends: got stop_after_seconds={seconds!r} and "
                f"stop_after_ticks={ticks!r}; need one of them.",
                got=(seconds, ticks),
            )
        if seconds is not None:
            return n_steps(1e3 * positive(seconds, "stop_after_seconds", "s"), self.tick_ms, "loop")
        if ticks is not None and (
            isinstance(ticks, bool) or not isinstance(ticks, int) or ticks < 1
        ):
            raise InvalidValue(f"loop has no ticks: got {ticks!r}; need 1 or more.", got=ticks)
        return ticks

    @property
    def timestamp(self) -> int:
        """Frame that begins now."""
        return self._first + self._iteration * self.frames_per_tick

    @property
    def jitter(self) -> Jitter:
        """How late the ticks were that were given so far; zeros if the loop keeps no pace."""
        if not self.lateness:
            return Jitter(0.0, 0.0, 0)
        late = np.array(self.lateness)
        return Jitter(float(late.mean()), float(late.max()), int((late > self.tick_ms / 2).sum()))

    def stop(self) -> None:
        """End the loop after this tick."""
        self._stopped = True

    def stimulate(self, policy: ElectrodePolicy) -> int:
        """Play pulses, their times counted from now, when latency and the device allow.

        Pulses of an electrode that is still busy wait until it is not. A policy made for another
        number of channels is sized to this array. Those of a dead electrode are played like others
        and reach no cell.

        Args:
            policy: such as `BurstPolicy(channels=(3,), phases=2.0)`.

        Returns:
            The frame in which the policy begins.

        Raises:
            InvalidType: if it is no policy of pulses.
            InvalidValue: if the device does not allow it, or it does not fit the step.
            InvalidState: if the loop has ended.
        """
        if not isinstance(policy, ElectrodePolicy):
            raise InvalidType(
                f"stimulus of a loop is no policy of pulses: got {policy!r}; need one such as "
                "BurstPolicy.",
                got=policy,
            )
        if self._stopped:
            raise InvalidState("loop has ended: got a stimulus. Start another loop.")
        if policy.n_channels != self.n_channels:
            policy = policy.for_array(self.n_channels, policy.channels)
        return self._schedule.add(policy)

    def __iter__(self) -> Iterator[Tick]:
        """Yield ticks until the end, whatever the program raises.

        Then the recording is closed, and the Env records what it did before.
        """
        env, recorder = self.env, self.env.recorder
        env.recorder = recorder.twin()
        begin = perf_counter()
        try:
            env.record_spikes()
            if self._frames:
                env.record_membrane_current(dt=self.frame_ms)
            while not self._stopped and self._iteration != self._n_ticks:
                tick = self._turn()
                if self._paced:
                    due = begin + 1e-3 * self.tick_ms * (tick.iteration + 1)
                    sleep(max(0.0, due - perf_counter()))
                    self.lateness.append(max(0.0, 1e3 * (perf_counter() - due)))
                    tick = replace(tick, jitter_ms=self.lateness[-1])
                if self._recording is not None:
                    self._recording.write(tick)
                yield tick
        finally:
            self._stopped, env.recorder = True, recorder
            if self._recording is not None:
                self._recording.close()

    def _turn(self) -> Tick:
        """Run the culture for one tick."""
        start = self.timestamp
        commands = self._schedule.commands(self._iteration)
        stimulus = None if commands is None else self._of_cells(commands)
        run = self.env.run(self.tick_ms, stimulus, dt=self.dt)
        stop = start + self.frames_per_tick
        stims = self._schedule.stims(stop)
        seen = self._schedule.seen(start, self._amplifier.lasting_ms())
        potential = self._record(run, start, seen) if self._frames else None
        spikes = (
            self._heard(run, start) if self._detector is None else self._found(potential, start)
        )
        self._iteration += 1
        return Tick(
            iteration=self._iteration - 1,
            iteration_timestamp=stop,
            iteration_next_timestamp=stop + self.frames_per_tick,
            frames=None if potential is None else self._digital(potential),
            uv_per_unit=self.device.uv_per_unit,
            analysis=Analysis(start, stop, spikes, stims),
            run=run,
            jitter_ms=0.0,
            loop=self,
        )

    def _of_cells(self, commands: NDArray[np.float32]) -> Stimulus:
        """Return what commands do; the device has seen all of the pulse they may be a part of."""
        commands[:, self._dead] = 0.0
        io = self.env.io.io if isinstance(self.env.io, Platform) else self.env.io
        return self.env.cell_stimulus(commands, self.dt, io=io)

    def _record(self, run: Run, start: int, phases: Phases | None) -> NDArray[np.float64]:
        """Return what the amplifier makes of the potential, uV."""
        potential = self.env.potential_recording(run.current, run.current_ids)
        recorded = self._amplifier.record(
            potential, self.frame_ms, self.env.seed, self.env.stream, start, phases
        )
        recorded[self._dead] = 0.0
        return recorded

    def _digital(self, potential: NDArray[np.float64]) -> NDArray[np.int16]:
        units = np.rint(potential.T / self.device.uv_per_unit)
        return np.clip(units, INT16.min, INT16.max).astype(np.int16)

    def _heard(self, run: Run, start: int) -> list[Spike]:
        """Return the spikes of the cells within reach of each electrode."""
        ids, times = run.spike_ids, run.spike_times
        assert ids is not None
        assert times is not None
        _, by_channel = self.env.channel_recording(ids, times)
        found = [
            Spike(start + int(time / self.frame_ms + 1e-9), channel)
            for channel, heard in enumerate(by_channel.values())
            if not self._dead[channel]
            for time in heard.tolist()
        ]
        return sorted(found)

    def _found(self, potential: Any, start: int) -> list[Spike]:
        """Return the crossings of the threshold."""
        assert self._detector is not None
        samples, channels = self._detector.detect(potential, start)
        return [Spike(*pair) for pair in zip(samples.tolist(), channels.tolist(), strict=True)]
