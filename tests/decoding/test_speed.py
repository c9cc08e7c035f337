"""The largest culture shipped, one minute at 3 Hz: every measure in a time one can wait."""

import time

import numpy as np
import pytest

from livn.env import Env
from livn.run import Run

from .test_measure import EXTRA, MEASURES

# Sorting the spike times takes about 0.1 s; what loops over cells or spikes takes 1000 times that.
SORTS = 25


@pytest.fixture(scope="module")
def minute():
    rng = np.random.default_rng(0)
    n = 1_800_000
    run = Run(duration=60_000.0).add_spikes(rng.integers(0, 10_000, n), rng.random(n) * 60_000)
    return Env("EI4", backend="native"), run


def cost(call):
    start = time.process_time()
    call()
    return time.process_time() - start


@pytest.mark.parametrize("measure", MEASURES)
def test_measure_costs_a_few_sorts_of_the_spikes(measure, minute):
    env, run = minute
    shuffled = np.random.default_rng(1).permutation(run.spike_times)
    unit = min(cost(lambda: np.argsort(shuffled)) for _ in range(2))
    decoding = measure(duration=60_000, **EXTRA.get(measure.__name__, {}))
    assert cost(lambda: decoding(run, env)) < SORTS * unit
