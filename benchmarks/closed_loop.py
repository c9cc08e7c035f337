"""What a turn of a closed loop costs: stimulus in, 10 ms of culture, spikes out.

python benchmarks/closed_loop.py --systems EI1 EI2 --models Izhikevich

Per system, model and way to stimulate, microseconds of one `env.run(10)`: the median by the wall
clock, the mean of processor time, and of the median what passes inside the engine and outside it.

- none: no stimulus.
- current: one `Stimulus` of 0.5 ms into every cell, used again.
- new current: a new `Stimulus` of 10 ms, another value every 0.1 ms, made in every turn.
- pulse: one biphasic pulse on one electrode, turned into what reaches the cells in every turn.
- commands: a command for every electrode every ms, as an agent gives them, in every turn.
"""

import argparse
import itertools
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from livn import Env, Stimulus

STEP = 10.0  # ms of one turn
CURRENT = 0.002  # nA
AMPLITUDE = 1.5  # uA
WARM = 5  # turns before the clock starts


@dataclass(frozen=True)
class Turn:
    """What a turn costs, µs."""

    system: str
    model: str
    stimulus: str
    wall: float
    cpu: float
    inside: float
    outside: float


def ways(env: Env) -> dict[str, Callable[[], Any]]:
    """Return how to make the stimulus of the next turn, by the name of the way."""
    n, rng = env.system.num_neurons, np.random.default_rng(0)
    current = Stimulus.from_current(np.full((5, n), CURRENT), dt=0.1)
    noise = CURRENT * rng.uniform(-1, 1, (100, n))
    found: dict[str, Callable[[], Any]] = {
        "none": lambda: None,
        "current": lambda: current,
        "new current": lambda: Stimulus.from_current(noise, dt=0.1),
    }
    if "extracellular" in env.model.input_modes():
        channels = env.io.num_channels
        commands = AMPLITUDE * rng.uniform(-1, 1, (10, channels))
        pulse = Stimulus.biphasic_pulse(channels, [0], AMPLITUDE, interphase_gap=0.1, dt=0.1)
        found["pulse"] = lambda: env.cell_stimulus(pulse)
        found["commands"] = lambda: env.cell_stimulus(commands, dt=1.0)
    return found


class Stopwatch:
    """Stands before an engine and adds up the time of its calls, s."""

    def __init__(self, engine: Any):
        self._advance, self.seconds = engine.advance, 0.0
        engine.advance = self

    def __call__(self, *arguments: Any) -> Any:
        start = time.perf_counter()
        output = self._advance(*arguments)
        self.seconds += time.perf_counter() - start
        return output


def measure(system: str, model: str, backend: str, repeats: int) -> list[Turn]:
    """Return the turns of a culture, stimulated in every way."""
    env = Env(system, model, backend=backend).init().apply_model_defaults().record_spikes()
    watch = Stopwatch(env.engine)
    turns = []
    for name, make in ways(env).items():
        env.clear()
        for _ in range(WARM):
            env.run(STEP, make())
        walls, insides = [], []
        before = time.process_time()
        for _ in range(repeats):
            watch.seconds = 0.0
            start = time.perf_counter()
            env.run(STEP, make())
            walls.append(time.perf_counter() - start)
            insides.append(watch.seconds)
        cpu = (time.process_time() - before) / repeats
        outside = statistics.median(w - i for w, i in zip(walls, insides, strict=True))
        wall, inside = statistics.median(walls), statistics.median(insides)
        turns.append(Turn(system, model, name, *(1e6 * x for x in (wall, cpu, inside, outside))))
    env.close()
    return turns


def main() -> None:
    """Measure every combination and print a table."""
    parser = argparse.ArgumentParser(description="What a turn of a closed loop costs.")
    parser.add_argument("--systems", nargs="+", default=["EI1", "EI2", "EI3"])
    parser.add_argument("--models", nargs="+", default=["Izhikevich", "ReducedCalciumSomaDendrite"])
    parser.add_argument("--backend", default="native")
    parser.add_argument("--repeats", type=int, default=200)
    asked = parser.parse_args()
    table = Table("system", "model", "stimulus", "wall us", "cpu us", "inside us", "outside us",
                  box=box.MARKDOWN)  # fmt: skip
    warnings.simplefilter("ignore")  # systems without parameters say so
    for system, model in itertools.product(asked.systems, asked.models):
        for turn in measure(system, model, asked.backend, asked.repeats):
            table.add_row(*(f"{v:.0f}" if isinstance(v, float) else v for v in astuple(turn)))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
