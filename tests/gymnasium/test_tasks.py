"""What every task promises: Gymnasium's checks, determinism, snapshots, copies, ablations."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import livn.tasks
from livn.errors import InvalidState, InvalidValue, NotSupported, UnknownName
from livn.io import MEA
from livn.run import Run
from livn.tasks import RateControl, compare
from livn.tasks.game import Game, Layout
from livn.tasks.making import TASKS

NEW = sorted(set(TASKS) - {"RateControl"})
SHAPES = {
    "CartPole": (8, 4 + 8 + 16),
    "EvokeBursts": (16, 18),
    "PatternSeparation": (4, 17),
    "Pong": (8, 6 + 8 + 16),
    "SuppressBursts": (16, 18),
}


@pytest.fixture(scope="module", params=NEW)
def env(request):
    made = gym.make(f"livn/EI2-{request.param}-v0", render_mode="rgb_array",
                    disable_env_checker=True).unwrapped  # fmt: skip
    yield made
    made.close()


def actions(env, n, seed=0):
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(n)]


def rolled(env, steps):
    found = [env.step(action)[:4] for action in steps]
    return np.array([o for o, *_ in found]), [rest for _, *rest in found]


def same(a, b):
    return np.array_equal(a[0], b[0]) and a[1] == b[1]


def test_env_checker_finds_nothing(env):
    check_env(env, skip_render_check=True, skip_close_check=True)


def test_spaces_are_finite_float32_of_known_shape(env):
    shapes = env.action_space.shape[0], env.observation_space.shape[0]
    assert shapes == SHAPES[type(env.decoding).__name__]
    for space in (env.action_space, env.observation_space):
        assert space.dtype == np.float32
        assert space.is_bounded()


def test_info_has_spikes_charge_and_origin(env):
    _, begun = env.reset(seed=1)
    assert begun["time_ms"] == env.decoding.settle == 300
    *_, info = env.step(np.ones(env.action_space.shape, np.float32))
    assert info["time_ms"] == 300 + env.decoding.duration
    assert info["charge_nc"].shape == (16,)
    most = env.encoding.max_amplitude * 0.2  # nC of a phase of 0.2 ms
    assert info["charge_nc"].max() == pytest.approx(most)
    assert {"spikes", "seed", "stream", "config_hash"} <= set(info)


def test_snapshot_and_pickle_continue_bit_for_bit(env):
    env.reset(seed=2)
    first, *rest = actions(env, 6)
    env.step(first)
    kept, copy = env.snapshot(), pickle.loads(pickle.dumps(env))
    expected = rolled(env, rest)
    assert same(rolled(copy, rest), expected)
    assert same(rolled(env.restore(kept), rest), expected)
    after = env.reset()[1]["stream"]
    assert copy.reset()[1]["stream"] == after
    copy.close()


def test_refused_reset_changes_nothing(env):
    env.reset(seed=2)
    first, *rest = actions(env, 5)
    env.step(first)
    kept = env.snapshot()
    expected, stream = rolled(env, rest), env.reset()[1]["stream"]
    env.restore(kept)
    with pytest.raises(UnknownName, match="^unknown option: got 'goal'"):
        env.reset(seed=9, options={"goal": 1})
    with pytest.raises(InvalidValue, match="^ablation does not exist: got 'all'"):
        env.reset(options={"ablation": "all"})
    assert same(rolled(env, rest), expected)
    assert env.reset()[1]["stream"] == stream


def test_picture_is_drawn(env):
    env.reset(seed=0)
    before = env.render()
    env.step(actions(env, 1)[0])
    assert before.shape == env.render().shape == (440, 1100, 3)
    assert not np.array_equal(before, env.render())


def test_ablation_takes_the_spikes_from_what_is_seen_not_from_the_culture(env):
    heard = slice(-16, None) if isinstance(env.decoding, Game) else slice(0, 16)
    strong = np.ones(env.action_space.shape, np.float32)
    found = {}
    for ablation in ("none", "zero", "shuffled"):
        env.reset(seed=3, options={"ablation": ablation})
        observation, *_, info = env.step(strong)
        found[ablation] = observation[heard], info["spikes"]
    assert found["none"][0].any()
    assert not found["zero"][0].any()
    assert found["shuffled"][0].any()
    assert not np.array_equal(found["none"][0], found["shuffled"][0])
    for ablation in ("zero", "shuffled"):
        np.testing.assert_array_equal(found["none"][1].times, found[ablation][1].times)


@pytest.mark.parametrize("task", NEW)
def test_copy_is_a_single_environment_of_its_seed(task):
    id = f"livn/EI2-{task}-v0"
    vector = gym.make_vec(id, 2, vectorization_mode="vector_entry_point", max_steps=4)
    single = gym.make(id, max_steps=4, disable_env_checker=True)
    vector.action_space.seed(5)
    played = [vector.action_space.sample() for _ in range(6)]
    first, begun = vector.reset(seed=7)
    observation, info = single.reset(seed=8)
    np.testing.assert_array_equal(observation, first[1])
    assert begun["time_ms"][1] == info["time_ms"] == 300
    for action in played:
        observations, rewards, _, truncated, _ = vector.step(action)
        observation, reward, _, ended, _ = single.step(action[1])
        assert (reward, ended) == (rewards[1], truncated[1])
        if ended:
            observation, _ = single.reset()
        np.testing.assert_array_equal(observation, observations[1])
    vector.close()
    single.close()


@pytest.mark.parametrize("task", list(TASKS))
def test_larger_system_has_every_task(task):
    id = f"livn/EI3-{task}-v0"
    assert gym.spec(id).vector_entry_point == "livn.tasks.making:vector"
    env = gym.make(id, settle=0, disable_env_checker=True)
    first, _ = env.reset(seed=0)
    action = np.ones(env.action_space.shape, np.float32)
    observation, reward, terminated, truncated, info = env.step(action)
    for seen in (first, observation):
        assert env.observation_space.contains(seen)
    assert np.isfinite(reward)
    assert (terminated, truncated) == (False, False)
    assert info["charge_nc"].shape == (64,)
    assert info["time_ms"] == env.unwrapped.decoding.duration
    if task == "CartPole":
        assert (len(action), len(observation)) == (32, 4 + 32 + 64)
    env.close()


def test_parameters_set_meanwhile_are_in_force_in_the_next_episode():
    env = livn.tasks.single("CartPole", "EI2", settle=20)
    env.reset(seed=0)
    env.env.set_params({"EXC_EXC-dend-AMPA-weight": 0.5})
    env.reset(seed=0)
    assert env.env.params()["EXC_EXC-dend-AMPA-weight"] == 0.5
    assert env.env.t == 20
    env.close()


def test_compare_has_the_ablations_of_tasks_only():
    env = gym.make("livn/EI1-RateControl-v0", max_steps=3, disable_env_checker=True)
    found = compare(env, lambda o: [0.5], episodes=1)
    assert list(found) == [
        "policy", "random", "zero", "shuffled", "zero_spikes", "shuffled_spikes",
    ]  # fmt: skip
    # The action is always the same and the reward that of the culture as it is.
    assert found["policy"] == found["shuffled"] == found["zero_spikes"] == found["shuffled_spikes"]
    env.close()
    found = compare(gym.make("Pendulum-v1"), lambda o: [0.0], episodes=1)
    assert list(found) == ["policy", "random", "zero", "shuffled"]


def test_wrong_options_are_refused():
    task = RateControl(duration=10)
    with pytest.raises(UnknownName, match="unknown option: got 'goal'; known: ablation, target_hz"):
        task.reset(options={"goal": 1})
    with pytest.raises(InvalidValue, match="^ablation does not exist: got 'all'; known: none, zer"):
        task.reset(options={"ablation": "all"})
    with pytest.raises(InvalidState, match="^task knows no culture: got no setup. Call setup"):
        task.reset()


def test_run_without_spikes_is_refused():
    with pytest.raises(InvalidState, match=r"^spikes are missing from the run: got Run\(.*record_"):
        RateControl()(Run(duration=50), None)


def test_unknown_task_names_the_nearest():
    with pytest.raises(UnknownName, match="unknown task: got 'Pongg' .did you mean 'Pong'"):
        livn.tasks.single("Pongg")


def test_array_without_room_for_a_game_is_refused():
    with pytest.raises(NotSupported, match="^array is too small for a game: got 1 electrodes; nee"):
        livn.tasks.single("CartPole", "EI1")


def test_layout_divides_the_array():
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(4.0), np.arange(4.0)))
    layout = Layout.of(MEA(np.c_[np.arange(16), 100 * x, 100 * y, 0 * x]))
    assert layout.sensory.tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    assert layout.left.tolist() == [8, 9, 12, 13]
    assert layout.right.tolist() == [10, 11, 14, 15]
