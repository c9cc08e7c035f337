"""PPO learns when to pulse so that a culture bursts as often as it can.

python examples/bursts.py --seeds 3 --workers 3 --output out

A pulse on all electrodes evokes a burst, but not soon after another, and bursts less than 100 ms
apart are one: the agent has to pulse and wait. Writes bursts.png, bursts_env.png, bursts.json.
"""

from learning import arguments, bare, learn, over_seeds, report

from livn.plots.style import PALETTE

PPO = {"n_steps": 64, "batch_size": 64, "n_epochs": 10, "gamma": 0.9, "gae_lambda": 0.9,
       "learning_rate": 1e-3, "policy_kwargs": {"log_std_init": -0.5}}  # fmt: skip


def draw_trace(figure, rows):
    """Draw how long it bursts in each step, and how strongly it is stimulated."""
    seconds = [0.05 * k for k in range(1, len(rows) + 1)]
    bursting, strength = figure.subplots(2, 1, sharex=True)
    bursting.bar(seconds, [r["bursting_ms"] for r in rows], 0.05, color=PALETTE[0])
    bursting.set(ylabel="in bursts (ms of 50)")
    bursting.set_title("what the trained policy does, one episode", fontsize=9)
    strength.bar(seconds, [r["strength"] for r in rows], 0.05, color=PALETTE[1])
    strength.set(ylim=(0, 1), ylabel="mean strength", xlabel="time (s)")
    for ax in (bursting, strength):
        bare(ax)


def one(seed, asked):
    """Learn once."""
    id, task = f"livn/{asked.system}-EvokeBursts-v0", {"max_steps": asked.max_steps}
    return learn(id, seed, asked, task, PPO)


def main():
    """Learn, compare and draw."""
    description = "PPO evokes bursts."
    asked = arguments(description, steps=10_000, episodes=5, copies=4, max_steps=100)
    results = over_seeds(one, asked)
    report("bursts", asked, results, draw_trace, f"bursts in {asked.max_steps} steps")


if __name__ == "__main__":
    main()
