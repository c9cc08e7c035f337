"""Synaptic receptors and background noise: mechanisms that any cell can carry.

A receptor on a compartment has one pair of states however many synapses end there: conductances
of equal kinetics add. Each presynaptic spike adds `weight * g_unit * peak_factor` to both states.
"""

import math
from dataclasses import dataclass
from typing import Any

from livn.arrays import is_jax, namespace
from livn.errors import InvalidValue, unknown_names
from livn.models.description import (
    Mechanism,
    Parameter,
    Random,
    State,
    positive,
    strictly_positive,
)

RECEPTORS = ("AMPA", "NMDA", "GABA_A")
_RATIO_LIMITS = (1e-9, 0.9999)  # of tau_rise / tau_decay; beyond, the peak factor is 0/0
_BLOCK = {"mg": 1.0, "Kd": 3.57, "gamma": 0.062, "vshift": 0.0}
_JAHR_STEVENS = "Jahr & Stevens 1990, J Neurosci 10:3178"


def peak_factor(tau_rise: Any, tau_decay: Any) -> Any:
    """Return the factor that makes a dual-exponential conductance peak at 1.

    g(t) = factor (exp(-t/tau_decay) - exp(-t/tau_rise)); times in ms.
    """
    xp: Any = namespace(tau_rise, tau_decay) if is_jax(tau_rise, tau_decay) else math
    low, high = _RATIO_LIMITS
    ratio = tau_rise / tau_decay
    ratio = min(max(ratio, low), high) if xp is math else xp.clip(ratio, low, high)
    rise = ratio * tau_decay
    t_peak = rise * tau_decay / (tau_decay - rise) * xp.log(1.0 / ratio)
    return 1.0 / (xp.exp(-t_peak / tau_decay) - xp.exp(-t_peak / rise))


@dataclass(frozen=True)
class Receptor:
    """Dual-exponential conductance of one mechanism, as a projection of graph.json states it.

    Attributes:
        name: AMPA, NMDA or GABA_A.
        e: reversal potential, mV.
        g_unit: peak conductance of one synapse of weight 1, µS.
        tau_rise, tau_decay: ms.
        weight: dimensionless factor on g_unit where none is set.
        block: parameters of the magnesium block (mg, Kd, gamma, vshift); NMDA only.
    """

    name: str
    e: float
    g_unit: float
    tau_rise: float
    tau_decay: float
    weight: float = 1.0
    block: tuple[tuple[str, float], ...] = ()

    @classmethod
    def from_config(cls, name: str, config: dict[str, float]) -> "Receptor":
        """Return the receptor a mechanism entry of graph.json describes.

        Raises:
            UnknownName: for a mechanism that is not one of `RECEPTORS`, or an unknown entry.
            InvalidValue: if a time constant is not positive or g_unit is negative.
        """
        if name not in RECEPTORS:
            raise unknown_names("receptor", [name], RECEPTORS)
        plain = {"e", "g_unit", "tau_rise", "tau_decay", "weight"}
        allowed = plain | (set(_BLOCK) if name == "NMDA" else set())
        unknown = sorted(set(config) - allowed)
        if unknown:
            raise unknown_names(f"parameter of receptor {name}", unknown, allowed)
        if min(config["tau_rise"], config["tau_decay"]) <= 0 or config["g_unit"] < 0:
            raise InvalidValue(
                f"receptor {name!r} has impossible kinetics: got {config!r}; "
                "need tau_rise > 0 ms, tau_decay > 0 ms and g_unit >= 0 uS.",
                got=config,
            )
        block = tuple((k, config.get(k, v)) for k, v in _BLOCK.items())
        values = {k: float(config[k]) for k in plain if k in config}
        return cls(name, **values, block=block if name == "NMDA" else ())

    @property
    def increment(self) -> float:
        """What one presynaptic spike adds to both states per unit weight, µS."""
        return self.g_unit * peak_factor(self.tau_rise, self.tau_decay)

    @property
    def kinetics(self) -> tuple[object, ...]:
        """What two receptors must share to be one state: everything but g_unit and weight."""
        return (self.name, self.e, self.tau_rise, self.tau_decay, self.block)

    def mechanism(self) -> Mechanism:
        """Return the receptor as a mechanism: I = (B - A) block(V) (V - e), nA."""
        n, source = self.name, "graph.json of the system"
        parameters = [
            Parameter(f"e_{n}", self.e, "mV", source),
            strictly_positive(f"tau_rise_{n}", self.tau_rise, "ms", source),
            strictly_positive(f"tau_decay_{n}", self.tau_decay, "ms", source),
        ]
        definitions = {f"g_{n}": f"B_{n} - A_{n}"}
        current = f"g_{n} * (V - e_{n})"
        if self.block:
            block = dict(self.block)
            parameters += [
                positive(f"mg_{n}", block["mg"], "mM", _JAHR_STEVENS),
                strictly_positive(f"Kd_{n}", block["Kd"], "mM", _JAHR_STEVENS),
                Parameter(f"gamma_{n}", block["gamma"], "1/mV", _JAHR_STEVENS),
                Parameter(f"vshift_{n}", block["vshift"], "mV", _JAHR_STEVENS),
            ]
            definitions[f"block_{n}"] = (
                f"1 / (1 + mg_{n} / Kd_{n} * exp(-gamma_{n} * (V + vshift_{n})))"
            )
            current = f"g_{n} * block_{n} * (V - e_{n})"
        states = (
            State(f"A_{n}", inf="0", tau=f"tau_rise_{n}", initial="0", unit="uS"),
            State(f"B_{n}", inf="0", tau=f"tau_decay_{n}", initial="0", unit="uS"),
        )
        return Mechanism(
            n, current, states=states, definitions=definitions,
            parameters=tuple(parameters), role="receptor",
        )  # fmt: skip


