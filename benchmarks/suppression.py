"""What stimulation does to the time a culture spends in bursts: what was tried to suppress them.

python benchmarks/suppression.py --episodes 6

SuppressBursts on EI2 in steps of 10 ms, so that pulses come at up to 100 Hz and 10 ms after what
they answer to. Each policy plays the same episodes of 5 s as doing nothing does: percent of the
time in bursts, bursts per second, and the difference from doing nothing with its standard error.
"""

import argparse

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from livn.tasks import single

STEP, STRONGEST = 10, 20.0  # ms, uA
EVERYWHERE = np.ones(16)
FEWEST = (7, 14, 11, 2, 3, 0)  # electrodes that excite fewest cells directly


def site(k, electrodes):
    """Return one of the electrodes, in turn."""
    return np.isin(np.arange(16), electrodes[k * 7 % len(electrodes)])


def always(amplitude):
    """All electrodes in every step."""
    return lambda k, wait, bursting: amplitude * EVERYWHERE


def in_turn(period, amplitude, electrodes=tuple(range(16))):
    """One electrode after another, one pulse each `period` ms."""
    every = period // STEP
    return lambda k, wait, bursting: amplitude * (k % every == 0) * site(k // every, electrodes)


def after(start, stop, amplitude):
    """All electrodes from `start` to `stop` ms after a burst, while cells are refractory."""
    return lambda k, wait, bursting: (
        amplitude * (start <= wait < stop and not bursting) * EVERYWHERE
    )


def fading(stop, amplitude):
    """All electrodes after a burst, less and less."""
    return lambda k, wait, bursting: (
        amplitude * max(0, 1 - wait / stop) * (not bursting) * EVERYWHERE
    )


def volleys(period, amplitude):
    """All electrodes every `period` ms, for many short bursts in place of few long ones."""
    return lambda k, wait, bursting: amplitude * (k * STEP % period == 0) * EVERYWHERE


def volley_after(start, amplitude):
    """All electrodes once the last burst is `start` ms ago."""
    return lambda k, wait, bursting: amplitude * (wait >= start) * EVERYWHERE


POLICIES = {
    "nothing": always(0.0),
    **{f"all electrodes at 100 Hz, {a} uA": always(a) for a in (0.5, 1.0, 2.0, 3.0)},
    **{f"one in turn every {p} ms, {a} uA": in_turn(p, a)
       for p, a in ((10, 5.0), (20, 5.0), (50, 5.0), (20, 8.0), (50, 12.0))},
    "one of those with few cells every 20 ms, 8 uA": in_turn(20, 8.0, FEWEST),
    "one electrode every 50 ms, 5 uA": in_turn(50, 5.0, (6,)),
    "all for 60 ms after a burst, 3.5 uA": after(0, 60, 3.5),
    "all for 140 ms after a burst, 2.2 uA": after(0, 140, 2.2),
    "all after a burst, fading over 200 ms, from 3 uA": fading(200, 3.0),
    "all every 200 ms, 12 uA": volleys(200, 12.0),
    "all 180 ms after a burst, 20 uA": volley_after(180, 20.0),
}  # fmt: skip


def played(env, policy, seed, steps):
    """Return percent of the time in bursts, and bursts per second, of an episode."""
    observation, _ = env.reset(seed=seed)
    total = 0.0
    for k in range(steps):
        wait, bursting = 1000 * observation[-1], observation[-2]
        action = np.asarray(policy(k, wait, bursting) / STRONGEST, np.float32)
        observation, *_, info = env.step(action)
        total += info["bursting_ms"]
    seconds = steps * STEP / 1000
    return total / seconds / 10, info["n_bursts"] / seconds


def main():
    """Play all policies and print a table."""
    parser = argparse.ArgumentParser(description="What stimulation does to bursts.")
    parser.add_argument("--episodes", type=int, default=6)
    parser.add_argument("--seed", type=int, default=200, help="of the first episode")
    asked = parser.parse_args()
    steps = 500
    env = single("SuppressBursts", max_amplitude=STRONGEST, duration=STEP, max_steps=steps)
    seeds = range(asked.seed, asked.seed + asked.episodes)
    found = {
        name: np.array([played(env, policy, seed, steps) for seed in seeds])
        for name, policy in POLICIES.items()
    }
    env.close()
    table = Table("policy", "% in bursts", "bursts / s", "more % than nothing", box=box.MARKDOWN)
    for name, each in found.items():
        more = each[:, 0] - found["nothing"][:, 0]
        error = more.std(ddof=1) / np.sqrt(len(more))
        share, rate = each.mean(0)
        table.add_row(name, f"{share:.1f}", f"{rate:.1f}", f"{more.mean():+.1f} ± {error:.1f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
