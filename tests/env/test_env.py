"""An Env is made, asked, called; what cannot be is refused with a reason."""

import json
import shutil
import warnings

import numpy as np
import pytest

from livn.env import Env, make
from livn.errors import (
    BackendNotFound,
    InvalidState,
    InvalidType,
    InvalidValue,
    NotSupported,
    UnknownName,
)
from livn.io import MEA
from livn.models.izhikevich import Izhikevich
from livn.models.lif import LIF
from livn.stimulus import Stimulus
from livn.system import ParallelSystem, System, predefined
from livn.types import Capability, Decoding, Encoding


class Spikes(Decoding):
    """Returns how many spikes there were and what the env was told."""

    def setup(self, env):
        env.record_spikes()

    def __call__(self, run, env):
        return len(run.spike_ids), env.encoding


class Kick(Encoding):
    """Injects a current into all cells during the first ms."""

    amplitude: float = 1.0

    def __call__(self, env, t_end, inputs):
        n_cells = len(env.simulated_gids())
        return Stimulus.from_current(np.full((1, n_cells), self.amplitude * inputs), dt=1.0)


def test_attributes_are_there_before_anything_is_built():
    env = Env(2)

    assert (env.seed, env.comm, env.subworld_size, env.t) == (123, None, None, 0)
    assert env.encoding is None
    assert env.decoding is None
    assert env.model.params_key() == "ReducedCalciumSomaDendrite"
    assert Capability.EXTRACELLULAR_STIMULUS in env.capabilities
    assert env.describe() == "ParallelSystem, ReducedCalciumSomaDendrite, brian2"
    with pytest.raises(InvalidState, match=r"Call env.init\(\) first"):
        _ = env.engine


def test_system_may_be_named_given_or_counted():
    assert Env("EI1", "LIF").system.num_neurons == 10
    assert Env(predefined("EI1"), LIF()).system.num_neurons == 10
    assert isinstance(Env(System(predefined("EI1")), LIF()).system, System)
    assert Env({"EXC": 2, "INH": 3}, LIF()).system.populations == ["EXC", "INH"]
    assert Env(ParallelSystem(4), LIF()).system.num_neurons == 4
    assert Env(np.int64(2), LIF()).system.num_neurons == 2


def test_model_may_be_named():
    assert Env(1, "Izhikevich").model == Izhikevich()
    assert Env(1, "point").model == Izhikevich()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"system": True}, InvalidType, "True"),
        ({"system": 0}, InvalidValue, "got 0"),
        ({"system": 2, "model": "Izikevich"}, UnknownName, "did you mean 'Izhikevich'"),
        ({"system": 2, "seed": -1}, InvalidValue, "seed is too small: got -1"),
        ({"system": 2, "seed": 1.5}, InvalidType, "seed is not an integer: got 1.5"),
        ({"system": 2, "backend": "brain2"}, BackendNotFound, "Did you mean 'brian2'"),
        ({"system": 2, "model": LIF}, InvalidType, r"Pass an instance: LIF\(\)"),
        ({"system": 2, "model": 3}, InvalidType, "model is not a Model: got 3"),
        ({"system": 2, "io": 3}, InvalidType, "io is not an IO: got 3"),
        ({"system": 2, "io": MEA}, InvalidType, "io is not an IO"),
        ({"system": 2, "tarjet": "numpy"}, UnknownName, r"'tarjet' \(did you mean 'target'\?\)"),
        ({"system": 2, "network": 1}, UnknownName, "unknown option of backend brian2"),
        ({"system": 2, "subworld_size": 2}, NotSupported, "got subworld_size=2"),
    ],
)
def test_env_that_makes_no_sense_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Env(**arguments)


def test_two_ranks_need_a_backend_with_mpi():
    class TwoRanks:
        def Get_size(self):
            return 2

    with pytest.raises(NotSupported, match="got a communicator of 2 ranks"):
        Env(2, comm=TwoRanks())


def test_backend_comes_from_the_environment_when_the_env_is_made(monkeypatch):
    monkeypatch.setenv("LIVN_BACKEND", "nowhere")

    with pytest.raises(BackendNotFound, match="got 'nowhere'"):
        Env(1)
    assert Env(1, "LIF", backend="brian2").backend == "brian2"


def test_decoding_and_encoding():
    env = Env(3, "LIF").init()

    n_spikes, encoding = env(Spikes(duration=10), 2.0, Kick())

    assert n_spikes == 3
    assert encoding is env.encoding
    assert env.encoding == Kick()
    assert env.decoding == Spikes(duration=10)
    assert env.t == pytest.approx(10)


def test_number_as_decoding_returns_the_run():
    env = Env(3, "LIF").init()

    run = env(5, Stimulus.from_current(np.ones((1, 3)), dt=1.0))

    assert run.duration == 5
    assert env.decoding == 5


@pytest.mark.parametrize("duration", [0, -1, True, None, np.nan])
def test_call_without_a_duration_is_refused_and_not_remembered(duration):
    env = Env(1, "LIF")
    with pytest.raises(InvalidValue, match=f"duration is not positive: got {duration!r}"):
        env(duration)
    assert env.decoding is None


def test_selection_comes_first():
    for spoil in (
        lambda e: e.init(),
        lambda e: e.record_spikes(),
        lambda e: e.record_voltage(),
        lambda e: e.set_params({"cells-V_init": -60.0}),
    ):
        env = Env("EI1", "LIF")
        spoil(env)
        with pytest.raises(InvalidState, match=r"already in use: got selection\(3\)"):
            env.selection(3)


