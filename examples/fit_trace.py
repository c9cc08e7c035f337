"""Fit cell parameters to a recorded voltage trace by gradient descent.

python examples/fit_trace.py    writes fit_trace.png

A leaky cell with unknown leak, time constant and resting potential is recorded, with noise of the
amplifier, while a current changes every 5 ms. Only the recording and the current are used.
"""

import sys

import jax
import matplotlib
import numpy as np
import optax

from livn import Env, Stimulus
from livn.env.functional import functional
from livn.fit import fit, trace

matplotlib.use("Agg")
import matplotlib.pyplot as plt

TRUE = {"cells-EXC:soma.g_L": 16.0, "cells-EXC:soma.tau_m": 7.0, "cells-EXC:soma.E_L": -64.0}
START = {"cells-EXC:soma.g_L": 10.0, "cells-EXC:soma.tau_m": 15.0, "cells-EXC:soma.E_L": -72.0}
UNITS = {"g_L": "nS", "tau_m": "ms", "E_L": "mV"}
DURATION, AMPLIFIER = 200, 0.3  # ms, mV


def main(path: str = "fit_trace.png", steps: int = 500) -> dict[str, float]:
    """Fit, draw before and after, and return the parameters found."""
    steps = int(steps)
    env = Env(1, "LIF", backend="diffrax").init().record_voltage(dt=0.5)
    dish, rng = functional(env), np.random.default_rng(1)
    current = Stimulus.from_current(rng.uniform(-0.1, 0.15, (DURATION // 5, 1)), dt=5.0)
    voltage = jax.jit(lambda p: dish.set_params(p).run(DURATION, current).voltage)
    noise = rng.normal(0.0, AMPLIFIER, (1, 2 * DURATION))
    recorded = np.asarray(voltage(TRUE)) + noise

    found, history = fit(
        dish,
        lambda dish, p: trace(dish.set_params(p).run(DURATION, current).voltage, recorded),
        START,
        optax.adam(optax.exponential_decay(0.6, steps, 0.1)),
        steps,
        lambda k, loss: print(f"{k:4d} {loss:9.4f} mV2") if k % 50 == 0 else None,
    )
    for key, value in found.items():
        unit = UNITS[key.split(".")[-1]]
        print(f"{key:22s} {START[key]:7.2f} -> {value:7.2f} {unit} (true {TRUE[key]:7.2f})")

    t = np.arange(2 * DURATION) * 0.5
    fig, (top, bottom) = plt.subplots(2, 1, figsize=(7, 5), height_ratios=(2, 1))
    top.plot(t, recorded[0], color="0.7", lw=2, label="recorded")
    top.plot(t, voltage(START)[0], color="C1", label="before")
    top.plot(t, voltage(found)[0], color="C0", label="after")
    top.set(xlabel="time (ms)", ylabel="V (mV)", xlim=(0, DURATION))
    top.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1))
    bottom.semilogy(history.loss, color="0.3")
    bottom.axhline(np.mean(noise**2), color="0.7", ls="--")
    bottom.text(steps, 1.3 * np.mean(noise**2), "noise of the amplifier", ha="right", color="0.5")
    bottom.set(xlabel="step", ylabel="loss (mV$^2$)", xlim=(0, steps))
    for ax in (top, bottom):
        ax.spines[["top", "right"]].set_visible(False)
    fig.tight_layout()
    fig.savefig(path, dpi=120)
    return {key: float(value) for key, value in found.items()}


if __name__ == "__main__":
    main(*sys.argv[1:])
