"""DistributedEnv: many cultures at once, one in each worker.

Every task is a trial of its own: the culture starts at t = 0 on the noise stream that is the number
of the task, so the answer to task k depends on the settings, the seed and k, and on nothing else.
A task may also continue where an earlier one ended (`after`), on whichever worker is free.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any, Self

from livn import settings
from livn.env.env import Env
from livn.env.snapshot import Snapshot
from livn.env.trials import Culture, Ended, Setting, Trial, culture, put_state, state_of
from livn.errors import InvalidState, InvalidType, InvalidValue, NotSupported
from livn.io import IO
from livn.models import make_model
from livn.models.model import Model
from livn.mpi import world
from livn.system import resolve
from livn.system.checks import whole
from livn.types import Decoding, Encoding
from livn.workers import Answer, Pool, start


def _everywhere(name: str) -> Callable[..., Any]:
    """Return the method that calls the method of that name on every culture."""

    @wraps(getattr(Env, name))
    def method(self: "DistributedEnv", *arguments: Any, **named: Any) -> "DistributedEnv":
        setting = Setting(name, arguments, named)
        self.pool.broadcast(setting)
        self._settings.append(setting)
        if self._outline is not None:
            setting.answer(self._outline)
        return self

    return method


class DistributedEnv:
    """Many cultures with the interface of one: settings reach all, runs are shared out.

    Under mpiexec the last rank hands out tasks; every other rank works from `init` until
    `shutdown` is called there, and then goes on, so that scripts ask `is_root()`.

    Args:
        system: name, directory or URL; it has to be found by every worker.
        model, io, seed, backend, options: as of Env; each must be picklable.
        comm: communicator of mpi4py whose ranks are the workers; None for that of mpiexec where
            it started several ranks, else for processes.
        subworld_size: ranks per culture; None for 1. Ranks that fill no group are idle.
        workers: number of processes; None for one per processor, 0 for this process alone.

    Attributes:
        system, model, io: copies of what cultures are made with; changing them changes nothing
            there, and `outline` has what was set since.
        t: 0.0, where every task starts that continues no other.

    Raises:
        InvalidType: if the system is not named.
    """

    t = 0.0

    def __init__(
        self,
        system: str | os.PathLike[str],
        model: Model | str | None = None,
        io: IO | None = None,
        seed: int = 123,
        comm: Any = None,
        subworld_size: int | None = None,
        *,
        workers: int | None = None,
        backend: str | None = None,
        **options: Any,
    ):
        if not isinstance(system, str | os.PathLike):
            raise InvalidType(
                f"system of a distributed env is not named: got {system!r}; need a name, directory "
                "or URL, from which every worker loads its own.",
                got=system,
            )
        if comm is None and workers is None and settings.launched_ranks() > 1:
            comm = world()
        self.seed, self.comm, self.subworld_size = seed, comm, subworld_size or 1
        self.system = resolve(os.fspath(system))
        self.model = self.system.default_model() if model is None else model
        if isinstance(model, str) and model != "point":
            self.model = make_model(model)
        self.io = self.system.default_io() if io is None else io
        self.decoding: Any = None
        self.encoding: Encoding | None = None
        processors = (os.cpu_count() or 1) if comm is None else 0
        self._workers = processors if workers is None else workers
        self._made_of = {"system": os.fspath(system), "model": model, "io": io, "seed": seed}
        self._made_of |= {"backend": backend, **options}
        self._pool: Pool | None = None
        self._settings: list[Setting] = []  # that every culture has had
        self._outline: Culture | None = None
        self._stream, self._warned = 0, 0
        self._decodings: dict[int, Any] = {}
        self._ended: dict[int, Snapshot] = {}

    # workers

    def init(self) -> Self:
        """Start the workers; on a rank that is one, work until `shutdown`.

        Raises:
            RemoteError: if the culture cannot be made there.
            InvalidValue: if there are too few ranks.
        """
        if self._pool is None:
            factory = partial(culture, **self._made_of)
            self._pool = start(factory, self._workers, self.comm, self.subworld_size, root=-1)
        return self

    def is_root(self) -> bool:
        """Return whether tasks are handed out here."""
        return self.comm is None or self.comm.Get_rank() == self.comm.Get_size() - 1

    @property
    def pool(self) -> Pool:
        """The workers; there after `init`."""
        if self._pool is None:
            raise InvalidState("workers are not started: got no pool. Call init() first, on root.")
        return self._pool

    @property
    def n_workers(self) -> int:
        """Number of cultures."""
        return self.pool.n_workers

    def shutdown(self) -> Self:
        """End the workers; the env cannot be used afterwards."""
        if self._pool is not None:
            self._pool.close()
        return self

    close = shutdown

    def __enter__(self) -> Self:
        return self.init()

    def __exit__(self, *raised: object) -> None:
        self.shutdown()

    @property
    def outline(self) -> Env:
        """An Env like those of the workers, with their settings; made when asked for, never run."""
        if self._outline is None:
            self._outline = culture(None, **self._made_of)
            for setting in self._settings:
                setting.answer(self._outline)
        return self._outline.env

    # settings

    apply_model_defaults = _everywhere("apply_model_defaults")
    apply_default_params = _everywhere("apply_default_params")
    set_weights = _everywhere("set_weights")
    set_noise = _everywhere("set_noise")
    set_params = _everywhere("set_params")
    enable_plasticity = _everywhere("enable_plasticity")
    disable_plasticity = _everywhere("disable_plasticity")
    record = _everywhere("record")
    record_spikes = _everywhere("record_spikes")
    record_voltage = _everywhere("record_voltage")
    record_membrane_current = _everywhere("record_membrane_current")
    clear_recordings = _everywhere("clear_recordings")

    def selection(self, select: Any, method: str = "first", bounds: Any = None) -> Self:
        """Let every culture be of a subset of the cells, see `Env.selection`.

        Raises:
            InvalidState: if `outline` was asked for, which is what environments are made of.
        """
        if self._outline is not None:
            raise InvalidState(
                f"distributed env is already in use: got selection({select!r}) after its outline "
                "was made. Select first."
            )
        return self._select(select, method, bounds)

    _select = _everywhere("selection")

    def clear(self, reseed: bool = False) -> Self:
        """Let the next task be on stream 0 again; every task starts at t = 0 anyhow.

        Args:
            reseed: go on to streams that were not used yet instead.
        """
        self._stream = self._stream if reseed else 0
        return self

    def reseed_noise(self, stream: int | None = None) -> Self:
        """Let the next task be on noise stream `stream`; None leaves one out."""
        chosen = self._stream + 1 if stream is None else stream
        self._stream = whole("noise stream", chosen, at_least=0)
        return self

    # tasks

    def submit_call(
        self,
        decoding: Decoding | int | None,
        inputs: Any = None,
        encoding: Encoding | None = None,
        *,
        keep: bool = False,
        after: int | Snapshot | None = None,
        stream: int | None = None,
        **run_options: Any,
    ) -> int:
        """Return the number of a task that runs a culture as `env(decoding, inputs, encoding)`.

        Args:
            decoding, inputs, encoding, run_options: as of the call of an Env; without a decoding
                nothing is run, and the answer is None.
            keep: keep how the culture is at the end, so that a task can continue from it.
            after: number of a task that was kept and answered, or a snapshot; continue from
                there with the settings in force now. None starts at t = 0.
            stream: of the noise; None for that of `after`, at t = 0 for the next one.

        Raises:
            InvalidType: if they cannot be pickled.
            InvalidValue: if no such task was kept.
            NotSupported: if a culture spreads over ranks and is to be kept.
        """
        if keep or after is not None:
            self.check_keeping()
        start = self.snapshot(after) if isinstance(after, int) else after
        chosen = (self._stream if start is None else start.stream) if stream is None else stream
        trial = Trial(
            whole("noise stream", chosen, at_least=0), decoding, encoding, inputs, run_options,
            state_of(decoding), start, keep,
        )  # fmt: skip
        number = self.pool.submit(trial)
        self._stream += start is None and stream is None
        self._decodings[number] = decoding
        self.decoding, self.encoding = decoding, encoding
        return number

    def check_keeping(self) -> None:
        """Refuse to keep how a culture is where it spreads over ranks.

        Raises:
            NotSupported: if it does.
        """
        if self.subworld_size > 1:
            raise NotSupported(
                f"culture on several ranks cannot be kept: got subworld_size="
                f"{self.subworld_size}. Use subworld_size=1."
            )

    def snapshot(self, task_id: int) -> Snapshot:
        """Return how the culture of a task was at its end, to be continued from here or in an Env.

        Raises:
            InvalidValue: if the task was not kept, not answered yet, or released.
        """
        if task_id not in self._ended:
            raise InvalidValue(
                f"task was not kept: got {task_id!r}; kept and answered: "
                f"{sorted(self._ended)}. Submit it with keep=True and receive its response.",
                got=task_id,
                allowed=sorted(self._ended),
            )
        return self._ended[task_id]

    def release(self, task_id: int) -> Self:
        """Forget how the culture of a task was at its end, which frees its memory."""
        self._ended.pop(task_id, None)
        return self

    def receive_response(self, task_id: int | None = None) -> Any:
        """Return the answer to a task, waiting for it; None takes the next one to be there.

        Raises:
            RemoteError: if the task failed; WorkerDied if two workers died of it.
            InvalidValue: if there is no such task, or its answer was taken.
            InvalidState: if no task is outstanding.
        """
        found = self.pool.next() if task_id is None else self.pool.wait(task_id)
        if found is None:
            raise InvalidState("no task is outstanding: got no answer. Call submit_call() first.")
        return self._received(found)

    def probe_response(self, task_id: int) -> Any:
        """Return the answer to a task, None while it runs; errors as of `receive_response`."""
        found = self.pool.probe(task_id)
        return None if found is None else self._received(found)

    def responses(self) -> Iterator[tuple[int, Any]]:
        """Yield number and answer of tasks as they come, until none is outstanding."""
        while (found := self.pool.next()) is not None:
            yield found.number, self._received(found)

    def __call__(
        self,
        decoding: Decoding | int,
        inputs: Any = None,
        encoding: Encoding | None = None,
        **run_options: Any,
    ) -> Any:
        """Encode, run, decode; a list of inputs is a task each, answered side by side.

        Returns:
            A list of answers in the order of the inputs; one answer if the inputs are no list.

        Raises:
            RemoteError: if a task failed; the others are answered first.
        """
        several = inputs if isinstance(inputs, list) else [inputs]
        numbers = [self.submit_call(decoding, one, encoding, **run_options) for one in several]
        found = [self.pool.wait(number) for number in numbers]
        answers = [self._received(one) for one in found]
        return answers if isinstance(inputs, list) else answers[0]

    def _received(self, answer: Answer) -> Any:
        """Take over what came with an answer, and return its value."""
        for death in self.pool.deaths[self._warned :]:
            warnings.warn(f"{death}\nIt was started anew.", RuntimeWarning, stacklevel=3)
        self._warned = len(self.pool.deaths)
        decoding = self._decodings.pop(answer.number)
        ended: Ended = answer.result()
        put_state(decoding, ended.state)
        if ended.culture is not None:
            self._ended[answer.number] = ended.culture
        return ended.value

    # what only a single culture can do

    def run(self, *arguments: Any, **named: Any) -> Any:
        """Refuse: cultures run by tasks."""
        raise _single("run", "submit_call(duration, stimulus)")

    def cell_stimulus(self, *arguments: Any, **named: Any) -> Any:
        """Refuse: an encoding is called where the culture is."""
        raise _single("cell_stimulus", "an encoding")

    def channel_recording(self, *arguments: Any, **named: Any) -> Any:
        """Refuse: a decoding is called where the culture is."""
        raise _single("channel_recording", "a decoding such as ChannelRecording")


def _single(name: str, instead: str) -> NotSupported:
    return NotSupported(
        f"distributed env has no culture of its own: got {name}(). Use {instead}, or an Env."
    )
