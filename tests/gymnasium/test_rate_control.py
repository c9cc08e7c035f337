"""The registered task: what Gymnasium asks of it, and what we promise besides."""

import pickle
import subprocess
import sys
from functools import partial
from threading import Event

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import NameNotFound
from gymnasium.utils.env_checker import check_env
from pydantic import ValidationError

import livn.tasks
from livn.env.gymnasium import GymnasiumEnv, GymnasiumVectorEnv
from livn.errors import InvalidState, InvalidType, InvalidValue
from livn.tasks import RateControl, compare
from livn.tasks.baselines import play

ID = "livn/EI2-RateControl-v0"


@pytest.fixture(scope="module")
def env():
    made = gym.make(ID, max_steps=40, disable_env_checker=True).unwrapped
    yield made
    made.close()


def actions(n, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, 16)).astype(np.float32)


def rolled(env, steps):
    """Observations and rewards of steps with these actions."""
    found = [env.step(action)[:2] for action in steps]
    return np.array([o for o, _ in found]), [r for _, r in found]


def same(a, b):
    return np.array_equal(a[0], b[0]) and a[1] == b[1]


@pytest.mark.parametrize("system", ["EI1", "EI2"])
def test_env_checker_finds_nothing(system):
    id = f"livn/{system}-RateControl-v0"
    env = gym.make(id, render_mode="rgb_array", disable_env_checker=True)
    check_env(env.unwrapped)


@pytest.mark.parametrize(
    "lines",
    [
        "import gymnasium; e = gymnasium.make('livn:livn/EI1-RateControl-v0')",
        "import livn, gymnasium; e = gymnasium.make('livn:livn/EI1-RateControl-v0')",
        "import livn.env; from gymnasium import spec; e = spec('livn/EI1-RateControl-v0')",
        "import gymnasium, livn.tasks; e = gymnasium.spec('livn/EI1-RateControl-v0')",
    ],
)
def test_ids_are_found_whatever_is_imported_first(lines):
    code = f"{lines}; print(getattr(e, 'spec', e).id)"
    found = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert found.strip() == "livn/EI1-RateControl-v0"


def test_importing_livn_does_not_import_gymnasium():
    code = "import sys, livn, livn.env; print('gymnasium' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_livn_works_where_there_is_no_gymnasium():
    code = """
import sys, livn
sys.path[:] = [p for p in sys.path if "site-packages" not in p]
try:
    import gymnasium
except ModuleNotFoundError as error:
    print(error.name, any("OnGymnasium" in repr(f) for f in sys.meta_path))
"""
    found = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert found.strip() == "gymnasium False"


def test_unknown_id_names_the_nearest():
    with pytest.raises(NameNotFound, match="Did you mean: `EI2-RateControl`"):
        gym.make("livn/EI2-RateContrl-v0")


def test_unknown_name_of_tasks_lists_the_public():
    with pytest.raises(AttributeError, match="has no attribute 'Rate'; public: .'CartPole'"):
        _ = livn.tasks.Rate


def test_spaces_are_finite_float32(env):
    for space in (env.action_space, env.observation_space):
        assert space.dtype == np.float32
        assert space.is_bounded()
    assert env.action_space.shape == (16,)
    assert env.observation_space.shape == (20,)


def test_seeded_reset_repeats_all_that_follows(env):
    def both_episodes(seed):
        env.reset(seed=seed)
        first = rolled(env, actions(5))
        env.reset()
        return first, rolled(env, actions(5))

    (first, second), again = both_episodes(3), both_episodes(3)
    assert same(first, again[0])
    assert same(second, again[1])
    assert not same(first, second)


