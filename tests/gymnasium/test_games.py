"""How the single tasks work: bursts in a stream, patterns, CartPole, Pong."""

import gymnasium as gym
import numpy as np
import pytest

from livn import make
from livn.decoding import NetworkBursts
from livn.env.gymnasium import GymnasiumEnv
from livn.io import Platform
from livn.run import Run
from livn.system import make as make_system
from livn.tasks import (
    CartPole,
    EvokeBursts,
    PatternSeparation,
    Pong,
    PulseAmplitudes,
    SuppressBursts,
    draw,
)
from livn.tasks.baselines import play
from livn.tasks.bursts import BurstClock
from livn.tasks.pong import Ball


@pytest.fixture(scope="module")
def culture():
    env = make("EI2", backend="native").record_spikes()
    yield env
    env.close()


def ready(task, culture, seed=0):
    task.setup(culture)
    task.reset(seed=seed)
    return task


def spikes(n_cells, at, spread=5.0):
    """One spike of each of the first cells, evenly over some ms."""
    return np.arange(n_cells), at + np.linspace(0, spread, n_cells)


def run_of(gids, times, duration):
    return Run(duration=duration).add_spikes(gids, times)


NOTHING = (np.empty(0, np.int64), np.empty(0))


def test_bursts_in_a_stream_are_those_of_the_decoding(culture):
    run = culture.clear().run(4000)
    # The same rule: 20 spikes of at least 20 cells in 15 ms; all 100 cells fire in 4 s.
    rule = NetworkBursts(duration=4000, n=20, max_isi_n=15.0, min_participation=0.2)
    onsets = rule(run, culture)["onsets_ms"]
    clock = BurstClock(20, 15.0, 20, gap=0.0)
    cells, found = culture.simulated_gids(), []
    for start in range(0, 4000, 50):
        now = (run.spike_times >= start) & (run.spike_times < start + 50)
        part = run.spike_ids[now], run.spike_times[now] - start
        found.append(clock.hear(*part, 50, cells)[0])
    assert sum(found) == len(onsets) >= 5
    # A burst is seen in the step of its 20th spike, at most 15 ms after it began.
    steps = np.repeat(np.arange(80), found)
    assert np.all((steps == onsets // 50) | (steps == (onsets + 15) // 50))


def test_burst_over_the_edge_of_a_step_is_one():
    clock = BurstClock(20, 15.0, 20, gap=100.0)
    cells = np.arange(100)
    first = spikes(40, 45.0, spread=10.0)
    early = first[1] < 50
    second = first[0][~early], first[1][~early] - 50
    assert clock.hear(first[0][early], first[1][early], 50, cells)[0] == 1
    begun, lasting = clock.hear(*second, 50, cells)
    assert begun == 0
    assert lasting == pytest.approx(first[1][-1] - first[1][early][-1])


def test_bursts_close_together_are_one_and_few_cells_are_none():
    clock, cells = BurstClock(20, 15.0, 20, gap=100.0), np.arange(100)
    assert clock.hear(*spikes(30, 10.0), 100, cells)[0] == 1
    assert clock.hear(*spikes(30, 5.0), 100, cells)[0] == 0  # 90 ms after the end of the last
    assert clock.hear(*spikes(30, 5.0), 100, cells)[0] == 0  # 95 ms after 110, not after 15
    assert clock.hear(*spikes(30, 15.0), 100, cells)[0] == 1  # 105 ms
    assert clock.hear(*NOTHING, 100, cells) == (0, 0.0)
    assert clock.hear(np.zeros(30, np.int64), spikes(30, 5.0)[1], 100, cells)[0] == 0


def test_evoking_is_paid_for_onsets_and_suppressing_costs_time_in_bursts(culture):
    evoke, suppress = (ready(t(), culture) for t in (EvokeBursts, SuppressBursts))
    for task, expected in ((evoke, 1.0), (suppress, -5 / 50)):
        observation, reward, *_, info = task(run_of(*spikes(30, 10.0), 50), culture)
        assert reward == pytest.approx(expected)
        assert info == {"n_bursts": 1, "bursting_ms": pytest.approx(5.0)}
        np.testing.assert_allclose(observation[-2:], [5 / 50, 0.035], rtol=1e-6)  # 15 to 50 ms


def test_return_of_suppressing_is_the_time_in_bursts_whatever_the_step(culture):
    """A burst from 26 to 36 ms is one, of 20 spikes, from 32.7 ms on."""
    gids, times = spikes(30, 26.0, spread=10.0)
    for duration in (10, 20, 50, 100):
        task = ready(SuppressBursts(duration=duration), culture)
        rewards = []
        for start in range(0, 100, duration):
            now = (times >= start) & (times < start + duration)
            rewards.append(task(run_of(gids[now], times[now] - start, duration), culture)[1])
        assert duration * sum(rewards) == pytest.approx(-10.0)


def test_patterns_are_half_of_the_electrodes_and_answers_are_paid(culture):
    task = ready(PatternSeparation(n_patterns=3, pattern_seed=4), culture)
    assert (task.patterns.sum(axis=1) == 8).all()
    assert len(np.unique(task.patterns, axis=0)) == 3
    shown, rewards = -1, []
    for _ in range(20):
        answer = np.zeros(3, np.float32)
        answer[max(shown, 0)] = 1
        pattern = task.command(answer)
        *_, info = found = task(run_of(*NOTHING, 50), culture)
        rewards.append(found[1])
        shown = info["pattern"]
        np.testing.assert_array_equal(task.patterns[shown], pattern)
    assert rewards == [0.0] + [1.0] * 19  # nothing had been shown before the first


def test_delayed_answer_names_an_earlier_pattern(culture):
    task = ready(PatternSeparation(delay=2), culture)
    played, asked = [], []
    for _ in range(8):
        played.append(int(np.flatnonzero((task.patterns == task.command(np.zeros(4))).all(1))[0]))
        observation, *_, info = task(run_of(*NOTHING, 50), culture)
        asked.append(info["pattern"])
        assert observation[-1] == (info["pattern"] >= 0)
    assert asked == [-1, -1, *played[:6]]


def test_cart_is_pushed_to_where_the_culture_fires_more(culture):
    task = ready(CartPole(), culture)
    left, right = task.layout.left[0], task.layout.right[0]
    counts = np.zeros(16)
    task._steps = 1
    assert task._direction(counts + 1.0) == 0  # the first step is its own mean
    for channel, expected in ((right, 1), (left, -1)):
        task._steps += 1
        assert task._direction(counts + 1.0 + 5.0 * np.eye(16)[channel]) == expected


def test_spikes_in_the_blanking_do_not_move_the_cart(culture):
    task = ready(CartPole(blanking=2.0), culture)
    heard = task._heard.heard
    only_right = heard[:, task.layout.right].any(1) & ~heard[:, task.layout.left].any(1)
    gids, both = np.flatnonzero(only_right)[:5], np.flatnonzero(heard.any(1))
    task(run_of(both, np.full(len(both), 10.0), 20), culture)  # its own mean: nothing moves
    for at, push in ((1.9, 0), (2.0, 1)):
        *_, info = task(run_of(gids, np.full(len(gids), at), 20), culture)
        assert info["push"] == push


def test_zero_spikes_never_change_the_push(culture):
    task = ready(CartPole(), culture, seed=3)
    steps = 0
    ended = False
    while not ended:
        *_, ended, _, info = task(run_of(*NOTHING, 20), culture)
        assert info["push"] == 0
        steps += 1
    assert steps < 12  # a cart that is always pushed to one side: 8 to 10 steps in Gymnasium


def test_code_of_cartpole_is_what_is_positive_on_the_right(culture):
    task = ready(CartPole(), culture)
    task._cart.state = (1.2, -1.0, 0.105, -2.0)
    code = task._code()
    # Electrodes from left to right: four for what is negative, four for what is positive.
    np.testing.assert_allclose(code, [0, 0.5, 0, 1, 0.5, 0, 0.5, 0])
    observation = task._observation(np.zeros(16))
    np.testing.assert_allclose(task.code(observation), code)


def test_ball_flies_and_is_reflected_as_by_mirrors():
    ball = Ball(x=1.0, y=0.5, vx=-1.0, vy=0.8, paddle=0.5)
    for _ in range(99):
        assert ball.advance(0.01, 0.0, 0.5) is None
    # y rises to 1 in 0.625 s and comes down again: 1 - (0.5 + 0.8 * 0.99 - 1).
    assert (ball.x, ball.y) == (pytest.approx(0.01), pytest.approx(0.708))
    assert ball.advance(0.02, 0.0, 0.5) is True
    assert (ball.x, ball.vx) == (pytest.approx(0.01), 1.0)


def test_ball_is_missed_beside_the_paddle_and_paddle_stays_in_the_field():
    ball = Ball(x=0.005, y=0.9, vx=-1.0, vy=0.0, paddle=0.2)
    assert ball.advance(0.01, -0.5, 0.125) is False
    assert ball.paddle == 0.125


def test_feedback_is_even_after_a_hit_and_scattered_after_a_miss(culture):
    task = ready(Pong(hit_ms=40, miss_ms=2000), culture)
    quiet, action = run_of(*NOTHING, 20), np.full(8, 0.3, np.float32)
    task._ball = Ball(x=0.005, y=0.5)
    assert task(quiet, culture)[1] == 1.0
    for _ in range(2):  # 40 ms
        assert task.command(action)[task.layout.sensory].tolist() == [0.5] * 8
        assert task(quiet, culture)[1] == 0.0
    assert task.command(action)[task.layout.sensory].tolist() == [np.float32(0.3)] * 8
    task._ball = Ball(x=0.005, y=0.95)
    _, reward, *_, info = task(quiet, culture)
    assert (reward, info["hits"], info["misses"]) == (-1.0, 1, 1)
    pulses = []
    while info["feedback"] == "unpredictable":
        pulses.append(task.command(action)[task.layout.sensory])
        *_, info = task(quiet, culture)
    assert len(pulses) == 100
    assert set(np.unique(pulses)) == {0.0, 1.0}
    # 5 Hz for 2 s on 8 electrodes: 80 pulses expected, standard deviation 8.5; three of them.
    assert 54 <= np.sum(pulses) <= 106


def test_code_of_pong_tells_place_by_electrode_and_distance_by_rate(culture):
    task = ready(Pong(), culture)

    def pulses(x, y, n=100):
        total = np.zeros(8)
        for _ in range(n):  # 2 s, the ball held in place
            task._ball = Ball(x=x, y=y, vx=0.0)
            total += task._code()
            task(run_of(*NOTHING, 20), culture)
        return total

    far, near = pulses(1.0, 0.95), pulses(0.05, 0.3)
    assert np.flatnonzero(far).tolist() == [5]  # (0.95 - 0.5 + 1) / 2 of 8
    assert np.flatnonzero(near).tolist() == [3]
    assert far.sum() == pytest.approx(4 * 2, abs=1)  # 4 Hz for 2 s, but for the first and last
    assert near.sum() == pytest.approx((40 - 36 * 0.05) * 2, abs=1)


def test_culture_balances_a_pole_if_it_is_told_which_way(culture):
    """All sensory electrodes of a side where the pole falls; without spikes it does not help."""
    env = gym.make("livn/EI2-CartPole-v0", max_steps=60, disable_env_checker=True)

    def tell(observation):
        falling = observation[:4] @ [0.1, 0.3, 1.0, 1.0]
        return np.where(np.arange(8) < 4, falling < 0, falling > 0).astype(np.float32)

    assert play(env, tell, 0)[0] == 60  # 200 of 200 in six of six episodes
    assert play(env, tell, 0, {"ablation": "zero"})[0] < 12
    env.close()


def test_game_is_played_and_drawn_on_an_array_behind_a_platform():
    culture = make("EI2", io=Platform(make_system("EI2").default_io(), "cl1"), backend="native")
    pulses = PulseAmplitudes(n_channels=16, max_amplitude=3.0, interphase_gap=0.0, anodic=False)
    env = GymnasiumEnv(culture, pulses, Pong(settle=0), "rgb_array", draw)
    env.reset(seed=0)
    *_, info = env.step(np.ones(8, np.float32))
    assert info["charge_nc"].max() == pytest.approx(3.0 * 0.2)
    assert env.render().shape == (440, 1100, 3)
    env.close()
