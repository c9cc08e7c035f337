"""What mpiexec runs in test_ranks.py: a culture on the ranks there are, then a line of JSON.

python ranked.py TASK [ARGUMENT ...]; rank 0 prints what the task returns.
"""

import hashlib
import json
import os
import signal
import sys

import numpy as np

from livn.backend.contract import Drive, Probe
from livn.backend.neuron import build
from livn.env import Env
from livn.env.parameters import Parameters
from livn.env.plan import plan_network
from livn.models import make_model
from livn.mpi import subworld, world
from livn.stimulus import Stimulus
from livn.system import resolve

DT = 0.05  # ms
CONDUCTANCES = {"g_e0": 2e-3, "g_i0": 4e-3, "std_e": 1e-3, "std_i": 1e-3}  # uS
NOISE = {"Izhikevich": {"level": 1.0}, "ReducedCalciumSomaDendrite": CONDUCTANCES}
CURRENT = {"Izhikevich": 0.05, "ReducedCalciumSomaDendrite": 1.0}  # nA


def engine(comm, system="EI1", model="Izhikevich", seed=123):
    """Return an engine of a culture with noise."""
    plan = plan_network(resolve(system), make_model(model))
    parameters = Parameters(plan, seed, DT)
    parameters.apply(parameters.resolve({f"noise-{k}": v for k, v in NOISE[model].items()}))
    values = {n: parameters.values(n) for n in plan.populations}
    return build(plan, DT, seed, values, parameters.increments(), comm)


def drives(engine, current):
    """Return a current into every cell for 100 steps, another one in each."""
    out = {}
    for name, population in engine.network.populations.items():
        each = current * (1 + 0.1 * np.arange(len(population)))
        rows = {"I_soma": np.stack([np.zeros(len(population)), each])}
        out[name] = Drive(100, np.ones(1, np.int64), rows)
    return out


def advance(engine, n_steps, current=0.0):
    """Return spikes (step, gid) and voltages by gid, of all ranks on rank 0."""
    probes = [Probe(n, "V_soma", 10) for n in engine.network.populations]
    output = engine.advance(n_steps, drives(engine, current) if current else {}, probes)
    gids = [p.gids[engine.share.cells(engine.network)[n]]
            for n, p in engine.network.populations.items()]  # fmt: skip
    rows = dict(zip(np.concatenate(gids).tolist(), np.concatenate(output.series), strict=True))
    spikes = list(zip(output.steps.tolist(), output.gids.tolist(), strict=True))
    parts = [(spikes, rows)]
    if engine.share.size > 1:
        parts = engine.share.comm.gather((spikes, rows)) or []
    return sorted(s for p in parts for s in p[0]), {g: r for p in parts for g, r in p[1].items()}


def digest(spikes, rows):
    """Return what two runs share that are equal bit for bit."""
    state = hashlib.sha256(repr(spikes).encode())
    for gid in sorted(rows):
        state.update(rows[gid].tobytes())
    return state.hexdigest()


def run(comm, system, model):
    """Run a culture whole, in two halves, and again from a snapshot."""
    e = engine(comm, system, model)
    spikes, rows = advance(e, 400, CURRENT[model])
    e.reset()
    advance(e, 200, CURRENT[model])
    there = e.snapshot()
    first = digest(*advance(e, 200))
    e.restore(there)
    again = digest(*advance(e, 200))
    return {"n": len(spikes), "digest": digest(spikes, rows), "rest": first, "again": again}


def worlds(comm, size):
    """Run a simulation of another seed in each group of ranks."""
    part = subworld(comm, int(size))
    number = comm.Get_rank() // int(size)
    e = engine(part, seed=123 + number)
    found = comm.gather(digest(*advance(e, 200, CURRENT["Izhikevich"]))) or []
    return found[:: int(size)]


def culture(comm, model):
    """Run an Env that hears played spikes, with everything recorded, and gather it."""
    env = Env("EI1", model, backend="neuron", comm=comm).init().set_noise(NOISE[model])
    env.record_spikes().record_voltage(dt=0.5).record_membrane_current(dt=0.5)
    env.play_input_spikes({3: [2.0, 11.0], 8: [5.0]})
    run = env.run(20, Stimulus.from_current(np.full((5, 10), CURRENT[model]), dt=1.0), dt=DT)
    own = env.cells.local_gids.tolist()
    seen = set(run.spike_ids.tolist()) | set(run.voltage_ids.tolist())
    assert seen <= set(own)
    whole, parts = run.gather(comm), comm.gather(own)
    if whole is None:
        return None
    order = np.lexsort((whole.spike_ids, whole.spike_times))
    spikes = list(
        zip(whole.spike_times[order].tolist(), whole.spike_ids[order].tolist(), strict=True)
    )
    assert sorted(sum(parts, [])) == list(range(10))
    return {
        "n": len(spikes),
        "digest": digest(spikes, dict(enumerate([whole.voltage, whole.current]))),
    }


def fail(comm):
    """Let rank 1 raise while the others wait for it."""
    e = engine(comm)
    if comm.Get_rank() == 1:
        raise ValueError("rank one has had enough")
    return len(advance(e, 400)[0])


def die(comm):
    """Kill rank 1 while the others wait for it."""
    e = engine(comm)
    if comm.Get_rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return len(advance(e, 400)[0])


def diverge(comm):
    """Let one cell diverge and catch what every rank is told."""
    e = engine(comm)
    own = e.share.cells(e.network)["EXC"]
    e.native()["EXC"].state["V_soma"].write(np.where(own == 3, np.nan, -65.0))
    try:
        advance(e, 10)
    except FloatingPointError as problem:
        return str(problem)
    return "nothing"


if __name__ == "__main__":
    communicator = world()
    task, *arguments = sys.argv[1:]
    told = globals()[task](communicator, *arguments)
    if communicator.Get_rank() == 0:
        sys.stdout.write(json.dumps(told) + "\n")
