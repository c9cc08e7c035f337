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
from livn.backend.diffrax.surrogate import Surrogate
from livn.env.functional import FunctionalEnv, functional
from livn.io import MEA
from livn.models import MODELS, make_model

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


# nA, uS, mA/cm2, mV: strong enough that cells spike, and events arrive, within a few ms
STRENGTHS = {"current": CURRENT, "conductance": 0.05, "current_density": 0.01, "extracellular": 5.0}
NEAR = [(0, 10.0, 20.0, 50.0), (1, 30.0, 0.0, 50.0)]  # electrodes, um


def measure_check(asked: argparse.Namespace) -> None:
    """Print the largest error of the derivatives by each kind of argument, in float64.

    The loss is a sum of the voltages and electrode potentials with fixed random factors; surrogates
    are damped away, because a spike has no derivative to compare with.
    """

    def rows() -> Iterator[list[str]]:
        for model in (SHORT.get(m, m) for m in asked.models):
            for mode in make_model(model).input_modes("excitatory"):
                yield from check_model(model, mode)

    with jax.enable_x64(True):
        report(["model", "stimulus", "by", "numbers", "largest error", "of"], rows())


def check_model(model: str, mode: str) -> Iterator[list[str]]:
    """Yield the errors of the derivatives of a model by the stimulus and everything else."""
    env = (
        Env("EI1", model, io=MEA(NEAR), backend="diffrax")
        .init()
        .set_noise(NOISE.get(model, CONDUCTANCES))
    )
    env.record_spikes().record_voltage(dt=0.5).record_membrane_current(dt=0.5)
    dish = functional(env, 0.05)
    point, loss = checked_loss(env, dish, mode)
    if mode != "current":  # the rest does not depend on how cells are driven
        point = {"stimulus": point["stimulus"]}
    point = jax.tree.map(lambda x: np.asarray(x, float), point)  # one type, compiled once
    start = time.perf_counter()
    value = jax.jit(loss)
    slopes = jax.jit(jax.grad(loss))(point)
    print(f"  {model} {mode}: {time.perf_counter() - start:.0f} s", flush=True)
    scale = abs(float(value(point)))
    errors: dict[str, list[tuple[float, str]]] = {}
    leaves, tree = jax.tree_util.tree_flatten_with_path(point)
    found = jax.tree.leaves(slopes)
    for number, ((path, leaf), slope) in enumerate(zip(leaves, found, strict=True)):
        for k in picked(np.size(leaf)):
            middle = central(value, [x for _, x in leaves], tree, number, k)
            size = max(abs(float(np.ravel(leaf)[k])), 1.0)
            unit = max(abs(middle) * size, 1e-4 * scale)
            far = abs(float(np.ravel(slope)[k]) - middle) * size / unit
            name = jax.tree_util.keystr(path)
            errors.setdefault(str(path[0].key), []).append((far, name))
    for kind, each in errors.items():
        worst, name = max(each)
        yield [model, mode, kind, str(len(each)), f"{worst:.1e}", name]


def checked_loss(env: Any, dish: FunctionalEnv, mode: str) -> tuple[dict[str, Any], Any]:
    """Return a point and a loss of it."""
    rng = np.random.default_rng(0)
    params = {k: float(v) for k, v in env.params().items() if np.ndim(v) == 0}
    params = {k: v for k, v in params.items() if not k.startswith("io-") or "volume" in k}
    strength: Any = STRENGTHS[mode]
    strength = strength[env.model.params_key()] if mode == "current" else strength
    width = 2 if mode == "extracellular" else 10
    point = {
        "stimulus": strength * rng.uniform(0.5, 1.5, (4, width)),
        "parameters": params,
        "electrodes": np.asarray(env.io.electrode_coordinates)[:, 1:],
        "cells": np.asarray(dish.coordinates)[:, 1:],
    }
    weights = rng.normal(size=(400, 12))

    def loss(point: Any) -> Any:
        mine = dish.set_params(point.get("parameters", {}))
        if "cells" in point:
            ids = dish.coordinates[:, :1]
            mine = mine.with_coordinates(jnp.hstack([ids, point["cells"]]))
            contacts = jnp.hstack([np.array(NEAR)[:, :1], point["electrodes"]])
            io = MEA(contacts, volume_conductor=mine.io.volume_conductor)
            mine = mine.with_io(io)
        given = point["stimulus"]
        played = (
            mine.cell_stimulus(given, 0.5)
            if width == 2
            else Stimulus(given, 0.5, input_mode=mode, gids=None)
        )
        run = mine.run(4.0, played, surrogate=Surrogate(damping=1e-30))
        heard = mine.potential_recording(run.current)
        voltage = jnp.vdot(run.voltage, weights[: len(run.voltage), : run.voltage.shape[1]])
        return voltage + jnp.vdot(heard, weights[: len(heard), : heard.shape[1]])

    return point, loss


def picked(size: int) -> list[int]:
    """Return which entries of an array are looked at: some."""
    return sorted(set(np.linspace(0, size - 1, 4).astype(int).tolist()))


def central(value: Any, leaves: list[Any], tree: Any, number: int, k: int) -> float:
    """Return the derivative by one entry of one leaf from the values around it."""
    found = []
    entry = float(np.ravel(leaves[number])[k])
    h = 1e-5 * abs(entry) or 1e-4
    for sign in (1, -1):
        changed = np.array(leaves[number], float)
        changed.flat[k] = entry + sign * h
        all_leaves = [changed if j == number else x for j, x in enumerate(leaves)]
        found.append(float(value(jax.tree.unflatten(tree, all_leaves))))
    return (found[0] - found[1]) / (2 * h)


@contextmanager
def on(device: str) -> Iterator[None]:
    """Compute on a device."""
    chosen = jax.devices(device)[0]
    print(f"{chosen.device_kind}, jax {jax.__version__}, {os.cpu_count()} cores")
    with jax.default_device(chosen):
        yield


COMMANDS = {
    "check": measure_check,
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
    parser.add_argument("--models", nargs="+", choices=[*MODELS, *SHORT])
    parser.add_argument("--duration", type=float, default=100.0, help="ms")
    parser.add_argument("--durations", type=float, nargs="+", default=[80.0, 160.0, 320.0, 640.0])
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 8, 64, 512])
    parser.add_argument("--seconds", type=float, default=None, help="start nothing after")
    asked = parser.parse_args()
    asked.seconds = 200.0 if asked.command == "gpu" and not asked.seconds else asked.seconds
    asked.models = asked.models or (list(MODELS) if asked.command == "check" else ["Izhikevich"])
    _until[0] = time.perf_counter() + (asked.seconds or np.inf)
    with on(asked.device or ("gpu" if asked.command == "gpu" else "cpu")):
        COMMANDS[asked.command](asked)


if __name__ == "__main__":
    main()
