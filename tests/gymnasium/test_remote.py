"""Episodes of a culture that workers simulate are those of one that is here."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from remotable import Dying, Meeting, Refusing, Seeing

from livn import make
from livn.decoding import Pipe
from livn.env.distributed import DistributedEnv
from livn.env.gymnasium import GymnasiumEnv, GymnasiumVectorEnv, GymStep, ObsAugmentation
from livn.errors import (
    InvalidState,
    InvalidType,
    InvalidValue,
    NotSupported,
    RemoteError,
)
from livn.io.amplifier import Amplifier
from livn.tasks import PulseAmplitudes, RateControl, SuppressBursts, draw

PULSES = PulseAmplitudes(n_channels=1, max_amplitude=32.0)
WEIGHT = {"EXC_EXC-dend-AMPA-weight": 1.5}
# What a single Env and a DistributedEnv share.
CULTURE = {"system": "EI1", "backend": "native"}


@pytest.fixture(scope="module")
def many():
    single(RateControl()).step(np.ones(1, np.float32))  # compiles, once, what the workers load
    with DistributedEnv(**CULTURE, workers=2) as workers:
        yield workers.apply_default_params()


def single(decoding, encoding=PULSES, **options):
    """An environment of a culture that is here, in an episode."""
    env = GymnasiumEnv(make(**CULTURE), encoding, decoding, **options)
    env.reset(seed=0)
    return env


def actions(n, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, 1)).astype(np.float32)


def played(env, steps, seed=None, **options):
    """All that an episode returns."""
    return [env.reset(seed=seed, **options), *[env.step(action) for action in steps]]


def assert_same(found, expected):
    """Assert that two things are made of the same bits."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for own, other in zip(found, expected, strict=True):
            assert_same(own, other)
    else:
        np.testing.assert_array_equal(found, expected)
        assert np.asarray(found).dtype == np.asarray(expected).dtype


def without_hash(steps):
    """What an episode returned but the hash of encoding and task, which may be equal to none."""
    for *_, info in steps:
        del info["config_hash"]
    return steps


def heard(steps):
    """How many spikes there were in the steps of an episode."""
    return sum(len(info["spikes"].times) for *_, info in steps[1:])


@pytest.mark.parametrize(
    "task",
    [
        RateControl(duration=20, amplifier=Amplifier(noise_uv=5.0)),
        SuppressBursts(duration=20, settle=40, ablation="shuffled"),
    ],
    ids=["rate through an amplifier", "bursts after settling"],
)
def test_episodes_are_those_of_one_env(many, task):
    env, one = GymnasiumEnv(many, PULSES, task.model_copy()), single(task)
    assert (env.action_space, env.observation_space) == (one.action_space, one.observation_space)
    for seed, options in ((3, {}), (None, {}), (None, {"without_clear": True})):
        found = played(env, actions(4), seed, **options)
        assert_same(found, played(one, actions(4), seed, **options))
        assert heard(found) > 5
    env.close()
    one.close()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["brian2", "diffrax", "neuron"])
def test_episodes_are_those_of_one_env_on_other_backends(backend):
    task = SuppressBursts(duration=20, settle=20)
    one = GymnasiumEnv(make("EI1", backend=backend), PULSES, task.model_copy())
    expected = played(one, actions(2), 3)
    one.close()
    with DistributedEnv("EI1", backend=backend, workers=1) as many:
        many.apply_default_params()
        found = played(GymnasiumEnv(many, PULSES, task), actions(2), 3)
    assert_same(found, expected)
    assert heard(found) > 5


@pytest.mark.parametrize("seed", [0, 5])
def test_culture_that_plays_another_environment_is_the_same(many, seed):
    envs = [
        GymnasiumEnv(culture, Seeing(n_channels=1, max_amplitude=32.0), balancing())
        for culture in (many, make(**CULTURE))
    ]
    found, expected = (without_hash(played(env, actions(8), seed)) for env in envs)
    assert_same(found, expected)
    assert_same(*(env.decoding.state for env in envs))
    assert envs[0].decoding.state["seen"] == 8
    assert heard(found) > 5
    for env in envs:
        env.close()


def balancing():
    """A pipe in which the culture balances a pole, and what is recorded of it is observed."""
    return Pipe(duration=10, stages=[push, GymStep(gym.make("CartPole-v1")), Voltage()])


