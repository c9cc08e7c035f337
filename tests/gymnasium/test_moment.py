"""An environment at one moment: its origin, snapshots, pickles and pictures."""

import pickle

import gymnasium as gym
import numpy as np
import pytest

import livn.tasks
from livn.env import Env
from livn.env.gymnasium import GymnasiumEnv
from livn.errors import InvalidType, InvalidValue


@pytest.fixture(scope="module")
def env():
    made = livn.tasks.single("RateControl", "EI2", max_steps=40)
    yield made
    made.close()


def actions(n):
    return np.random.default_rng(0).uniform(-1, 1, (n, 16)).astype(np.float32)


def rolled(env, steps):
    """Observations and rewards of steps with these actions."""
    found = [env.step(action)[:2] for action in steps]
    return np.array([o for o, _ in found]), [r for _, r in found]


def same(a, b):
    return np.array_equal(a[0], b[0]) and a[1] == b[1]


def test_config_hash_follows_what_is_set():
    env = livn.tasks.single("RateControl", "EI1")
    nothing = np.zeros(1, np.float32)

    def of_step():
        return env.step(nothing)[-1]["config_hash"]

    first = env.reset(seed=0)[1]["config_hash"]
    kept = env.snapshot()
    env.env.set_params({"EXC_EXC-dend-AMPA-weight": 0.5})
    changed = of_step()
    assert changed == of_step() != first
    assert env.reset()[1]["config_hash"] == changed
    copy = pickle.loads(pickle.dumps(env))
    assert copy.step(nothing)[-1]["config_hash"] == changed
    copy.close()
    env.restore(kept)
    assert of_step() == first
    env.env.set_params({"io-input_radius": 123.0})
    touched = of_step()
    env.decoding.max_steps = 7
    longer = env.reset()[1]["config_hash"]
    assert len({first, changed, touched, longer}) == 4
    env.close()


def test_snapshot_continues_culture_task_and_chance(env):
    env.reset(seed=2)
    env.step(actions(1)[0])
    kept = env.snapshot()
    first = rolled(env, actions(4))
    after = env.reset()[1]
    env.restore(kept)
    assert same(rolled(env, actions(4)), first)
    again = env.reset()[1]
    assert (again["stream"], again["target_hz"]) == (after["stream"], after["target_hz"])


def test_pickled_env_continues_bit_for_bit(env):
    env.reset(seed=4)
    env.step(actions(1)[0])
    copy = pickle.loads(pickle.dumps(env))
    assert same(rolled(copy, actions(4)), rolled(env, actions(4)))
    copy.close()


def test_pickled_env_has_the_cells_that_were_selected():
    culture = Env("EI1", backend="native").selection(6).init().apply_model_defaults()
    env = GymnasiumEnv(culture, livn.tasks.PulseAmplitudes(n_channels=1), livn.tasks.RateControl())
    env.reset(seed=0)
    copy = pickle.loads(pickle.dumps(env))
    np.testing.assert_array_equal(copy.env.simulated_gids(), culture.simulated_gids())
    strong = [np.ones(1, np.float32)] * 3
    assert same(rolled(copy, strong), rolled(env, strong))
    copy.close()
    env.close()


def test_picture_has_colours_before_and_after_a_step():
    env = gym.make("livn/EI1-RateControl-v0", render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    env.step(np.ones(1, np.float32))
    after = env.render()
    assert before.shape == after.shape == (440, 1100, 3)
    assert after.dtype == np.uint8
    assert not np.array_equal(before, after)


def test_picture_after_restore_is_of_what_led_to_the_snapshot():
    made = {"max_steps": 9, "render_mode": "rgb_array", "disable_env_checker": True}
    env = gym.make("livn/EI1-RateControl-v0", **made).unwrapped
    weak, strong = np.zeros(1, np.float32), np.ones(1, np.float32)
    env.reset(seed=0)
    env.step(strong)
    kept, before = env.snapshot(), env.render()
    env.step(weak)
    after = env.render()
    for _ in range(2):
        env.step(strong)
    env.restore(kept)
    np.testing.assert_array_equal(env.render(), before)
    env.step(weak)
    np.testing.assert_array_equal(env.render(), after)
    pickle.loads(pickle.dumps(env)).close()
    env.env.run(10)  # what the environment does not know of
    env.step(weak)
    assert [run.t0 for run in env._film.runs] == [110.0]
    assert env.render().shape == before.shape
    env.close()


def test_env_that_is_not_rendered_keeps_no_runs(env):
    env.reset(seed=0)
    env.step(np.zeros(16, np.float32))
    assert not env._film.runs
    assert env.render() is None


def test_snapshot_of_something_else_is_refused(env):
    with pytest.raises(InvalidType, match="^no snapshot: got 3; need what snapshot"):
        env.restore(3)


def test_snapshot_of_another_culture_is_refused_and_changes_nothing(env):
    other = gym.make("livn/EI1-RateControl-v0", disable_env_checker=True).unwrapped
    other.reset(seed=0)
    env.reset(seed=1)
    env.step(actions(1)[0])
    kept = env.snapshot()
    expected = rolled(env, actions(2))
    env.restore(kept)
    with pytest.raises(InvalidValue, match="^snapshot is of another culture: got .*'system'"):
        env.restore(other.snapshot())
    pong = livn.tasks.single("Pong", "EI2")
    pong.reset(seed=0)
    with pytest.raises(InvalidValue, match="^snapshot is of another task: got Pong; this environm"):
        env.restore(pong.snapshot())
    assert same(rolled(env, actions(2)), expected)
    for made in (other, pong):
        made.close()
