"""What users subclass: configuration, equality, hashes; and what the protocols accept."""

import subprocess
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import PrivateAttr, ValidationError

from livn import types
from livn.errors import NotSupported
from livn.models.lif import LIF
from livn.run import Run
from livn.system import ParallelSystem
from livn.types import Capability, Decoding, Encoding


class Count(Decoding):
    bin_size: float = 5.0
    stages: list = []
    _calls: int = PrivateAttr(0)

    def __call__(self, run, env):
        self._calls += 1
        return run.duration / self.bin_size


class Other(Count):
    pass


class Gain(Encoding):
    gain: float = 1.0
    table: np.ndarray | None = None

    def __call__(self, env, t_end, inputs):
        return self.gain * inputs


@dataclass
class Stage:
    width: int


def first(data, env):
    return data


def test_capability_is_its_name():
    assert Capability.NOISE == "noise"
    assert "per_gid_voltage" in {Capability.PER_GID_VOLTAGE}
    assert {c.value for c in Capability} == {
        "simulation",
        "mpi",
        "per_gid_voltage",
        "noise",
        "replayable_noise",
        "plasticity",
        "differentiable",
        "immutable",
        "extracellular_stimulus",
    }


def test_decoding_returns_the_run():
    run = Run(duration=10.0)
    decoding = Decoding(duration=10)
    assert decoding.setup(None) is None
    assert decoding(run, None) is run
    assert Count(duration=10)(run, None) == 2.0


@pytest.mark.parametrize("duration", [0, -5, 1.5, None])
def test_decoding_refuses_a_duration_that_is_no_positive_integer(duration):
    with pytest.raises(ValueError, match="duration"):
        Decoding(duration=duration)
    decoding = Decoding(duration=1)
    with pytest.raises(ValidationError):
        decoding.duration = duration


def test_decoding_refuses_a_misspelt_field():
    with pytest.raises(ValidationError, match="bin_sise"):
        Count(duration=1, bin_sise=2.0)


def test_spaces_and_calls_that_a_subclass_must_give_say_so():
    with pytest.raises(NotSupported, match="encoding Gain names no input space; override input_sp"):
        _ = Gain().input_space
    with pytest.raises(NotSupported, match="decoding Count names no output space; override output"):
        _ = Count(duration=1).output_space
    with pytest.raises(
        NotImplementedError, match="encoding Encoding cannot encode: got no __call__"
    ):
        Encoding()(None, 1.0, None)


def test_equality_is_class_and_configuration():
    a, b = Count(duration=10), Count(duration=10)
    a(Run(duration=5.0), None)  # private state does not count
    assert a == b
    assert hash(a) == hash(b)
    assert a != Count(duration=11)
    assert a != Other(duration=10)
    assert a != 10
    b.duration = 12
    assert a != b
    assert Gain(gain=2) == Gain(gain=2.0)
    assert Gain() != Count(duration=10)


def test_equality_looks_into_what_fields_hold():
    def same(x, y):
        a, b = Count(duration=1, stages=[x]), Count(duration=1, stages=[y])
        return a == b and hash(a) == hash(b)

    assert same(Gain(), Gain())
    assert not same(Gain(), Gain(gain=2.0))
    assert not same(Count(duration=1), Other(duration=1))
    assert same(Stage(3), Stage(3))
    assert not same(Stage(3), Stage(4))
    assert same({"a": {1, 2}, "b": (None,)}, {"b": (None,), "a": {2, 1}})
    assert not same([1], (1,))
    assert not same(1, True)
    assert same(float("nan"), float("nan"))
    assert same(first, first)
    assert not same(first, same)
    assert same(Capability.NOISE, Capability.NOISE)
    assert not same(Capability.NOISE, Capability.MPI)
    assert not same(lambda: 1, lambda: 1)
    assert Gain(table=np.arange(3)) == Gain(table=np.arange(3))
    assert Gain(table=np.arange(3)) != Gain(table=np.arange(3.0))


def test_hash_is_the_same_in_every_process():
    code = (
        "from livn.types import Decoding\n"
        "class Rate(Decoding):\n"
        "    names: set = {'EXC', 'INH'}\n"
        "print(hash(Rate(duration=10)), hash(Decoding(duration=250)))"
    )
    seen = {
        subprocess.check_output([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    }
    assert len(seen) == 1
    assert seen.pop().split()[1] == str(hash(Decoding(duration=250))).encode()


def test_protocols_hold_for_our_own_classes():
    assert isinstance(ParallelSystem(3), types.System)
    assert isinstance(LIF(), types.Model)
    cell = SimpleNamespace(gid=1, population="EXC", get_params=dict, set_params=dict)
    assert isinstance(cell, types.Cell)
    assert not isinstance(object(), types.System)
    assert not isinstance(cell, types.Env)
