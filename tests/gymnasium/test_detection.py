"""Tasks behind an amplifier and a threshold: what is seen, and what stays as it was."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from pydantic import ValidationError

import livn
import livn.tasks
from livn.decoding import electrode_positions
from livn.env.distributed import DistributedEnv
from livn.env.gymnasium import GymnasiumEnv
from livn.errors import InvalidState, InvalidValue, NotSupported
from livn.io import Platform
from livn.io.amplifier import Amplifier
from livn.io.detection import agreement
from livn.tasks import CartPole, EvokeBursts, PulseAmplitudes, RateControl
from livn.tasks.making import TASKS

NOISE = Amplifier(noise_uv=5.0)


def made(task="RateControl", **fields):
    return livn.tasks.single(task, "EI2", **{"amplifier": NOISE, **fields})


@pytest.fixture(scope="module")
def env():
    env = made(max_steps=40)
    yield env
    env.close()


def strong(env, strength=0.4):
    return np.full(env.action_space.shape, strength, np.float32)


def rolled(env, n, strength=0.4):
    """Observations, rewards and detected spikes of steps with this action."""
    steps = [env.step(strong(env, strength)) for _ in range(n)]
    found = [info["detected"] for *_, info in steps]
    times, channels = (np.concatenate([s[k] for s in found]) for k in (0, 1))
    return np.array([o for o, *_ in steps]), [r for _, r, *_ in steps], times, channels


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("task", sorted(TASKS))
def test_every_task_can_be_seen_through_an_amplifier(task):
    system = "EI1" if task == "RateControl" else "EI2"
    env = gym.make(f"livn/{system}-{task}-v0", amplifier=NOISE, disable_env_checker=True)
    check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_counts_are_of_what_is_detected_and_it_is_true(env):
    env.reset(seed=1)
    detected, true = [], []
    for k in range(40):
        observation, *_, info = env.step(strong(env, 0.0))
        times, channels = info["detected"]
        counts = np.bincount(channels, minlength=16)
        np.testing.assert_allclose(observation[:16], np.minimum(counts / 25, 1), rtol=1e-6)
        detected.append((50 * k + times, channels))
        true.append((50 * k + info["spikes"].times, info["spikes"].channels))
    joined = [[np.concatenate(part) for part in zip(*s, strict=True)] for s in (detected, true)]
    score = agreement(*joined, 1.5)
    # docs/closed_loop.md has 0.90 and 0.50 for EI2 behind 5 uV
    assert score.precision > 0.75
    assert 0.35 < score.recall < 0.7


def test_rewards_are_of_the_culture_as_it_is(env):
    env.reset(seed=1, options={"target_hz": 8.0})
    bare = made(amplifier=None, max_steps=40)
    bare.reset(seed=1, options={"target_hz": 8.0})
    differ = 0
    for _ in range(5):
        seen, reward, *_, info = env.step(strong(env))
        known, expected, *_, other = bare.step(strong(env))
        assert (reward, info["rate_hz"]) == (expected, other["rate_hz"])
        np.testing.assert_array_equal(info["spikes"].times, other["spikes"].times)
        assert "detected" not in other
        differ += not np.array_equal(seen, known)
    assert differ > 2
    bare.close()


def test_rate_that_is_seen_is_that_of_the_cells_where_nothing_is_played(env):
    found = []
    for seed in range(3):
        env.reset(seed=seed)
        for _ in range(40):
            observation, *_, info = env.step(strong(env, 0.0))
            found.append((50 * observation[-4], info["rate_hz"]))
    seen, true = np.mean(found, axis=0)
    assert seen == pytest.approx(true, rel=0.2)  # about 150 spikes are detected in a second


def test_seed_fixes_the_noise_of_what_is_seen(env):
    env.reset(seed=3)
    first, second = rolled(env, 4), (env.reset(), rolled(env, 4))[1]
    env.reset(seed=3)
    assert same(rolled(env, 4), first)
    env.reset()
    assert same(rolled(env, 4), second)
    assert not same(first, second)


def test_snapshot_and_pickle_continue_bit_for_bit():
    env = made(amplifier=Amplifier(noise_uv=5.0, blanking_ms=2.0, artefact_uv=50.0), latency=9.0)
    env.reset(seed=2)
    rolled(env, 2)
    kept, copy = env.snapshot(), pickle.loads(pickle.dumps(env))
    expected = rolled(env, 4)
    assert same(rolled(copy, 4), expected)
    assert same(rolled(env.restore(kept), 4), expected)
    env.close()
    copy.close()


@pytest.mark.parametrize("task", ["RateControl", "SuppressBursts"])
def test_copy_is_a_single_environment_of_its_seed(task):
    fields = {"max_steps": 3, "latency": 5.0,
              "amplifier": Amplifier(noise_uv=5.0, blanking_ms=1.0, dropout=0.2)}  # fmt: skip
    vector = livn.tasks.vector(task, "EI2", num_envs=2, **fields)
    single = livn.tasks.single(task, "EI2", **fields)
    first, _ = vector.reset(seed=7)
    observation, _ = single.reset(seed=8)
    np.testing.assert_array_equal(observation, first[1])
    n_seen = np.zeros(2)
    for _ in range(5):
        observations, rewards, _, ends, infos = vector.step(np.full((2, 16), 0.4, np.float32))
        observation, reward, _, ended, info = single.step(strong(single))
        assert (reward, ended) == (rewards[1], ends[1])
        found = (infos["final_info"] if ended else infos)["detected"][1]
        np.testing.assert_array_equal(found.times, info["detected"].times)
        np.testing.assert_array_equal(found.channels, info["detected"].channels)
        n_seen += observations[:, :16].sum(axis=1)
        observation = single.reset()[0] if ended else observation
        np.testing.assert_array_equal(observation, observations[1])
    copy, again = pickle.loads(pickle.dumps(vector)), np.full((2, 16), 0.3, np.float32)
    np.testing.assert_array_equal(copy.step(again)[0], vector.step(again)[0])
    copy.close()
    assert 0 < n_seen[0] != n_seen[1] > 0
    vector.close()
    single.close()


def test_culture_that_workers_simulate_is_seen_as_one_that_is_here():
    task = RateControl(amplifier=Amplifier(noise_uv=5.0, blanking_ms=1.0))
    pulses = PulseAmplitudes(n_channels=1, max_amplitude=32.0)
    here = GymnasiumEnv(livn.make("EI1", backend="native"), pulses, task.model_copy())
    here.reset(seed=1)
    expected = rolled(here, 4)
    with DistributedEnv("EI1", backend="native", workers=1) as many:
        many.apply_default_params()
        env = GymnasiumEnv(many, pulses, task)
        env.reset(seed=1)
        assert same(rolled(env, 4), expected)
    assert len(expected[2])


def test_dead_electrodes_see_nothing_and_move_nothing():
    amplifier = Amplifier(noise_uv=5.0, dropout=0.3)
    env, whole = made(amplifier=amplifier), made()
    dead = amplifier.dead(16, seed=123)
    assert 2 < dead.sum() < 12

    def played(env, channels):
        env.reset(seed=1)
        *_, info = env.step(0.8 * channels.astype(np.float32))
        return info

    of_dead, nothing = played(env, dead), played(env, 0 * dead)
    np.testing.assert_array_equal(of_dead["spikes"].times, nothing["spikes"].times)
    assert not of_dead["charge_nc"].any()
    assert len(played(whole, dead)["spikes"].times) > len(nothing["spikes"].times)
    of_both = played(env, np.ones(16))
    assert np.array_equal(of_both["charge_nc"] == 0, dead)
    assert len(of_both["detected"].channels)
    assert not set(of_both["detected"].channels.tolist()) & set(np.flatnonzero(dead).tolist())
    env.close()
    whole.close()


def test_artefact_is_detected_where_and_when_pulses_are_played():
    amplifier = Amplifier(noise_uv=5.0, artefact_uv=1e5, artefact_tau_ms=0.1, artefact_spread=0.0)
    env = made(amplifier=amplifier, latency=3.0)
    env.reset(seed=1)
    env.step(strong(env, 0.0))
    *_, info = env.step(0.01 * np.eye(16, dtype=np.float32)[3])  # about 0.1 uA move no cell
    times, channels = info["detected"]
    for onset in (3.0, 13.0, 23.0, 33.0, 43.0):
        at = np.abs(times - onset) < 0.01
        assert channels[at].tolist() == [3]
    env.close()


def test_blanking_goes_on_in_the_next_step():
    # A threshold of one standard deviation is crossed by noise all the time.
    env = made(amplifier=Amplifier(noise_uv=50.0, blanking_ms=5.0), latency=9.0, duration=10,
               n_sigma=1.0)  # fmt: skip
    env.reset(seed=1)
    rolled(env, 1, 0.0)
    first, then, last = (rolled(env, 1, strength)[2] for strength in (0.4, 0.0, 0.0))
    assert len(first) > 50
    assert first.max() < 9.0
    assert 4.4 < then.min() < 4.6  # 9.45 + 5 - 10 ms
    assert last.min() < 0.2
    env.close()


def test_latency_delays_the_pulses_of_a_step():
    pulses = PulseAmplitudes(n_channels=1, interval=10.0, latency=3.0, dt=0.05)
    commands = np.asarray(pulses.commands(25.0, np.ones(1)))[:, 0]
    onsets = np.flatnonzero(np.diff(commands, prepend=0) < -0.1)
    assert onsets[::2] * 0.05 == pytest.approx([3.0, 13.0, 23.0])
    with pytest.raises(InvalidValue, match="run is shorter than the policy: got duration=25.0 ms"):
        PulseAmplitudes(n_channels=1, latency=24.8).commands(25.0, np.ones(1))
    env = livn.tasks.single("EvokeBursts", "EI2", latency=40.0)
    played = []
    for strength in (0.0, 1.0):
        env.reset(seed=1)
        played.append(env.step(strong(env, strength))[-1]["spikes"].times)
    assert same(*([times[times < 40]] for times in played))
    assert len(played[1]) > len(played[0]) > 0
    env.close()


def test_shuffled_spikes_are_of_electrodes():
    env = made("EvokeBursts")
    env.reset(seed=1, options={"ablation": "shuffled"})
    observation, *_, info = env.step(strong(env, 1.0))
    n_heard = np.bincount(info["detected"].channels, minlength=16)
    seen = np.rint(observation[:16] * 25)
    assert sorted(seen) == sorted(np.minimum(n_heard, 25))
    assert not np.array_equal(seen, np.minimum(n_heard, 25))
    env.close()


def test_config_hash_knows_the_amplifier():
    def of(**fields):
        env = livn.tasks.single("RateControl", "EI1", **fields)
        return env.reset(seed=0)[1]["config_hash"]

    found = [of(), of(amplifier=NOISE), of(amplifier=NOISE, n_sigma=4.0), of(latency=1.0)]
    assert len(set(found)) == 4


def test_what_cannot_be_seen_is_refused():
    culture = livn.make("EI1", backend="native")
    with pytest.raises(NotSupported, match="tells commands of 1 channels, such as PulseAmplitudes"):
        GymnasiumEnv(culture, PulseAmplitudes(n_channels=2), RateControl(amplifier=NOISE))
    env = GymnasiumEnv(culture, PulseAmplitudes(n_channels=1), RateControl(amplifier=NOISE))
    bare = livn.make("EI1", backend="native").record_spikes()
    with pytest.raises(InvalidState, match=r"^membrane currents are missing from the run: got Run"):
        env.decoding(bare.run(50), bare)
    with pytest.raises(InvalidState, match=r"^task knows no encoding: got no setup\. Call setup"):
        EvokeBursts().actions()
    with pytest.raises(ValidationError, match="n_sigma"):
        RateControl(n_sigma=0)


def test_episode_begins_with_no_memory_of_what_was_found_before():
    # Episodes begin where calibration ended, and noise crosses the threshold all the time.
    fields = {"settle": 1000, "amplifier": Amplifier(noise_uv=50.0), "n_sigma": 1.0}
    env = livn.tasks.single("RateControl", "EI1", **fields)
    found = []
    for _ in range(2):
        env.reset(seed=0)
        found.append(rolled(env, 1))
    assert same(*found)
    env.close()


def test_calibrating_leaves_the_culture_as_it_was():
    culture = livn.make("EI1", backend="native").record_spikes()
    culture.reseed_noise(4).run(20)
    expected = culture.snapshot()
    env = GymnasiumEnv(culture, PulseAmplitudes(n_channels=1), RateControl(amplifier=NOISE))
    assert (culture.t, culture.stream) == (20.0, 4)
    times = culture.run(60).spike_times
    assert np.array_equal(culture.restore(expected).run(60).spike_times, times)
    assert len(times)
    env.close()


def test_games_are_played_on_the_array_of_a_device():
    culture = livn.make("EI2", backend="native")
    positions = electrode_positions(culture)
    culture.io = Platform(culture.io, "maxone")
    assert same(electrode_positions(culture).values(), positions.values())
    pulses = PulseAmplitudes(n_channels=16, interphase_gap=0.0, interval=20.0, anodic=False)
    env = GymnasiumEnv(culture, pulses, CartPole(settle=0, amplifier=NOISE))
    env.reset(seed=1)
    *_, info = env.step(strong(env))
    assert info["charge_nc"].any()
    env.close()
