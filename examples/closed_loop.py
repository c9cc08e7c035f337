"""Keep a culture from falling silent: listen behind a real amplifier, stimulate as a CL1 may.

python examples/closed_loop.py [--system EI2] [--seconds 5] [--picture closed_loop.png]

Every 50 ms the program gets the spikes that a threshold of 5 sigma finds on each electrode; if they
are fewer than three, all electrodes pulse once. The same time without pulses is the comparison.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

import livn
from livn.env.loop import Recording, read_recording
from livn.io import Platform
from livn.io.amplifier import Amplifier
from livn.io.detection import Detector, agreement
from livn.plots.style import PALETTE, bare
from livn.stimulus import BurstPolicy, ChannelSet

TICKS = 20  # per second
FRAME = 0.04  # ms
AMPLIFIER = Amplifier(noise_uv=5.0, artefact_uv=100.0, artefact_tau_ms=0.5, blanking_ms=1.0)
SHOWN = 150.0  # ms of one electrode in the picture


def calibrate(env):
    """Return a detector for the noise of one second."""
    ticks = env.loop(TICKS, stop_after_seconds=1, frames=True, amplifier=AMPLIFIER)
    frames = np.concatenate([tick.frames for tick in ticks])
    return Detector.calibrated(0.195 * frames.T, FRAME, n_sigma=5.0)


def play(env, detector, seconds, path, few):
    """Run for some seconds, stimulating after ticks with fewer spikes than `few`."""
    everywhere = ChannelSet.all(env.io.num_channels)
    pulse = BurstPolicy(channels=everywhere, phases=3.0, start_ms=1.0)
    recording = Recording(path)
    heard = recording.stream("heard")
    true = [[], []]
    loop = env.loop(
        TICKS,
        stop_after_seconds=seconds,
        amplifier=AMPLIFIER,
        detector=detector,
        recording=recording,
    )
    for tick in loop:
        heard.append(tick.iteration_timestamp, len(tick.analysis.spikes))
        _, times = env.channel_recording(tick.run.spike_ids, tick.run.spike_times)
        for channel, own in enumerate(times.values()):
            true[0] += (tick.run.t0 + own).tolist()
            true[1] += [channel] * len(own)
        if len(tick.analysis.spikes) < few:
            tick.stimulate(pulse)
    found = read_recording(path)
    spikes = found.times_ms(), found.spikes["channel"].astype(int)
    return found, agreement(spikes, (np.array(true[0]), np.array(true[1], int)), 1.5)


def draw(found, detector, picture):
    """Draw one electrode around a stimulus, and what all electrodes detected."""
    figure = Figure((8, 5), layout="constrained")
    trace, raster = figure.subplots(2, 1, height_ratios=(1, 1.4))
    stims, times = found.times_ms("stims"), found.times_ms()
    start = found.attributes["start_timestamp"] * FRAME
    counts = np.bincount(found.spikes["channel"], minlength=found.samples.shape[1])
    channel = int(counts.argmax())
    own = times[found.spikes["channel"] == channel]
    after = [np.sum((own > stim) & (own < stim + SHOWN / 2)) for stim in stims]
    centre = stims[np.argmax(after)] if len(stims) else start + SHOWN
    clock = start + FRAME * np.arange(len(found.samples))
    near = np.abs(clock - centre) < SHOWN / 2
    trace.plot(clock[near], 0.195 * found.samples[near, channel], color="#333333", linewidth=0.5)
    level = detector.threshold_uv[channel]
    trace.axhline(level, color=PALETTE[1], linewidth=0.8)
    own = own[np.abs(own - centre) < SHOWN / 2]
    trace.plot(own, np.full(len(own), 1.6 * level), "^", color=PALETTE[0], markersize=4)
    trace.set(ylabel=f"electrode {channel}, µV", xlim=(centre - SHOWN / 2, centre + SHOWN / 2))
    for time in np.unique(stims):
        for axes in (trace, raster):
            axes.axvline(time, color=PALETTE[5], linewidth=1, zorder=0)
    raster.plot(times, found.spikes["channel"], "|", color=PALETTE[0], markersize=4)
    raster.set(xlabel="ms", ylabel="electrode", xlim=(clock[0], clock[-1]))
    bare(trace)
    bare(raster)
    figure.savefig(picture, dpi=110)


def main():
    """Run the culture with and without the loop, print what came of it, draw the first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", default="EI2")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--picture", default="closed_loop.png")
    options = parser.parse_args()

    env = livn.make(options.system, backend="native")
    env.io = Platform(env.io, "cl1")
    detector = calibrate(env)
    table = Table("", "spikes/s", "quiet ticks", "pulses", "precision", "recall")
    with TemporaryDirectory() as folder:
        for name, few in (("left alone", 0), ("closed loop", 3)):
            path = Path(folder) / f"{few}.h5"
            env.clear()
            found, score = play(env, detector, options.seconds, path, few)
            heard = np.array([value for _, value in found.streams["heard"]])
            table.add_row(
                name,
                f"{len(found.spikes) / options.seconds:.0f}",
                f"{np.mean(heard < 3):.0%}",
                f"{len(np.unique(found.stims['timestamp']))}",
                f"{score.precision:.2f}",
                f"{score.recall:.2f}",
            )
    draw(found, detector, options.picture)
    console = Console()
    console.print(table)
    console.print(f"{options.seconds:g} s of {options.system} on a CL1; {options.picture}")


if __name__ == "__main__":
    main()
