"""What all channels can do, whatever their kind."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from livn.errors import InvalidType, InvalidValue
from livn.run.checks import SAME_MOMENT
from livn.run.events import Events, PaddedEvents
from livn.run.series import Series

Channel = Events | PaddedEvents | Series


def flat(spikes: Events | PaddedEvents) -> Events:
    """Return the spikes without padding."""
    return spikes.compact() if isinstance(spikes, PaddedEvents) else spikes


def spanning(name: str, channel: Channel, duration: float | None) -> Channel:
    """Return the channel with the duration of its run, or raise if it does not fit."""
    if duration is None:
        return channel
    if not isinstance(channel, Series):
        return channel if channel.duration == duration else replace(channel, duration=duration)
    due = ceil((duration - channel.t0 - SAME_MOMENT) / channel.dt)  # samples with t < duration
    if channel.n_samples != due:
        raise InvalidValue(
            f"series {name!r} does not span the run: got {channel.n_samples} samples of "
            f"{channel.dt:g} ms; need {due} for {duration:g} ms.",
            got=channel.n_samples,
            allowed=due,
        )
    return channel


def window(name: str, channel: Channel, start: float, stop: float | None) -> Channel:
    """Return the part of a channel in [start, stop)."""
    if isinstance(channel, Series):
        return channel.window(start, stop, name=name)
    return channel.window(start, stop)


def concatenated(name: str, parts: Sequence[Any], durations: Sequence[float]) -> Channel:
    """Return the channels, of windows of these durations, one after the other in time."""
    _refuse_mixed(name, parts)
    for length, before, after in zip(durations, parts, parts[1:], strict=False):
        if isinstance(before, Series):
            due = before.t0 + before.duration - length
            if abs(after.t0 - due) > SAME_MOMENT:
                raise InvalidValue(
                    f"series {name!r} does not continue: got first sample at {after.t0:g} ms of "
                    f"a window; need {due:g} ms, one step after the last.",
                    got=after.t0,
                )
    joined: Channel = parts[0].concat(*parts[1:])
    return joined


def merged(name: str, parts: Sequence[Any]) -> Channel:
    """Return the channels of that name as one, over disjoint cells."""
    _refuse_mixed(name, parts)
    joined: Channel = parts[0].merge(*parts[1:])
    return joined


def _refuse_mixed(name: str, parts: Sequence[Channel]) -> None:
    """Raise if the channels are of different kinds."""
    kinds = sorted({type(p).__name__ for p in parts})
    if len(kinds) > 1:
        raise InvalidType(f"channel {name!r} is of several kinds: got {kinds}; need one.")
