"""Wrong input is refused before anything is computed, and leaves the state as it was."""

import numpy as np
import pytest

from livn.errors import InvalidType, InvalidValue, LivnError, NotSupported, UnknownName
from livn.stimulus import Stimulus

WEIGHT = "EXC_EXC-dend-AMPA-weight"


def current(*shape, dt=0.5, value=0.1, **kwargs):
    return Stimulus.from_current(np.full(shape, value), dt=dt, **kwargs)


def field(*shape, value=1.0, **kwargs):
    return Stimulus.from_extracellular(np.full(shape, value), dt=0.5, **kwargs)


REFUSED = {
    "zero duration": (lambda e: e.run(0), InvalidValue, "got 0;"),
    "negative duration": (lambda e: e.run(-1), InvalidValue, "got -1;"),
    "infinite duration": (lambda e: e.run(np.inf), InvalidValue, "got inf;"),
    "nan duration": (lambda e: e.run(np.nan), InvalidValue, "got nan;"),
    "bool duration": (lambda e: e.run(True), InvalidValue, "got True;"),
    "text duration": (lambda e: e.run("10"), InvalidValue, "got '10';"),
    "duration off the grid": (lambda e: e.run(0.33), InvalidValue, "got 0.33 ms"),
    "duration off the recording grid": (lambda e: e.run(0.3), InvalidValue, "got 0.3 ms"),
    "duration of a call": (lambda e: e(-5), InvalidValue, "got -5;"),
    "other step": (lambda e: e.run(1, dt=0.05), InvalidValue, "got dt=0.05 ms after 0.1 ms"),
    "zero step": (lambda e: e.run(1, dt=0), InvalidValue, "step dt is not positive: got 0;"),
    "infinite step": (lambda e: e.run(1, dt=np.inf), InvalidValue, "got inf;"),
    "stimulus: shape": (lambda e: e.run(1, current(2, 7)), InvalidValue, "7 columns"),
    "stimulus: one axis": (lambda e: e.run(1, np.zeros(10)), InvalidValue, r"got shape \(10,\)"),
    "stimulus: batch": (lambda e: e.run(1, current(3, 2, 10)), InvalidValue, "3 dimensions"),
    "stimulus: nan": (lambda e: e.run(1, current(2, 10, value=np.nan)), InvalidValue, "20 nan"),
    "stimulus: kind": (lambda e: e.run(1, object()), InvalidValue, "from object"),
    "stimulus: gid": (
        lambda e: e.run(1, current(2, 1, gids=[99])),
        InvalidValue,
        r"got gids \[99\]",
    ),
    "stimulus: section": (
        lambda e: e.run(1, current(2, 1, gids=[9], sections=["dend"])),
        InvalidValue,
        r"cells of INH do not have: got \['dend'\]",
    ),
    "stimulus: too long": (lambda e: e.run(1, current(3, 10)), InvalidValue, "got 1.5 ms"),
    "stimulus: other dt": (
        lambda e: e.run(1, current(1, 10, dt=1.0)),
        InvalidValue,
        "got 1.0 ms after 0.5 ms",
    ),
    "stimulus: dt off the grid": (
        lambda e: e.clear().run(1, current(1, 10, dt=0.25), dt=0.1),
        InvalidValue,
        "got 0.25 ms at a step of 0.1 ms",
    ),
    "stimulus: too strong": (
        lambda e: e.run(1, field(1, 18, value=2000.0)),
        InvalidValue,
        "got 2000 mV",
    ),
    "stimulus: potential per cell": (
        lambda e: e.run(1, field(1, 10, gids=range(10))),
        InvalidValue,
        "no sections",
    ),
    "stimulus: light": (
        lambda e: e.run(1, Stimulus.from_irradiance(np.ones((1, 10)), dt=0.5)),
        NotSupported,
        "got 'irradiance'",
    ),
    "stimulus: unit": (
        lambda e: e.run(1, (np.ones((1, 10)), 0.5, None, "current", "mV")),
        InvalidValue,
        "got 'mV'",
    ),
    "weight: name": (lambda e: e.set_weights({"EXC_EXC-dend-AMPa-weight": 1}), UnknownName, WEIGHT),
    "weight: several names": (
        lambda e: e.set_weights({WEIGHT: 2.0, "a-weight": 1, "b-weight": 1}),
        UnknownName,
        "'a-weight'.*'b-weight'",
    ),
    "weight: transposed": (
        lambda e: e.set_weights({"EXC_INH-hillock-AMPA-weight": 1}),
        UnknownName,
        "did you mean 'INH_EXC-soma-AMPA-weight'",
    ),
    "weight: negative": (lambda e: e.set_weights({WEIGHT: -1}), InvalidValue, "got -1;"),
    "weight: nan": (lambda e: e.set_weights({WEIGHT: np.nan}), InvalidValue, "got nan;"),
    "weight: text": (lambda e: e.set_weights({WEIGHT: "2"}), InvalidValue, "got '2';"),
    "weight: noise": (lambda e: e.set_weights({"noise-std_e": 1}), UnknownName, "noise-std_e"),
    "noise: name": (lambda e: e.set_noise({"std": 1}), UnknownName, "noise-std"),
    "noise: population": (lambda e: e.set_noise({"EXE-std_e": 1}), UnknownName, "noise-EXC-std_e"),
    "noise: negative": (lambda e: e.set_noise({"std_e": -1}), InvalidValue, "got -1;"),
    "cells: name": (lambda e: e.set_params({"cells-soma.gNa": 1}), UnknownName, "cells-soma.g_Na"),
    "cells: length": (
        lambda e: e.set_params({"cells-EXC:soma.g_Na": [0.1, 0.2]}),
        InvalidValue,
        r"got shape \(2,\); need one number or 8",
    ),
    "cells: one bad value": (
        lambda e: e.set_params({WEIGHT: 3.0, "cells-EXC:soma.g_Na": [0.1] * 7 + [-1.0]}),
        InvalidValue,
        "got -1.0;",
    ),
    "cells: bool": (lambda e: e.set_params({"cells-V_init": True}), InvalidValue, "got True;"),
    "receptor: per cell": (
        lambda e: e.set_params({"EXC-dend-AMPA-tau_decay": [3.0] * 8}),
        InvalidValue,
        "need one number",
    ),
    "receptor: order of times": (
        lambda e: e.set_params({"EXC-dend-AMPA-tau_rise": 30.0}),
        InvalidValue,
        "got tau_rise=30 ms",
    ),
    "io: name, with a good weight": (
        lambda e: e.set_params({WEIGHT: 3.0, "io-gain": 1}),
        UnknownName,
        "gain",
    ),
    "start voltage": (lambda e: setattr(e, "v_init", -60.0), RuntimeError, "got -60.0 mV at t"),
    "selection": (lambda e: e.selection(3), RuntimeError, r"got selection\(3\)"),
    "stream": (lambda e: e.reseed_noise(-1), InvalidValue, "got -1;"),
    "stream kind": (lambda e: e.reseed_noise(0.5), InvalidType, "got 0.5;"),
    "cell": (lambda e: e.cells[99], UnknownName, "got 99;"),
}