def push(run, env):
    """Push the cart to the right if cells fired, and note the voltage of the first, mV."""
    env.decoding.state["voltage"] = run.voltage[0, -1]
    return float(len(run.spike_ids) > 0)


class Voltage(ObsAugmentation):
    """How far the first cell is from rest, mV."""

    obs_dim = 1

    def setup(self, env):
        env.record_voltage(gids=[0])

    def _features(self, env, context, state):
        return [abs(state["voltage"] + 70.0)]


def test_episode_ends_where_the_culture_is_cleared(many):
    env = GymnasiumEnv(many, PULSES, balancing())
    env.reset(seed=1)
    ended = False
    while not ended:
        ended = env.step(actions(1)[0])[2]
    assert env.env.t == 0.0
    env.close()


def test_steps_of_several_environments_are_in_flight_at_once(many, tmp_path):
    names = "left", "right"
    meeting = [
        Meeting(n_channels=1, max_amplitude=32.0, place=str(tmp_path), name=name) for name in names
    ]
    tasks = [RateControl(duration=20) for _ in names]
    envs = [GymnasiumEnv(many, *own) for own in zip(meeting, tasks, strict=True)]
    found = [[env.reset(seed=k)] for k, env in enumerate(envs)]
    for action in actions(3):
        handles = [env.submit_step(action) for env in envs]
        for env, handle, own in zip(envs, handles, found, strict=True):
            while env.poll_step(handle) is None:
                pass
            own.append(env.get_step(handle))
    for k, own in enumerate(found):
        expected = played(single(RateControl(duration=20)), actions(3), k)
        assert_same(without_hash(own), without_hash(expected))
    for env in envs:
        env.close()


def test_step_in_flight_is_waited_for_and_refuses_others(many, tmp_path):
    alone = Meeting(n_channels=1, max_amplitude=32.0, place=str(tmp_path), name="alone")
    env = GymnasiumEnv(many, alone, RateControl(duration=20))
    env.reset(seed=2)
    handle = env.submit_step(actions(1)[0])
    assert env.poll_step(handle) is None
    for call in (env.reset, env.snapshot, lambda: env.step(actions(1)[0])):
        with pytest.raises(InvalidState, match="^a step is in flight: got another call. Call get_"):
            call()
    for call in (env.env.clear, env.env.snapshot, lambda: env.env.run(10)):
        with pytest.raises(InvalidState, match="^a run is in flight: got another call. Call recei"):
            call()
    come(tmp_path / "0")
    found = env.get_step(handle)
    assert env.get_step(handle) is found
    expected = played(single(RateControl(duration=20)), actions(1), 2)
    assert_same(without_hash([found]), without_hash(expected[1:]))
    come(tmp_path / "20")
    handle = env.submit_step(actions(1)[0])
    env.close()
    assert many.pool.outstanding == 0
    for call in (env.reset, lambda: env.get_step(handle)):
        with pytest.raises(InvalidState, match="^env is closed: got a call after close"):
            call()


def come(place):
    """Be at a place where someone waits, or will."""
    place.mkdir(exist_ok=True)
    (place / "guest").touch()


def test_step_whose_worker_dies_is_run_once_more(many, tmp_path):
    dying = Dying(n_channels=1, max_amplitude=32.0, mark=str(tmp_path / "died"))
    env = GymnasiumEnv(many, dying, RateControl(duration=20))
    with pytest.warns(RuntimeWarning, match=r"worker \d died while at task \d+: got SIGKILL"):
        found = played(env, actions(2), 5)
    expected = played(single(RateControl(duration=20)), actions(2), 5)
    assert_same(without_hash(found), without_hash(expected))
    env.close()


@pytest.fixture
def here():
    with DistributedEnv(**CULTURE, workers=0) as workers:
        yield workers.apply_default_params()


def test_settings_reach_the_environments(here):
    task = SuppressBursts(duration=20, settle=20)
    env, one = GymnasiumEnv(here, PULSES, task.model_copy()), single(task)
    assert_same(played(env, actions(2), 3), played(one, actions(2), 3))
    before = env.step(actions(1)[0])[-1]["config_hash"]
    one.step(actions(1)[0])
    env.env.set_params(WEIGHT)
    one.env.set_params(WEIGHT)
    found = env.step(actions(1)[0])
    assert_same(found, one.step(actions(1)[0]))
    assert found[-1]["config_hash"] != before
    here.set_params({"io-input_radius": 200.0})
    one.env.set_params({"io-input_radius": 200.0})
    assert_same(played(env, actions(2)), played(one, actions(2)))


