"""Encodings of test_remote.py; importable by name, as workers need them."""

import os
import signal
from pathlib import Path
from time import monotonic, sleep

from pydantic import Field

from livn.tasks import PulseAmplitudes

PATIENCE = 60  # s, after which whoever is waited for does not come


class Meeting(PulseAmplitudes):
    """Waits in every step until others wait at the same place in theirs."""

    place: str
    name: str
    n: int = 2

    def __call__(self, env, t_end, inputs):
        end = monotonic() + PATIENCE
        place = Path(self.place) / f"{env.t:g}"
        place.mkdir(exist_ok=True)
        (place / self.name).touch()
        while len(list(place.iterdir())) < self.n:
            if monotonic() > end:
                raise TimeoutError(f"{self.name} is alone at {env.t} ms")
            sleep(1e-3)
        return super().__call__(env, t_end, inputs)


class Seeing(PulseAmplitudes):
    """Pulses as the task in the pipe was last observed, and lets a cell be heard of."""

    def __call__(self, env, t_end, inputs):
        state = env.decoding.state
        state["seen"] = state.get("seen", 0) + 1
        env.play_input_spikes({3: [1.0, 2.0]})
        return super().__call__(env, t_end, abs(state["raw_gym_obs"][2:3]) * 10 + inputs)


class Dying(PulseAmplitudes):
    """Kills the worker once, in the first step."""

    mark: str

    def __call__(self, env, t_end, inputs):
        if not Path(self.mark).exists():
            Path(self.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(env, t_end, inputs)


class Refusing(PulseAmplitudes):
    """Raises at strong actions."""

    limit: float = Field(default=0.5)

    def __call__(self, env, t_end, inputs):
        if max(inputs) > self.limit:
            raise FloatingPointError("too strong")
        return super().__call__(env, t_end, inputs)