@pytest.fixture(scope="module")
def running(new_env):
    """EI1 with two-compartment cells, 1 ms after its start, and how it goes on."""
    env = new_env("EI1", "ReducedCalciumSomaDendrite").record_voltage(dt=0.5).record_spikes()
    env.set_noise({"std_e": 1e-3})
    env.run(1, current(2, 10), dt=0.1)
    return env, env.snapshot(), env.params(), env.run(1).voltage


@pytest.mark.parametrize("what", REFUSED)
def test_refused_call_leaves_the_state_as_it_was(running, what):
    env, there, params, onward = running
    call, error, message = REFUSED[what]
    env.restore(there)

    with pytest.raises(error, match=message) as caught:
        call(env)

    assert isinstance(caught.value, LivnError)
    if "clear" not in call.__code__.co_names:
        assert str(env.params()) == str(params)
        assert env.t == pytest.approx(1)
        assert np.array_equal(env.run(1).voltage, onward)


def test_step_of_a_refused_run_is_not_taken_over(new_env):
    env = new_env(2).record_voltage()
    with pytest.raises(InvalidValue, match="got gids"):
        env.run(1, Stimulus.from_current(np.ones((1, 1)), dt=1.0, gids=[5]), dt=0.05)

    assert env.engine.dt == 0.1
    assert env.run(1).voltage.shape == (2, 10)


def test_point_cells_refuse_an_extracellular_potential(new_env):
    for model in ("LIF", "Izhikevich", "HodgkinHuxley"):
        env = new_env({"INH": 2}, model)
        with pytest.raises(ValueError, match=f"{model} takes no extracellular .* current"):
            env.run(1, field(1, 2, gids=[0, 1], sections=["soma", "soma"]))
        assert env.t == 0
