"""PPO learns to hold the firing rate of a culture.

python examples/rate_control.py --seeds 3 --workers 3 --output out

Writes rate_control.png, rate_control_env.png, rate_control.json; about 6 minutes a seed.
"""

from learning import arguments, bare, learn, over_seeds, report

from livn.plots.style import INK, PALETTE

TASK = {"max_steps": 100}
PPO = {"n_steps": 64, "batch_size": 64, "n_epochs": 10, "gamma": 0.9, "gae_lambda": 0.9,
       "learning_rate": 1e-3, "policy_kwargs": {"log_std_init": -0.5}}  # fmt: skip


def one(seed, asked):
    """Learn once."""
    return learn(f"livn/{asked.system}-RateControl-v0", seed, asked, TASK, PPO)


def draw_trace(figure, rows):
    """Draw the rate beside its target, and how much is stimulated."""
    seconds = [0.05 * k for k in range(1, len(rows) + 1)]
    rate, charge = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    rate.plot(seconds, [r["target_hz"] for r in rows], color=INK, ls="--", label="target")
    rate.plot(seconds, [r["rate_hz"] for r in rows], color=PALETTE[0], label="rate")
    rate.set(ylabel="rate (Hz)", ylim=(0, None))
    rate.legend(fontsize=7, frameon=False, loc="lower right")
    rate.set_title("what the trained policy does, one episode", fontsize=9)
    charge.step(seconds, [r["charge_nc"] for r in rows], color=PALETTE[2])
    charge.set(ylabel="charge of a pulse\non all electrodes (nC)", xlabel="time (s)")
    for ax in (rate, charge):
        bare(ax)


def main():
    """Learn, compare and draw."""
    asked = arguments("PPO holds the firing rate of a culture.", steps=20_000, episodes=5, copies=4)
    report("rate_control", asked, over_seeds(one, asked), draw_trace, "return of 100 steps")


if __name__ == "__main__":
    main()
