"""Many cultures over processes and ranks give the answers of one."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from distributable import Count, Failing, Killing, Playing, Pulse, Remembering, Times
from distributed_ranked import CURRENTS, SPIKES, TRAINS, everything, plain, rates, trains

from livn.env import Env
from livn.env.distributed import DistributedEnv
from livn.errors import InvalidState, InvalidType, InvalidValue, NotSupported, RemoteError
from livn.system import ParallelSystem
from livn.types import Decoding

MODEL = "Izhikevich"
NOISE = {"level": 1.0}
MPIEXEC = Path(sysconfig.get_path("scripts")) / "mpiexec"
RANKED = Path(__file__).with_name("distributed_ranked.py")
TIMEOUT = 120  # s, after which a job that hangs is taken to do so


class Gids(Decoding):
    """Who is simulated."""

    def __call__(self, run, env):
        return env.simulated_gids().tolist()


def distributed(workers):
    env = DistributedEnv("EI1", MODEL, backend="native", workers=workers)
    return env.init().set_noise(NOISE)


@pytest.fixture(scope="module")
def shared():
    reference(0, 0.05)  # compiles, once, what the workers load
    with distributed(2) as env:
        yield env


@pytest.fixture
def env(shared):
    return shared.clear()


def reference(k, current, noise=NOISE):
    """What one Env answers to task k."""
    env = Env("EI1", MODEL, backend="native").init().set_noise(noise)
    return env.reseed_noise(k)(Times(duration=50), current, Pulse())


def test_answers_are_those_of_one_env_on_the_stream_of_the_task(env):
    answers = env(Times(duration=50), CURRENTS, Pulse())
    assert answers == [reference(k, current) for k, current in enumerate(CURRENTS)]
    assert len({spikes for spikes, _ in answers}) == 3
    assert all(len(spikes) > 10 for spikes, _ in answers)


def test_answers_do_not_depend_on_the_number_of_workers(env):
    with distributed(0) as one:
        assert one(Times(duration=50), CURRENTS, Pulse()) == env(
            Times(duration=50), CURRENTS, Pulse()
        )


def test_one_input_has_one_answer(env):
    assert env(Times(duration=50), 0.05, Pulse()) == reference(0, 0.05)


def test_tasks_are_submitted_and_answered_in_any_order(env):
    numbers = [env.submit_call(Times(duration=50), current, Pulse()) for current in CURRENTS]
    assert [env.receive_response(k) for k in reversed(numbers)] == [
        reference(k, CURRENTS[k]) for k in (2, 1, 0)
    ]
    number = env.submit_call(Times(duration=50), 0.05, Pulse())
    answer = None
    while answer is None:
        answer = env.probe_response(number)
    assert answer == reference(3, 0.05)
    env.submit_call(Times(duration=50), 0.1, Pulse())
    assert env.receive_response() == reference(4, 0.1)
    with pytest.raises(InvalidState, match="no task is outstanding: got no answer"):
        env.receive_response()


def test_responses_come_with_their_numbers(env):
    numbers = [env.submit_call(Times(duration=50), current, Pulse()) for current in CURRENTS]
    found = dict(env.responses())
    assert [found[n] for n in numbers] == [reference(k, c) for k, c in enumerate(CURRENTS)]


def test_streams_are_chosen_by_clear_and_reseed(env):
    first = env(Times(duration=50), 0.1, Pulse())
    assert env(Times(duration=50), 0.1, Pulse()) != first
    assert env.clear()(Times(duration=50), 0.1, Pulse()) == first
    assert env.clear(reseed=True)(Times(duration=50), 0.1, Pulse()) == reference(1, 0.1)
    assert env.reseed_noise(7)(Times(duration=50), 0.1, Pulse()) == reference(7, 0.1)
    assert env.reseed_noise()(Times(duration=50), 0.1, Pulse()) == reference(9, 0.1)


def test_task_continues_where_another_ended(env):
    one = Env("EI1", MODEL, backend="native").init().set_noise(NOISE)
    expected = [one(Times(duration=50), current, Pulse()) for current in CURRENTS]
    number, answers = None, []
    for current in CURRENTS:
        previous = number
        number = env.submit_call(Times(duration=50), current, Pulse(), keep=True, after=previous)
        answers.append(env.receive_response(number))
    assert answers == expected
    assert [t0 for _, t0 in answers] == [0.0, 50.0, 100.0]
    env.release(number)
    with pytest.raises(InvalidValue, match=rf"task was not kept: got {number}; kept and answered"):
        env.submit_call(50, after=number)


def test_end_of_a_task_is_continued_from_here_and_there_on_any_stream(env):
    number = env.submit_call(Times(duration=50), 0.05, Pulse(), keep=True)
    env.receive_response(number)
    kept = env.snapshot(number)
    one = Env("EI1", MODEL, backend="native").restore(kept)
    assert (kept.t, kept.stream, one.t) == (50.0, 0, 50.0)
    expected = one(Times(duration=50), 0.1, Pulse())
    other = one.restore(kept).reseed_noise(9)(Times(duration=50), 0.1, Pulse())
    assert env(Times(duration=50), 0.1, Pulse(), after=kept) == expected != other
    assert env(Times(duration=50), 0.1, Pulse(), after=number, stream=9) == other
    assert env(Times(duration=50), 0.1, Pulse(), stream=9) == reference(9, 0.1)
    assert env(Times(duration=50), 0.1, Pulse()) == reference(1, 0.1)  # the next that is new
    with pytest.raises(InvalidValue, match="^noise stream is too small: got -1"):
        env.submit_call(10, stream=-1)


def test_outline_has_the_settings_and_the_cells_of_the_workers():
    with distributed(0) as env:
        assert env.outline.params()["noise-EXC-level"] == 1.0
        env.set_params({"noise-level": 2.0, "io-input_radius": 99.0})
        assert env.outline.params()["noise-EXC-level"] == 2.0
        assert env.outline.io.input_radius == 99.0
        assert env.outline.culture() == Env("EI1", MODEL, backend="native").culture()
    with DistributedEnv("EI1", MODEL, backend="native", workers=0) as env:
        env.selection(3)
        assert env.outline.simulated_gids().tolist() == env(Gids(duration=1))


def test_settings_reach_every_culture_and_replaced_ones():
    env = distributed(1)
    env.set_noise({"level": 2.0})
    expected = [reference(k, 0.1, {"level": 2.0}) for k in range(2)]
    assert env(Times(duration=50), [0.1] * 2, Pulse()) == expected
    number = env.submit_call(Killing(duration=10), 0.1, Pulse())
    with (
        pytest.warns(RuntimeWarning, match=r"worker 0 died while at task \d+: got SIGKILL"),
        pytest.raises(RemoteError, match=r"worker 0 died .* got SIGKILL"),
    ):
        env.receive_response(number)
    assert env.clear()(Times(duration=50), [0.1] * 2, Pulse()) == expected
    env.shutdown()


def test_recordings_of_one_task_are_not_those_of_the_next(env):
    for _ in range(2):
        env(Times(duration=10), 0.1, Pulse())
    runs = env(10, [0.1, 0.1], Pulse())
    assert [run.spikes for run in runs] == [None, None]


def test_pipelines_are_kept_by_content(env):
    found = [env(Count(duration=20), 0.1, Pulse()) for _ in range(4)]
    calls = {}
    for _, n, pid in found:
        calls.setdefault(pid, []).append(n)
    assert all(ns == list(range(1, len(ns) + 1)) for ns in calls.values())
    assert env(Count(duration=30), 0.1, Pulse())[1] == 1


def test_what_the_workers_have_is_known_here(env):
    assert (env.system.name, type(env.model).__name__) == ("EI1", MODEL)
    assert (env.io.num_channels, env.t, env.n_workers) == (1, 0.0, 2)


@pytest.mark.parametrize("workers", [0, 2])
def test_state_of_a_decoding_travels(workers, env, request):
    if not workers:
        env = distributed(0)
        request.addfinalizer(env.shutdown)
    decoding = Remembering(duration=10, stages=[])
    assert [env(decoding, 0.1, Pulse()) for _ in range(3)] == [1, 2, 3]
    assert decoding.state == {"calls": 3}
    decoding.state["_needs_reset"] = True
    assert env(decoding, 0.1, Pulse()) == 101
    assert decoding.state == {"calls": 101}


def test_task_that_raises_does_not_end_the_others(env):
    bad = env.submit_call(Failing(duration=10), 0.1, Pulse())
    good = env.submit_call(Times(duration=50), 0.1, Pulse())
    with pytest.raises(
        RuntimeError, match=r"got FloatingPointError: no answer today; it said there:\nTraceback"
    ) as caught:
        env.receive_response(bad)
    assert caught.value.kind == "FloatingPointError"
    assert env.receive_response(good) == reference(1, 0.1)


def test_setting_that_is_refused_is_told_from_the_worker(env):
    with pytest.raises(RemoteError, match=r"UnknownName: unknown .*-lvel' \(did you mean"):
        env.set_noise({"lvel": 1.0})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: e.run(10), r"got run\(\)\. Use submit_call\(duration, stimulus\), or an Env"),
        (lambda e: e.cell_stimulus([]), r"got cell_stimulus\(\)\. Use an encoding, or an Env"),
        (lambda e: e.channel_recording([]), r"got channel_recording\(\)\. Use a decoding such as"),
    ],
)
def test_what_only_a_single_culture_can_do_is_refused(env, call, message):
    with pytest.raises(NotImplementedError, match=message):
        call(env)


def test_wrong_systems_and_workers_are_refused():
    with pytest.raises(InvalidType, match="system of a distributed env is not named: got Parallel"):
        DistributedEnv(ParallelSystem(3))
    with pytest.raises(InvalidState, match="workers are not started: got no pool"):
        DistributedEnv("EI1", MODEL, workers=1).set_noise(NOISE)
    several = DistributedEnv("EI1", MODEL, backend="neuron", workers=1, subworld_size=2)
    with pytest.raises(
        NotSupported, match=r"culture on several ranks cannot be kept: got subworld"
    ):
        several.submit_call(10, keep=True)


def test_closed_env_is_refused(env):
    with distributed(0) as closed:
        pass
    with pytest.raises(InvalidState, match="pool is closed"):
        closed(10)


def test_spike_trains_are_played_where_the_culture_is(env):
    found, alone, later, later_alone = trains(env)
    one = Env("EI1", MODEL, backend="native").init().set_noise(NOISE).reseed_noise(3)
    assert found == one(Times(duration=20), TRAINS, Playing()) != alone
    assert later == one(Times(duration=20)) != later_alone
    assert alone == one.clear()(Times(duration=20))


def job(n_ranks, *arguments):
    """Run the program on some ranks."""
    command = [MPIEXEC, "-n", n_ranks, sys.executable, RANKED, *arguments]
    return subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


def told(*arguments):
    """What the root says."""
    done = job(*arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.mpi
def test_ranks_do_what_one_process_does():
    found = told(3, "everything", "native", 1)
    with distributed(0) as env:
        assert found == json.loads(json.dumps(everything(env), default=plain))
        env.clear()
        assert found[1][:3] == [[s.hex(), t] for s, t in reversed(env(SPIKES, CURRENTS, Pulse()))]
    assert min(found[0]) > 10


@pytest.mark.mpi
@pytest.mark.parametrize(("backend", "size", "rank"), [("native", 1, 0), ("neuron", 2, 0)])
def test_task_that_raises_on_a_rank_is_told_with_it(backend, size, rank):
    *known, said, after = told(1 + 2 * size, "failing", backend, size)
    assert known == ["FloatingPointError", "no answer today", rank, True]
    assert f"failed in worker 0 on rank {rank}: got FloatingPointError: no answer today" in said
    assert min(after) > 10
    if backend == "native":
        with distributed(0) as env:
            assert rates(env) == after


@pytest.mark.mpi
def test_rank_that_is_killed_ends_the_job():
    done = job(3, "killed", "native", 1)
    assert done.returncode != 0
    assert "Killed (signal 9)" in done.stdout + done.stderr
