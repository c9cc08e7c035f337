"""Stimulus: what is played to which cells, in which way, at which step."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from livn.arrays import Array, is_array, n_steps, positive
from livn.errors import InvalidValue
from livn.stimulus.layout import (
    cell_ids,
    check_gids,
    check_sections,
    check_values,
    columns_per_cell,
    gather,
    interpolate,
    match,
    rows_and_columns,
)
from livn.stimulus.modes import DEFAULT_WAVELENGTH_NM, MODES, photon_flux_per_irradiance, units_of
from livn.stimulus.policies import (
    Amplitude,
    BiphasicPulsePolicy,
    Limited,
    MonophasicPulsePolicy,
    Policy,
    Stimulated,
)
from livn.stimulus.samples import Samples, Source


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Stimulus(Samples):
    """What is played to each cell, piecewise constant, zero after its end; immutable.

    Sample k acts on [k dt, (k+1) dt). Each column is played to one section of one cell.

    Args:
        array: values, shape (n_steps, n_columns), numpy or jax; leading axes are batches.
        dt: step, ms.
        gids: cell of each column, integers of shape (n_columns,); None leaves it to `align_gids`.
        input_mode: how it acts, a key of `livn.stimulus.MODES`.
        units: of the values; None for the usual ones of the mode.
        sections: name of the section of each column; None for the cell as a whole.
        source: instead of `array`, a function of (start, stop) in ms that renders the rows of
            this window; needs `gids` and `extent`.
        extent: duration of a source, ms.
        gain: what a unit of each column of `array` or `source` is in each column of the stimulus,
            shape (n_inputs, n_columns), multiplied where asked for; None where it is the same.
        extra: anything worth keeping with the stimulus.

    Raises:
        InvalidValue: if shapes, units or values do not fit together.
        UnknownName: if there is no such mode.
    """

    input_mode: str
    units: str
    sections: NDArray[np.str_] | None
    extra: dict[str, Any]

    def __init__(
        self,
        array: Any = None,
        dt: float = 1.0,
        gids: Any = None,
        input_mode: str = "extracellular",
        units: str | None = None,
        sections: Sequence[str] | NDArray[np.str_] | None = None,
        source: Source | None = None,
        extent: float | None = None,
        gain: Any = None,
        **extra: Any,
    ):
        check_values(array, source, gids, extent)
        step = positive(dt, "stimulus dt", "ms")
        values = None if array is None else rows_and_columns(array)
        ids = None if gids is None else cell_ids(gids)
        names = None if sections is None else np.asarray(sections, str)
        if values is None:
            steps = n_steps(positive(extent, "stimulus extent", "ms"), step, "stimulus extent")
        else:
            steps = values.shape[-2]
            check_gids(ids, values.shape[-1] if gain is None else gain.shape[-1])
        check_sections(names, ids)
        vars(self).update(
            dt=step, input_mode=input_mode, units=units_of(input_mode, units), gids=ids,
            sections=names, n_steps=steps, extra=extra, gain=gain, _array=values, _source=source,
        )  # fmt: skip

    @classmethod
    def ready(
        cls, array: Array, dt: float, gids: Array, input_mode: str,
        sections: NDArray[np.str_] | None, gain: Array, extra: dict[str, Any],
    ) -> Self:  # fmt: skip
        """Return a stimulus of what was checked before and nobody writes to, in the usual units.

        Arguments are those of the class; none of them is checked again or copied.
        """
        stimulus = object.__new__(cls)
        vars(stimulus).update(
            dt=dt, input_mode=input_mode, units=MODES[input_mode][0], gids=gids,
            sections=sections, n_steps=array.shape[-2], extra=extra, gain=gain, _array=array,
            _source=None,
        )  # fmt: skip
        return stimulus

    @classmethod
    def from_conductance(cls, array: Any, dt: float = 0.1, gids: Any = None, **extra: Any) -> Self:
        """Return a stimulus of conductances, uS: positive excites, negative inhibits."""
        return cls(array, dt, gids, "conductance", **extra)

    @classmethod
    def from_current(cls, array: Any, dt: float = 0.1, gids: Any = None, **extra: Any) -> Self:
        """Return a stimulus of injected currents, nA."""
        return cls(array, dt, gids, "current", **extra)

    @classmethod
    def from_current_density(
        cls, array: Any, dt: float = 0.1, gids: Any = None, **extra: Any
    ) -> Self:
        """Return a stimulus of current densities, mA/cm2."""
        return cls(array, dt, gids, "current_density", **extra)

    @classmethod
    def from_extracellular(
        cls, array: Any, dt: float = 0.1, gids: Any = None, **extra: Any
    ) -> Self:
        """Return a stimulus of extracellular potentials, mV."""
        return cls(array, dt, gids, "extracellular", **extra)

    @classmethod
    def from_irradiance(cls, array: Any, dt: float = 0.1, gids: Any = None, **extra: Any) -> Self:
        """Return a stimulus of light, mW/mm2, or photons/s/mm2 with units="photon_flux"."""
        return cls(array, dt, gids, "irradiance", **extra)

    @classmethod
    def from_arg(
        cls, arg: Any, env: Stimulated | None = None, duration: float | None = None
    ) -> "Stimulus | None":
        """Return the stimulus that an argument of `env.run` means.

        Args:
            arg: a stimulus, None, an array, a tuple or list of positional arguments, a mapping
                of keyword arguments, or a policy.
            env: renders a policy.
            duration: of the run that plays a policy, ms.

        Raises:
            InvalidValue: if it means none, or a policy outlasts `duration`.
        """
        if arg is None or isinstance(arg, Stimulus):
            return arg
        if isinstance(arg, Policy):
            if env is None or duration is None:
                problem = f"policy needs an env and a duration: got {type(arg).__name__} alone."
                raise InvalidValue(f"{problem} Pass it to env.run.", got=arg)
            return cls.from_policy(arg, env, duration)
        if is_array(arg):
            return cls(arg)
        if isinstance(arg, tuple | list):
            return cls(*arg)
        if isinstance(arg, Mapping):
            return cls(**arg)
        raise InvalidValue(
            f"stimulus cannot be made from {type(arg).__name__}: got {arg!r}; need a Stimulus, "
            "an array, a tuple, a dict, a policy or None.",
            got=arg,
        )

    @classmethod
    def from_policy(cls, policy: Policy, env: Stimulated, duration: float) -> "Stimulus":
        """Return a stimulus that renders a policy window by window.

        Each driven channel is tried with a unit command; a window is the commands times what these
        do to the cells, since `env.cell_stimulus` is linear; an io with limits checks it whole.

        Args:
            policy: commands every channel of `env.io`.
            env: turns commands into a stimulus of cells.
            duration: of the run, ms; at least the extent of the policy.

        Raises:
            InvalidValue: if the policy outlasts the run, or commands in other units.
        """
        policy.check_duration(duration)
        policy.as_input_units(env.io.input_units)
        if isinstance(env.io, Limited):
            limited: Stimulus = env.cell_stimulus(policy)
            return limited
        unit = env.cell_stimulus(np.eye(policy.n_channels)[list(policy.driven)], dt=policy.dt)
        return unit._with(array=None, source=policy.source, extent=duration, gain=unit.array)

    @classmethod
    def biphasic_pulse(
        cls,
        n_channels: int,
        channels: Sequence[int],
        amplitude: Amplitude = 1.5,
        phase_duration: float = 0.2,
        interphase_gap: float = 0.05,
        pulse_times: Sequence[float] = (0.0,),
        dt: float = 0.05,
        cathodic_first: bool = True,
    ) -> "Stimulus":
        """Return the commands, uA, of a `BiphasicPulsePolicy` with these fields.

        It is played to electrodes, not to cells; `extra` keeps `kind` and the fields.
        """
        policy = BiphasicPulsePolicy(
            n_channels=n_channels, channels=tuple(channels), amplitude=amplitude,
            phase_duration=phase_duration, interphase_gap=interphase_gap,
            pulse_times=tuple(pulse_times), dt=dt, cathodic_first=cathodic_first,
        )  # fmt: skip
        return _commands(policy, kind="biphasic")

    @classmethod
    def monophasic_pulse(
        cls,
        n_channels: int,
        channels: Sequence[int],
        amplitude: Amplitude = 1.5,
        pulse_width: float = 1.0,
        pulse_times: Sequence[float] = (0.0,),
        dt: float = 1.0,
    ) -> "Stimulus":
        """Return the commands, uA, of a `MonophasicPulsePolicy` with these fields.

        It is played to electrodes, not to cells; `extra` keeps `kind` and the fields.
        """
        policy = MonophasicPulsePolicy(
            n_channels=n_channels, channels=tuple(channels), amplitude=amplitude,
            pulse_width=pulse_width, pulse_times=tuple(pulse_times), dt=dt,
        )  # fmt: skip
        return _commands(policy, kind="monophasic")

    @property
    def meta_data(self) -> dict[str, Any]:
        """The same as `extra`."""
        return self.extra

    @property
    def sections_per_cell(self) -> int:
        """Columns per cell, 1 without gids; InvalidValue where cells differ in it."""
        return 1 if self.gids is None else columns_per_cell(self.gids)

    def __len__(self) -> int:
        return self.width

    def __iter__(self) -> Iterator[tuple[int | None, str | None, Array]]:
        """Yield (gid, section, series of shape (n_steps,)) of each column."""
        array = self.array
        for k in range(self.width):
            gid = None if self.gids is None else int(self.gids[k])
            yield gid, None if self.sections is None else str(self.sections[k]), array[..., k]

    def __repr__(self) -> str:
        size = f"{self.n_steps} steps of {self.dt} ms, {self.width} columns"
        return f"Stimulus({self.input_mode} in {self.units}, {size})"

    def columns(self) -> tuple[Array | None, NDArray[np.str_] | None]:
        """Return the gid and the section name of each column, None where not given."""
        return self.gids, self.sections

    def resample(self, dt: float) -> "Stimulus":
        """Return the stimulus at another step, linear between samples; pulses lose their edges.

        Raises:
            InvalidValue: if the duration is not a multiple of `dt`.
        """
        steps = n_steps(self.duration, positive(dt, "stimulus dt", "ms"), "stimulus duration")
        values = interpolate(self.array, np.arange(steps) * (dt / self.dt))
        return self._with(array=values, source=None, extent=None, gain=None, dt=dt)

    def convert_to(self, units: str) -> "Stimulus":
        """Return the same light in "photon_flux" (photons/s/mm2) or "mW/mm2".

        The wavelength is `extra["wavelength_nm"]`, 473 nm where that is absent.

        Raises:
            InvalidValue: if the mode does not come in these units.
        """
        if units_of(self.input_mode, units) == self.units:
            return self
        factor = photon_flux_per_irradiance(self.extra.get("wavelength_nm", DEFAULT_WAVELENGTH_NM))
        scale = factor if units == "photon_flux" else 1 / factor
        return self._map(lambda values: values * scale, units=units)

    def align_gids(self, gids: Any) -> "Stimulus":
        """Return one column per given gid, in that order, zero for cells without a column.

        Raises:
            InvalidValue: if columns have sections, occur twice or belong to other cells, or
                nameless columns are not as many as `gids`.
        """
        if self.gids is None:
            return self._with(gids=gids)
        if self.sections is not None:
            raise InvalidValue(
                f"stimulus has sections: got {sorted(set(self.sections.tolist()))!r}; "
                "need one column per cell. Use expand.",
                got=self.sections,
            )
        index = match(self.gids, None, gids, None)
        return self._map(lambda values: gather(values, index), gids=gids)

    def expand(self, gids: Any, sections: Sequence[str]) -> "Stimulus":
        """Return one column per (gid, section), in that order, zero where it had none.

        The column of a cell without section goes to each of its sections.

        Raises:
            InvalidValue: if a column occurs twice or is none of these, or has no gid.
        """
        if self.gids is None:
            raise InvalidValue("stimulus has no gids: got None; need a cell for every column.")
        index = match(self.gids, self.sections, gids, sections)
        return self._map(lambda values: gather(values, index), gids=gids, sections=sections)

    def _map(self, change: Callable[[Array], Array], **fields: Any) -> "Stimulus":
        """The stimulus with changed values, rendered as lazily as before."""
        if self._source is None:
            return self._with(array=change(self.array), gain=None, **fields)
        return self._with(source=lambda a, b: change(self.window(a, b)), gain=None, **fields)

    def _with(self, **fields: Any) -> "Stimulus":
        names = ("dt", "gids", "input_mode", "units", "sections", "gain")
        kept = {name: vars(self)[name] for name in names}
        extent = None if self._source is None else self.duration
        values = {"array": self._array, "source": self._source, "extent": extent}
        return Stimulus(**{**kept, **values, **self.extra, **fields})


def _commands(policy: Policy, kind: str) -> Stimulus:
    fields = policy.model_dump(exclude={"dt"})
    return Stimulus(policy.render(), policy.dt, input_mode="electrode", kind=kind, **fields)
