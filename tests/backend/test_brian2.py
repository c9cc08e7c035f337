"""What is particular to the Brian2 backend; its promises are in tests/contract."""

import gc
import os
import subprocess
import sys

import brian2
import numpy as np
import pytest
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

from livn.backend.brian2.target import choose
from livn.env import Env
from livn.errors import InvalidState, UnknownName
from livn.models.values import step_constants
from livn.stimulus import Stimulus


def culture(**options):
    return Env("EI1", "Izhikevich", **options).set_noise({"level": 1.0}).record_spikes()


USER = """
import logging, sys, warnings
import numpy as np
{first}
def state():
    import brian2
    return (
        sys.excepthook, warnings.showwarning, np.geterr(), np.random.get_state()[1].tolist(),
        brian2.prefs.as_file, brian2.get_device(), brian2.defaultclock.dt_,
        logging.getLogger("brian2").level, logging.getLogger().level,
        logging.getLogger().handlers, sorted(o.name for o in brian2.magic_network.objects),
    )
shown, hook = warnings.showwarning, sys.excepthook
from livn.env import Env
env = Env("EI1", "LIF").init()
if not {first!r}:
    assert (warnings.showwarning, sys.excepthook) == (shown, hook)
before = state()
env.record_spikes().run(2)
env.set_noise({{"level": 50.0}}).run(2)
env.clear().run(1)
env.close()
after = state()
assert before == after, [pair for pair in zip(before, after) if pair[0] != pair[1]]
print("untouched")
"""


