"""Draw the pictures of README.md into docs/: python tools/draw_pictures.py"""

from pathlib import Path

from livn import Stimulus, make, plots

DOCS = Path(__file__).resolve().parents[1] / "docs"
WARM_UP = 300.0  # ms
DURATION = 2000.0  # ms
CHANNEL = 27
AMPLITUDE = 20.0  # uA
PULSES = (500.0, 1000.0, 1500.0)  # ms


def main() -> None:
    """Run EI3 under three pulses and draw its raster and its electrodes."""
    env = make("EI3", backend="native").record_spikes()
    pulses = Stimulus.biphasic_pulse(
        env.io.num_channels, [CHANNEL], amplitude=AMPLITUDE, pulse_times=PULSES
    )
    env.run(WARM_UP)
    run = env.run(DURATION, env.cell_stimulus(pulses))
    DOCS.mkdir(exist_ok=True)
    plots.raster(run, env.system, stimulus=PULSES).savefig(DOCS / "raster.png", dpi=150)
    figure = plots.electrode_array(env.system, env.io, reach=[CHANNEL])
    figure.savefig(DOCS / "array.png", dpi=150)
    rate = len(run.spike_ids) / env.system.num_neurons / (DURATION / 1000)
    print(f"{env.describe()}: {rate:.1f} Hz under stimulation; pictures in {DOCS}")


if __name__ == "__main__":
    main()
