"""docs/closed_loop.md: its examples run, and each row of its table of failures is what one sees."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from distributable import Killing, Pulse

import livn
from livn.env.distributed import DistributedEnv
from livn.errors import InvalidValue, LivnError
from livn.io import MEA, Platform
from livn.stimulus import BurstPolicy, ChannelSet, Stimulus
from livn.tasks.pulses import PulseAmplitudes

PAGE = (Path(__file__).parents[2] / "docs" / "closed_loop.md").read_text("utf-8")
EXAMPLE = Path(__file__).parents[2] / "examples" / "closed_loop.py"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
TABLE = PAGE[PAGE.index("## What goes wrong") :]
ROWS = dict(re.findall(r"^\| ([^|`]+?) \| `([^`]+)` \|$", TABLE, re.MULTILINE))
ARRAY = MEA(np.array([[k, 200.0 * k, 0.0, 0.0] for k in range(16)]))


@pytest.mark.parametrize("block", BLOCKS, ids=[f"block {k}" for k in range(len(BLOCKS))])
def test_examples_of_the_page_run(block, capsys):
    exec(compile(block, "closed_loop.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out


@pytest.mark.slow
def test_example_runs_and_draws(tmp_path):
    command = [sys.executable, EXAMPLE, "--system", "EI1", "--seconds", "1"]
    told = subprocess.check_output(command, cwd=tmp_path, text=True)
    rows = re.findall(r"^│ (left alone|closed loop) +│ (\d+) +│ (\d+)% +│ (\d+)", told, re.M)
    pulses = {name: int(n) for name, _, _, n in rows}
    assert pulses["left alone"] == 0 < pulses["closed loop"]
    assert (tmp_path / "closed_loop.png").stat().st_size > 10_000


@pytest.fixture(scope="module")
def env():
    return livn.Env(4, "ReducedCalciumSomaDendrite", ARRAY, backend="native")


@pytest.fixture(scope="module")
def game():
    return gym.make("livn/EI1-RateControl-v0", disable_env_checker=True).unwrapped


@pytest.fixture(scope="module")
def cl1():
    return livn.Env(4, "ReducedCalciumSomaDendrite", Platform(ARRAY, "cl1"), backend="native")


def burst(**fields):
    return BurstPolicy(**{"n_channels": 16, "channels": (1,), **fields})


CULTURE = {
    "commands for another array": lambda e: e.cell_stimulus(np.zeros((1000, 15))),
    "nan in commands": lambda e: e.cell_stimulus(np.full((10, 16), np.nan)),
    "nan in a stimulus": lambda e: Stimulus.from_current(np.full((3, 4), np.nan)),
    "stimulus for other cells": lambda e: e.run(10, Stimulus.from_current(np.ones((5, 7)))),
    "stimulus longer than the run": lambda e: e.run(0.1, Stimulus.from_current(np.ones((5, 4)))),
    "negative duration": lambda e: e.run(-5),
    "channel that is not on the array": lambda e: burst(channels=(16,)),
    "channel of a set that is not": lambda e: ChannelSet((64,), 64),
    "unknown device": lambda e: Platform(ARRAY, "cl2"),
    "closed env": lambda e: livn.Env(2, "Izhikevich", backend="native").close().run(10),
    "closed env in a loop": lambda e: livn.Env(2, "Izhikevich", backend="native").close().loop(9),
}
DEVICE = {
    "too much current": lambda e: e.cell_stimulus(burst(phases=3.2)),
    "too much charge": lambda e: e.run(10, burst(phases=((1200, -3), (1200, 3))), dt=0.02),
    "pulse that is not balanced": lambda e: e.cell_stimulus(burst(phases=((160, -1), (100, 1)))),
    "phase that is not on the grid": lambda e: e.cell_stimulus(
        burst(phases=((170, -1), (170, 1)), dt=0.01)
    ),
    "pulses that are too fast": lambda e: e.cell_stimulus(burst(pulses=2, pulse_hz=250)),
    "ticks that are no whole frames": lambda e: e.loop(30),
}
GAME = {
    "action of the wrong shape": lambda g: g.step(np.zeros(3)),
    "nan in an action": lambda g: g.step(np.full(1, np.nan)),
    "action out of range": lambda g: g.step(np.full(1, 1.5)),
}


@pytest.mark.parametrize("what", CULTURE)
def test_culture_says_what_is_wrong_and_is_not_changed(env, what):
    refused(env, CULTURE[what], what)


@pytest.mark.parametrize("what", DEVICE)
def test_device_says_what_is_wrong_and_nothing_runs(cl1, what):
    refused(cl1, DEVICE[what], what)


def refused(env, call, what):
    before = env.t, env.params(), env.recorder.spikes, dict(env.recorder.channels)
    with pytest.raises(LivnError) as caught:
        call(env)
    assert ROWS[what] in str(caught.value)
    assert (env.t, env.params(), env.recorder.spikes, dict(env.recorder.channels)) == before


@pytest.mark.parametrize("what", GAME)
def test_environment_says_what_is_wrong_and_is_not_changed(game, what):
    game.reset(seed=1)
    with pytest.raises(LivnError) as caught:
        GAME[what](game)
    assert ROWS[what] in str(caught.value)
    assert game.env.t == 0.0


def test_closed_environment_says_so():
    game = gym.make("livn/EI1-RateControl-v0", disable_env_checker=True).unwrapped
    game.reset(seed=1)
    game.close()
    with pytest.raises(LivnError) as caught:
        game.step(np.zeros(1))
    assert ROWS["step of a closed environment"] in str(caught.value)


def test_worker_that_is_killed_is_named():
    with DistributedEnv("EI1", "Izhikevich", backend="native", workers=1) as env:
        os.kill(env.pool.pids[0], signal.SIGKILL)
        number = env.submit_call(Killing(duration=10), 0.1, Pulse())
        with pytest.warns(RuntimeWarning) as told, pytest.raises(LivnError) as caught:
            env.receive_response(number)
    assert ROWS["worker killed twice at a task"] in str(caught.value)
    assert any("got SIGKILL" in str(warning.message) for warning in told)


def test_every_row_is_tried():
    others = {"step of a closed environment", "worker killed twice at a task"}
    assert set(ROWS) == {*CULTURE, *DEVICE, *GAME} | others


def test_device_has_its_say_on_encodings_and_on_batches(cl1):
    pulses = PulseAmplitudes(n_channels=16, phase_duration=0.2, dt=0.02, interphase_gap=0.04)
    assert pulses(cl1, 10.0, np.eye(16)[0] * 0.5).width == 4 * 2  # 2.5 uA reach 4 cells
    with pytest.raises(InvalidValue, match="current is above the limit of cl1: got -5 uA on chann"):
        pulses(cl1, 10.0, np.eye(16)[2])
    copies = livn.Env(2, "Izhikevich", Platform(ARRAY, "cl1"), backend="native").batch(2)
    actions = np.zeros((2, 16))
    actions[1, 3] = 1.0
    with pytest.raises(InvalidValue, match="current is above the limit of cl1: got -5 uA on chann"):
        pulses(copies, 10.0, actions)
