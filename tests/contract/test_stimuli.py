"""Each way to stimulate does what physics says it does, for as long as it lasts."""

import numpy as np
import pytest

from livn.stimulus import MonophasicPulsePolicy, Stimulus

# LIF: 10 nS, 10 ms, -70 mV. Exact between spikes, so only rounding is allowed, mV.
ROUNDING = 1e-9
POINT = ["LIF", "GLIF", "Izhikevich", "HodgkinHuxley"]
TWO_COMPARTMENTS = ["ReducedCalciumSomaDendrite", "PinskyRinzel"]


@pytest.fixture
def lif(new_env):
    return new_env(2).record_voltage(dt=0.1)


def relaxation(times, start, end, tau):
    return end + (start - end) * np.exp(-times / tau)


def test_current_step_charges_the_membrane_exactly(lif):
    current = np.repeat([[0.1, 0.05]], 20, axis=0)  # nA, 20 ms

    voltage = lif.run(40, Stimulus.from_current(current, dt=1.0)).voltage

    on, off = np.arange(200) * 0.1, np.arange(200) * 0.1
    for row, end in zip(voltage, (-60.0, -65.0), strict=True):  # E_L + I / g_L
        reached = relaxation(20.0, -70.0, end, 10.0)
        assert row[:200] == pytest.approx(relaxation(on, -70.0, end, 10.0), abs=ROUNDING)
        assert row[200:] == pytest.approx(relaxation(off, reached, -70.0, 10.0), abs=ROUNDING)


@pytest.mark.parametrize(("g", "reversal"), [(0.01, 0.0), (-0.02, -75.0)])
def test_conductance_pulls_towards_its_reversal(lif, g, reversal):
    lif.set_params({"cells-V_threshold": 50.0})

    voltage = lif.run(10, Stimulus.from_conductance(np.full((10, 2), g), dt=1.0)).voltage

    total = 0.01 + abs(g)  # uS, with the leak; 0.1 nF
    end = (0.01 * -70.0 + abs(g) * reversal) / total
    expected = relaxation(np.arange(100) * 0.1, -70.0, end, 0.1 / total)
    assert voltage[0] == pytest.approx(expected, abs=ROUNDING)


@pytest.mark.parametrize(
    ("model", "area"),
    [
        ("HodgkinHuxley", 1000.0),
        ("PinskyRinzel", 3000.0),
        ("ReducedCalciumSomaDendrite", np.pi * 7.0965752601623535 * 0.1 * 120.0),
    ],
)
def test_current_density_is_current_per_area(new_env, model, area):
    env = new_env(1, model).record_voltage(dt=0.1)
    density = 2e-3  # mA/cm2

    by_density = env.run(1, Stimulus.from_current_density([[density]], dt=1.0), dt=0.05).voltage
    current = density * area * 1e-2  # nA: 1 mA/cm2 um2 = 1e-2 nA
    by_current = env.clear().run(1, Stimulus.from_current([[current]], dt=1.0), dt=0.05).voltage

    assert by_density == pytest.approx(by_current, abs=1e-9)


@pytest.mark.parametrize("model", [*POINT, *TWO_COMPARTMENTS])
def test_sign_of_each_mode(new_env, model):
    env = new_env(3, model).record_voltage(dt=0.1).set_params({"cells-V_init": -65.0})
    small = np.array([[-1.0, 0.0, 1.0]])  # cell 0 down, cell 1 untouched, cell 2 up

    for mode, size in (("current", 2e-3), ("conductance", 1e-3)):
        run = env.clear().run(1, Stimulus(size * small, 1.0, input_mode=mode), dt=0.05)
        end = run.voltage[:, -1]
        assert end[0] < end[1] < end[2], mode


@pytest.mark.parametrize("model", TWO_COMPARTMENTS)
def test_extracellular_potential_acts_by_its_gradient(new_env, model):
    env = new_env(4, model).record_voltage(dt=0.1, sections=["soma", "dend"])
    # soma and dendrite of cell 0: none; 1: uniform; 2: soma more negative; 3: dendrite
    field = np.array([[0.0, 0.0, 30.0, 30.0, -10.0, 0.0, 0.0, -10.0]])

    run = env.run(1, Stimulus.from_extracellular(field, dt=1.0), dt=0.05)

    soma, dend = run.voltage[0::2, 5], run.voltage[1::2, 5]
    assert np.array_equal(run.voltage[2:4], run.voltage[:2])
    assert soma[2] > soma[0] > soma[3]  # a cathode at the soma depolarises it
    assert dend[3] > dend[0] > dend[2]