def test_info_reports_spikes_charge_and_origin(env):
    _, begun = env.reset(seed=1)
    *_, info = env.step(np.full(16, 0.5, np.float32))
    assert 0.5 < info["efficacy"] < 1
    spikes = info["spikes"]
    assert len(spikes.times) == len(spikes.channels) > 0
    assert np.all(np.diff(spikes.times) >= 0)
    assert 0 <= spikes.times[0] <= spikes.times[-1] < 50
    assert set(spikes.channels.tolist()) <= set(range(16))
    current = 0.5 * 12.0 * info["efficacy"]  # uA
    np.testing.assert_allclose(info["charge_nc"], current * 0.2, rtol=1e-6)  # float32
    assert (info["time_ms"], begun["time_ms"], info["seed"]) == (50.0, 0.0, 123)
    assert info["config_hash"] == begun["config_hash"]
    assert info["stream"] == begun["stream"]


def test_spikes_of_a_channel_are_those_of_the_cells_it_hears(env):
    env.reset(seed=1)
    run = env.env.run(50)
    heard = env._hearing.spikes(run)
    _, times = env.env.channel_recording(run.spike_ids, run.spike_times)
    for position, expected in enumerate(times.values()):
        np.testing.assert_array_equal(heard.times[heard.channels == position], expected)


def test_config_hash_differs_by_seed_and_task():
    def of(**kw):
        return gym.make("livn/EI1-RateControl-v0", **kw).reset(seed=0)[1]["config_hash"]

    found = [of(), of(), of(seed=5), of(duration=10), of(max_amplitude=2.0)]
    assert found[0] == found[1]
    assert len(set(found)) == 4


def test_zero_action_is_no_stimulus(env):
    env.reset(seed=1)
    *_, info = env.step(np.zeros(16, np.float32))
    env.reset(seed=1)
    run = env.env.run(50)
    np.testing.assert_array_equal(env._hearing.spikes(run).times, info["spikes"].times)


