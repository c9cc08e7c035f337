"""close() frees an Env and only it; many runs do not grow it."""

import gc
import logging
import tracemalloc
import weakref

import pytest


@pytest.fixture(autouse=True)
def _unlogged():
    """Pytest keeps every record a simulator logs."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def test_close_frees_the_engine(new_env):
    env, other = new_env("EI1"), new_env("EI1")
    env.record_voltage().run(1)
    engine, network = weakref.ref(env.engine), weakref.ref(env.network_plan)

    env.close()
    del env
    gc.collect()

    assert engine() is None
    assert network() is None
    assert other.run(1).duration == 1


def test_many_short_runs_do_not_grow_memory(new_env):
    env = new_env({"EXC": 4, "INH": 2}).set_noise({"level": 100.0})
    env.record_spikes().record_voltage().record_membrane_current()
    held = []
    tracemalloc.start()
    for _ in range(4):  # free lists of the interpreter and of numba fill for some hundred runs
        for _ in range(400):
            env.run(0.5)
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()

    assert held[-1] - held[-2] < 20_000  # bytes, over 400 runs


def test_many_envs_leave_no_objects(new_env):
    held = []
    for _ in range(4):
        new_env("EI1").record_voltage().run(1)
        gc.collect()
        held.append(len(gc.get_objects()))

    assert held[3] - held[2] < 100  # an Env holds more than 1000
