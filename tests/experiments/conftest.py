"""A dataset of twelve small samples, made once."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments.sampling.design import Design
from experiments.sampling.merge import merge
from experiments.sampling.parts import Parts
from experiments.sampling.simulate import Simulator
from livn.system import content_hash, resolve


@dataclass
class Sampled:
    """A design, what simulates it, its parts and the merged dataset."""

    design: Design
    simulator: Simulator
    parts: Parts
    directory: Path


@pytest.fixture(scope="session")
def design():
    system = resolve("EI1")
    return Design(
        system="EI1",
        system_hash=content_hash(system.uri),
        model=None,
        backend="native",
        seed=3,
        encodings=("none", ["random_pulses", {"start": 100.0, "interval": 60.0}]),
        parameters=(system.default_params(), {}),  # noise is off until it is set
        duration=300.0,
        warmup=50.0,
        potential_dt=1.0,
        train=9,
        test=3,
    )


@pytest.fixture(scope="session")
def sampled(design, tmp_path_factory):
    directory = tmp_path_factory.mktemp("sampled")
    simulator = Simulator(design)
    parts = Parts(directory / "parts")
    for first in range(0, design.total, 5):
        parts.append(simulator(range(first, min(first + 5, design.total))))
    merged = merge(design, parts, directory / "EI1", "livn systems sample")
    yield Sampled(design, simulator, parts, merged)
    simulator.close()
