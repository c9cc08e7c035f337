"""The culture as an actor in another environment: GymStep, ObsAugmentation."""

import pickle
from copy import deepcopy

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from livn import make
from livn.decoding import Pipe
from livn.env.gymnasium import GymnasiumEnv, GymStep, ObsAugmentation
from livn.env.gymnasium.stages import accepted, augmented_space
from livn.errors import InvalidState, InvalidType, InvalidValue, NotSupported
from livn.tasks import PulseAmplitudes
from livn.types import Decoding


def push(run, env):
    """Push the cart to the right if many cells fired."""
    return float(len(run.spike_ids) > 2)


def pull(run, env):
    return None


class Silence(ObsAugmentation):
    """Whether the culture was stimulated, and to where the cart was pushed."""

    obs_dim = 2

    def _features(self, env, context, state):
        return [abs(state["io_action"]).sum(), context["gym_action"]]


@pytest.fixture
def env():
    pipe = Pipe(duration=10, stages=[push, GymStep(gym.make("CartPole-v1")), Silence()])
    made = GymnasiumEnv(make("EI1", backend="native"), PulseAmplitudes(n_channels=1), pipe)
    yield made
    made.close()


ACTION = np.array([0.5], np.float32)


def test_observation_is_that_of_the_task_and_the_features(env):
    first, _ = env.reset(seed=1)
    assert env.observation_space.shape == (6,)
    assert first[4:].tolist() == [0, 0]
    assert env.observation_space.contains(first)
    observation, reward, *_ = env.step(ACTION)
    assert (observation[4], reward) == (0.5, 1.0)
    np.testing.assert_array_equal(env.decoding.state["raw_gym_obs"], observation[:4])
    assert env.decoding.context["gym_action"] == observation[5]
    assert env.decoding.state["io_action"].dtype == np.float32


def test_end_of_the_episode_clears_the_culture(env):
    env.reset(seed=1)
    ended = False
    while not ended:
        ended = env.step(ACTION)[2]
    assert env.env.t == 0


def test_snapshot_keeps_the_task(env):
    env.reset(seed=1)
    env.step(ACTION)
    kept = env.snapshot()
    first = [env.step(ACTION)[0] for _ in range(3)]
    env.restore(kept)
    np.testing.assert_array_equal([env.step(ACTION)[0] for _ in range(3)], first)


def test_task_that_was_pickled_has_to_be_reset(env):
    env.reset(seed=1)
    env.step(ACTION)
    expected, kept = env.snapshot(), pickle.loads(pickle.dumps(env.snapshot()))
    copy = pickle.loads(pickle.dumps(env))
    for continued in (copy, env.restore(kept), env.restore(env.snapshot())):
        with pytest.raises(InvalidState, match="^no episode is going on: .* Call reset"):
            continued.step(ACTION)
    np.testing.assert_array_equal(copy.reset(seed=2)[0], env.reset(seed=2)[0])
    np.testing.assert_array_equal(copy.step(ACTION)[0], env.step(ACTION)[0])
    env.restore(expected).step(ACTION)
    copy.close()


def test_close_closes_the_task():
    pipe = Pipe(duration=10, stages=[push, GymStep(gym.make("CartPole-v1"))])
    env = GymnasiumEnv(make("EI1", backend="native"), PulseAmplitudes(n_channels=1), pipe)
    task = pipe.stages[1].gym_env
    closed = []
    task.unwrapped.close = lambda: closed.append(task)
    env.close()
    assert closed == [task]


def test_gym_step_is_its_id():
    a, b = GymStep(gym.make("CartPole-v1")), GymStep(gym.make("CartPole-v1"))
    assert a == b == pickle.loads(pickle.dumps(a)) == deepcopy(a)
    assert hash(a) == hash(b)
    assert a != GymStep(gym.make("MountainCar-v0"))
    assert a != 3
    assert repr(a) == "GymStep('CartPole-v1')"


def test_gym_step_keeps_the_arguments_of_its_task():
    step = GymStep(gym.make("MountainCar-v0", goal_velocity=0.03, max_episode_steps=7))
    copy = pickle.loads(pickle.dumps(step))
    assert copy == GymStep(gym.make("MountainCar-v0"))  # equal by id
    assert copy.gym_env.unwrapped.goal_velocity == 0.03
    assert copy.gym_env.spec.max_episode_steps == 7
    copy.reset(seed=0)
    assert [copy.gym_env.step(0)[3] for _ in range(7)] == [False] * 6 + [True]