@pytest.mark.parametrize("first", ["", "import brian2; brian2.prefs.codegen.target = 'numpy'"])
def test_the_process_of_the_user_stays_as_it_was(first):
    done = subprocess.run(
        [sys.executable, "-c", USER.format(first=first)],
        env=os.environ, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("untouched", "")


def test_a_model_of_the_user_runs_beside_it():
    env = culture()
    env.run(1)
    group = brian2.NeuronGroup(1, "v : 1", name="mine")
    group.run_regularly("v += 1", dt=1 * brian2.ms, codeobj_class=NumpyCodeObject)
    network = brian2.Network(group)

    network.run(3 * brian2.ms)
    env.run(1)
    network.run(2 * brian2.ms)

    assert group.v[0] == 5
    assert env.t == pytest.approx(2)


def test_an_env_that_never_ran_is_freed_without_a_word(capfd):
    Env("EI1", "LIF").init().close()
    env = Env("EI1", "LIF").init()
    env.run(0.5, dt=0.05)
    del env

    gc.collect()
    assert "never included" not in capfd.readouterr().err


def code_objects(env):
    runners = [o for o in env.network.sorted_objects if getattr(o, "codeobj", None) is not None]
    return [o.codeobj for o in runners]


def test_nothing_is_compiled_again_whatever_is_run():
    env = culture().record_voltage()
    env.run(1)
    first = code_objects(env)

    env.run(3)
    for amplitude, duration in ((0.1, 2.0), (0.3, 4.0)):
        env.run(5, Stimulus.from_current(np.full((int(duration), 10), amplitude), dt=1.0))
    env.set_noise({"level": 2.0}).set_weights({"EXC_EXC-dend-AMPA-weight": 3.0}).run(1)
    env.restore(env.snapshot()).run(1)
    env.clear(reseed=True).run(1)

    assert len(first) >= 6
    assert all(a is b for a, b in zip(first, code_objects(env), strict=True))


def test_network_is_that_of_brian2_and_can_be_run():
    env, same = culture().record_voltage(), culture().record_voltage()
    env.init()

    assert isinstance(env.network, brian2.Network)
    assert {type(o) for o in env.network.objects} >= {brian2.NeuronGroup, brian2.Synapses}
    env.run(1)
    same.run(1)
    env.network.run(2 * brian2.ms)
    assert env.t == pytest.approx(3)
    same.run(2)
    assert np.array_equal(env.run(2).voltage, same.run(2).voltage)


def test_network_can_be_run_before_the_env():
    env, same = culture().record_voltage(), culture().record_voltage()

    env.init().network.run(2 * brian2.ms)

    same.run(2)
    assert env.t == pytest.approx(2)
    assert np.array_equal(env.run(2).voltage, same.run(2).voltage)


@pytest.mark.parametrize("model", ["GLIF", "Izhikevich", "PinskyRinzel"])
def test_every_constant_in_brian2_is_that_of_the_parameters(model):
    env = Env("EI1", model).init()
    free = {k: v for k, v in env.params().items() if k.startswith("cells-")}
    for scale in (0.9, np.linspace(0.9, 0.95, 8)):
        env.set_params({k: scale * v for k, v in free.items() if k.startswith("cells-EXC:")})
        population = env.network_plan.populations["EXC"]
        wanted = step_constants(population.step, env.parameters.values("EXC"), env.engine.dt)
        group = env.network[env.engine.groups["EXC"].name]
        for name, value in wanted.items():
            assert np.all(group.variables[name].get_value() == value), name


def test_target_is_chosen_by_size_and_duration_and_said():
    small = culture()
    small.run(1)
    assert "numpy code (first run about" in small.describe()
    plan = small.network_plan

    assert choose(plan, 100, compiler=lambda: True).target == "numpy"
    assert choose(plan, 10_000_000, compiler=lambda: True).target == "cython"
    assert "more than compiling" in choose(plan, 10_000_000, compiler=lambda: True).reason
    refused = choose(plan, 10_000_000, compiler=lambda: False)
    assert refused.target == "numpy"
    assert "no working C++ compiler found" in refused.reason
    assert culture().init().describe().endswith("target chosen at the first run")


def test_unknown_target_is_refused():
    with pytest.raises(UnknownName, match=r"'cyton' \(did you mean 'cython'\?\)"):
        Env(1, "LIF", target="cyton").init()


def test_standalone_device_is_refused():
    code = (
        "import brian2; brian2.set_device('cpp_standalone', build_on_run=False)\n"
        "from livn.env import Env\n"
        "try: Env(1, 'LIF').init()\n"
        "except RuntimeError as error: print(error)"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True, env=os.environ)

    assert "got CPPStandaloneDevice" in said
    assert issubclass(InvalidState, RuntimeError)


@pytest.mark.slow
def test_numpy_and_cython_give_the_same_spikes():
    runs = []
    for target in ("numpy", "cython"):
        env = Env("EI1", "ReducedCalciumSomaDendrite", target=target)
        env.set_noise({"g_e0": 1e-3, "std_e": 5e-4}).record_spikes().record_voltage()
        given = Stimulus.from_current(np.full((5, 10), 0.5), dt=1.0)
        runs.append(env.run(50, given))
        assert f"{target} code (as asked)" in env.describe()
    by_numpy, by_cython = runs

    assert len(by_numpy.spike_ids) > 10
    assert by_numpy.spike_ids.tolist() == by_cython.spike_ids.tolist()
    # exp differs in the last bit, which may move a crossing over the edge of one step
    assert by_cython.spike_times == pytest.approx(by_numpy.spike_times, abs=0.025)
    assert by_cython.voltage[:, :50] == pytest.approx(by_numpy.voltage[:, :50], abs=1e-6)


def test_objects_added_to_the_network_take_part() -> None:
    env = Env(3, model="LIF", target="numpy").init()
    env.run(1.0)
    monitor = brian2.SpikeMonitor(env.engine.groups["EXC"])
    slow = brian2.StateMonitor(env.engine.groups["EXC"], "V_soma", record=0, dt=1 * brian2.ms)
    env.network.add(monitor, slow)
    env.run(50.0, Stimulus.from_current(np.full((500, 3), 0.3), dt=0.1))

    assert len(monitor.i) > 3
    assert len(slow.t) == 50


def test_own_objects_are_not_lost_silently() -> None:
    env = Env(3, model="LIF", target="numpy").init()
    env.network.add(brian2.SpikeMonitor(env.engine.groups["EXC"], name="mine"))

    with pytest.raises(InvalidState, match="mine"):
        env.set_params({"cells-soma.E_L": [-70.0, -71.0, -72.0]})
