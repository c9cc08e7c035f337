"""Encodings: what turns the inputs of `env(decoding, inputs, encoding)` into a stimulus."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from pydantic import Field, PrivateAttr

from livn.errors import InvalidValue, NotSupported
from livn.stimulus import PulseSweepPolicy
from livn.stimulus.policies import ElectrodePolicy
from livn.types import Encoding

__all__ = ["ElectrodeStimulus", "Encoding", "H5Inputs"]


@runtime_checkable
class PlaysTrains(Protocol):
    """An Env that plays spike trains."""

    def apply_stimulus_from_h5(self, filepath: Any, **options: Any) -> Any:
        """Queue the spike trains of a file."""


class H5Inputs(Encoding):
    """Plays the spike trains of a NeuroH5 file into the synapses of the cells they are of.

    Attributes:
        filepath: of the file; None takes the inputs of the call as the path.
        namespace, attribute: under which the trains are stored.
        onset: when they start, ms after the equilibration.
        io_size, microcircuit_inputs: accepted for scripts of livn 2.0, of no effect.
        n_trials: how many trials of the file are played, one after the other.
        equilibration_duration: before they start, ms.
    """

    filepath: str | None = None
    namespace: str = ""
    attribute: str = "Spike Train"
    onset: float = Field(default=0.0, ge=0)
    io_size: int = Field(default=1, ge=1)
    microcircuit_inputs: bool = True
    n_trials: int = Field(default=1, ge=1)
    equilibration_duration: float = Field(default=250.0, ge=0)

    def __call__(self, env: Any, t_end: float, inputs: Any) -> None:
        """Queue the trains and return None: there is no stimulus besides.

        Raises:
            InvalidValue: if neither `filepath` nor the inputs name a file.
            NotSupported: if the Env plays no spike trains.
        """
        if not isinstance(env, PlaysTrains):
            raise NotSupported(
                f"env plays no spike trains from a file: got {type(env).__name__} without "
                "apply_stimulus_from_h5. Stimulate with a Stimulus or a policy."
            )
        path = inputs if self.filepath is None else self.filepath
        if path is None:
            raise InvalidValue(
                "input spike trains have no file: got None; give filepath or inputs."
            )
        env.apply_stimulus_from_h5(
            filepath=path, **{k: v for k, v in self.model_dump().items() if k != "filepath"}
        )


class ElectrodeStimulus(Encoding):
    """Plays a policy of pulses on one electrode of whatever array the culture is on.

    Attributes:
        policy: made for any array; its number of channels and driven channels are replaced.
        channel: position of the electrode; None for the one with the largest summed reach, that
            is the one with the most and nearest cells; looked for in every call, so name it in a
            closed loop with a large array.
    """

    policy: ElectrodePolicy | None = None
    channel: int | None = Field(default=None, ge=0)

    _resolved: ElectrodePolicy | None = PrivateAttr(None)

    @property
    def resolved(self) -> ElectrodePolicy | None:
        """The policy as it was last played, None before."""
        return self._resolved

    def __call__(self, env: Any, t_end: float, inputs: Any) -> ElectrodePolicy:
        """Return the policy sized to the array of the Env and to the run.

        Args:
            env: the Env to be stimulated.
            t_end: duration of the run, ms; a sweep lasts as long.
            inputs: a policy, where there is none of its own.

        Raises:
            InvalidValue: if there is no policy, no array, or no such electrode.
        """
        policy = inputs if self.policy is None else self.policy
        if not isinstance(policy, ElectrodePolicy):
            raise InvalidValue(
                f"electrode stimulus has no policy: got {policy!r}; need an ElectrodePolicy such "
                "as BiphasicPulsePolicy.",
                got=policy,
            )
        n_channels = _electrodes(env.io)
        if self.channel is not None and self.channel >= n_channels:
            raise InvalidValue(
                f"electrode is not on the array: got channel={self.channel}; "
                f"need 0 to {n_channels - 1}.",
                got=self.channel,
                allowed=n_channels,
            )
        channel = _nearest(env) if self.channel is None else self.channel
        length = {"total_ms": float(t_end)} if isinstance(policy, PulseSweepPolicy) else {}
        self._resolved = policy.for_array(n_channels, [channel], **length)
        return self._resolved


def _electrodes(io: Any) -> int:
    """Return the number of electrodes, or raise that there are none."""
    try:
        return int(io.num_channels)
    except NotSupported:
        raise InvalidValue(
            f"electrode stimulus has no array: got {io!r}; need an io with electrodes, such as "
            "livn.io.MEA.",
            got=io,
        ) from None


def _nearest(env: Any) -> int:
    """Return the position of the electrode with the largest summed reach."""
    return int(np.argmax(np.asarray(env.channel_reach()).sum(axis=1)))
