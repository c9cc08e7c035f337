"""What mpiexec runs in test_distributed.py: a DistributedEnv over the ranks, as a line of JSON.

python distributed_ranked.py WHAT BACKEND SUBWORLD_SIZE; the root prints what the function returns.
"""

import json
import sys

import numpy as np
from distributable import Failing, Killing, Playing, Pulse, Remembering, Times

from livn.decoding import MeanFiringRate
from livn.env.distributed import DistributedEnv
from livn.env.gymnasium import GymnasiumEnv
from livn.errors import InvalidValue, RemoteError
from livn.tasks import RateControl

CURRENTS = [0.05, 0.1, 0.2]
TRAINS = {k: [1.0, 5.0, 9.0, 13.0, 25.0, 29.0] for k in range(10)}  # some after a run of 20 ms
SPIKES = Times(duration=50)


def rates(env):
    """How often the cells of all ranks of a culture fired."""
    found = env(MeanFiringRate(duration=50), CURRENTS, Pulse())
    return [rate["total_spikes"] for rate in found]


def calls(env):
    """Answers in the order that is asked for, by number, and as they come."""
    numbers = [env.submit_call(SPIKES, current, Pulse()) for current in CURRENTS]
    backwards = [env.receive_response(number) for number in reversed(numbers)]
    number, probed = env.submit_call(SPIKES, 0.1, Pulse()), None
    while probed is None:
        probed = env.probe_response(number)
    numbers = [env.submit_call(SPIKES, current, Pulse()) for current in CURRENTS]
    found = dict(env.responses())
    return [*backwards, probed, *(found[number] for number in numbers)]


def continued(env):
    """One culture on whichever ranks are free, and what is said when its state is gone."""
    last, answers = None, []
    for current in CURRENTS:
        number = env.submit_call(SPIKES, current, Pulse(), keep=True, after=last)
        answers.append(env.receive_response(number))
        if last is not None:
            env.release(last)
        last = number
    kept = env.snapshot(last)
    env.release(last)
    try:
        env.submit_call(SPIKES, after=last)
    except InvalidValue as error:
        answers.append(str(error).split(":")[0])
    return [*answers, env(SPIKES, 0.1, Pulse(), after=kept, stream=7)]


def trains(env):
    """Spike trains that outlast the run that they begin in."""
    played, alone = (
        env.submit_call(Times(duration=20), given, Playing(), keep=True, stream=3)
        for given in (TRAINS, {})
    )
    answers = [env.receive_response(number) for number in (played, alone)]
    return [*answers, *(env(Times(duration=20), None, after=n) for n in (played, alone))]


def states(env):
    """What a decoding keeps, and that it is reset before the next call."""
    decoding = Remembering(duration=10, stages=[])
    counted = [env(decoding, 0.1, Pulse()) for _ in range(3)]
    decoding.state["_needs_reset"] = True
    return [*counted, decoding.state, env(decoding, 0.1, Pulse())]


def episode(env):
    """Observations and rewards of a culture whose steps are those of any rank."""
    game = GymnasiumEnv(env, Pulse(), RateControl())
    first, _ = game.reset(seed=3)
    handle = game.submit_step(np.full(1, 0.3, np.float32))
    steps = [game.get_step(handle), game.step(np.zeros(1, np.float32))]
    game.close()
    return [first.tolist(), *([o.tolist(), reward] for o, reward, *_ in steps)]


def everything(env):
    """All that a culture on one rank can do."""
    return [part(env.clear()) for part in (rates, calls, continued, trains, states, episode)]


def failing(env):
    """What is told of a task that raises, and the rate of one after it."""
    number = env.submit_call(Failing(duration=10), 0.1, Pulse())
    after = rates(env.clear())
    try:
        env.receive_response(number)
    except RemoteError as error:
        return [error.kind, error.said, error.rank, "day\n" in error.traceback, str(error), after]


def killed(env):
    """A task that kills its rank."""
    return env(Killing(duration=10), 0.1, Pulse())


def plain(value):
    """Return what JSON can tell of an answer that is bytes."""
    return value.hex()


if __name__ == "__main__":
    what, backend, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    env = DistributedEnv("EI1", "Izhikevich", backend=backend, subworld_size=size).init()
    if env.is_root():
        env.set_noise({"level": 1.0})
        found = globals()[what](env)
        env.shutdown()
        sys.stdout.write(json.dumps(found, default=plain) + "\n")