def test_episode_is_truncated_after_max_steps():
    env = gym.make("livn/EI1-RateControl-v0", max_steps=3)
    env.reset(seed=0)
    ends = [env.step(np.zeros(1, np.float32))[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]
    with pytest.raises(InvalidState, match=r"^no episode is going on: got step\(\) before reset"):
        env.unwrapped.step(np.zeros(1, np.float32))


def test_target_can_be_set_for_an_episode(env):
    observation, info = env.reset(seed=0, options={"target_hz": 8.0})
    assert info["target_hz"] == 8.0
    assert observation[-3] == np.float32(8 / 50)


def test_error_and_its_integral_are_observed_and_clipped(env):
    observation, _ = env.reset(seed=0, options={"target_hz": 8.0})
    integral = 0.0
    for strength in [0.0] * 5 + [0.6] * 5:
        observation, *_, info = env.step(np.full(16, strength, np.float32))
        error = max(-1.0, 1 - info["rate_hz"] / 8)
        integral = np.clip(integral + error * 0.05, -1, 1)
        np.testing.assert_allclose(observation[-2:], [error, integral], atol=1e-6)  # float32
    course = env.decoding._course
    course.integral, course.rate, course.seen = 0.98, 0.0, 0.0
    for _ in range(2):
        observation, *_ = env.step(np.zeros(16, np.float32))
    assert observation[-1] == 1.0


def efficacies(**fields):
    """Those of an episode of 100 steps, for each of 200 seeds."""
    task = RateControl(max_steps=100, **fields)
    return np.array([task._drifting(np.random.default_rng(seed)) for seed in range(200)])


def test_efficacy_is_uniform_on_a_log_scale_and_diffuses():
    logs = np.log(efficacies())
    low = np.log(0.5)
    assert low <= logs.min() < 0.98 * low
    assert -0.02 < logs.max() <= 0
    # Uniform: mean 1/2 and standard deviation 1/sqrt(12) of the width, when it begins and ends;
    # of 200 episodes, 4 standard errors are 0.08 and 0.05.
    for at in (0, -1):
        assert (logs[:, at] / low).mean() == pytest.approx(0.5, abs=0.08)
        assert (logs[:, at] / low).std() == pytest.approx(12**-0.5, abs=0.05)
    # Steps of 50 ms, 3 standard deviations from bounds: 0.2 sqrt(0.05), of 12,000 known to 0.7 %.
    inside = np.abs(logs[:, :-1] / low - 0.5) < 0.3
    assert np.diff(logs)[inside].std() == pytest.approx(0.2 * 0.05**0.5, rel=0.03)


def test_efficacy_can_be_fixed_between_and_within_episodes():
    assert np.all(efficacies(efficacy=(0.7, 0.7)) == pytest.approx(0.7))
    still = efficacies(drift=0.0)
    assert np.ptp(still, axis=1).max() == 0
    assert np.ptp(still[:, 0]) > 0.3


def test_efficacy_is_of_the_seed_whatever_is_done_and_seen(env):
    def seen(strength, **options):
        found = [env.reset(seed=5, options=options)[1]["efficacy"]]
        action = np.full(16, strength, np.float32)
        return found + [env.step(action)[-1]["efficacy"] for _ in range(4)]

    first = seen(0.0)
    assert first[0] == first[1]
    assert len(set(first)) == 4
    assert seen(0.5) == seen(0.0, ablation="shuffled") == seen(0.0, target_hz=7.0) == first


@pytest.mark.parametrize("efficacy", [(0.0, 1.0), (0.8, 0.5), (0.5, 1.2), (float("nan"), 1.0)])
def test_wrong_efficacy_is_refused(efficacy):
    with pytest.raises(ValidationError, match=r"efficacy has no such bounds: got \(.*; need 0 <"):
        RateControl(efficacy=efficacy)


@pytest.mark.parametrize("system", ["EI1", "EI2"])
def test_every_target_can_be_reached_at_every_efficacy(system):
    env = livn.tasks.single("RateControl", system, efficacy=(0.5, 0.5), max_steps=40)
    low, high = env.decoding.target
    for strength, reached in ((0.0, lambda rate: rate < low), (1.0, lambda rate: rate > high)):
        env.reset(seed=0)
        action = np.full(env.action_space.shape, strength, np.float32)
        rates = [env.step(action)[-1]["rate_hz"] for _ in range(40)]
        assert reached(np.mean(rates[20:]))
    env.close()


def test_reset_without_clear_lets_the_culture_go_on(env):
    env.reset(seed=0)
    env.step(np.zeros(16, np.float32))
    assert env.reset(without_clear=True)[1]["time_ms"] == 50.0


def test_reward_is_the_relative_distance_from_the_target(env):
    env.reset(seed=0, options={"target_hz": 8.0})
    _, reward, *_, info = env.step(np.zeros(16, np.float32))
    assert reward == pytest.approx(-min(1, abs(info["rate_hz"] - 8) / 8))
    n_spikes = 100 * 0.05 * info["rate_hz"] / -np.expm1(-50 / 250)  # 100 cells, 0.05 s, tau 250 ms
    assert n_spikes == pytest.approx(round(n_spikes))


def test_feedback_beats_who_does_not_see_the_spikes(env):
    found = compare(env, env.decoding.feedback, episodes=2, seed=10)
    means = {name: returns.mean() for name, returns in found.items()}
    for name in set(means) - {"policy"}:
        assert means["policy"] > 0.8 * means[name], name  # returns are negative
    assert means["policy"] > 0.7 * means["random"]
    assert means["policy"] > 0.5 * means["zero"]


@pytest.mark.slow
def test_feedback_beats_every_constant_strength(env):
    def earned(policy):
        return np.mean([play(env, policy, seed, {"target_hz": 10.0})[0] for seed in range(3)])

    found = earned(env.decoding.feedback)
    for strength in (0.3, 0.4, 0.5, 0.6):
        action = np.full(16, strength, np.float32)
        assert found > 0.8 * earned(lambda _, a=action: a), strength  # returns are negative


def test_submitted_steps_are_the_steps(env):
    env.reset(seed=8)
    expected = rolled(env, actions(3))
    env.reset(seed=8)
    found = []
    for action in actions(3):
        handle = env.submit_step(action)
        while env.poll_step(handle) is None:
            pass
        found.append(env.get_step(handle)[:2])
    assert same(expected, (np.array([o for o, _ in found]), [r for _, r in found]))


def test_step_is_submitted_once_at_a_time_and_only_if_it_can_be_taken(env, monkeypatch):
    go_on, run = Event(), env.env.run
    monkeypatch.setattr(env.env, "run", lambda *given: go_on.wait() and run(*given))
    env.reset(seed=8)
    with pytest.raises(InvalidValue, match=r"got 1\.5 at \(0,\)"):
        env.submit_step(np.full(16, 1.5, np.float32))
    handle = env.submit_step(np.ones(16, np.float32))
    assert env.poll_step(handle) is None
    with pytest.raises(InvalidState, match="a step is in flight"):
        env.submit_step(np.ones(16, np.float32))
    go_on.set()
    env.get_step(handle)
    pickle.loads(pickle.dumps(env)).close()


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.zeros(3), r"action has the wrong shape: got \(3,\); need \(16,\)."),
        (np.full(16, np.nan), r"action is out of range: got nan at \(0,\); need -1.0 to 1.0. Clip"),
        (np.eye(16)[2] * 1.5, r"action is out of range: got 1.5 at \(2,\); need -1.0 to 1.0."),
        (["a"] * 16, r"action is not numeric: got \['a', .*; need shape \(16,\)."),
        (None, r"action has the wrong shape: got \(\); need \(16,\)."),
    ],
)
def test_wrong_action_is_refused_and_changes_nothing(env, action, message):
    env.reset(seed=0)
    with pytest.raises(InvalidValue, match=f"^{message}"):
        env.step(action)
    assert env.env.t == 0


