"""What a step of a cell and what a synaptic event cost, as the network and its rate grow.

python benchmarks/native_events.py --systems EI2 EI3 EI4 --model Izhikevich

Per system the noise is scaled so that the culture fires at several rates; the least cpu time of
some repeats is explained by a line: ns per cell and step, and ns per synaptic event, an event being
one spike at one synapse.
"""

import argparse
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from livn import Env

NOISE = (0.6, 1.0, 1.5, 2.5)  # times what ships with the culture


def measure(env: Env, duration: float, repeats: int) -> tuple[float, float]:
    """Return spikes per cell and second, and least cpu seconds of a run."""
    env.clear()
    env.run(200.0)
    least, spikes = np.inf, 0
    for _ in range(repeats):
        start = time.process_time()
        run = env.run(duration)
        least = min(least, time.process_time() - start)
        spikes += len(run.spike_ids)
    return spikes / env.system.num_neurons / (repeats * duration) * 1e3, least


def main() -> None:
    """Measure every system and print a table."""
    parser = argparse.ArgumentParser(description="Cost per cell-step and per synaptic event.")
    parser.add_argument("--systems", nargs="+", default=["EI2", "EI3", "EI4"])
    parser.add_argument("--model", default="Izhikevich", help="one that ships with noise")
    parser.add_argument("--duration", type=float, default=300.0, help="ms of one repeat")
    parser.add_argument("--repeats", type=int, default=6)
    asked = parser.parse_args()
    table = Table("system", "rates, Hz", "ns per cell-step at them", "ns / cell-step", "ns / event")
    for system in asked.systems:
        env = Env(system, asked.model, backend="native").init().apply_model_defaults()
        env.record_spikes()
        noise = {k: v for k, v in env.params().items() if k.startswith("noise-") and v}
        steps = asked.duration / env.engine.dt
        n_cells = env.system.num_neurons
        degree = sum(len(p.sources) for p in env.network_plan.projections) / n_cells
        found = []
        for scale in NOISE:
            env.set_params({name: value * scale for name, value in noise.items()})
            found.append(measure(env, asked.duration, asked.repeats))
        rates = np.array([rate for rate, _ in found])
        costs = np.array([seconds for _, seconds in found]) * 1e9 / steps / n_cells
        events = rates * degree * env.engine.dt * 1e-3  # per cell and step
        per_event, per_step = np.polyfit(events, costs, 1)
        table.add_row(
            system,
            " ".join(f"{r:.2g}" for r in rates),
            " ".join(f"{c:.2f}" for c in costs),
            f"{per_step:.2f}",
            f"{per_event:.1f}",
        )
        env.close()
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
