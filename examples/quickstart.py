"""Stimulate a culture of 100 neurons and print what its electrodes hear.

python examples/quickstart.py [picture.png]
"""

import sys
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from livn import Stimulus, make, plots

DURATION = 400.0  # ms
PULSE = 250.0  # ms, when the electrode acts
WINDOW = 100.0  # ms before and after it that are compared
AMPLITUDE = 20.0  # uA
CHANNEL = 5


def main(picture: str = "quickstart.png") -> None:
    """Run the culture, print spikes per electrode around the pulse, draw the raster."""
    start = time.perf_counter()
    env = make("EI2").record_spikes()
    pulse = Stimulus.biphasic_pulse(
        env.io.num_channels, [CHANNEL], amplitude=AMPLITUDE, pulse_times=[PULSE]
    )
    run = env.run(DURATION, env.cell_stimulus(pulse))
    _, heard = env.channel_recording(run.spike_ids, run.spike_times)

    table = Table("electrode", "before", "after", title=f"spikes within {WINDOW:.0f} ms")
    for channel, times in heard.items():
        before = np.sum((times >= PULSE - WINDOW) & (times < PULSE))
        after = np.sum((times >= PULSE) & (times < PULSE + WINDOW))
        mark = f" <- {AMPLITUDE:g} uA" if channel == CHANNEL else ""
        table.add_row(str(channel), str(before), f"{after}{mark}")
    plots.raster(run, env.system, stimulus=[PULSE]).savefig(picture)

    console = Console()
    console.print(table)
    console.print(f"{len(run.spike_ids)} spikes of {env.system.num_neurons} neurons; {picture}")
    console.print(f"{DURATION:g} ms of culture in {time.perf_counter() - start:.1f} s")
    console.print(env.describe())


if __name__ == "__main__":
    main(*sys.argv[1:])
