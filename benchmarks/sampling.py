"""What sampling costs over simulating: samples per second against the bare loop over env.run.

python benchmarks/sampling.py --system EI2 --samples 32 --duration 2000 --workers 1 2

Each line makes the same samples, on the native backend, after everything is compiled:

- bare loop: env.clear().reseed_noise(i).run(duration), nothing is kept,
- rows: samples as rows, so many advanced together,
- rows kept: and each written to a part file, synced to disk,
- workers: the same by a pool of processes, started before the clock is,
- merge: the parts as one dataset with its card.

cpu s / sample is processor time of this process, so not of workers; samples / s is by the wall
clock. Overhead is what the processor time adds to the bare loop.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from experiments.parameters import shipped_parameters
from experiments.sampling.design import Design
from experiments.sampling.merge import merge
from experiments.sampling.parts import Parts
from experiments.sampling.simulate import Simulator, simulator
from livn.env import make
from livn.system import content_hash, resolve
from livn.workers import start

PLAIN_WIDTH = 120  # characters of a line that goes to a file


class Clock:
    """Measures lines of the table."""

    def __init__(self, n_samples: int):
        self._n = n_samples
        self.rows: list[tuple[str, float, float]] = []

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Measure what is done within."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        took = time.process_time() - cpu, time.perf_counter() - wall
        self.rows.append((name, took[0] / self._n, self._n / took[1]))


def chunks(n: int, size: int) -> list[list[int]]:
    """Return the samples 0 to n - 1, `size` at a time."""
    return [list(range(k, min(k + size, n))) for k in range(0, n, size)]


def measure(design: Design, batches: Sequence[int], workers: Sequence[int]) -> Clock:
    """Return the times of all lines."""
    clock = Clock(design.total)
    env = make(design.system, seed=design.seed, backend="native").record_spikes()
    env.run(10.0)
    with clock.timed("bare loop"):
        for index in range(design.total):
            env.clear().reseed_noise(index).run(design.duration)
    env.close()
    rows = Simulator(design)
    for size in batches:
        rows(list(range(size)))  # makes the copies
        with clock.timed(f"rows, {size} together"):
            for some in chunks(design.total, size):
                rows(some)
    with tempfile.TemporaryDirectory() as scratch:
        parts = Parts(Path(scratch) / "parts")
        with clock.timed(f"rows kept, {batches[-1]} together"):
            for some in chunks(design.total, batches[-1]):
                parts.append(rows(some))
        with clock.timed("merge"):
            merge(design, parts, Path(scratch) / "dataset")
        for n in workers:
            by_workers(design, clock, n, batches[-1], Path(scratch) / f"parts-{n}")
    rows.close()
    return clock


def by_workers(design: Design, clock: Clock, n: int, size: int, directory: Path) -> None:
    """Measure a pool of `n` processes."""
    factory: Callable[[object], Simulator] = simulator(design)
    with start(factory, workers=n) as pool:
        pool.broadcast(list(range(size)))  # makes the copies
        parts = Parts(directory)
        with clock.timed(f"{n} workers, {size} together"):
            for some in chunks(design.total, size):
                pool.submit(some)
            for answer in pool.answers():
                parts.append(answer.result())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", default="EI2")
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--duration", type=float, default=2000.0, help="ms")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--workers", type=int, nargs="*", default=[])
    options = parser.parse_args()
    design = Design(
        system=options.system,
        system_hash=content_hash(resolve(options.system).uri),
        model=None,
        backend="native",
        seed=0,
        encodings=("none",),
        parameters=(shipped_parameters(options.system, None),),
        duration=options.duration,
        warmup=0.0,
        train=options.samples,
        test=0,
    )
    clock = measure(design, options.batch, options.workers)
    bare = clock.rows[0][1]
    table = Table(
        box=None, title=f"{options.system}, {options.samples} samples of {options.duration:g} ms"
    )
    for column in ("", "cpu s / sample", "overhead", "samples / s"):
        table.add_column(column, justify="right" if column else "left")
    for name, cpu, rate in clock.rows:
        own = "workers" not in name
        more = cpu / bare if name == "merge" else cpu / bare - 1
        over = f"{100 * more:+.0f} %" if own and name != "bare loop" else ""
        table.add_row(name, f"{cpu:.4f}" if own else "", over, f"{rate:.2f}")
    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    console.print(table)


if __name__ == "__main__":
    main()
