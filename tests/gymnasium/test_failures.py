"""Every row of "What goes wrong" in docs/gymnasium.md: the error it names, and what is left."""

import re
from functools import partial
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import Error, NameNotFound
from gymnasium.vector import AsyncVectorEnv
from pydantic import ValidationError

import livn.tasks
from livn import make
from livn.encoding import ElectrodeStimulus
from livn.env.distributed import DistributedEnv
from livn.env.gymnasium import GymnasiumEnv, GymnasiumVectorEnv
from livn.errors import InvalidState, InvalidType, InvalidValue, NotSupported, UnknownName
from livn.io import Platform
from livn.io.amplifier import Amplifier
from livn.stimulus import BiphasicPulsePolicy
from livn.system import make as make_system
from livn.tasks import Pong, PulseAmplitudes, RateControl
from livn.types import Decoding

PAGE = (Path(__file__).parents[2] / "docs" / "gymnasium.md").read_text("utf-8")
TABLE = PAGE[PAGE.index("## What goes wrong") : PAGE.index("### On workers")]  # test_remote
ROWS = dict(re.findall(r"^\| (?!what|-)(.+?) \| (.+) \|$", TABLE, re.M))


# What an environment refuses in an episode: row, how it is asked, error, message.


def act(env, value):
    env.step(np.full(env.action_space.shape, value, np.float32))


def act_as(env, make):
    env.step(make(env.action_space.shape))


def play(env, played):
    """Step with an encoding that plays something else."""

    class Wrong(PulseAmplitudes):
        def __call__(self, env, t_end, inputs):
            return played(env)

    before, env.encoding = env.encoding, Wrong(n_channels=16)
    try:
        act(env, 0.0)
    finally:
        env.encoding = before


def five_ua(env):
    pulses = PulseAmplitudes(n_channels=16, interphase_gap=0.0)
    return pulses(env, 20, np.ones(16))


def three_channels(env):
    return env.cell_stimulus(np.ones((100, 3)), dt=0.05)


def channel_20(env):
    policy = BiphasicPulsePolicy(n_channels=16, channels=(20,), amplitude=1.0)
    return env.cell_stimulus(policy, dt=0.05)


def electrode_16(env):
    policy = BiphasicPulsePolicy(n_channels=16, amplitude=1.0)
    return ElectrodeStimulus(policy=policy, channel=16)(env, 50, None)


def restore_other_task(env):
    other = livn.tasks.single("RateControl", "EI2")
    other.reset(seed=0)
    try:
        env.restore(other.snapshot())
    finally:
        other.close()


def reset(env, **how):
    env.reset(**how)


SHAPE, BEYOND = "action of another shape", "action that is nan or beyond the space"
CHANNELS = "encoding of another number of channels than the array has"
ELECTRODE = "encoding for an electrode that is not on the array"
OPTION = "unknown option of `reset`, or unknown value of one"
SEED, OTHER = "seed that is negative or no integer", "snapshot of another culture or task"
IN_EPISODE = [
    (SHAPE, partial(act_as, make=lambda shape: np.zeros((*shape, 2))), InvalidValue,
     "action has the wrong shape: got .*; need"),
    (BEYOND, partial(act, value=np.nan), InvalidValue,
     "action is out of range: got nan at .*; need -1.0 to 1.0. Clip it"),
    (BEYOND, partial(act, value=1.5), InvalidValue,
     "action is out of range: got 1.5 at .*; need -1.0 to 1.0. Clip it"),
    ("action that is not numeric", partial(act_as, make=lambda shape: ["a"] * shape[0]),
     InvalidValue, "action is not numeric: got .*; need shape"),
    ("pulse beyond the limits of a `Platform`", partial(play, played=five_ua), InvalidValue,
     "current is above the limit of cl1: got -5 uA on channel 0 at 0 ms; at most 3 uA. Lower"),
    (CHANNELS, partial(play, played=three_channels), InvalidValue,
     r"stimulus has 3 channels, the array has 16: got shape \(100, 3\); need .n_steps, 16"),
    (ELECTRODE, partial(play, played=channel_20), InvalidValue,
     "channels are not on the array: got .20.; need 0 to 15"),
    (ELECTRODE, partial(play, played=electrode_16), InvalidValue,
     "electrode is not on the array: got channel=16; need 0 to 15"),
    (OPTION, partial(reset, seed=9, options={"goal": 1}), UnknownName,
     "unknown option: got 'goal'; known: ablation"),
    (OPTION, partial(reset, seed=9, options={"ablation": "all"}), InvalidValue,
     "ablation does not exist: got 'all'; known: none, zero, shuffled"),
    (OPTION, partial(reset, options=3), InvalidType,
     "options are not a mapping: got 3; need names and values"),
    (SEED, partial(reset, seed=-1), (Error, InvalidValue),
     "Seed must be greater or equal to zero, actual value: -1|seed is too small: got -1; need 0"),
    (SEED, partial(reset, seed=0.5), (Error, InvalidType),
     "Seed must be a python integer, actual type: .*float|seed is not an integer: got 0.5"),
    (OTHER, restore_other_task, InvalidValue,
     "snapshot is of another task: got RateControl; this environment has Pong"),
]  # fmt: skip


