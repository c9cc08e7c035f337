"""Killed at random moments, an experiment loses nothing, repeats nothing and comes out the same."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from kills import alone, killed

OPTIONS = ["~native", "~point", "samples=30", "duration=2000", "warmup=200", "batch=1"]
LONGEST = 6.0  # s before a kill: the time that start and half of the rows take on two cores


@pytest.mark.slow
@pytest.mark.mpi
def test_killed_run_equals_the_one_left_alone(tmp_path):
    expected, _, _ = alone(tmp_path / "alone", "local", "sample", OPTIONS)
    outcome = killed(tmp_path / "killed", "mpi", "sample", OPTIONS, 2, LONGEST, expected, seed=1)
    assert (outcome.lost, outcome.repeated, outcome.equal) == (0, 0, True)
    assert outcome.kills >= 1
