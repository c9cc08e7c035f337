"""Which code Brian2 generates: numpy at once, or cython after a wait for the compiler."""

from collections.abc import Callable
from dataclasses import dataclass

from livn.backend.network import Network, Population

TARGETS = ("numpy", "cython")

# Measured on 2 cores of a cloud machine with the default model, EI1 to EI4.
_COMPILE = 6.5  # s per code object of the cython target, cold cache
_OBJECTS_PER_POPULATION = 3  # step, threshold, reset
_OBJECTS_PER_PROJECTION = 2  # queue, delivery
_NUMPY_STEP = 60e-6  # s per population and step, whatever is computed
_NUMPY_ASSIGNMENT = 2.6e-6  # s per assignment of a step, in small populations
_NUMPY_ELEMENT = 2e-9  # s per assignment and cell


@dataclass(frozen=True)
class Choice:
    """A code generation target and why it was taken."""

    target: str
    reason: str


def choose(network: Network, n_steps: int, compiler: Callable[[], bool]) -> Choice:
    """Return the target that finishes a run of `n_steps` first, the compiler's time included.

    Args:
        network: what is simulated.
        n_steps: length of the first run.
        compiler: tells whether a C++ compiler works here; asked only where it would be used,
            because finding out compiles something.
    """
    objects = _OBJECTS_PER_POPULATION * len(network.populations)
    wait = _COMPILE * (objects + _OBJECTS_PER_PROJECTION * len(network.projections))
    seconds = n_steps * sum(_numpy_step(p) for p in network.populations.values())
    if seconds < wait:
        return Choice(
            "numpy",
            f"first run about {seconds:.1f} s, less than compiling ({wait:.0f} s); for a long "
            "session choose target='cython'",
        )
    if not compiler():
        return Choice("numpy", f"first run about {seconds:.0f} s; no working C++ compiler found")
    return Choice(
        "cython", f"first run about {seconds:.0f} s in numpy, more than compiling ({wait:.0f} s)"
    )


def _numpy_step(population: Population) -> float:
    """Return how long the numpy target takes for one step of a population, s."""
    per_assignment = _NUMPY_ASSIGNMENT + _NUMPY_ELEMENT * len(population)
    return _NUMPY_STEP + per_assignment * len(population.step.assignments)
