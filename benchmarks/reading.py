"""What a process holds and how long it takes to read its part of a culture.

python benchmarks/reading.py --systems EI3 EI4 --parts 1 2 4 8

Part 0 of n, each in a process of its own, for the network plan with Izhikevich cells: processor
seconds, growth of the largest resident memory, and, in a second process because tracing slows
reading down, the most that Python's allocator held meanwhile and what remains of it. Python and
the packages are not counted.
"""

import argparse
import resource
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from rich.console import Console
from rich.table import Table

from livn.env.plan import plan_network
from livn.models import make_model
from livn.system import resolve

MEGABYTE = 1e6


def resident() -> float:
    """Return the largest resident memory so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def read(name: str, n_parts: int, traced: bool) -> tuple[int, float, float, float]:
    """Return synapses and seconds, then growth of memory, or most held and kept, MB."""
    system, model = resolve(name), make_model("Izhikevich")
    plan_network(resolve("EI1"), model, None, (0, 2))  # what is imported and derived once
    before = resident()
    if traced:
        tracemalloc.start()
    start = time.process_time()
    network = plan_network(system, model, None, (0, n_parts))
    seconds = time.process_time() - start
    n_synapses = sum(len(p.sources) for p in network.projections)
    if traced:
        kept, most = tracemalloc.get_traced_memory()
        return n_synapses, seconds, most / MEGABYTE, kept / MEGABYTE
    return n_synapses, seconds, resident() - before, 0.0


def main() -> None:
    """Read part 0 of every number of parts and print a table."""
    parser = argparse.ArgumentParser(description="Memory and time to read a part of a culture.")
    parser.add_argument("--systems", nargs="+", default=["EI3", "EI4"])
    parser.add_argument("--parts", nargs="+", type=int, default=[1, 2, 4, 8])
    asked = parser.parse_args()
    table = Table("system", "parts", "synapses", "cpu s", "resident MB", "most MB", "kept MB")
    fresh = ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1)
    with fresh as processes:
        for system in asked.systems:
            resolve(system)  # generated once
            for n in asked.parts:
                n_synapses, seconds, growth, _ = processes.submit(read, system, n, False).result()
                _, _, most, kept = processes.submit(read, system, n, True).result()
                numbers = (f"{x:.3g}" for x in (seconds, growth, most, kept))
                table.add_row(system, str(n), f"{n_synapses:,}", *numbers)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
