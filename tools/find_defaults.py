"""Find the weights and noise that ship with the predefined systems, and put them into the recipes.

    python tools/find_defaults.py --models ReducedCalciumSomaDendrite --systems EI1 EI2

Two steps, each a bisection on one number, so that anyone can follow what was done:

1. noise: a factor on the background of each kind of cell (`NOISE`) until unconnected cells fire at
   `ALONE` Hz;
2. weights: a factor on `WEIGHTS` / sqrt(in-degree), the scaling cultures show (Barral & Reyes 2016,
   Nat Neurosci 19:1690), until the culture fires at `TARGET` Hz on average.

What comes out is a culture that lives: every population active, neither silent nor runaway. It is
not tuned to measured dynamics.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from math import sqrt
from pathlib import Path

import numpy as np

from livn import Env, Run
from livn.backend import BACKENDS
from livn.system import ParallelSystem
from livn.system.catalog import RECIPES

TARGET = 3.0  # Hz, mean rate of a spontaneously active culture
ALONE = {"EXC": 1.5, "INH": 2.0}  # Hz, unconnected
TOLERANCE = 0.15  # relative
WARM_UP = 300.0  # ms, not counted
SEEDS = (1, 2)

# background of one cell, before its factor: fluctuation-driven, below threshold on average.
NOISE = {
    "ReducedCalciumSomaDendrite": {
        "EXC": {"g_e0": 1e-3, "g_i0": 3e-3, "std_e": 5e-4, "std_i": 5e-4},
        "INH": {"g_e0": 2e-4, "g_i0": 1e-3, "std_e": 3e-4, "std_i": 3e-4},
    },
    "Izhikevich": {"EXC": {"level": 1.0}, "INH": {"level": 1.0}},
    "LIF": {"EXC": {"level": 200.0}, "INH": {"level": 200.0}},
}
FACTORED = ("std_e", "level")  # what the factor of step 1 acts on

# weights of a cell with one synapse of each kind: EPSPs of about 5 mV, so that sqrt(in-degree) many
# make 5 mV; NMDA carries about as much charge as AMPA at rest; inhibition is stronger.
WEIGHTS = {
    "ReducedCalciumSomaDendrite": {"EXC": 1.0, "INH": 0.4},
    "Izhikevich": {"EXC": 0.035, "INH": 0.035},
    "LIF": {"EXC": 3.5, "INH": 3.5},
}
SHARE = {"AMPA": 1.0, "NMDA": 0.1, "GABA_A": 2.0}


@dataclass(frozen=True)
class Activity:
    """What a culture did after the warm-up.

    Attributes:
        rate: mean over all cells, Hz.
        rates: mean of each population, Hz.
        active: share of cells that spiked.
        peak: highest rate in any 50 ms, Hz per cell.
    """

    rate: float
    rates: dict[str, float]
    active: float
    peak: float


def activity(run: Run, env: Env) -> Activity:
    """Return what the culture did."""
    assert run.spike_ids is not None
    assert run.spike_times is not None
    assert run.duration is not None
    late = run.spike_times >= WARM_UP
    seconds = (run.duration - WARM_UP) / 1e3
    counts = np.bincount(run.spike_ids[late], minlength=env.system.num_neurons)
    rates = {
        name: float(counts[start : start + n].mean() / seconds)
        for name, (start, n) in env.system.population_ranges.items()
    }
    bins = np.histogram(run.spike_times[late], np.arange(WARM_UP, run.duration + 1, 50.0))[0]
    peak = float(bins.max() / len(counts) / 0.05)
    return Activity(float(counts.mean() / seconds), rates, float(np.mean(counts > 0)), peak)


def bisect(
    measure: Callable[[float], float], target: float, low: float, high: float, steps: int = 9
) -> float:
    """Return a factor between `low` and `high` at which an increasing measure is near `target`."""
    for _ in range(steps):
        middle = sqrt(low * high)
        found = measure(middle)
        print(f"    factor {middle:.4g}: {found:.2f} Hz", flush=True)
        if abs(found / target - 1) < TOLERANCE:
            return middle
        low, high = (low, middle) if found > target else (middle, high)
    return sqrt(low * high)


def noise_of(model: str, factors: dict[str, float]) -> dict[str, float]:
    """Return noise parameters for `set_params`."""
    return {
        f"noise-{pop}-{name}": value * (factors[pop] if name in FACTORED else 1.0)
        for pop, entries in NOISE[model].items()
        for name, value in entries.items()
    }


def find_noise(model: str, backend: str) -> dict[str, float]:
    """Return the noise at which unconnected cells of each population fire at `ALONE`."""
    env = Env(ParallelSystem({"EXC": 40, "INH": 40}), model=model, backend=backend)
    env.init().record_spikes()
    factors = {"EXC": 1.0, "INH": 1.0}
    for pop, target in ALONE.items():
        print(f"  noise of {pop}")

        def rate(factor: float, pop: str = pop) -> float:
            env.set_params(noise_of(model, factors | {pop: factor})).clear()
            return activity(env.run(WARM_UP + 4000.0), env).rates[pop]

        factors[pop] = bisect(rate, target, 0.1, 10.0)
    return noise_of(model, factors)


def weights_of(model: str, env: Env, factor: float) -> dict[str, float]:
    """Return the weight of each key for a factor on WEIGHTS / sqrt(in-degree)."""
    edges = env.system.summary()["num_projections"] / env.system.num_neurons
    out = {}
    for key in env.weight_names:
        post, mechanism = key.split("_")[0], key.split("-")[2]
        out[key] = factor * WEIGHTS[model][post] * SHARE[mechanism] / sqrt(edges)
    return out


def find(
    name: str, model: str, noise: dict[str, float], duration: float, guess: float, backend: str
) -> tuple[dict[str, object], float]:
    """Return the parameters of one system for one model with what they do, and the factor."""
    env = Env(name, model=model, backend=backend).init().record_spikes()
    env.set_params(noise)

    def measured(factor: float) -> Activity:
        env.set_params(weights_of(model, env, factor))
        found = []
        for seed in SEEDS:
            env.clear().reseed_noise(seed)
            found.append(activity(env.run(WARM_UP + duration), env))
        print(f"    {found[0]}", flush=True)
        rates = {p: float(np.mean([f.rates[p] for f in found])) for p in found[0].rates}
        return Activity(
            float(np.mean([f.rate for f in found])), rates,
            min(f.active for f in found), max(f.peak for f in found),
        )  # fmt: skip

    tried: dict[float, Activity] = {}
    factor = bisect(lambda f: tried.setdefault(f, measured(f)).rate, TARGET, guess / 9, guess * 9)
    result = tried[factor] if factor in tried else measured(factor)
    rounded = {k: float(f"{v:.4g}") for k, v in (weights_of(model, env, factor) | noise).items()}
    meta = {
        "script": "tools/find_defaults.py", "backend": backend, "rate_hz": round(result.rate, 2),
        "rates_hz": {p: round(r, 2) for p, r in result.rates.items()},
        "active_fraction": round(result.active, 3), "peak_hz": round(result.peak, 1),
    }  # fmt: skip
    return {"params": rounded, "meta": meta}, factor


def write(name: str, model: str, entry: dict[str, object]) -> None:
    """Put the parameters into the packaged recipe."""
    path = Path(str(files("livn.system") / "recipes" / f"{name}.json"))
    recipe = json.loads(path.read_text())
    recipe.setdefault("params", {})[model] = {"default": entry}
    path.write_text(json.dumps(recipe, indent=2) + "\n")


def main() -> None:
    """Find and write the parameters of the systems and models asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--models", nargs="+", default=list(NOISE), choices=list(NOISE))
    parser.add_argument("--seconds", type=float, default=4.0, help="simulated per evaluation")
    parser.add_argument("--backend", default="native", choices=list(BACKENDS))
    asked = parser.parse_args()
    for model in asked.models:
        print(model)
        noise = find_noise(model, asked.backend)
        guess = 1.0
        for name in asked.systems:  # the factor of one system is where the next one starts
            print(f"  {name}", flush=True)
            entry, guess = find(name, model, noise, 1e3 * asked.seconds, guess, asked.backend)
            write(name, model, entry)
            print(f"  {name} {model}: {entry['meta']}", flush=True)


if __name__ == "__main__":
    main()
