"""How the neuron backend scales with ranks, and what a synapse per connection would cost.

python benchmarks/neuron_scaling.py --systems EI2 EI3 --ranks 1 2 --json here.json

Per system and number of ranks: seconds to read the culture and to build it, wall seconds per
simulated second in all and of it for telling other ranks of spikes (waiting for the slowest
included), processor seconds per simulated second of the busiest rank without that telling, largest
memory of a rank. Where the processors have other work, ranks wait for each other much: read the
processor seconds. The peer, on one rank, has the same cells without livn's
receptors, and an Exp2Syn and a NetCon of NEURON for every connection and receptor instead (without
the magnesium block of NMDA).
"""

import argparse
import json
import resource
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from livn import Env

COLUMNS = ("system", "ranks", "kind", "synapses", "read s", "build s", "wall s/s", "told s/s",
           "solve cpu s/s", "MB per rank", "Hz")  # fmt: skip
MODEL = "ReducedCalciumSomaDendrite"
WARM_UP = 2.0  # ms


def now() -> Any:
    """Return wall and processor seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def measure(system: str, duration: float, peer: bool) -> dict[str, Any] | None:
    """Return the row of a culture on the ranks there are, on rank 0."""
    from livn.backend.neuron import build
    from livn.backend.neuron.ranks import Share
    from livn.mpi import world

    @dataclass(frozen=True)
    class TimedShare(Share):
        """Counts the wall and the processor seconds of exchanges."""

        seconds: Any = field(default_factory=lambda: np.zeros(2))

        def exchange(self, spikes: Any) -> Any:
            start = now()
            everything = super().exchange(spikes)
            self.seconds[:] += now() - start
            return everything

    comm = world()
    begin = time.perf_counter()
    env = Env(system, MODEL, backend="neuron", comm=comm).apply_model_defaults()
    plan, parameters = env.network_plan, env.parameters
    values = {n: parameters.values(n) for n in plan.populations}
    increments = parameters.increments()
    read = time.perf_counter()
    engine = build(plan, env.model.dt, 123, values, increments, comm)
    kept = connect_each(engine, increments) if peer else []
    built = time.perf_counter()
    engine.advance(round(WARM_UP / engine.dt), {}, [])
    engine.share = timed = TimedShare(comm, engine.share.rank, engine.share.size)
    comm.Barrier()
    start = now()
    n_spikes = len(engine.advance(round(duration / engine.dt), {}, []).gids)
    wall, cpu = now() - start
    told, telling = timed.seconds
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    n_synapses = sum(len(p.sources) * len(p.receptors) for p in plan.projections)
    parts = comm.gather((built - read, wall, told, cpu - telling, memory, n_spikes, n_synapses))
    if parts is None:
        return None
    each = np.array(parts)
    seconds = duration / 1000
    row = (system, engine.share.size, "peer" if kept else "livn", int(each[:, 6].sum()),
           read - begin, each[:, 0].max(), each[:, 1].max() / seconds, each[:, 2].max() / seconds,
           each[:, 3].max() / seconds, each[:, 4].max(),
           each[:, 5].sum() / plan.n_cells / seconds)  # fmt: skip
    return dict(zip(COLUMNS, row, strict=True))


def connect_each(engine: Any, increments: dict[str, float]) -> list[Any]:
    """Give every connection synapses of its own; those of livn stay, and open nothing."""
    from neuron import h

    engine.load_weights(dict.fromkeys(increments, 0.0))
    kept = []
    for projection in engine.network.projections:
        pre, post = (engine.native()[n].sections for n in (projection.pre, projection.post))
        delays = projection.delay_steps(engine.dt) * engine.dt
        level = engine._values[projection.pre]["V_threshold"]
        for target in projection.receptors:
            r = target.receptor
            weight = increments[target.key] * r.g_unit / r.increment
            for s, t, delay in zip(projection.sources, projection.targets, delays, strict=True):
                synapse = h.Exp2Syn(post[target.section][t](0.5))
                synapse.tau1, synapse.tau2, synapse.e = r.tau_rise, r.tau_decay, r.e
                source = pre["soma"][s]
                connection = h.NetCon(source(0.5)._ref_v, synapse, level, delay, weight, sec=source)
                kept.append((synapse, connection))
    h.finitialize()
    engine.reset()
    return kept


def start(system: str, n_ranks: int, duration: float, peer: bool) -> dict[str, Any]:
    """Measure in a job of its own."""
    mpiexec = Path(sysconfig.get_path("scripts")) / "mpiexec"
    command = [mpiexec, "-n", n_ranks, sys.executable, __file__, "--measure", system]
    command += ["--duration", duration, *(["--peer"] if peer else [])]
    out = subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, text=True)
    row: dict[str, Any] = json.loads(out.stdout.splitlines()[-1])
    return row


def main() -> None:
    """Measure every system on every number of ranks, and the peer on one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--systems", nargs="+", default=["EI2", "EI3"])
    parser.add_argument("--peers", nargs="*", default=["EI2", "EI3"])
    parser.add_argument("--ranks", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--duration", type=float, default=100.0, help="ms")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", metavar="SYSTEM", help="what mpiexec is started with")
    parser.add_argument("--peer", action="store_true")
    given = parser.parse_args()
    if given.measure:
        row = measure(given.measure, given.duration, given.peer)
        if row is not None:
            sys.stdout.write(json.dumps(row) + "\n")
        return
    rows = [start(s, n, given.duration, False) for s in given.systems for n in given.ranks]
    rows += [start(s, 1, given.duration, True) for s in given.peers]
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()))
    Console(width=140).print(table)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
