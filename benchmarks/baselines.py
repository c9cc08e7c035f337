"""What is achieved in each task without learning, and whether the spikes matter for it.

python benchmarks/baselines.py --workers 6 --output out

A policy written by hand beside those that cannot do it (`livn.tasks.compare`): mean return over
episodes and its standard error. Writes baselines.json. `--noise 5` lets all see detected spikes,
behind an amplifier with that noise.
"""

import argparse
import json
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import gymnasium as gym
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

import livn.tasks
from livn.io.amplifier import Amplifier

SIDE = np.repeat([-1.0, 1.0], 4)  # of the sensory electrodes of EI2, from left to right


def feedback(task, observation):
    """Stimulate the more, the further the rate is and has been below its target."""
    return task.feedback(observation)


def pulse_and_wait(task, observation):
    """Stimulate all electrodes once the last burst is 100 ms ago."""
    return np.full(16, float(observation[-1] > 0.1))


def weak(task, observation):
    """Stimulate one electrode."""
    return 0.6 * (np.arange(16) == 5)


def code(task, observation):
    """Stimulate as the code of the game says."""
    return task.code(observation)


def side_of_the_fall(task, observation):
    """Stimulate the whole side to which the pole falls."""
    return SIDE * (observation[:4] @ [0.1, 0.3, 1.0, 1.0]) > 0


def side_of_the_ball(task, observation):
    """Stimulate the whole side on which the ball is, unless the paddle is before it."""
    beside = observation[1] - observation[4]
    return (SIDE * beside > 0) & (abs(beside) > 0.1)


CASES = [
    ("RateControl", feedback, {"max_steps": 100}),
    ("EvokeBursts", pulse_and_wait, {"max_steps": 100}),
    ("SuppressBursts", weak, {"max_steps": 100}),
    ("CartPole", code, {"max_steps": 200}),
    ("CartPole", side_of_the_fall, {"max_steps": 200}),
    ("Pong", code, {}),
    ("Pong", side_of_the_ball, {}),
]


def one(name, policy, fields, episodes, amplifier):
    """Return the returns of the policy and its baselines."""
    warnings.simplefilter("ignore")
    made = {"disable_env_checker": True, "amplifier": amplifier, **fields}
    env = gym.make(f"livn/EI2-{name}-v0", **made)
    task = env.unwrapped.decoding
    decide = lambda observation: np.asarray(policy(task, observation), np.float32)  # noqa: E731
    found = livn.tasks.compare(env, decide, episodes)
    env.close()
    return {key: returns.tolist() for key, returns in found.items()}


def main():
    """Play every case and print a table."""
    parser = argparse.ArgumentParser(description="What is achieved without learning.")
    tasks = list(dict.fromkeys(name for name, _, _ in CASES))
    parser.add_argument("--tasks", nargs="+", choices=tasks, default=tasks)
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--output", type=Path, default=Path())
    parser.add_argument("--noise", type=float, help="of an amplifier, uV; none without")
    parser.add_argument("--blanking", type=float, help="of it, ms")
    parser.add_argument("--dropout", type=float, default=0.0, help="of it")
    asked = parser.parse_args()
    cases = [case for case in CASES if case[0] in asked.tasks]
    amplifier = None
    if asked.noise is not None:
        amplifier = Amplifier(asked.noise, blanking_ms=asked.blanking, dropout=asked.dropout)
    with ProcessPoolExecutor(asked.workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(one, *case, asked.episodes, amplifier) for case in cases]
        found = [future.result() for future in waiting]
    asked.output.mkdir(parents=True, exist_ok=True)
    rows = [
        {"task": name, "policy": policy.__name__, "fields": fields, "returns": returns}
        for (name, policy, fields), returns in zip(cases, found, strict=True)
    ]
    (asked.output / "baselines.json").write_text(json.dumps(rows))
    table = Table("task", "by hand", *found[0], box=box.MARKDOWN)
    for row in rows:
        told = [
            f"{np.mean(r):.1f} ± {np.std(r, ddof=1) / np.sqrt(len(r)):.1f}"
            for r in row["returns"].values()
        ]
        table.add_row(row["task"], row["policy"].replace("_", " "), *told)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