@pytest.mark.parametrize(("model", "width"), [*zip(TWO_COMPARTMENTS, (18, 20), strict=True)])
def test_uniform_field_changes_no_bit(new_env, digest, model, width):
    env = new_env("EI1", model).set_noise({"std_e": 1e-3, "g_e0": 5e-3})
    env.record_spikes().record_voltage(dt=0.5, sections=["soma", "dend"])
    field = Stimulus.from_extracellular(np.full((5, width), 40.0), dt=1.0)

    without = env.run(5, dt=0.05)

    assert digest(env.clear().run(5, field, dt=0.05)) == digest(without)


def test_one_compartment_cells_ignore_the_field_their_neighbours_feel(new_env):
    env = new_env({"EXC": 1, "INH": 1}, "ReducedCalciumSomaDendrite").record_voltage(dt=0.1)
    silent = env.run(1, dt=0.05).voltage

    field = Stimulus.from_extracellular([[-10.0, 0.0, -10.0]], dt=1.0)
    driven = env.clear().run(1, field, dt=0.05).voltage

    assert driven[0, -1] > silent[0, -1]
    assert np.array_equal(driven[1], silent[1])


def test_stimulus_reaches_the_cells_and_sections_it_names(new_env):
    env = new_env(3, "PinskyRinzel").record_voltage(dt=0.1, sections=["soma", "dend"])
    at_rest = env.run(0.2, dt=0.05).voltage[:, 1]

    given = Stimulus.from_current([[1.0, 1.0]], dt=0.1, gids=[2, 0], sections=["dend", "soma"])
    change = env.clear().run(0.2, given, dt=0.05).voltage[:, 1] - at_rest

    assert change[0] > 10 * change[1] > 0  # soma 0
    assert np.array_equal(change[2:4], [0, 0])
    assert change[5] > 10 * change[4] > 0  # dendrite 2


def test_columns_of_one_cell_add_up(lif):
    twice = Stimulus.from_current([[0.05, 0.05, 0.1]], dt=1.0, gids=[0, 0, 1])

    voltage = lif.run(2, twice).voltage

    assert np.array_equal(voltage[0], voltage[1])


def test_stimulus_is_over_after_its_last_sample(culture, stimulus, digest, case):
    short = stimulus.array[:6]
    padded = np.vstack([short, np.zeros((4, 10))])

    ended = culture.run(5, Stimulus.from_current(short, dt=0.5), dt=case.dt)
    zeros = culture.clear().run(5, Stimulus.from_current(padded, dt=0.5), dt=case.dt)

    assert digest(ended) == digest(zeros)


def test_stimulus_step_is_fixed_until_clear(lif):
    lif.run(2, Stimulus.from_current(np.ones((1, 2)), dt=1.0))
    lif.run(2)
    with pytest.raises(ValueError, match="got 0.5 ms after 1.0 ms"):
        lif.run(2, Stimulus.from_current(np.ones((1, 2)), dt=0.5))
    lif.clear().run(2, Stimulus.from_current(np.ones((1, 2)), dt=0.5))


def test_policy_and_its_commands_do_the_same(new_env):
    env = new_env("EI1", "ReducedCalciumSomaDendrite").record_voltage(dt=0.5)
    policy = MonophasicPulsePolicy(
        n_channels=1, channels=(0,), amplitude=-1.0, pulse_width=1.0, pulse_times=(1.0,), dt=0.5
    )

    silent = env.run(3, dt=0.05).voltage
    by_policy = env.clear().run(3, policy, dt=0.05).voltage
    commands = np.zeros((6, 1))
    commands[2:4] = -1.0  # uA from 1 to 2 ms
    by_hand = env.clear().run(3, env.cell_stimulus(commands, dt=0.5), dt=0.05).voltage

    assert np.array_equal(by_policy, by_hand)
    assert np.array_equal(by_policy[:, :3], silent[:, :3])
    assert np.abs(by_policy[:8, 3:] - silent[:8, 3:]).max() > 1  # mV