_DESTEXHE = "Destexhe, Rudolph, Fellous & Sejnowski 2001, Neuroscience 107:13"


def conductance_noise(which: str, site: int) -> Mechanism:
    """Return background bombardment as an Ornstein-Uhlenbeck conductance.

    dg = -(g - g0)/tau dt + std sqrt(2/tau) dW, never negative in the current
    (Destexhe et al. 2001, eq. 2). Off (mean and deviation 0) until `set_noise`.

    Args:
        which: "e" (reversal 0 mV) or "i" (reversal -75 mV).
        site: key of its random numbers.
    """
    reversal, tau = {"e": (0.0, 2.728), "i": (-75.0, 10.49)}[which]
    parameters = (
        positive(f"g_{which}0", 0.0, "uS", _DESTEXHE),
        positive(f"std_{which}", 0.0, "uS", _DESTEXHE),
        strictly_positive(f"tau_{which}", tau, "ms", _DESTEXHE),
        Parameter(f"E_{which}", reversal, "mV", _DESTEXHE),
    )
    state = State(
        f"g_{which}", inf=f"g_{which}0", tau=f"tau_{which}", initial=f"g_{which}0", unit="uS",
        diffusion=f"std_{which}", random=f"eta_{which}",
    )  # fmt: skip
    return Mechanism(
        f"noise_{which}", f"max(g_{which}, 0) * (V - E_{which})", states=(state,),
        parameters=parameters, role="noise",
        randoms=(Random(f"eta_{which}", site, f"std_{which}"),),
    )  # fmt: skip


def current_noise(
    amplitude: str, parameters: tuple[Parameter, ...], hold: float = 1.0
) -> Mechanism:
    """Return white background current: an amplitude times a normal number held for `hold` ms.

    Args:
        amplitude: expression over `parameters`, nA.
        parameters: the noise parameters, the one that scales the noise first; off (0) until
            `set_noise`.
        hold: how long one random number lasts, ms.
    """
    return Mechanism(
        "noise", f"-({amplitude}) * eta_w", parameters=parameters,
        randoms=(Random("eta_w", 0, parameters[0].name, hold),), role="noise",
    )  # fmt: skip
