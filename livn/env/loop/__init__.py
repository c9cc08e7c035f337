"""The tick loop: `for tick in env.loop(ticks_per_second=100)`, and the file it is recorded to."""

from livn.env.loop.file import Recorded, Recording, Stream, read_recording
from livn.env.loop.loop import Analysis, Jitter, Loop, Spike, Tick
from livn.env.loop.schedule import Stim

__all__ = [
    "Analysis",
    "Jitter",
    "Loop",
    "Recorded",
    "Recording",
    "Spike",
    "Stim",
    "Stream",
    "Tick",
    "read_recording",
]
