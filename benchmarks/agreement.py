"""Whether backends give the same culture: statistics of networks over seeds.

python benchmarks/agreement.py --systems EI1 EI2 EI3 --models Izhikevich RCSD --seeds 5

Per system, model and backend, mean and standard deviation over seeds of

- rate: spikes per cell and second, Hz,
- CV: of interspike intervals, mean over the cells that have five spikes or more,
- synchrony: spike time tiling coefficient at 10 ms, mean over pairs (Cutts & Eglen 2014),
- same: share of the spikes that the first backend has at the same time in the same cell.

The first backend named is what the others are compared with: `z` is the largest difference of the
three means, in standard errors. Random numbers, parameters and delays are the same on every
backend, so networks agree spike for spike until rounding has grown into chaos.
"""

import argparse
import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from livn import Env, Run
from livn.backend import BACKENDS
from livn.decoding import ISIStatistics, MeanFiringRate, SpikeTimeTiling

MODELS = {"RCSD": "ReducedCalciumSomaDendrite"}
SETTLING = 200.0  # ms before what is measured: all cells start at the same voltage
STATISTICS = ("rate", "CV", "synchrony")
OPTIONS = {"brian2": {"target": "cython"}}  # the first run is long enough for it


@dataclass(frozen=True)
class Sample:
    """One backend over seeds: statistics [n_seeds, 3] and the spikes of each seed."""

    statistics: NDArray[np.float64]
    spikes: list[set[tuple[int, int]]]
    seconds: float


def sample(system: str, model: str, backend: str, seeds: int, duration: float) -> Sample:
    """Return `seeds` runs of `duration` ms, each a culture with its own noise."""
    rows, spikes, start = [], [], time.perf_counter()
    for seed in range(1, seeds + 1):
        options = OPTIONS.get(backend, {})
        env = Env(system, MODELS.get(model, model), backend=backend, seed=seed, **options).init()
        env.apply_model_defaults().record_spikes().run(SETTLING)
        run = env.run(duration)
        rows.append(_statistics(run, env, duration))
        steps = np.rint(run.spike_times / env.engine.dt).astype(int)
        spikes.append(set(zip(run.spike_ids.tolist(), steps.tolist(), strict=True)))
        env.close()
    return Sample(np.array(rows), spikes, time.perf_counter() - start)


def _statistics(run: Run, env: Env, duration: float) -> list[float]:
    rate = MeanFiringRate(duration=duration)(run, env)["rate_hz"]
    intervals = ISIStatistics(duration=duration)(run, env)["isi_cv"]
    tiling = SpikeTimeTiling(duration=duration, window=10.0)(run, env)["mean_sttc"]
    return [rate, intervals, tiling]


def difference(one: Sample, other: Sample) -> float:
    """Return the largest difference of means, in standard errors of it."""
    a, b = one.statistics, other.statistics
    error = np.sqrt((a.var(0, ddof=1) + b.var(0, ddof=1)) / len(a))
    far = np.abs(a.mean(0) - b.mean(0))
    apart = np.where(far == 0, 0.0, far / np.where(error > 0, error, math.inf))
    return float(np.max(apart))  # nan where a run was too short for a statistic


def same(one: Sample, other: Sample) -> float:
    """Return which share of the spikes of one the other has too."""
    pairs = list(zip(one.spikes, other.spikes, strict=True))
    return sum(len(a & b) for a, b in pairs) / max(1, sum(len(a) for a, _ in pairs))


def main() -> None:
    """Compare backends and print a table."""
    parser = argparse.ArgumentParser(description="Network statistics of backends over seeds.")
    parser.add_argument("--systems", nargs="+", default=["EI1", "EI2", "EI3"])
    parser.add_argument("--models", nargs="+", default=["Izhikevich", "RCSD"])
    parser.add_argument("--backends", nargs="+", default=["native", "brian2"], choices=BACKENDS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--duration", type=float, default=5000.0, help="ms of each seed")
    asked = parser.parse_args()
    table = Table("system", "model", "backend", *STATISTICS, "same", "z", "wall s")
    for system in asked.systems:
        for model in asked.models:
            first = None
            for backend in asked.backends:
                print(system, model, backend, "...", flush=True)
                found = sample(system, model, backend, asked.seeds, asked.duration)
                first = first or found
                means, spreads = found.statistics.mean(0), found.statistics.std(0, ddof=1)
                told = [f"{m:.3f} ± {s:.3f}" for m, s in zip(means, spreads, strict=True)]
                shared, z = f"{same(first, found):.3f}", f"{difference(first, found):.2f}"
                table.add_row(system, model, backend, *told, shared, z, f"{found.seconds:.0f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
