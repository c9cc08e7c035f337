"""PPO learns to tell a culture of a pole, so that the culture balances it.

python examples/cartpole.py --seeds 3 --workers 3 --output out

The agent sees cart and spikes and stimulates the sensory half of the array; the motor half pushes
the cart. Writes cartpole.png, cartpole_env.png, cartpole.json; about 6 minutes a seed.
"""

from learning import arguments, bare, learn, over_seeds, report

from livn.plots.style import PALETTE

PPO = {"n_steps": 64, "batch_size": 128, "n_epochs": 10, "gamma": 0.97, "gae_lambda": 0.9,
       "learning_rate": 1e-3, "ent_coef": 0.0}  # fmt: skip


def draw_trace(figure, rows):
    """Draw what the pole does and how it is pushed."""
    seconds = [0.02 * k for k in range(len(rows))]
    angle, push = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    angle.plot(seconds, [r["cart"][2] for r in rows], color=PALETTE[0], label="angle (rad)")
    angle.plot(seconds, [r["cart"][0] for r in rows], color=PALETTE[1], label="position (m)")
    angle.legend(fontsize=7, frameon=False)
    angle.set_title("what the trained policy does, one episode", fontsize=9)
    push.step(seconds, [r["push"] for r in rows], color=PALETTE[2], lw=0.8)
    push.set(yticks=[0, 1], yticklabels=["left", "right"], ylabel="push", xlabel="time (s)")
    for ax in (angle, push):
        bare(ax)


def one(seed, asked):
    """Learn once."""
    task = {"max_steps": asked.max_steps, "blanking": asked.blanking}
    return learn(f"livn/{asked.system}-CartPole-v0", seed, asked, task, PPO)


def main():
    """Learn, compare and draw."""
    description = "PPO balances a pole through a culture."
    asked = arguments(description, steps=40_000, episodes=10, copies=8, max_steps=200, blanking=0.0)
    results = over_seeds(one, asked)
    ylabel = f"steps balanced (of {asked.max_steps})"
    report("cartpole", asked, results, draw_trace, ylabel)


if __name__ == "__main__":
    main()
