"""What real devices allow: profiles that a protocol is checked against before it runs.

Numbers are those of the makers: the CL API of Cortical Labs (cl-sdk 1.0), the FinalSpark
Neuroplatform and its Intan RHS2116 chips (datasheet), MaxWell MaxOne (Müller et al. 2015). What a
maker does not state is not checked. The 16 triggers of the Neuroplatform limit nothing here:
electrodes that share one have a number and a period of pulses each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.errors import InvalidValue, unknown_names
from livn.stimulus.channels import ChannelSet
from livn.stimulus.phases import Phases, phases_of

BALANCE = 1e-4  # share of the charge of a phase that may stay: commands are float32


@dataclass(frozen=True)
class Device:
    """A device, as far as it limits stimulation and dates what it records; None: not limited.

    Attributes:
        name: of the profile.
        rate_hz: samples per second of a recording; None records every step.
        grid_us: times of a pulse are multiples of this, us.
        max_current_ua: largest current of a phase, uA.
        max_charge_nc: largest charge of a phase, and that an electrode may hold, nC.
        balanced: whether every pulse has to give back its charge.
        max_phases: per pulse; neighbouring ones alternate in sign.
        max_pulse_hz: per electrode, Hz.
        max_driven: electrodes that may be driven at once, by one stimulus or by several.
        n_channels: size of the array.
        reserved: positions that are ground or reference, on an array of that size.
        lead_us: from a command to its first phase at least, us.
        uv_per_unit: of the integers it records, uV.
    """

    name: str
    rate_hz: float | None = None
    grid_us: float | None = None
    max_current_ua: float | None = None
    max_charge_nc: float | None = None
    balanced: bool = False
    max_phases: int | None = None
    max_pulse_hz: float | None = None
    max_driven: int | None = None
    n_channels: int | None = None
    reserved: tuple[int, ...] = ()
    lead_us: float = 0.0
    uv_per_unit: float = 0.195  # of Intan chips, as of most devices

    def usable(self, n_channels: int) -> ChannelSet:
        """Return the channels of an array of that size that may be driven."""
        reserved = self.reserved if n_channels == self.n_channels else ()
        return ~ChannelSet(reserved, n_channels)

    def check(self, commands: Any, dt: float) -> None:
        """Check commands against every limit.

        Args:
            commands: uA, shape (n_steps, n_channels), with batches in front.
            dt: step, ms.

        Raises:
            InvalidValue: for the first limit that is not kept, with the value, the limit and what
                to do.
        """
        values = np.asarray(commands)
        values = values.reshape(-1, *values.shape[-2:])
        self._check_channels(values)
        phases = phases_of(values, dt)
        for check in self._checks(dt):
            check(phases)

    def _checks(self, dt: float) -> list[Callable[[Phases], None]]:
        """Return the checks of phases for which there is a limit."""
        on_grid = self.grid_us is None or _is_multiple(np.array([1e3 * dt]), self.grid_us)[0]
        asked = {
            self._check_current: self.max_current_ua is not None,
            self._check_charge: self.max_charge_nc is not None,
            self._check_grid: not on_grid,
            self._check_phases: self.max_phases is not None,
            self._check_balance: self.balanced,
            self._check_rate: self.max_pulse_hz is not None,
        }
        return [check for check, wanted in asked.items() if wanted]

    def _check_channels(self, values: NDArray[Any]) -> None:
        n_channels = values.shape[-1]
        if self.n_channels is not None and n_channels > self.n_channels:
            raise InvalidValue(
                f"array is larger than that of {self.name}: got {n_channels} channels; at most "
                f"{self.n_channels}. Use a smaller array or another device.",
                got=n_channels,
                allowed=self.n_channels,
            )
        driven = np.any(values != 0, axis=1)
        usable = self.usable(n_channels)
        wrong = sorted(set(np.flatnonzero(driven.any(axis=0)).tolist()) - usable)
        if wrong:
            raise InvalidValue(
                f"channels are ground or reference on {self.name}: got {wrong}; reserved are "
                f"{sorted(self.reserved)}. Drive one of the other {len(usable)}.",
                got=wrong,
                allowed=list(usable),
            )
        self.check_driven(int(driven.sum(axis=1).max(initial=0)))

    def check_driven(self, n_driven: int) -> None:
        """Check how many electrodes are driven at once.

        Raises:
            InvalidValue: if they are too many.
        """
        if self.max_driven is not None and n_driven > self.max_driven:
            raise InvalidValue(
                f"stimulus drives too many channels for {self.name}: got {n_driven}; at most "
                f"{self.max_driven}. Drive fewer, or one group after the other.",
                got=n_driven,
                allowed=self.max_driven,
            )

    def _check_current(self, phases: Phases) -> None:
        limit = self.max_current_ua or 0.0
        k = phases.first(np.abs(phases.current) > limit * (1 + BALANCE))
        if k is not None:
            raise InvalidValue(
                f"current is above the limit of {self.name}: got {phases.current[k]:g} uA "
                f"{phases.where(k)}; at most {limit:g} uA. Lower the amplitude.",
                got=float(phases.current[k]),
                allowed=limit,
            )

    def _check_charge(self, phases: Phases) -> None:
        limit = self.max_charge_nc or 0.0
        held = np.maximum(np.abs(phases.charge), np.abs(phases.held))
        k = phases.first(held > limit * (1 + BALANCE))
        if k is not None:
            current, span = abs(phases.current[k]), 1e3 * phases.duration[k]
            raise InvalidValue(
                f"charge is above the limit of {self.name}: got {held[k]:g} nC "
                f"({phases.current[k]:g} uA for {span:g} us) {phases.where(k)}; at most {limit:g} "
                f"nC. Shorten the phase to {1e3 * limit / current:g} us or lower the current to "
                f"{1e3 * limit / span:g} uA.",
                got=float(held[k]),
                allowed=limit,
            )

    def _check_grid(self, phases: Phases) -> None:
        grid = self.grid_us or 1.0
        for what, times in (("phase", phases.duration), ("pulse time", phases.start)):
            k = phases.first(~_is_multiple(1e3 * times, grid))
            if k is not None:
                raise InvalidValue(
                    f"{what} is not on the time grid of {self.name}: got {1e3 * times[k]:g} us "
                    f"{phases.where(k)}; need a multiple of {grid:g} us, such as "
                    f"{grid * max(1, round(1e3 * times[k] / grid)):g} us.",
                    got=float(1e3 * times[k]),
                    allowed=grid,
                )

    def _check_phases(self, phases: Phases) -> None:
        limit = self.max_phases or 0
        k = phases.first(phases.position >= limit)
        if k is not None:
            raise InvalidValue(
                f"pulse has too many phases for {self.name}: got {phases.position[k] + 1} "
                f"{phases.where(k)}; at most {limit} until the charge is back at 0. Balance it "
                "earlier.",
                got=int(phases.position[k] + 1),
                allowed=limit,
            )
        k = phases.first(phases.same_sign)
        if k is not None:
            raise InvalidValue(
                f"phases do not alternate in sign, as {self.name} asks: got "
                f"{phases.current[k - 1]:g} and {phases.current[k]:g} uA {phases.where(k)}; need "
                "opposite signs. Make them one phase.",
                got=float(phases.current[k]),
            )

    def _check_balance(self, phases: Phases) -> None:
        k = phases.first(phases.last & ~phases.settled)
        if k is not None:
            raise InvalidValue(
                f"pulse is not charge balanced, as {self.name} asks: got {phases.held[k]:g} nC "
                f"left {phases.where(k)}; need 0. Add a phase of {-phases.held[k]:g} nC.",
                got=float(phases.held[k]),
                allowed=0.0,
            )

    def _check_rate(self, phases: Phases) -> None:
        limit = self.max_pulse_hz or 1.0
        with np.errstate(divide="ignore"):
            rate = 1e3 / phases.since_last_pulse
        k = phases.first(rate > limit * (1 + BALANCE))
        if k is not None:
            raise InvalidValue(
                f"pulses are faster than {self.name} allows: got {rate[k]:g} Hz "
                f"{phases.where(k)}; at most {limit:g} Hz. Space them by {1e3 / limit:g} ms.",
                got=float(rate[k]),
                allowed=limit,
            )


def _is_multiple(times: NDArray[np.float64], grid: float) -> NDArray[np.bool_]:
    ratio = times / grid
    return np.asarray(np.abs(ratio - np.round(ratio)) < 1e-6)


DEVICES = {
    d.name: d
    for d in (
        Device("unlimited", rate_hz=25_000.0),
        Device(
            "cl1",
            rate_hz=25_000.0,
            grid_us=20.0,
            max_current_ua=3.0,
            max_charge_nc=3.0,
            balanced=True,
            max_phases=3,
            max_pulse_hz=200.0,
            n_channels=64,
            reserved=(0, 4, 7, 56, 63),
            lead_us=80.0,
        ),
        # Intan RHS2116: 255 steps of at most 10 uA
        Device(
            "finalspark", rate_hz=30_000.0, max_current_ua=2550.0, n_channels=128, balanced=True
        ),
        Device("maxone", rate_hz=20_000.0, grid_us=50.0, max_driven=32, n_channels=1024),
    )
}
DEVICES["intan"] = DEVICES["finalspark"]


def device(which: "Device | str") -> Device:
    """Return a profile, also by name: "unlimited", "cl1", "finalspark" ("intan") or "maxone".

    Raises:
        UnknownName: if there is no such profile.
    """
    if isinstance(which, Device):
        return which
    if which not in DEVICES:
        raise unknown_names("device", [which], DEVICES)
    return DEVICES[which]
