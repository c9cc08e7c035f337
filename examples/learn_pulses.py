"""Learn an electrode pulse train that makes a culture fire a wanted pattern.

python examples/learn_pulses.py    writes learn_pulses.png

The culture is EI2, 100 cells with dendrites under 16 electrodes. The pattern is what cells did
under pulses that are not known to the learner: it sees who fired when, and finds commands of 16
electrodes that come close. Gradients are cut every 5 ms, because they explode along the culture's
recurrent excitation, and the surrogate is damped.
"""

import sys

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax

from livn import Env
from livn.backend.diffrax.surrogate import Surrogate
from livn.env.functional import functional
from livn.fit import fit, van_rossum

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DURATION, STEP, DT = 12, 1.0, 0.05  # ms: of all, of a command, of the simulation
LIMIT = 40.0  # uA
WEIGHT = 0.1  # at 1 this culture, which has no tuned weights, fires by itself
SURROGATE = Surrogate(width=10.0, damping=0.3)


def commands(free):
    """Return commands within the limit, uA: each phase is followed by its opposite."""
    half = LIMIT * jnp.tanh(free)
    return jnp.stack([half, -half], axis=1).reshape(-1, half.shape[1])


def main(path: str = "learn_pulses.png", steps: int = 80) -> tuple[float, float]:
    """Learn, draw before and after, and return the first and the smallest loss."""
    steps = int(steps)
    env = Env("EI2", "PinskyRinzel", backend="diffrax").init().record_spikes()
    env.set_weights(dict.fromkeys(env.weight_names, WEIGHT))
    dish = functional(env, DT)
    rng = np.random.default_rng(2)
    n_phases, n_channels = round(DURATION / STEP / 2), env.io.num_channels
    secret = np.zeros((n_phases, n_channels))
    for phase, channel in ((0, 5), (1, 10), (3, 6), (4, 9)):
        secret[phase, channel] = -1.5
    options = {"truncate": 5.0, "surrogate": SURROGATE}

    @jax.jit
    def trains(free):
        played = dish.cell_stimulus(commands(free), STEP)
        return dish.run(DURATION, played, **options)["spike_train"].values

    def loss(dish, free):
        played = dish.cell_stimulus(commands(free), STEP)
        found = dish.run(DURATION, played, **options)["spike_train"].values
        return van_rossum(found, wanted, DT, tau=4.0)

    wanted = trains(secret)
    start = rng.normal(0.0, 0.05, secret.shape)
    found, history = fit(
        dish, loss, start, optax.adam(optax.exponential_decay(0.1, steps, 0.1)), steps,
        lambda k, value: print(f"{k:4d} {value:.4f}") if k % 10 == 0 else None,
    )  # fmt: skip
    draw(path, [wanted, trains(start), trains(found)], [secret, start, found], history.loss)
    return history.loss[0], min(history.loss)


def draw(path, rasters, frees, losses):
    """Draw rasters and commands of the pattern, before and after."""
    fig, axes = plt.subplots(2, 4, figsize=(12, 5.5), width_ratios=(1, 1, 1, 0.9))
    titles = ("wanted", "before", "after")
    for k, (title, raster, free) in enumerate(zip(titles, rasters, frees, strict=True)):
        cell, step = np.nonzero(np.asarray(raster))
        top, bottom = axes[0, k], axes[1, k]
        top.scatter(step * DT, cell, s=4, color=f"C{k}", lw=0)
        top.set(title=f"{title}: {len(cell)} spikes", xlim=(0, DURATION), ylim=(-1, 100))
        image = bottom.imshow(
            np.asarray(commands(free)).T, aspect="auto", cmap="RdBu_r", vmin=-LIMIT, vmax=LIMIT,
            extent=(0, DURATION, 15.5, -0.5), interpolation="nearest",
        )  # fmt: skip
        bottom.set(xlabel="time (ms)")
    axes[0, 0].set_ylabel("cell")
    axes[1, 0].set_ylabel("electrode")
    axes[0, 3].plot(losses, color="0.3")
    axes[0, 3].set(xlabel="step", ylabel="van Rossum distance", ylim=(0, None))
    axes[1, 3].axis("off")
    fig.colorbar(image, ax=axes[1, 3], label="command (µA)", location="left", fraction=0.6)
    for ax in axes[0]:
        ax.spines[["top", "right"]].set_visible(False)
    fig.tight_layout()
    fig.savefig(path, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