def test_selection_keeps_the_edges_among_its_cells():
    env = Env("EI2", "LIF").selection({"EXC": [3, 10, 40, 41], "INH": [80, 99]})

    edges = env.system.edges("EXC", "INH")
    plan = next(p for p in env.network_plan.projections if (p.post, p.pre) == ("EXC", "INH"))
    gids = env.network_plan.populations
    kept = set(zip(gids["INH"].gids[plan.sources], gids["EXC"].gids[plan.targets], strict=True))
    expected = {
        (i + 80, j)
        for i, j in zip(edges.sources, edges.targets, strict=True)
        if i + 80 in (80, 99) and j in (3, 10, 40, 41)
    }
    assert kept == expected
    assert len(kept) == len(plan.sources) > 0


SHIPPED = {
    "EXC_EXC-dend-AMPA-weight": 2.0,
    "INH_EXC-soma-AMPA-weight": 3.0,
    "EXC_INH-soma-GABA_A-weight": 4.0,
    "noise-INH-level": 5.0,
    "noise-level": 6.0,
    "cells-INH:V_init": -60.0,
}


@pytest.fixture
def ship(tmp_path):
    """Write EI1 with a parameter document, and return its directory."""

    def write(document):
        directory = shutil.copytree(predefined("EI1"), tmp_path / "culture")
        (directory / "params").mkdir(exist_ok=True)
        (directory / "params" / "default.json").write_text(json.dumps(document))
        return str(directory)

    return write


def test_what_ships_for_cells_that_are_left_out_is_left_out(ship):
    directory = ship({"LIF": SHIPPED})
    alone = Env(directory, "LIF").selection({"EXC": 2})

    params = alone.apply_model_defaults().params()

    assert params["EXC_EXC-dend-AMPA-weight"] == 2.0
    assert params["noise-EXC-level"] == 6.0
    assert not any("INH" in key for key in params)
    assert Env(directory, "LIF").apply_model_defaults().params()["noise-INH-level"] == 5.0


@pytest.mark.parametrize(
    ("which", "expected"), [({"noise": False}, (2.0, 0.0)), ({"weights": False}, (1.0, 6.0))]
)
def test_defaults_may_be_weights_or_noise_alone(ship, which, expected):
    params = Env(ship({"LIF": SHIPPED}), "LIF").apply_model_defaults(**which).params()

    assert (params["EXC_EXC-dend-AMPA-weight"], params["noise-EXC-level"]) == expected


def test_groups_of_the_parameter_document(ship):
    groups = {
        "default": {"params": {"noise-level": 1.0}, "meta": {}},
        "loud": {"params": {"noise-level": 9.0}},
    }
    directory = ship({"LIF": groups})
    env = Env(directory, "LIF")

    assert env.apply_default_params().params()["noise-EXC-level"] == 1.0
    assert env.apply_default_params("loud").params()["noise-EXC-level"] == 9.0
    with pytest.raises(UnknownName, match="got 'quiet'.*known: default, loud"):
        env.apply_default_params("quiet")
    with pytest.raises(UnknownName, match="Izhikevich/default"):
        Env(directory, "Izhikevich").apply_default_params(strict=True)


def test_culture_without_parameters_stays_as_its_graph_with_a_warning():
    env = Env("EI1", "LIF")

    said = "system '.*EI1' with model LIF: weights as in its graph; noise off. Set"
    with pytest.warns(UserWarning, match=said):
        env.apply_model_defaults()

    params = env.params()
    assert {params[k] for k in env.weight_names} == {1.0}
    assert [params[f"noise-{p}-level"] for p in ("EXC", "INH")] == [0.0, 0.0]


class Tuned(LIF):
    """LIF that brings weights and noise for every culture."""

    def default_weights(self, system=""):
        return {"EXC_EXC-dend-AMPA-weight": 0.5}

    def default_noise(self, system=""):
        return {"level": 90.0}


def test_weights_and_noise_of_the_model_are_set_where_it_has_some():
    env = Env("EI1", Tuned())
    with pytest.warns(UserWarning, match="weights of the model; noise of the model"):
        env.apply_model_defaults()

    params = env.params()
    assert params["EXC_EXC-dend-AMPA-weight"] == 0.5
    assert params["noise-EXC-level"] == 90.0


def test_make_returns_a_culture_ready_to_run():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        env = make("EI1", model="LIF", seed=5)

        few = make(3, model="LIF")

    assert env.seed == 5
    assert env.run(1).duration == 1
    assert few.run(1).duration == 1
    with pytest.raises(InvalidType, match="system is unreadable: got None"):
        make(None)


def test_reinit_starts_over_with_the_parameters_in_force():
    env = Env(2, "LIF").set_params({"cells-V_init": -60.0}).init().record_voltage()
    first = env.run(2).voltage

    env.reinit()

    assert env.t == 0
    assert np.array_equal(env.run(2).voltage, first)


def test_start_voltage_can_be_set_at_the_start_only():
    env = Env(2, "LIF").init().record_voltage()
    env.v_init = -60.0
    assert env.run(1).voltage[:, 0].tolist() == [-60.0, -60.0]
    with pytest.raises(RuntimeError, match=r"got -65.0 mV at t = 1.0 ms"):
        env.v_init = -65.0
    env.clear().v_init = -65.0
    assert env.run(1).voltage[:, 0].tolist() == [-65.0, -65.0]


@pytest.mark.parametrize(
    "method",
    [
        "enable_plasticity",
        "disable_plasticity",
        "record_weights",
        "get_weights",
        "normalize_weights",
    ],
)
def test_plasticity_is_not_there_and_says_so(method):
    with pytest.raises(NotSupported, match=f"got {method}; .* env.set_weights"):
        getattr(Env(1, "LIF"), method)()


def test_clear_recordings_keeps_state_and_requests():
    env = Env(1, "LIF").init().record_voltage()
    env.run(1)

    assert env.clear_recordings().run(1).t0 == 1
