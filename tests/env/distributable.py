"""Decodings and encodings of test_distributed.py; importable by name, as workers need them."""

import os
import signal

import numpy as np
from pydantic import PrivateAttr

from livn.decoding import Pipe
from livn.types import Decoding, Encoding


class Count(Decoding):
    """How many spikes there are, and how often this object was called."""

    _calls: int = PrivateAttr(0)

    def setup(self, env):
        env.record_spikes()

    def __call__(self, run, env):
        self._calls += 1
        return len(run.spike_times), self._calls, os.getpid()


class Times(Decoding):
    """The spikes, bit for bit."""

    def setup(self, env):
        env.record_spikes()

    def __call__(self, run, env):
        return run.spike_ids.tobytes() + run.spike_times.tobytes(), run.t0


class Killing(Decoding):
    """Kills the worker."""

    def __call__(self, run, env):
        os.kill(os.getpid(), signal.SIGKILL)


class Failing(Decoding):
    """Raises."""

    def __call__(self, run, env):
        raise FloatingPointError("no answer today")


class Pulse(Encoding):
    """A current, nA, into every cell for 5 ms."""

    def __call__(self, env, t_end, inputs):
        from livn.stimulus import Stimulus

        return Stimulus.from_current(np.full((5, env.system.num_neurons), inputs), dt=1.0)


class Playing(Encoding):
    """Spike trains, gid -> times from now, ms, into the synapses of these cells."""

    def __call__(self, env, t_end, inputs):
        env.play_input_spikes(inputs)


class Remembering(Pipe):
    """Counts its calls in its state."""

    def __call__(self, run, env):
        self.state["calls"] = self.state.get("calls", 0) + 1
        return self.state["calls"]

    def reset(self, **options):
        self.state["calls"] = 100
