"""What a tick loop and distributed cultures cost.

python benchmarks/closed_loop.py [--systems EI1 EI2] [--workers 1 2] [--seconds 5] [--json FILE]

Loop: seconds of culture per second of wall clock, and lateness when paced, at 100 ticks per second.
Distributed: trials of one second per second, and the share of that many workers that is used.
Detection: precision and recall behind amplifiers of several noise levels.
"""

import argparse
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

import livn
from livn.decoding import MeanFiringRate
from livn.env.distributed import DistributedEnv
from livn.env.loop import Recording
from livn.io import Platform
from livn.io.amplifier import Amplifier
from livn.io.detection import Detector, agreement
from livn.stimulus import BurstPolicy


def culture(system):
    """Return a culture on a CL1."""
    env = livn.make(system, backend="native")
    env.io = Platform(env.io, "cl1")
    return env


def loop_speed(system, seconds):
    """Return seconds of culture per second of a loop, by what it does."""
    env = culture(system)
    usable = env.io.device.usable(env.io.num_channels)
    pulse = BurstPolicy(channels=list(usable)[:1], phases=2.0)
    found = {}
    for what in ("plain run", "spikes", "stimulated", "frames", "frames, recorded"):
        with TemporaryDirectory() as folder:
            for length in (0.1, seconds):  # the first compiles
                env.clear()
                begin = perf_counter()
                if what == "plain run":
                    env.record_spikes().run(1e3 * length, dt=0.02)
                    continue
                options = {"frames": what.startswith("frames")}
                if what.endswith("recorded"):
                    options["recording"] = Recording(Path(folder) / f"{length}.h5")
                for tick in env.loop(100, stop_after_seconds=length, **options):
                    if what == "stimulated":
                        tick.stimulate(pulse)
            found[what] = seconds / (perf_counter() - begin)
        env.recorder.channels = {}
    return found


def pace(system, seconds):
    """Return mean, worst and number of late ticks of a loop that keeps pace."""
    env = culture(system)
    loop = env.loop(100, stop_after_seconds=seconds, paced=True)
    for _ in loop:
        pass
    return loop.jitter._asdict()


def distributed(system, workers, n_trials):
    """Return trials of a second per second."""
    with DistributedEnv(system, backend="native", workers=workers) as env:
        env.apply_default_params()
        decoding = MeanFiringRate(duration=1000)
        env(decoding, [None] * max(1, workers))  # compiles
        begin = perf_counter()
        env(decoding, [None] * n_trials)
        return n_trials / (perf_counter() - begin)


def detection(system, seconds, noise):
    """Return precision, recall and numbers of a threshold of 5 sigma."""
    env = culture(system).record_spikes().record_membrane_current(dt=0.04)
    run = env.run(1e3 * seconds, dt=0.02)
    potential = env.potential_recording(run.current, run.current_ids)
    _, heard = env.channel_recording(run.spike_ids, run.spike_times)
    channels = np.repeat(np.arange(len(heard)), [len(times) for times in heard.values()])
    true = np.concatenate([*heard.values()]), channels
    recorded = Amplifier(noise_uv=noise).record(potential, 0.04, seed=1)
    found = Detector.calibrated(recorded, 0.04, 5.0).detect(recorded)
    score = agreement((0.04 * found.samples, found.channels), true, 1.5)
    return {**score._asdict(), "detected": len(found.samples), "true": len(true[0])}


def main():
    """Print every figure as a line, and write them as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", nargs="+", default=["EI1", "EI2"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [{"cores": os.cpu_count(), "load": os.getloadavg()[0]}]
    for system in options.systems:
        rows += [{"system": system, "loop, s per s": loop_speed(system, options.seconds)}]
        rows += [{"system": system, "lateness, ms": pace(system, options.seconds)}]
        for noise in (2.0, 5.0, 10.0):
            found = detection(system, options.seconds, noise)
            rows += [{"system": system, "noise, uV": noise, **found}]
        for workers in options.workers:
            speed = distributed(system, workers, 10 * workers)
            rows += [{"system": system, "workers": workers, "trials per s": speed}]
    for row in rows:
        print(json.dumps(row, default=float))
    if options.json:
        options.json.write_text(json.dumps(rows, default=float, indent=1))


if __name__ == "__main__":
    main()
