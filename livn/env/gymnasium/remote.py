"""A culture that the workers of a DistributedEnv simulate, and a step of it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn, Protocol, Self

from livn.env.distributed import DistributedEnv
from livn.env.env import Env
from livn.env.gymnasium.turn import Step
from livn.env.snapshot import Snapshot, check_snapshot
from livn.env.trials import Listening, put_state, state_of
from livn.errors import InvalidState, InvalidValue, NotSupported, RemoteError
from livn.io import IO
from livn.run import Run


class RemoteCulture(Env):
    """An Env that is run by whichever worker is free, and is here otherwise.

    Cells, places, parameters and what is recorded are known here. The state of the culture comes
    back with a run, and goes to the worker that continues it. Several may be of one DistributedEnv:
    they share its settings, and each records for itself.

    Args:
        many: the workers.

    Raises:
        NotSupported: if their cultures spread over ranks.
    """

    def __init__(self, many: DistributedEnv):
        many.check_keeping()
        vars(self).update(vars(many.outline))
        self.many, self.recorder = many, many.outline.recorder.twin()
        self._now: Snapshot | None = None  # None at the start
        self._flight: tuple[int, Listening] | None = None

    # runs

    def run(self, duration: float, stimulus: Any = None, dt: float | None = None) -> Run:
        """Advance on a worker and return what was recorded, as `Env.run`."""
        self.submit(duration, stimulus, dt=dt)
        return self.receive()

    def submit(self, duration: Any, inputs: Any, encoding: Any = None, **run_options: Any) -> None:
        """Begin a run, the inputs being encoded on the worker; `receive` or `probe` ends it.

        Raises:
            InvalidState: if one is in flight, or the culture is closed.
            InvalidType: if something cannot be pickled.
        """
        self.check_open()
        self._check_landed()
        asked = Listening(
            duration=duration, spikes=self.recorder.spikes, channels=self.recorder.channels
        )
        put_state(asked, state_of(self.decoding))
        number = self.many.submit_call(
            asked, inputs, encoding, keep=True, after=self._now, stream=self.stream, **run_options
        )
        self._flight = number, asked

    def receive(self) -> Run:
        """Return the run that is in flight, waiting for it.

        Raises:
            RemoteError: if it failed; the culture then is where it was before.
            InvalidState: if none is in flight, or the culture is closed.
        """
        run = self._arrived(self.many.receive_response)
        assert run is not None
        return run

    def probe(self) -> Run | None:
        """Return the run that is in flight, None while it is; errors as of `receive`."""
        return self._arrived(self.many.probe_response)

    def _arrived(self, ask: Callable[[int], Run | None]) -> Run | None:
        self.check_open()
        if self._flight is None:
            raise InvalidState("no run is in flight: got no answer. Call submit() first.")
        (number, asked), self._flight = self._flight, None
        run = ask(number)
        if run is None:
            self._flight = number, asked
            return None
        put_state(self.decoding, state_of(asked))
        self._now = self._taken(number)
        return run

    def _check_landed(self) -> None:
        if self._flight is not None:
            raise InvalidState("a run is in flight: got another call. Call receive() first.")

    # state

    @property
    def t(self) -> float:
        """Time since the start, ms."""
        return 0.0 if self._now is None else self._now.t

    def clear(self, reseed: bool = False) -> Self:
        """Go back to t = 0, as `Env.clear`."""
        self._check_landed()
        self._now = None
        return super().clear(reseed)

    def snapshot(self) -> Snapshot:
        """Return the state, as `Env.snapshot`."""
        self.check_open()
        self._check_landed()
        if self._now is None:
            number = self.many.submit_call(None, keep=True, stream=self.stream)
            self.many.receive_response(number)
            return self._taken(number)
        return replace(self._now, stream=self.stream)

    def _taken(self, number: int) -> Snapshot:
        """Return the state at the end of a task, which nobody else keeps."""
        state = self.many.snapshot(number)
        self.many.release(number)
        return state

    def restore(self, snapshot: Any) -> Self:
        """Continue from a snapshot, as `Env.restore`.

        Raises:
            InvalidType, InvalidValue: if it is none of this culture, or of other parameters,
                which are those of all cultures of the DistributedEnv.
        """
        self.check_open()
        self._check_landed()
        if not self.parameters.holds(check_snapshot(snapshot, self.culture()).params):
            raise InvalidValue(
                "snapshot has other parameters: got one taken before they were set. Set them on "
                "the DistributedEnv, for all its cultures, or take another."
            )
        self._now = snapshot
        return self.reseed_noise(snapshot.stream)

    def close(self) -> Self:
        """Wait for a run in flight, and refuse all others; the workers go on."""
        if self._flight is not None and not self.many.pool.closed:
            with suppress(RemoteError):
                self.receive()
        return super().close()

    # settings are those of all cultures

    @property
    def io(self) -> IO:
        """How it is touched."""
        return self.many.outline.io

    @io.setter
    def io(self, io: Any) -> None:
        raise _elsewhere(f"env.io = {io!r}", "Give the io to the DistributedEnv")

    def set_params(self, params: Mapping[str, Any]) -> Self:
        """Set parameters of all cultures of the DistributedEnv."""
        self.check_open()
        self.many.set_params(params)
        return self

    # what is not here

    def play_input_spikes(self, spikes: Any) -> NoReturn:
        """Refuse: spike trains are played where the culture is."""
        raise _elsewhere("play_input_spikes()", "Let the encoding play them")

    def _build(self, dt: float) -> NoReturn:
        raise _elsewhere("a call that needs an engine", "Use an Env")

    def __reduce__(self) -> NoReturn:
        raise _elsewhere("pickle or copy", "Pickle env.snapshot(), and make the environment anew")


class InFlight(Protocol):
    """A step that was submitted."""

    def done(self) -> bool:
        """Return whether it is over."""

    def result(self) -> Step:
        """Return the step, waiting for it, or raise what went wrong."""


class RemoteStep:
    """A step in flight, finished where it is asked for.

    Args:
        culture: that was submitted.
        finish: makes the step of the run.
    """

    def __init__(self, culture: RemoteCulture, finish: Callable[[Run], Step]):
        self._culture, self._finish = culture, finish
        self._over = False
        self._step: Step | None = None

    def done(self) -> bool:
        """Return whether the step is over; raises what went wrong, once."""
        return self._over or self._take(self._culture.probe)

    def result(self) -> Step:
        """Return the step, waiting for it."""
        if not self._over:
            self._take(self._culture.receive)
        if self._step is None:
            raise InvalidState("step failed: got its result asked for again. Submit another one.")
        return self._step

    def _take(self, ask: Callable[[], Run | None]) -> bool:
        self._over = True  # whatever is raised
        run = ask()
        self._over = run is not None
        if run is not None:
            self._step = self._finish(run)
        return self._over


def _elsewhere(call: str, instead: str) -> NotSupported:
    return NotSupported(f"culture is simulated by workers: got {call}. {instead}.")