@pytest.fixture(scope="module", params=["single", "vector"])
def env(request):
    """Pong on an array with limits."""
    io = Platform(make_system("EI2").default_io(), "cl1")
    culture = make("EI2", io=io, backend="native")
    pulses = PulseAmplitudes(n_channels=16, max_amplitude=3.0, interphase_gap=0.0, anodic=False)
    if request.param == "single":
        made = GymnasiumEnv(culture, pulses, Pong(settle=20))
    else:
        made = GymnasiumVectorEnv(culture, 2, pulses, Pong(settle=20))
    yield made
    made.close()


def rest(env):
    """What follows, over the start of the next episode."""
    quiet = np.full(env.action_space.shape, 0.2, np.float32)
    steps = [env.step(quiet) for _ in range(6)]
    observations, rewards, *_ = zip(*steps, strict=True)
    return np.array(observations), np.array(rewards), np.array(env.reset()[1]["stream"])


@pytest.mark.parametrize(("row", "ask", "error", "message"), IN_EPISODE)
def test_refused_request_leaves_the_episode_as_it_was(env, row, ask, error, message):
    env.reset(seed=1)
    # A ball that is missed, so that random feedback follows: there is much to lose.
    for task in getattr(env, "decodings", None) or [env.decoding]:
        task._ball.x, task._ball.y, task._ball.paddle = 0.005, 0.95, 0.2
    act(env, 0.2)
    kept = env.snapshot()
    expected = rest(env)
    env.restore(kept)
    with pytest.raises(error, match=f"^({message})") as caught:
        ask(env)
    assert f"`{type(caught.value).__name__}`" in ROWS[row]
    for found, wanted in zip(rest(env), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


# What is refused elsewhere.


def bare(decoding, encoding=None, **more):
    culture = make("EI1", backend="native")
    return GymnasiumEnv(culture, encoding or PulseAmplitudes(n_channels=1), decoding, **more)


def step_to_nowhere():
    class Nowhere(RateControl):
        def __call__(self, run, env):
            return "end"

    env = bare(Nowhere())
    env.reset(seed=0)
    act(env, 0.0)


def of_workers():
    with DistributedEnv("EI1", backend="native", workers=0) as many:
        GymnasiumVectorEnv(many, 2, PulseAmplitudes(n_channels=1), RateControl())


def restore_other_culture():
    env, other = (livn.tasks.single("RateControl", system) for system in ("EI1", "EI2"))
    other.reset(seed=0)
    env.restore(other.snapshot())


made = partial(gym.make, "livn/EI1-RateControl-v0")
AMPLIFIER = "amplifier over an encoding that does not tell what it plays"
ARGUMENT, VALUE = "unknown task, argument or system", "argument without such a value"
DECODING = "decoding without `reset`, pipe that returns no step"
CULTURE = "things that are neither an `Env` nor, for `GymnasiumEnv`, a `DistributedEnv`"
DRAWING = "render mode that does not exist, nobody who draws"
ELSEWHERE = [
    ("unknown id", partial(gym.make, "livn/EI1-RateContrl-v0"), NameNotFound,
     ".*Did you mean: `EI1-RateControl`"),
    (ARGUMENT, partial(made, goal=3), UnknownName,
     "unknown RateControl argument: got 'goal'; known: ablation, amplifier, backend, drift, dur"),
    (ARGUMENT, partial(made, tua=3, sed=1), UnknownName,
     "unknown RateControl arguments: got 'tua' .did you mean 'tau'.., 'sed' .did you mean 'seed'"),
    (ARGUMENT, partial(made, system="EI9"), UnknownName, "unknown system: got 'EI9' .did you mean"),
    (ARGUMENT, partial(made, task="Pongg"), UnknownName,
     "unknown task: got 'Pongg' .did you mean 'Pong'"),
    (VALUE, partial(made, duration=0), ValidationError,
     "1 validation error for RateControl\nduration\n  Input should be greater than 0"),
    (VALUE, partial(made, max_amplitude=-1), ValidationError,
     "1 validation error for PulseAmplitudes\nmax_amplitude\n  Input should be greater than 0"),
    (VALUE, partial(made, efficacy=(0, 1)), ValidationError,
     "1 validation error for RateControl\n  Value error, efficacy has no such bounds: got"),
    ("game on an array of fewer than eight electrodes", partial(made, task="Pong"), NotSupported,
     "array is too small for a game: got 1 electrodes; need 8 or more. Take a larger"),
    (AMPLIFIER, partial(bare, RateControl(amplifier=Amplifier()), encoding=ElectrodeStimulus()),
     NotSupported, r"amplifier does not see what is played: got encoding ElectrodeStimulus\(.*; "
     "need one that tells commands of 1 channels, such as PulseAmplitudes"),
    (DECODING, partial(bare, Decoding(duration=10)), InvalidType,
     "decoding cannot be reset: got Decoding.*; need a task or a Pipe"),
    (DECODING, step_to_nowhere, InvalidValue,
     "decoding returned no step: got str; need .observation, reward"),
    (CULTURE, of_workers, InvalidType,
     "culture of an environment is not an Env: got DistributedEnv; need one Env"),
    (CULTURE, lambda: GymnasiumEnv("EI1", PulseAmplitudes(n_channels=1), RateControl()),
     InvalidType, "culture of an environment is not an Env: got str; need one Env"),
    (OTHER, restore_other_culture, InvalidValue, "snapshot is of another culture: got .*'system'"),
    (DRAWING, partial(made, task="Pong", system="EI2", render_mode="ascii"), InvalidValue,
     "render_mode does not exist: got 'ascii'; known: 'rgb_array', None"),
    (DRAWING, lambda: bare(RateControl(), render_mode="rgb_array").render(), NotSupported,
     "environment cannot draw: got draw=None; pass livn.tasks.draw"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "call", "error", "message"), ELSEWHERE)
def test_wrong_making_is_refused(row, call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()
    assert f"`{error.__name__}`" in ROWS[row]


STEP, CLOSED = "step before reset, after the end, after close", "reset after close"


@pytest.mark.parametrize("made", [livn.tasks.single, partial(livn.tasks.vector, num_envs=2)])
def test_step_is_refused_where_no_episode_is_going_on(made):
    env = made("RateControl", "EI1")
    with pytest.raises(InvalidState, match="^no episode is going on: got step.. before reset"):
        act(env, 0.0)
    env.reset(seed=0)
    env.close()
    with pytest.raises(InvalidState, match="^no episode is going on: .*close"):
        act(env, 0.0)
    with pytest.raises(InvalidState, match="^(env|batch) is closed: got a call after close"):
        env.reset()
    assert ROWS[STEP] == ROWS[CLOSED] == "`InvalidState`"


FLIGHT = "step while another is in flight"


def test_second_step_in_flight_is_refused_and_the_first_is_as_ever():
    env = livn.tasks.single("RateControl", "EI2", duration=1000)
    strong = np.ones(16, np.float32)
    env.reset(seed=0)
    expected = env.step(strong)[0]
    env.reset(seed=0)
    handle = env.submit_step(strong)
    with pytest.raises(InvalidState, match="^a step is in flight: got another call. Call get_step"):
        env.submit_step(strong)
    with pytest.raises(InvalidState, match="^a step is in flight: got another call. Call get_step"):
        env.reset()
    np.testing.assert_array_equal(env.get_step(handle)[0], expected)
    env.close()
    assert ROWS[FLIGHT] == "`InvalidState`"


KILLED = "worker of an `AsyncVectorEnv` killed"


def test_killed_worker_of_gymnasium_is_told_at_each_step():
    envs = AsyncVectorEnv([partial(livn.tasks.single, "RateControl", "EI1")] * 2, context="spawn")
    envs.reset(seed=0)
    act(envs, 0.0)
    envs.processes[1].kill()
    envs.processes[1].join()
    for _ in range(2):
        with pytest.raises(BrokenPipeError):
            act(envs, 0.0)
    envs.close(terminate=True)
    for process in envs.processes:
        process.join(10)
        assert not process.is_alive()
    assert "`BrokenPipeError`" in ROWS[KILLED]


def test_every_row_has_its_case():
    cases = {row for row, *_ in IN_EPISODE + ELSEWHERE}
    assert cases | {STEP, CLOSED, FLIGHT, KILLED} == set(ROWS)
