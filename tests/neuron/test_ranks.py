"""Cultures on several ranks, started with mpiexec as a user would."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from livn.backend.neuron.ranks import share
from livn.errors import InvalidValue
from livn.mpi import subworld

PROGRAM = Path(__file__).with_name("ranked.py")
MPIEXEC = Path(sysconfig.get_path("scripts")) / "mpiexec"
TIMEOUT = 120  # s, after which a job that hangs is taken to do so

mpi = pytest.mark.mpi


def job(n_ranks, *arguments):
    """Run the program on some ranks."""
    command = [MPIEXEC, "-n", n_ranks, sys.executable, PROGRAM, *arguments]
    return subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


def answer(n_ranks, *arguments):
    """Return what rank 0 says."""
    done = job(n_ranks, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@mpi
@pytest.mark.parametrize("model", ["Izhikevich", "ReducedCalciumSomaDendrite"])
def test_number_of_ranks_changes_no_bit(model):
    one, two, four = (answer(n, "run", "EI1", model) for n in (1, 2, 4))

    assert one == two == four
    assert one["n"] > 10
    assert one["rest"] == one["again"]


@mpi
@pytest.mark.parametrize("model", ["Izhikevich", "ReducedCalciumSomaDendrite"])
def test_run_gathered_from_the_ranks_is_that_of_one(model):
    one, two, three = (answer(n, "culture", model) for n in (1, 2, 3))

    assert one == two == three
    assert one["n"] > 10


@mpi
def test_groups_of_ranks_simulate_side_by_side():
    assert answer(4, "worlds", 2) == answer(2, "worlds", 1)


@mpi
def test_rank_that_raises_ends_the_job_with_its_number_and_message():
    done = job(3, "fail")

    assert done.returncode != 0
    assert "livn: rank 1 of 3 failed: rank one has had enough" in done.stderr
    assert 'raise ValueError("rank one has had enough")' in done.stderr


@mpi
def test_rank_that_is_killed_ends_the_job():
    assert job(3, "die").returncode != 0


@mpi
def test_every_rank_is_told_of_a_voltage_that_is_no_number():
    message = answer(3, "diverge")

    assert message.startswith("voltage of EXC is not finite: got nan or inf in 1 of")
    assert "gids 3)" in message


@mpi
def test_more_ranks_than_cells_are_refused():
    done = job(11, "run", "EI1", "Izhikevich")

    assert done.returncode != 0
    assert "network has fewer cells than ranks: got 10 cells on 11 ranks" in done.stderr


@mpi
def test_mpiexec_of_another_library_is_refused(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "4")
    done = job(1, "run", "EI1", "Izhikevich")

    assert done.returncode != 0
    assert "do not belong together: got 1 rank of 4 in 'MPICH" in done.stderr


@mpi
def test_library_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("LIVN_MPI", "/nowhere/libmpi.so")
    done = job(1, "run", "EI1", "Izhikevich")

    assert done.returncode != 0
    assert "MPI cannot be loaded: got" in done.stderr
    assert "/nowhere/libmpi.so" in done.stderr


class Ranks:
    """The size of a communicator."""

    def __init__(self, size):
        self.size = size

    def Get_size(self):
        return self.size

    def Get_rank(self):
        return 0


@pytest.mark.parametrize("size", [0, 3, 5, True, 2.0])
def test_subworld_must_divide_the_ranks(size):
    with pytest.raises(InvalidValue, match=rf"got {size!r} for 4 ranks; need one of \[1, 2, 4\]"):
        subworld(Ranks(4), size)


def test_one_rank_has_all_cells():
    assert share(None, 3).size == 1
    assert share(Ranks(1), 3).size == 1
    with pytest.raises(InvalidValue, match="got 3 cells on 4 ranks"):
        share(Ranks(4), 3)


def test_spikes_of_one_rank_are_all_spikes():
    spikes = np.array([[3, 4], [10, 10]])

    assert share(None, 3).exchange(spikes) is spikes
