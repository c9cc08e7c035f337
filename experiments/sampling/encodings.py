"""Encodings of samples: none, random pulses, and the user's own by import path."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from livn.errors import InvalidValue, UnknownName, unknown_names
from livn.stimulus.policies import ElectrodePolicy
from livn.stimulus.pulses import PulseTrain, biphasic_phases, pulse_train
from livn.types import Encoding

Pulse = tuple[float, int, float]


class PulseEncoding(Encoding):
    """An encoding that can list its pulses; rows of a dataset then hold them."""

    @abstractmethod
    def pulses(self, env: Any, t_end: float, inputs: Any) -> list[Pulse]:
        """Return (onset ms, electrode, amplitude uA) of every pulse, by onset, for these inputs."""


class RandomPulses(PulseEncoding):
    """Biphasic pulses at random times on random electrodes, of random amplitudes.

    Intervals are `interval` of rest after each pulse and an exponential wait of the same mean, so
    pulses come as a Poisson process with dead time. Electrodes and amplitudes are uniform.

    Attributes:
        start: before the first pulse, ms.
        interval: rest after a pulse, and mean of the further wait, ms.
        amplitude: lowest and highest, uA; pulses are charge balanced, cathodic phase first.
        phase_duration: of each of the two phases, ms.
        channels: electrodes that may be chosen; empty for all.
        dt: step of the commands, ms.
    """

    start: float = Field(default=2000.0, ge=0)
    interval: float = Field(default=500.0, gt=0)
    amplitude: tuple[float, float] = (1.0, 5.0)
    phase_duration: float = Field(default=0.2, gt=0)
    channels: tuple[int, ...] = ()
    dt: float = Field(default=0.05, gt=0)

    def __call__(self, env: Any, t_end: float, inputs: Any) -> Any:
        """Return the pulses as a policy for the array of the Env, None where no pulse fits.

        Args:
            env: the Env to be stimulated.
            t_end: duration of the run, ms.
            inputs: a whole number to draw from; the same number gives the same pulses.
        """
        pulses = self.pulses(env, t_end, inputs)
        if not pulses:
            return None
        return ListedPulses(
            n_channels=env.io.num_channels,
            channels=tuple(sorted({channel for _, channel, _ in pulses})),
            pulses=tuple(pulses),
            phase_duration=self.phase_duration,
            dt=self.dt,
        )

    def pulses(self, env: Any, t_end: float, inputs: Any) -> list[Pulse]:
        """Return (onset ms, electrode, amplitude uA) of every pulse, by onset."""
        rng = np.random.default_rng(int(inputs))
        known = self.channels or tuple(range(env.io.num_channels))
        low, high = self.amplitude
        found: list[Pulse] = []
        time = self.start + rng.exponential(self.interval)
        while time + 2 * self.phase_duration + self.dt < t_end:
            onset = round(round(time / self.dt) * self.dt, 9)
            electrode = int(known[rng.integers(len(known))])
            found.append((onset, electrode, float(rng.uniform(low, high))))
            time += 2 * self.phase_duration + self.interval + rng.exponential(self.interval)
        return found


class ListedPulses(ElectrodePolicy):
    """Biphasic pulses, cathodic first, each on an electrode and of an amplitude of its own.

    Attributes:
        pulses: (onset ms, electrode, amplitude uA), by onset; they do not overlap.
        phase_duration: of each of the two phases, ms.
    """

    pulses: tuple[Pulse, ...] = ()
    phase_duration: float = 0.2

    def train(self, dt: float) -> PulseTrain:
        """Return the pulses on a grid of `dt` ms."""
        amplitudes = np.zeros((len(self.pulses), len(self.channels)))
        for row, (_, channel, amplitude) in enumerate(self.pulses):
            amplitudes[row, self.channels.index(channel)] = amplitude
        return pulse_train(
            n_channels=self.n_channels,
            channels=self.channels,
            onsets=[onset for onset, _, _ in self.pulses],
            amplitudes=amplitudes,
            phases=biphasic_phases(self.phase_duration, 0.0, cathodic_first=True),
            dt=dt,
        )


NAMED: Mapping[str, str | None] = {
    "none": None,
    "random_pulses": f"{RandomPulses.__module__}.{RandomPulses.__qualname__}",
}


class UnknownEncoding(UnknownName, ImportError):
    """No encoding of that name or import path."""


def make_encoding(spec: Any) -> Encoding | None:
    """Return the encoding a spec means.

    Args:
        spec: "none", "random_pulses" or the import path `package.module.Class` of an Encoding;
            or a pair of that and its settings.

    Raises:
        UnknownEncoding: if there is none of that name.
        InvalidValue: if it is no Encoding, or does not take these settings.
    """
    name, settings = (spec, {}) if isinstance(spec, str) else _pair(spec)
    if name in NAMED and NAMED[name] is None:
        if settings:
            raise InvalidValue(
                f"encoding 'none' takes no settings: got {settings!r}. Leave them out.",
                got=settings,
            )
        return None
    cls = _imported(NAMED.get(name) or name)
    if not isinstance(cls, type) or not issubclass(cls, Encoding):
        raise InvalidValue(
            f"encoding is none: got {name!r}, which is {cls!r}; need a subclass of "
            "livn.types.Encoding.",
            got=name,
        )
    try:
        return cls(**settings)
    except ValidationError as problem:
        first = problem.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InvalidValue(
            f"encoding {name} does not take these settings: got {field}={first['input']!r}; "
            f"{first['msg']}. It has {', '.join(cls.model_fields)}.",
            got=settings,
            allowed=list(cls.model_fields),
        ) from problem


def _pair(spec: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(spec, Sequence) and len(spec) == 2 and isinstance(spec[0], str):
        settings = spec[1]
        if isinstance(settings, Mapping):
            return spec[0], {str(name): value for name, value in settings.items()}
    raise InvalidValue(
        f"encoding is unreadable: got {spec!r}; need a name, an import path, or [name, settings].",
        got=spec,
    )


def _imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    if not module:
        raise unknown_names("encoding", [path], NAMED, error=UnknownEncoding)
    try:
        found = vars(import_module(module))
    except ModuleNotFoundError as problem:
        raise UnknownEncoding(
            f"encoding cannot be imported: got {path!r}; {problem}. Give package.module.Class, "
            "and run where that module can be imported.",
            got=path,
        ) from problem
    if name not in found:
        classes = [n for n, v in found.items() if isinstance(v, type) and issubclass(v, Encoding)]
        raise unknown_names(f"encoding in {module}", [name], classes, error=UnknownEncoding)
    return found[name]