def test_snapshots_are_continued_from_and_kept_in_check(here):
    env = GymnasiumEnv(here, PULSES, RateControl(duration=20))
    env.reset(seed=1)
    start = env.snapshot()
    first = env.step(actions(1)[0])
    for other in (env, single(RateControl(duration=20))):
        other.reset(seed=2)
        assert_same(other.restore(start).step(actions(1)[0]), first)
    kept = pickle.loads(pickle.dumps(env.snapshot()))
    expected = [env.step(action) for action in actions(3)]
    assert_same([env.restore(kept).step(actions(3)[0])], expected[:1])
    one = single(RateControl(duration=20))
    assert_same([one.restore(kept).step(action) for action in actions(1)], expected[:1])
    here.set_params(WEIGHT)
    with pytest.raises(InvalidValue, match="^snapshot has other parameters: got one taken before"):
        env.restore(kept)
    with pytest.raises(InvalidType, match="^no snapshot: got 3"):
        env.env.restore(3)
    with pytest.raises(InvalidState, match="^no run is in flight: got no answer. Call submit"):
        env.env.receive()


def test_step_that_fails_can_be_taken_again(here):
    env = GymnasiumEnv(here, Refusing(n_channels=1, max_amplitude=32.0), RateControl(duration=20))
    one = single(RateControl(duration=20))
    env.reset(seed=4)
    one.reset(seed=4)
    strong, weak = np.ones(1, np.float32), np.full(1, 0.3, np.float32)
    assert_same(env.step(weak)[:2], one.step(weak)[:2])
    with pytest.raises(RemoteError, match="got FloatingPointError: too strong; it said there:"):
        env.step(strong)
    handle = env.submit_step(strong)
    with pytest.raises(RemoteError, match="got FloatingPointError: too strong; it said there:"):
        env.poll_step(handle)
    with pytest.raises(InvalidState, match="^step failed: got its result asked for again. Submit"):
        env.get_step(handle)
    assert_same(env.step(weak)[:2], one.step(weak)[:2])


def test_environment_is_drawn_and_passes_the_checker(here):
    env = GymnasiumEnv(here, PULSES, RateControl(duration=20, max_steps=3), "rgb_array", draw)
    check_env(env, skip_render_check=True, skip_close_check=True)
    env.reset(seed=0)
    env.step(actions(1)[0])
    assert env.render().shape == (440, 1100, 3)
    env.close()
    with pytest.raises(InvalidState, match="^no episode is going on: .* after close"):
        env.step(actions(1)[0])
    assert here(10).duration == 10  # workers go on


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: e.env.init(), "a call that needs an engine. Use an Env"),
        (lambda e: e.env.batch(2), "a call that needs an engine. Use an Env"),
        (lambda e: e.env.play_input_spikes({3: [1.0]}), r"play_input_spikes\(\). Let the encoding"),
        (lambda e: setattr(e.env, "io", 3), r"env\.io = 3\. Give the io to the DistributedEnv"),
        (pickle.dumps, r"pickle or copy\. Pickle env\.snapshot\(\), and make the environment anew"),
    ],
)
def test_what_workers_cannot_do_is_refused(here, call, message):
    env = GymnasiumEnv(here, PULSES, RateControl(duration=20))
    with pytest.raises(NotSupported, match=f"^culture is simulated by workers: got {message}"):
        call(env)


def test_cultures_that_are_none_for_an_environment_are_refused(here):
    GymnasiumEnv(here, PULSES, RateControl())
    with pytest.raises(InvalidState, match=r"already in use: got selection\(5\) after its outline"):
        here.selection(5)
    with pytest.raises(
        InvalidType, match="is not an Env: got DistributedEnv; need one Env, as .*or"
    ):
        GymnasiumVectorEnv(here, 2, PULSES, RateControl())
    ranks = DistributedEnv("EI1", backend="neuron", workers=1, subworld_size=2)
    with pytest.raises(
        NotSupported, match="^culture on several ranks cannot be kept: got subworld"
    ):
        GymnasiumEnv(ranks, PULSES, RateControl())
