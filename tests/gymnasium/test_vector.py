"""Copies advanced together are what single environments are."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import livn.tasks
from livn import make
from livn.decoding import Pipe
from livn.env.gymnasium import GymnasiumVectorEnv
from livn.errors import InvalidState, InvalidType, InvalidValue, NotSupported, UnknownName
from livn.tasks import PulseAmplitudes
from livn.types import Decoding

ID = "livn/EI2-RateControl-v0"


@pytest.fixture(scope="module")
def vector():
    made = gym.make_vec(ID, 3, vectorization_mode="vector_entry_point", max_steps=4)
    yield made
    made.close()


def actions(n, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, 3, 16)).astype(np.float32)


def test_copy_is_a_single_environment_of_its_seed_over_episodes(vector):
    single = livn.tasks.single("RateControl", "EI2", max_steps=4)
    played = actions(6)
    first, _ = vector.reset(seed=7)
    steps = [vector.step(a) for a in played]
    for k in (0, 2):
        observation, _ = single.reset(seed=7 + k)
        np.testing.assert_array_equal(observation, first[k])
        for (observations, rewards, terminated, truncated, infos), a in zip(
            steps, played, strict=True
        ):
            observation, reward, *ends, info = single.step(a[k])
            assert (reward, *ends) == (rewards[k], terminated[k], truncated[k])
            if truncated[k]:
                np.testing.assert_array_equal(infos["final_obs"][k], observation)
                ended = infos["final_info"]["spikes"][k]
                np.testing.assert_array_equal(ended.times, info["spikes"].times)
                observation, _ = single.reset()
            else:
                np.testing.assert_array_equal(infos["spikes"][k].times, info["spikes"].times)
                np.testing.assert_array_equal(infos["charge_nc"][k], info["charge_nc"])
            assert infos["stream"][k] == single.env.stream
            assert infos["config_hash"][k] == info["config_hash"]
            np.testing.assert_array_equal(observations[k], observation)
    assert [s[3].all() for s in steps] == [False, False, False, True, False, False]
    single.close()


def test_parameters_set_on_a_copy_are_in_force_and_in_its_hash():
    vector = livn.tasks.vector("SuppressBursts", "EI2", num_envs=2, settle=20, max_steps=2)
    single = livn.tasks.single("SuppressBursts", "EI2", settle=20, max_steps=2)
    new = {"EXC_EXC-dend-AMPA-weight": 0.5}
    nothing = np.zeros((2, 16), np.float32)
    _, first = vector.reset(seed=3)
    assert first["config_hash"][0] == first["config_hash"][1]
    vector.batch.set_params(new, 1)
    single.env.set_params(new)
    vector.step(nothing)
    observations, *_, infos = vector.step(nothing)  # the end, where copies settle anew
    single.reset(seed=4)
    observation, info = single.reset()
    np.testing.assert_array_equal(observations[1], observation)
    assert infos["config_hash"].tolist() == [first["config_hash"][0], info["config_hash"]]
    observations, *_, infos = vector.step(nothing)
    observation, *_, info = single.step(nothing[1])
    np.testing.assert_array_equal(observations[1], observation)
    np.testing.assert_array_equal(infos["spikes"][1].times, info["spikes"].times)
    assert len(info["spikes"].times)
    assert infos["time_ms"].tolist() == [20.0 + vector.decodings[0].duration] * 2
    single.close()
    vector.close()


def test_only_the_copy_that_ended_is_cleared(vector):
    vector.reset(seed=[1, 2, 3])
    env = vector.unwrapped
    env.decodings[1]._steps = 3  # one step before its end
    *_, truncated, _ = vector.step(actions(1)[0])
    assert truncated.tolist() == [False, True, False]
    assert env.batch.t.tolist() == [50.0, 0.0, 50.0]


def test_spaces_and_autoreset_mode_are_told(vector):
    assert vector.single_action_space.shape == (16,)
    assert vector.observation_space.shape == (3, 20)
    assert vector.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP


def test_episode_statistics_can_be_recorded():
    vector = gym.make_vec("livn/EI1-RateControl-v0", 2, vectorization_mode="vector_entry_point",
                          max_steps=2)  # fmt: skip
    recorded = gym.wrappers.vector.RecordEpisodeStatistics(vector)
    recorded.reset(seed=0)
    zeros = np.zeros((2, 1), np.float32)
    recorded.step(zeros)
    *_, infos = recorded.step(zeros)
    assert infos["episode"]["l"].tolist() == [2, 2]
    recorded.close()


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.zeros((2, 16)), r"action has the wrong shape: got \(2, 16\); need \(3, 16\)."),
        (np.full((3, 16), np.nan), r"action is out of range: got nan at \(0, 0\); need -1.0 to"),
    ],
)
def test_wrong_actions_are_refused(vector, action, message):
    vector.reset(seed=0)
    with pytest.raises(InvalidValue, match=f"^{message}"):
        vector.unwrapped.step(action)


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ([1, 2], "seeds are not one for each copy: got 2; need 3."),
        ([], "seeds are not one for each copy: got 0; need 3."),
        (-1, "seed is too small: got -1; need 0 or more."),
        ([1, 2, 0.5], "seed is not an integer: got 0.5; need a whole number."),
        ("abc", "seed is not an integer: got 'abc'; need a whole number."),
    ],
)
def test_wrong_seeds_are_refused(vector, seed, message):
    with pytest.raises((InvalidValue, InvalidType), match=f"^{message}"):
        vector.reset(seed=seed)


@pytest.mark.parametrize("first", [0, 5])
def test_seed_may_be_any_integer_or_one_for_each_copy(vector, first):
    expected = vector.reset(seed=first)[1]["stream"]
    given = np.arange(first, first + 3)
    for seed in (np.int64(first), given, tuple(given), given.tolist()):
        np.testing.assert_array_equal(vector.reset(seed=seed)[1]["stream"], expected)
    some = vector.reset(seed=[None, first + 1, None])[1]["stream"]
    assert (some == expected).tolist() == [False, True, False]


def test_options_are_those_of_every_copy_and_of_one_episode(vector):
    options = {"target_hz": 8.0, "ablation": "zero"}
    single = livn.tasks.single("RateControl", "EI2", max_steps=4)
    first, begun = vector.reset(seed=7, options=options)
    observation, _ = single.reset(seed=8, options=options)
    assert begun["target_hz"].tolist() == [8.0] * 3
    np.testing.assert_array_equal(first[1], observation)
    for action in actions(4):
        observations, *_, infos = vector.step(action)
        observation, *_ = single.step(action[1])
        seen = infos["final_obs"][1] if "final_obs" in infos else observations[1]
        np.testing.assert_array_equal(seen, observation)
        assert not seen[:16].any()
    assert 8.0 not in infos["target_hz"]  # of the next episode
    observations, *_ = vector.step(np.ones((3, 16), np.float32))
    assert observations[:, :16].any()
    single.close()
    with pytest.raises(UnknownName, match="^unknown option: got 'goal'"):
        vector.reset(options={"goal": 1})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": 3, "options": {"goal": 1}}, "unknown option: got 'goal'"),
        ({"seed": 3, "options": {"target_hz": -1.0}}, "target is not positive: got -1.0"),
        ({"options": {"ablation": "all"}}, "ablation does not exist: got 'all'"),
        ({"seed": [1, 2]}, "seeds are not one for each copy"),
    ],
)
def test_refused_reset_changes_nothing(vector, wrong, message):
    vector.reset(seed=2)
    vector.step(actions(1)[0])
    kept = vector.unwrapped.snapshot()
    expected = rolled(vector, actions(4))  # over the end of an episode
    vector.unwrapped.restore(kept)
    with pytest.raises((InvalidValue, UnknownName), match=f"^{message}"):
        vector.reset(**wrong)
    assert same(rolled(vector, actions(4)), expected)


def rolled(vector, played):
    """Observations, rewards and noise streams of steps with these actions."""
    found = [vector.step(a) for a in played]
    return [[o for o, *_ in found], [r for _, r, *_ in found], [i["stream"] for *_, i in found]]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_snapshot_and_pickle_continue_bit_for_bit(vector):
    env = vector.unwrapped
    env.reset(seed=2)
    env.step(actions(1)[0])
    kept, copy = env.snapshot(), pickle.loads(pickle.dumps(env))
    expected = rolled(env, actions(6)), env.reset()[1]["stream"].tolist()
    for other in (copy, env.restore(pickle.loads(pickle.dumps(kept)))):
        assert same(rolled(other, actions(6)), expected[0])
        assert other.reset()[1]["stream"].tolist() == expected[1]
    copy.close()


def test_copies_that_settle_in_an_episode_of_their_own_are_pickled():
    vector = livn.tasks.vector("CartPole", "EI2", num_envs=2, settle=20, max_steps=3)
    vector.batch.set_params({"EXC_EXC-dend-AMPA-weight": 0.5}, 1)
    vector.reset(seed=[1, 2])
    zeros = np.zeros((2, 8), np.float32)
    vector.step(zeros)
    vector.decodings[0]._steps = 2
    vector.step(zeros)  # the end of the first
    copy = pickle.loads(pickle.dumps(vector))
    assert copy.batch.t.tolist() == [20.0, 60.0]
    assert copy.batch.params(1)["EXC_EXC-dend-AMPA-weight"] == 0.5
    assert same(rolled(copy, [zeros] * 4), rolled(vector, [zeros] * 4))
    vector.close()
    copy.close()


def test_snapshot_of_a_copy_is_that_of_a_single_environment(vector):
    env, single = vector.unwrapped, livn.tasks.single("RateControl", "EI2", max_steps=4)
    env.reset(seed=2)
    env.step(actions(1)[0])
    kept, played = env.snapshot(), actions(2)
    expected = [env.step(a)[:2] for a in played]
    single.restore(kept[2])
    for a, (observations, rewards) in zip(played, expected, strict=True):
        observation, reward, *_ = single.step(a[2])
        np.testing.assert_array_equal(observation, observations[2])
        assert reward == rewards[2]
    env.restore(single.restore(kept[2]).snapshot())  # one for all copies
    for a, (observations, _) in zip(played, expected, strict=True):
        found, *_ = env.step(np.stack([a[2]] * 3))
        np.testing.assert_array_equal(found, np.stack([observations[2]] * 3))
    single.close()


def test_wrong_snapshots_are_refused_and_change_nothing(vector):
    env = vector.unwrapped
    others = {
        "culture": livn.tasks.single("RateControl", "EI1", max_steps=4),
        "task": livn.tasks.single("CartPole", "EI2"),
        "step": livn.tasks.single("RateControl", "EI2", duration=20),
    }
    wrong = {name: other.reset(seed=0) and other.snapshot() for name, other in others.items()}
    env.reset(seed=1)
    env.step(actions(1)[0])
    kept = env.snapshot()
    expected = rolled(env, actions(2))
    env.restore(kept)
    for snapshots, message in (
        (kept[:2], "snapshots are not one for each copy: got 2; need 3, as snapshot"),
        (wrong["culture"], "snapshot is of another culture: got .*'system'"),
        (wrong["task"], "snapshot is of another task: got CartPole; this environment has RateC"),
        ([*kept[:2], wrong["step"]], "snapshots do not go on together: got 2 encodings or"),
    ):
        with pytest.raises(InvalidValue, match=f"^{message}"):
            env.restore(snapshots)
    with pytest.raises(InvalidType, match="^no snapshot: got 3; need what snapshot"):
        env.restore([*kept[:2], 3])
    with pytest.raises(InvalidType, match="^no snapshot: got 7; need what snapshot"):
        env.restore(7)
    assert same(rolled(env, actions(2)), expected)
    for other in others.values():
        other.close()


def test_pictures_are_those_of_the_single_environments():
    made = {"max_steps": 3, "render_mode": "rgb_array"}
    vector = gym.make_vec("livn/EI1-RateControl-v0", 2, vectorization_mode="vector_entry_point",
                          **made)  # fmt: skip
    single = livn.tasks.single("RateControl", "EI1", **made)
    assert vector.render_mode == "rgb_array"
    vector.reset(seed=7)
    single.reset(seed=8)
    strong = np.ones((2, 1), np.float32)
    for _ in range(2):
        vector.step(strong)
        single.step(strong[1])
        pictures = vector.render()
        assert len(pictures) == 2
        np.testing.assert_array_equal(pictures[1], single.render())
    copy = pickle.loads(pickle.dumps(vector))
    np.testing.assert_array_equal(copy.render()[1], pictures[1])
    copy.close()
    vector.step(strong)  # the end
    single.reset()
    np.testing.assert_array_equal(vector.render()[1], single.render())
    vector.close()
    single.close()


def test_vector_that_is_not_rendered_has_no_picture_and_wrong_modes_are_refused(vector):
    vector.reset(seed=0)
    vector.step(actions(1)[0])
    assert vector.render() is None
    assert not any(film.runs for film in vector.unwrapped._films)
    with pytest.raises(InvalidValue, match="^render_mode does not exist: got 'ascii'; known: 'rgb"):
        livn.tasks.vector("RateControl", "EI1", render_mode="ascii")
    env, encoding = make("EI1", backend="native"), PulseAmplitudes(n_channels=1)
    undrawn = GymnasiumVectorEnv(env, 2, encoding, livn.tasks.RateControl(), "rgb_array")
    with pytest.raises(NotSupported, match="^environment cannot draw: got draw=None; pass livn.ta"):
        undrawn.render()
    undrawn.close()


def test_closed_vector_says_so():
    env = livn.tasks.vector("RateControl", "EI1", num_envs=2)
    env.reset(seed=0)
    env.close()
    with pytest.raises(InvalidState, match="^no episode is going on"):
        env.step(np.zeros((2, 1), np.float32))
    with pytest.raises(InvalidState, match="^batch is closed"):
        env.reset()


def test_pipe_and_task_without_reset_are_refused():
    env, encoding = make("EI1", backend="native"), PulseAmplitudes(n_channels=1)
    with pytest.raises(NotSupported, match=r"^vector environment takes no pipe: got Pipe"):
        GymnasiumVectorEnv(env, 2, encoding, Pipe(duration=10, stages=[]))
    with pytest.raises(InvalidType, match="^decoding cannot be reset: got Decoding"):
        GymnasiumVectorEnv(env, 2, encoding, Decoding(duration=10))
    env.close()
