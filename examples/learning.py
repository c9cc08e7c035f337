"""What the learning examples share: PPO over seeds, a curve beside the baselines, a table."""

import argparse
import json
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from matplotlib.figure import Figure
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

import livn.tasks
from livn.plots.style import FAINT, INK, PALETTE, bare

HELD_OUT = 10_000  # seed of the first episode of the comparison; training begins below
BINS = 20  # of a curve
LINES = {
    "zero": "no action",
    "random": "random actions",
    "shuffled": "shuffled observations",
    "zero_spikes": "without spikes",
    "shuffled_spikes": "shuffled spikes",
}
REFERENCES = {"open_loop": ("best constant strength", ":"), "feedback": ("feedback by hand", "-.")}


def arguments(description, steps, episodes, copies=1, **task):
    """Return the options of a learning example, among them fields of its task."""
    parser = argparse.ArgumentParser(description=description)
    for name, value in task.items():
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, type=type(value), default=value, help="of the task")
    parser.add_argument("--system", default="EI2")
    parser.add_argument("--seeds", type=int, default=3, help="how many times to learn")
    parser.add_argument("--steps", type=int, default=steps, help="of the environment, each")
    parser.add_argument("--copies", type=int, default=copies, help="it learns from at a time")
    parser.add_argument("--minutes", type=float, default=60.0, help="after which learning stops")
    parser.add_argument("--episodes", type=int, default=episodes, help="of the comparison")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--output", type=Path, default=Path())
    return parser.parse_args()


class Clock(BaseCallback):
    """Notes the return of every episode that ends, and stops in time."""

    def __init__(self, minutes):
        super().__init__()
        self.deadline, self.curve = time.monotonic() + 60 * minutes, []

    def _on_step(self):
        ended = [info["episode"]["r"] for info in self.locals["infos"] if "episode" in info]
        self.curve += [(self.num_timesteps, float(r)) for r in ended]
        return time.monotonic() < self.deadline


def learn(id, seed, asked, task, ppo, shown=HELD_OUT):
    """Learn with PPO and return its curve and how it compares, with a trace of one episode.

    Args:
        id: of the environment.
        seed: of everything random.
        asked: what `arguments` returned.
        task: fields of the task.
        ppo: arguments of PPO.
        shown: seed of the episode of the trace.
    """
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    envs = DummyVecEnv([lambda: Monitor(livn_env(id, task)) for _ in range(asked.copies)])
    agent = PPO("MlpPolicy", envs, seed=seed, device="cpu", **ppo)
    clock = Clock(asked.minutes)
    start = time.process_time()
    agent.learn(asked.steps, callback=clock)
    seconds = time.process_time() - start
    envs.close()
    env = livn_env(id, task)
    policy = lambda observation: agent.predict(observation, deterministic=True)[0]  # noqa: E731
    found = livn.tasks.compare(env, policy, asked.episodes, HELD_OUT)
    trace = traced(env, policy, shown)
    env.close()
    returns = {name: values.tolist() for name, values in found.items()}
    return {
        "seed": seed, "steps": agent.num_timesteps, "cpu_s": round(seconds, 1),
        "curve": clock.curve, "returns": returns, "trace": trace,
    }  # fmt: skip


def livn_env(id, task):
    """Return the environment, made to be rendered."""
    return gym.make(id, render_mode="rgb_array", disable_env_checker=True, **task)


def traced(env, policy, seed):
    """Return numbers of each step of an episode, and its last picture."""
    observation, info = env.reset(seed=seed)
    rows, ended = [], False
    while not ended:
        action = policy(observation)
        observation, reward, terminated, truncated, info = env.step(action)
        kept = {k: v for k, v in info.items() if isinstance(v, int | float | list)}
        rows.append({**kept, "strength": float(np.maximum(action, 0).mean()), "reward": reward})
        ended = terminated or truncated
    return {"rows": rows, "picture": env.render().tolist()}


def over_seeds(function, asked, *rest):
    """Return what a function gives for each seed, computed in `asked.workers` processes."""
    seeds = range(asked.seeds)
    if asked.workers == 1:
        return [function(seed, asked, *rest) for seed in seeds]
    with ProcessPoolExecutor(asked.workers, mp_context=get_context("spawn")) as pool:
        return [f.result() for f in [pool.submit(function, seed, asked, *rest) for seed in seeds]]


def means(results):
    """Return mean and standard deviation over seeds of the mean return of each policy."""
    each = {name: [np.mean(r["returns"][name]) for r in results] for name in results[0]["returns"]}
    return {name: (float(np.mean(v)), float(np.std(v))) for name, v in each.items()}


def draw_curves(ax, results, ylabel):
    """Draw the return of training episodes of each seed, and the baselines as lines."""
    for result in results:
        if not result["curve"]:  # no episode has ended yet
            continue
        steps, returns = np.array(result["curve"], float).reshape(-1, 2).T
        ax.plot(steps, returns, ".", ms=2, color=FAINT)
        part = steps * BINS // (steps.max() + 1)
        each = [part == k for k in np.unique(part)]
        ax.plot([steps[p].mean() for p in each], [returns[p].mean() for p in each],
                color=PALETTE[0], lw=1.5, alpha=0.6)  # fmt: skip
    found = means(results)
    colours = dict(zip(LINES, PALETTE[1:], strict=False))
    for name, label in LINES.items():
        if name in found:
            ax.axhline(found[name][0], color=colours[name], lw=1, ls="--", label=label)
    for name, (label, style) in REFERENCES.items():
        if name in found:
            ax.axhline(found[name][0], color=INK, lw=1, ls=style, label=label)
    ax.axhline(found["policy"][0], color=INK, lw=1.5, label="learned, not exploring")
    ax.set(xlabel="steps", ylabel=ylabel)
    ax.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    bare(ax)


def report(name, asked, results, draw_trace, ylabel):
    """Write the curves, the trace and the last picture as PNG and the numbers as JSON."""
    asked.output.mkdir(parents=True, exist_ok=True)
    figure = Figure((9.0, 6.0), dpi=110, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.1, 1.0))
    draw_curves(above.subplots(), results, ylabel)
    draw_trace(below, results[0]["trace"]["rows"])
    figure.savefig(asked.output / f"{name}.png")
    picture = np.array(results[0]["trace"].pop("picture"), np.uint8)
    shown = Figure(np.array(picture.shape[1::-1]) / 100, dpi=100)
    shown.figimage(picture)
    shown.savefig(asked.output / f"{name}_env.png")
    for result in results[1:]:
        result.pop("trace")
    table = means(results)
    kept = {"command": vars(asked), "means": table, "results": results}
    (asked.output / f"{name}.json").write_text(json.dumps(kept, default=str))
    for policy, (mean, deviation) in table.items():
        print(f"{policy:16} {mean:8.2f} +- {deviation:.2f}")
