"""PPO learns to hold the firing rate of a culture that answers differently in every episode.

python examples/rate_control.py --seeds 3 --workers 3 --output out

Beside the usual baselines stand two that know the task: the best constant strength for each
target, and feedback by hand. Writes rate_control.png, rate_control_env.png, rate_control.json.
"""

from functools import partial

import numpy as np
from learning import HELD_OUT, arguments, bare, learn, livn_env, over_seeds, report, traced

from livn.plots.style import FAINT, INK, PALETTE
from livn.tasks.baselines import play
from livn.tasks.rate import RATE_SCALE

PPO = {"n_steps": 64, "batch_size": 64, "n_epochs": 10, "gamma": 0.9, "gae_lambda": 0.9,
       "learning_rate": 1e-3, "policy_kwargs": {"log_std_init": -0.5}}  # fmt: skip
STRENGTHS = np.linspace(0.15, 0.65, 11)  # among which the best constant one is sought
CALIBRATION = 20_000  # seed of the first episode of it
SHOWN = HELD_OUT + 6  # seed of an episode of the comparison in which the efficacy falls by half


def one(seed, asked):
    """Learn once."""
    id, task = f"livn/{asked.system}-RateControl-v0", {"max_steps": asked.max_steps}
    return learn(id, seed, asked, task, PPO, SHOWN)


def rates(env, strength, seed):
    """Return the rate after each step of an episode of constant strength, Hz."""
    env.reset(seed=seed)
    action = np.full(env.action_space.shape, strength, np.float32)
    max_steps = env.unwrapped.decoding.max_steps
    return [env.step(action)[-1]["rate_hz"] for _ in range(max_steps)]


def best_constant(env, episodes):
    """Return the policy of the constant strength that earns most for a target, on average.

    The target decides nothing but the reward, so that episodes of one strength tell what it
    earns for all targets.
    """
    seeds = range(CALIBRATION, CALIBRATION + episodes)
    found = np.array([[rates(env, strength, seed) for seed in seeds] for strength in STRENGTHS])
    targets = np.linspace(*env.unwrapped.decoding.target, 21)
    errors = np.abs(found[..., None] - targets) / targets
    earned = -np.minimum(errors, 1.0).mean((1, 2))  # of each strength for each target
    best = STRENGTHS[earned.argmax(0)]

    def policy(observation):
        strength = np.interp(RATE_SCALE * observation[-3], targets, best)
        return np.full(env.action_space.shape, strength, np.float32)

    return policy


def references(asked):
    """Return the returns of what needs no learning, and the rows of one at constant strength."""
    env = livn_env(f"livn/{asked.system}-RateControl-v0", {"max_steps": asked.max_steps})
    open_loop = best_constant(env, asked.episodes)
    policies = {"open_loop": open_loop, "feedback": env.unwrapped.decoding.feedback}
    seeds = range(HELD_OUT, HELD_OUT + asked.episodes)
    found = {name: [play(env, p, seed)[0] for seed in seeds] for name, p in policies.items()}
    rows = traced(env, open_loop, SHOWN)["rows"]
    env.close()
    return found, rows


def draw_trace(constant, figure, rows):
    """Draw the rate beside its target, and strength beside efficacy."""
    seconds = [0.05 * k for k in range(1, len(rows) + 1)]
    rate, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    rate.plot(seconds, [r["rate_hz"] for r in constant], color=FAINT, label="constant strength")
    rate.plot(seconds, [r["rate_hz"] for r in rows], color=PALETTE[0], label="trained policy")
    rate.plot(seconds, [r["target_hz"] for r in rows], color=INK, ls="--", label="target")
    rate.set(ylabel="rate (Hz)", ylim=(0, None))
    rate.set_title("what the trained policy does, one episode", fontsize=9)
    below.plot(seconds, [r["efficacy"] for r in rows], color=PALETTE[2], label="efficacy")
    below.step(seconds, [r["strength"] for r in rows], color=PALETTE[1], where="pre",
               label="mean strength")  # fmt: skip
    below.set(ylim=(0, 1), xlabel="time (s)")
    for ax in (rate, below):
        ax.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
        bare(ax)


def main():
    """Learn, compare and draw."""
    description = "PPO holds the firing rate of a culture."
    asked = arguments(description, steps=20_000, episodes=8, copies=4, max_steps=100)
    found, constant = references(asked)
    results = over_seeds(one, asked)
    for result in results:
        result["returns"] |= found
    ylabel = f"return of {asked.max_steps} steps"
    report("rate_control", asked, results, partial(draw_trace, constant), ylabel)


if __name__ == "__main__":
    main()
