"""What differentiating through a culture costs, and whether the derivatives are right.

python benchmarks/gradients.py check                     derivatives against central differences
python benchmarks/gradients.py time --systems EI1 EI2    compile and run, forward and gradient
python benchmarks/gradients.py memory                    with and without checkpoints
python benchmarks/gradients.py copies                    simulated seconds per second, mapped copies
python benchmarks/gradients.py gpu                       time, memory and copies on the GPU, < 4 min

All take `--device cpu` or `gpu`. Figures are of float32 where not said otherwise; derivatives are
checked in float64. The loss is the mean firing rate plus the mean voltage, the stimulus biphasic
pulses on every electrode (currents into every cell where the model feels no field), and what is
differentiated the stimulus and all weights.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from livn import Env, Stimulus
from livn.env.functional import FunctionalEnv, functional

SHORT = {"RCSD": "ReducedCalciumSomaDendrite"}
NOISE = {
    "LIF": {"level": 100.0},
    "GLIF": {"level": 50.0},
    "Izhikevich": {"level": 6.0},
}
CONDUCTANCES = {"g_e0": 2e-3, "g_i0": 4e-3, "std_e": 1e-3, "std_i": 1e-3}  # uS
CURRENT = {"LIF": 0.3, "GLIF": 0.3, "Izhikevich": 0.02, "HodgkinHuxley": 0.2, "PinskyRinzel": 0.5,
           "ReducedCalciumSomaDendrite": 0.3}  # fmt: skip
SAMPLE = 1.0  # ms of a sample of the stimulus


def show(columns: list[str], rows: list[list[str]]) -> None:
    """Print a table in Markdown."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for cells in (columns, ["-" * w for w in widths], *rows):
        print("| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |")
    print(flush=True)