def test_closed_env_says_so():
    env = gym.make("livn/EI1-RateControl-v0").unwrapped
    env.reset(seed=0)
    env.close()
    env.close()
    with pytest.raises(InvalidState, match="^no episode is going on: .* after close"):
        env.step(np.zeros(1, np.float32))
    with pytest.raises(InvalidState, match="^env is closed"):
        env.reset()


def test_unknown_render_mode_is_refused():
    with pytest.raises(InvalidValue, match="^render_mode does not exist: got 'ascii'; known: 'rgb"):
        livn.tasks.single("RateControl", "EI1", render_mode="ascii")


def test_wrong_target_is_refused(env):
    for wrong in (-1.0, 0.0, np.nan, np.inf, "8", None):
        with pytest.raises(InvalidValue, match=f"^target is not positive: got {wrong!r}; need Hz"):
            env.reset(seed=0, options={"target_hz": wrong})


def test_what_is_no_culture_is_refused():
    message = "^culture of an environment is not an Env: got EnvBatch; need one Env, as .*several"
    encoding = livn.tasks.PulseAmplitudes(n_channels=1)
    many = livn.make("EI1", backend="native").batch(2)
    for made in (GymnasiumEnv, partial(GymnasiumVectorEnv, num_envs=2)):
        with pytest.raises(InvalidType, match=message):
            made(many, encoding=encoding, decoding=RateControl())


def test_task_without_setup_says_so():
    with pytest.raises(InvalidState, match="^task knows no culture: got no setup. Call setup"):
        _ = RateControl().output_space


def test_pulse_that_does_not_fit_into_the_step_is_refused():
    encoding = livn.tasks.PulseAmplitudes(n_channels=1, phase_duration=1.0, interval=2.0)
    with pytest.raises(InvalidValue, match="does not end before the next starts"):
        encoding(None, 10.0, np.ones(1))
    with pytest.raises(InvalidValue, match=r"^run is shorter than the policy: got duration=1.0 ms"):
        encoding(None, 1.0, np.ones(1))
