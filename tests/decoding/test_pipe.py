"""Pipe: stages in order, context of a call, state between calls."""

import pickle

import pytest
from pydantic import ValidationError

from livn.decoding import GatherAndMerge, MeanFiringRate, Pipe, Slice
from livn.env import Env

from .conftest import spiking


class Counter:
    """A stage that counts its calls in the state and notes them in the context."""

    def __init__(self):
        self.pipe = None

    def __call__(self, data, env):
        seen = dict(self.pipe.context)
        self.pipe.context["called"] = True
        self.pipe.state["calls"] = self.pipe.state.get("calls", 0) + 1
        return (seen, self.pipe.state["calls"])

    def reset(self, seed=None):
        return f"reset with {seed}"


def double(data, env):
    return 2 * data


def keep(data, env):
    return None


def one(data, env):
    return (data,)


def test_stages_act_in_order_and_none_leaves_the_data():
    assert Pipe(duration=1, stages=[double, keep, double])(3, None) == 12
    assert Pipe(duration=1, stages=[])(3, None) == 3


def test_tuple_of_one_is_unwrapped_at_the_end_only():
    assert Pipe(duration=1, stages=[one])(3, None) == 3
    assert Pipe(duration=1, stages=[one, double])(3, None) == (3, 3)


def test_context_is_of_one_call_and_state_of_all():
    counter = Counter()
    pipe = Pipe(duration=1, stages=[counter])
    counter.pipe = pipe
    assert pipe(None, None) == ({}, 1)
    assert pipe(None, None) == ({}, 2)
    assert pipe.context == {"called": True}
    pipe.clear()
    assert pipe.state == {}


def test_reset_is_that_of_the_first_stage_that_has_one():
    assert Pipe(duration=1, stages=[double, Counter()]).reset(seed=3) == "reset with 3"
    assert Pipe(duration=1, stages=[double]).reset() is None


def test_stage_is_found_by_class_or_name():
    counter = Counter()
    pipe = Pipe(duration=10, stages=[Slice(stop=5), counter])
    assert pipe.get_stage(Counter) is counter
    assert pipe.get_stage("Slice") == Slice(stop=5)
    assert pipe.get_stage("Other") is None


def test_pickle_drops_context_and_state():
    pipe = Pipe(duration=10, stages=[double])
    pipe.state["kept"] = 1
    copy = pickle.loads(pickle.dumps(pipe))
    assert copy == pipe
    assert hash(copy) == hash(pipe)
    assert (copy.state, copy.context) == ({}, {})
    assert copy(2, None) == 4


def test_repr_names_the_stages():
    assert repr(Pipe(duration=10, stages=[Slice(stop=5)])) == "Pipe([Slice(duration=5, start=0.0)])"


def test_setup_reaches_the_stages_that_have_one():
    env = Env({"EXC": 2}, backend="native")
    quiet = GatherAndMerge(duration=10, spikes=False, membrane_currents=False, voltage_dt=0.5)
    Pipe(duration=10, stages=[double, MeanFiringRate(duration=10), quiet]).setup(env)
    assert env.recorder.spikes == {"EXC"}
    assert env.voltage_recording_dt == 0.5


def test_rate_of_a_window(pair):
    pipe = Pipe(duration=100, stages=[Slice(start=50, stop=100), MeanFiringRate(duration=100)])
    found = pipe(spiking({0: [10.0, 60.0], 1: [70.0]}, 100.0), pair)
    assert found["rate_hz"] == 2 / (10 * 0.05)


def test_stage_that_cannot_be_called_is_refused():
    with pytest.raises(ValidationError, match=r"stages cannot be called: got \[3\]; need stage"):
        Pipe(duration=1, stages=[double, 3])