def culture(system: Any, model: str, **recorded: Any) -> FunctionalEnv:
    """Return a culture with noise that records spikes, and what is named with its step, ms."""
    env = Env(system, model, backend="diffrax").init().set_noise(NOISE.get(model, CONDUCTANCES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of systems without parameters of the model
        env.apply_model_defaults(noise=False)
    env.record_spikes()
    for what, dt in recorded.items():
        env.record(what, dt=dt)
    return functional(env)


def stimulus(env: FunctionalEnv, commands: Any, dt: float) -> Stimulus:
    """Return what commands do: potentials of electrodes, or currents into all cells, nA."""
    if "extracellular" in env.culture.model.input_modes():
        return env.cell_stimulus(commands, dt)
    n_cells = env.culture.network.n_cells
    scale = CURRENT[env.culture.model.params_key()]
    column = jnp.abs(commands).mean(axis=1, keepdims=True)
    return Stimulus.from_current(jnp.repeat(column * scale, n_cells, axis=1), dt=dt)


def pulses(env: FunctionalEnv, duration: float, dt: float) -> np.ndarray:
    """Return commands, uA: a pulse of 2 samples on every electrode every 10 ms."""
    commands = np.zeros((round(duration / dt), env.io.num_channels))
    every = round(10.0 / dt)
    commands[::every], commands[1::every] = -1.0, 1.0
    return commands


class OutOfTime(Exception):
    """There is no time left to compile something."""


_until = [np.inf]  # when nothing more is compiled


def gradient(loss: Callable[..., Any]) -> Callable[..., Any]:
    """Return the loss with its derivatives by weights and commands."""
    return jax.value_and_grad(loss, (0, 1))


def rate_loss(env: FunctionalEnv, duration: float, dt: float, **options: Any) -> Callable[..., Any]:
    """Return a function of weights and commands."""

    def loss(weights: Any, commands: Any, key: Any) -> Any:
        mine = env.set_weights(weights)
        run = mine.run(duration, stimulus(mine, commands, dt), key=key, **options)
        return run["spike_train"].values.mean() + 1e-3 * jnp.mean(run.voltage)

    return loss


def arguments(env: FunctionalEnv, duration: float, dt: float) -> tuple[Any, ...]:
    """Return what `rate_loss` is a function of."""
    weights = {k: jnp.asarray(v, float) for k, v in env.weights.items()}
    return weights, jnp.asarray(pulses(env, duration, dt), float), jnp.asarray(env.noise_key())


def compiled(function: Callable[..., Any], given: tuple[Any, ...]) -> tuple[Any, float]:
    """Return the compiled function and how long tracing and compiling took, s."""
    start = time.perf_counter()
    if start > _until[0]:
        raise OutOfTime
    made = jax.jit(function).lower(*given).compile()
    return made, time.perf_counter() - start


def seconds(function: Callable[..., Any], given: tuple[Any, ...], least: float = 0.5) -> float:
    """Return how long a call takes, s: the best of those that fit into `least` seconds."""
    jax.block_until_ready(function(*given))
    best, begin = np.inf, time.perf_counter()
    while time.perf_counter() - begin < least or best == np.inf:
        start = time.perf_counter()
        jax.block_until_ready(function(*given))
        best = min(best, time.perf_counter() - start)
    return best


def needed(made: Any) -> float:
    """Return the working memory of a compiled function, MB."""
    return float(made.memory_analysis().temp_size_in_bytes) / 1e6


def report(columns: list[str], rows: Iterator[list[str]]) -> None:
    """Print rows as they come, and all of them as a table."""
    found = []
    with suppress(OutOfTime):
        for row in rows:
            print(*row, flush=True)
            found.append(row)
    show(columns, found)


def cultures(asked: argparse.Namespace) -> Iterator[tuple[list[str], FunctionalEnv]]:
    """Yield the names and the culture of every system and model."""
    for system in asked.systems:
        for model in (SHORT.get(m, m) for m in asked.models):
            yield [system, model], culture(system, model, voltage=1.0)


def measure_time(asked: argparse.Namespace) -> None:
    """Print compile and run times."""

    def rows() -> Iterator[list[str]]:
        for names, env in cultures(asked):
            given = arguments(env, asked.duration, SAMPLE)
            loss = rate_loss(env, asked.duration, SAMPLE)
            for what, function in (("forward", loss), ("gradient", gradient(loss))):
                made, wait = compiled(function, given)
                took = seconds(made, given)
                rate = took * 1e3 / asked.duration
                yield [*names, what, f"{wait:.1f}", f"{took:.4f}", f"{rate:.3f}"]

    print(f"{asked.duration:g} ms simulated")
    report(["system", "model", "what", "compile s", "run s", "per simulated s"], rows())


def measure_memory(asked: argparse.Namespace) -> None:
    """Print the working memory of a gradient."""

    def rows() -> Iterator[list[str]]:
        for names, env in cultures(asked):
            for duration in asked.durations:
                given, cells = arguments(env, duration, SAMPLE), []
                for checkpoint in (True, False):
                    loss = rate_loss(env, duration, SAMPLE, checkpoint=checkpoint)
                    made, _ = compiled(jax.grad(loss), given)
                    cells += [f"{needed(made):.1f}", f"{seconds(made, given, 0.1):.3f}"]
                yield [*names, f"{duration:g}", *cells]

    report(["system", "model", "ms", "checkpoints MB", "s", "without MB", "s"], rows())


def measure_copies(asked: argparse.Namespace) -> None:
    """Print the throughput of mapped copies, each with its own noise."""

    def rows() -> Iterator[list[str]]:
        for names, env in cultures(asked):
            weights, commands, _ = arguments(env, asked.duration, SAMPLE)
            loss = rate_loss(env, asked.duration, SAMPLE)
            for n in asked.copies:
                keys = jnp.stack([jnp.asarray(env.noise_key(k)) for k in range(n)])
                given, shown, waited = (weights, commands, keys), [], 0.0
                for function in (loss, gradient(loss)):
                    made, wait = compiled(jax.vmap(function, (None, None, 0)), given)
                    took = seconds(made, given)
                    shown.append(f"{n * asked.duration / 1e3 / took:.2f}")
                    waited += wait
                yield [*names, str(n), *shown, f"{waited:.1f}"]

    print("simulated seconds per second, all copies together")
    report(["system", "model", "copies", "forward", "gradient", "compile s, both"], rows())


def measure_all(asked: argparse.Namespace) -> None:
    """Print what a GPU is asked for, as far as `--seconds` reach."""
    plain, large = ["Izhikevich"], ["RCSD"]
    for function, options in (
        (measure_time, {"systems": ["EI1", "EI2", "EI3"], "models": plain}),
        (measure_copies, {"systems": ["EI1", "EI2"], "models": plain}),
        (measure_memory, {"systems": ["EI2"], "models": plain, "durations": [160.0, 640.0]}),
        (measure_time, {"systems": ["EI1", "EI2", "EI3"], "models": large}),
    ):
        function(argparse.Namespace(**{**vars(asked), "duration": 50.0, **options}))


@contextmanager
def on(device: str) -> Iterator[None]:
    """Compute on a device."""
    chosen = jax.devices(device)[0]
    print(f"{chosen.device_kind}, jax {jax.__version__}, {os.cpu_count()} cores")
    with jax.default_device(chosen):
        yield


COMMANDS = {
    "time": measure_time,
    "memory": measure_memory,
    "copies": measure_copies,
    "gpu": measure_all,
}


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--device", choices=["cpu", "gpu"])
    parser.add_argument("--systems", nargs="+", default=["EI1", "EI2"])
    parser.add_argument("--models", nargs="+", default=["Izhikevich"])
    parser.add_argument("--duration", type=float, default=100.0, help="ms")
    parser.add_argument("--durations", type=float, nargs="+", default=[80.0, 160.0, 320.0, 640.0])
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 8, 64, 512])
    parser.add_argument("--seconds", type=float, default=None, help="start nothing after")
    asked = parser.parse_args()
    asked.seconds = 200.0 if asked.command == "gpu" and not asked.seconds else asked.seconds
    _until[0] = time.perf_counter() + (asked.seconds or np.inf)
    with on(asked.device or ("gpu" if asked.command == "gpu" else "cpu")):
        COMMANDS[asked.command](asked)


if __name__ == "__main__":
    main()