def test_refused_reset_leaves_culture_task_and_chance(env):
    def rest():
        return [env.step(ACTION)[0] for _ in range(3)], env.reset()[1]["stream"]

    env.reset(seed=1)
    env.step(ACTION)
    kept = env.snapshot()
    expected, stream = rest()
    env.restore(kept)
    with pytest.raises(ValueError, match="An option .near. could not be converted to a float"):
        env.reset(seed=5, options={"low": "near"})
    with pytest.raises(TypeError, match="goal"):
        env.reset(goal=3)
    found, again = rest()
    np.testing.assert_array_equal(found, expected)
    assert again == stream


@pytest.mark.parametrize(
    ("action", "space", "expected"),
    [
        (1.4, spaces.Discrete(3), 1),
        (-7, spaces.Discrete(3), 0),
        (np.array([9.0]), spaces.Discrete(3, start=2), 4),
        ([2.0, -0.5], spaces.Box(-1, 1, (2,), np.float32), [1.0, -0.5]),
        ([1, 0], spaces.MultiBinary(2), [1, 0]),
    ],
)
def test_action_becomes_one_the_task_accepts(action, space, expected):
    assert np.array_equal(accepted(action, space), expected)


def test_action_that_is_no_number_is_refused():
    with pytest.raises(InvalidValue, match="^decoded action is not what the task takes: got nan"):
        accepted(np.nan, spaces.Discrete(3))


def test_box_action_has_the_type_of_the_box():
    assert accepted([0.5], spaces.Box(-1, 1, (1,), np.float32)).dtype == np.float32


def test_only_boxes_are_augmented():
    assert augmented_space(spaces.Discrete(2), 0) == spaces.Discrete(2)
    with pytest.raises(NotSupported, match="^observations of the task cannot be augmented: got Di"):
        augmented_space(spaces.Discrete(2), 1)


def test_task_is_drawn_by_itself():
    pipe = Pipe(duration=10, stages=[push, GymStep(gym.make("CartPole-v1", render_mode=None))])
    culture = make("EI1", backend="native")
    env = GymnasiumEnv(culture, PulseAmplitudes(n_channels=1), pipe)
    env.reset(seed=1)
    assert env.render() is None
    env.close()


def test_pipe_without_an_action_is_refused():
    pipe = Pipe(duration=10, stages=[pull, GymStep(gym.make("CartPole-v1"))])
    pipe.stages.insert(0, lambda run, env: (1, 2, 3))
    env = GymnasiumEnv(make("EI1", backend="native"), PulseAmplitudes(n_channels=1), pipe)
    env.reset(seed=1)
    with pytest.raises(InvalidValue, match="^decoded action is not what the task takes: got .1, 2"):
        env.step(ACTION)
    env.close()


def test_decoding_without_step_or_reset_is_refused():
    culture, encoding = make("EI1", backend="native"), PulseAmplitudes(n_channels=1)
    with pytest.raises(InvalidType, match=r"^decoding cannot be reset: got Decoding.duration=10"):
        GymnasiumEnv(culture, encoding, Decoding(duration=10))
    with pytest.raises(NotSupported, match="names no output space"):
        GymnasiumEnv(culture, encoding, Pipe(duration=10, stages=[push]))
    silent = Pipe(duration=10, stages=[GymStep(gym.make("CartPole-v1")), Silence()])
    env = GymnasiumEnv(culture, encoding, silent)
    env.decoding.stages = [push]
    with pytest.raises(InvalidValue, match="^decoding began no episode: got None of reset; need"):
        env.reset(seed=0)
    culture.close()


def test_pipe_that_ends_in_no_step_is_refused(env):
    env.reset(seed=1)
    env.decoding.stages.append(lambda data, env: "end")
    with pytest.raises(InvalidValue, match="^decoding returned no step: got str; need .obs"):
        env.step(ACTION)


def test_wrong_augmentation_is_refused(env):
    with pytest.raises(InvalidValue, match="^obs_dim is no number of features: got None; need 1"):
        ObsAugmentation()
    with pytest.raises(InvalidState, match="^Silence got no step: got str. Place it after the Gy"):
        Silence()("run", None)
    env.reset(seed=1)
    env.decoding.stages[2] = Silence(3)
    with pytest.raises(InvalidValue, match=r"^features have the wrong shape: got \(2,\); need \(3"):
        env.step(ACTION)
    env.reset(seed=1)
    env.decoding.stages[2] = ObsAugmentation(1)
    with pytest.raises(NotSupported, match="^ObsAugmentation has no features: got no _features"):
        env.step(ACTION)


def test_task_without_id_is_refused():
    class Nameless(gym.Env):
        pass

    with pytest.raises(InvalidValue, match="^task has no id: got"):
        GymStep(Nameless())
