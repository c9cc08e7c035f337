"""How far the native engine is from a loop written by hand in C: the same cells, the same step.

python benchmarks/roof.py --systems EI2 EI3 EI4

Izhikevich cells with AMPA, NMDA and GABA_A receptors under a constant current, without noise. The C
loop (roof.c) has the equations and nothing else; native is a culture whose weights are 0, so it
also delivers events, collects spikes and returns them. Both in float64 on one thread; the least of
some repeats. Excitatory cells must spike equally often in both, else the benchmark fails.
"""

import argparse
import ctypes
import subprocess
import time
from math import exp
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

from livn import Env, Stimulus

DT = 0.1  # ms
CURRENT = 0.0045  # nA: a few spikes a second, all cells at once
RECEPTORS = (0.5, 3.0, 0.5, 80.0, 0.3, 6.0)  # ms, rise and decay of AMPA, NMDA, GABA_A
FLAGS = (
    "-O3",
    "-march=native",
    "-mprefer-vector-width=512",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-shared",
    "-fPIC",
)


def compiled() -> ctypes.CDLL:
    """Return roof.c as a library."""
    here = Path(__file__).with_name("roof.c")
    with TemporaryDirectory() as folder:
        made = str(Path(folder) / "roof.so")
        subprocess.run(["cc", *FLAGS, str(here), "-o", made], check=True)
        return ctypes.CDLL(made)


def in_c(library: ctypes.CDLL, n_cells: int, n_steps: int, repeats: int) -> tuple[float, int]:
    """Return seconds of `n_steps` and spikes of all repeats."""
    decay = [exp(-DT / tau) for tau in RECEPTORS]
    constants = np.array([DT, 0.2, -65.0, 8.0, 30.0, CURRENT, 1 - exp(-0.02 * DT), 1e-3, *decay,
                          1 / 3.57, 0.062, -60.0])  # fmt: skip
    states = [np.full(n_cells, -65.0), np.full(n_cells, -13.0), *np.zeros((6, n_cells))]
    pointers = [ctypes.c_void_p(x.ctypes.data) for x in (constants, *states)]
    least, spikes = np.inf, 0
    for _ in range(repeats):
        start = time.process_time()
        spikes += library.advance(pointers[0], ctypes.c_long(n_cells), ctypes.c_long(n_steps),
                                  *pointers[1:])  # fmt: skip
        least = min(least, time.process_time() - start)
    return least, spikes


def in_native(system: str, duration: float, repeats: int) -> tuple[float, int, int]:
    """Return seconds of a run of `duration` ms, number of cells, spikes of one excitatory cell."""
    env = Env(system, "Izhikevich", backend="native").init().record_spikes()
    env.set_params({**dict.fromkeys(env.weight_names, 0.0), "cells-soma.r": 0.0})
    n_cells = env.system.num_neurons
    current = Stimulus(np.full((1, n_cells), CURRENT), dt=duration, input_mode="current")
    least, spikes = np.inf, 0
    for _ in range(repeats):
        start = time.process_time()
        run = env.run(duration, current)
        least = min(least, time.process_time() - start)
        spikes += int(np.sum(run.spike_ids == env.cells.gids[0]))
    return least, n_cells, spikes


def main() -> None:
    """Compare both on every system and print a table."""
    parser = argparse.ArgumentParser(description="The native engine against a loop in C.")
    parser.add_argument("--systems", nargs="+", default=["EI2", "EI3", "EI4"])
    parser.add_argument("--duration", type=float, default=100.0, help="ms of one repeat")
    parser.add_argument("--repeats", type=int, default=20)
    asked = parser.parse_args()
    library, n_steps = compiled(), round(asked.duration / DT)
    table = Table("system", "cells", "C, ns / cell-step", "native", "native / C")
    for system in asked.systems:
        native, n_cells, expected = in_native(system, asked.duration, asked.repeats)
        roof, spikes = in_c(library, n_cells, n_steps, asked.repeats)
        if spikes != expected * n_cells:
            raise SystemExit(f"roof: C has {spikes / n_cells} spikes a cell, native {expected}.")
        per = 1e9 / n_cells / n_steps
        table.add_row(system, f"{n_cells:,}", f"{roof * per:.2f}", f"{native * per:.2f}",
                      f"{native / roof:.2f}")  # fmt: skip
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
