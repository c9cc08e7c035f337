"""Generalised leaky integrate-and-fire cells, levels 1 to 5, of Teeter et al. 2018.

Between spikes

    tau_m V' = -(V - E_L) + (I + I_1 + I_2) / g_L        I_j' = -asc_decay_rate_j I_j
    theta_s' = -theta_decay_rate theta_s                 theta_v' = a_v (V - E_L) - b_v theta_v

and a spike when V reaches V_threshold_base + theta_s + theta_v. Then V is set to
E_L + f_v (V - E_L) - delta_v and held for t_ref with theta_v, while theta_s and I_j go on
decaying; at the end of t_ref theta_s grows by theta_jump and I_j becomes asc_r I_j + asc_amp_j.
We add these jumps at the spike, multiplied by exp(rate t_ref): that is the same from the end of
t_ref on, and before neither acts on anything (a recording shows them extrapolated back).

A positive `delta_v` lowers the reset; codes differ in this sign.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from livn.errors import InvalidValue, unknown_names
from livn.models.description import (
    Cell,
    Compartment,
    Kind,
    Mechanism,
    Parameter,
    Spike,
    State,
    positive,
    strictly_positive,
)
from livn.models.model import Model
from livn.models.receptors import current_noise

_TEETER = "Teeter et al. 2018, Nat Commun 9:709"
_LIVN = f"{_TEETER}, eq. 1-5; value: default of livn, Gressmann et al. 2025"

PARAMETERS = (
    strictly_positive("tau_m", 5.192, "ms", _LIVN),
    Parameter("E_L", -78.737, "mV", _LIVN),
    strictly_positive("g_L", 3.214, "nS", _LIVN),
    Parameter("V_threshold_base", -40.0, "mV", _LIVN),
    positive("theta_decay_rate", 0.3406, "1/ms", _LIVN),
    Parameter("theta_jump", 3.722, "mV", _LIVN),
    Parameter("asc_amp_1", 10.0, "pA", _LIVN),
    Parameter("asc_amp_2", -25.121, "pA", _LIVN),
    positive("asc_decay_rate_1", 0.23614, "1/ms", _LIVN),
    positive("asc_decay_rate_2", 0.0068869, "1/ms", _LIVN),
    Parameter("f_v", 0.7595, "1", _LIVN),
    Parameter("delta_v", 0.28477, "mV", _LIVN),
    positive("t_ref", 6.992, "ms", _LIVN),
    Parameter("a_v", 0.001, "1/ms", _LIVN),
    positive("b_v", 0.01, "1/ms", _LIVN),
    Parameter("asc_r", 1.0, "1", _LIVN),
)
_DEFAULTS = {p.name: float(p.value) for p in PARAMETERS}  # type: ignore[arg-type]  # all numbers

_CURRENTS = frozenset({"asc_amp_1", "asc_amp_2"})
_ADAPTATION = frozenset({"a_v", "b_v"})
_RESET = frozenset({"theta_jump", "f_v", "delta_v"})
ABSENT = {
    1: _RESET | _ADAPTATION | _CURRENTS,
    2: _ADAPTATION | _CURRENTS,
    3: _RESET | _ADAPTATION,
    4: _ADAPTATION,
    5: frozenset[str](),
}
"""Level -> parameters that are 0 in it (Teeter et al. 2018, table 1)."""


def _after_spike_current(j: int) -> Mechanism:
    return Mechanism(
        f"after_spike_{j}",
        f"-1e-3 * I_{j}",
        states=(State(f"I_{j}", f"-asc_decay_rate_{j} * I_{j}", initial="0", unit="pA"),),
    )


LEAK = Mechanism("leak", "1e-3 * g_L * (V - E_L)")
THRESHOLD = Mechanism(
    "threshold",
    states=(
        State("theta_s", "-theta_decay_rate * theta_s", initial="0", unit="mV"),
        State("theta_v", "a_v * (V - E_L) - b_v * theta_v", initial="0", unit="mV"),
    ),
)
NOISE = current_noise("1e-3 * level", (positive("level", 0.0, "pA", "off until set_noise"),))
SPIKE = Spike(
    "V_threshold_base + theta_s + theta_v",
    refractory="t_ref",
    reset={
        "V": "E_L + f_v * (V - E_L) - delta_v",
        "theta_s": "theta_s + theta_jump * exp(theta_decay_rate * t_ref)",
        **{f"I_{j}": f"asc_r * I_{j} + asc_amp_{j} * exp(asc_decay_rate_{j} * t_ref)"
           for j in (1, 2)},
    },
    held=("V", "theta_v"),
)  # fmt: skip


@dataclass(frozen=True)
class GLIF(Model):
    """GLIF of one level in every cell: 1 leaky, 2 with reset rules, 3 with after-spike currents,
    4 with both, 5 with a threshold that follows the voltage as well.

    Attributes:
        level: 1 to 5; the parameters `ABSENT` from it are 0.
        params: parameter name -> value, for those that differ from `PARAMETERS`.

    Raises:
        InvalidValue: for another level, a value out of range, or one other than 0 of a parameter
            that the level does not have.
        UnknownName: for names in `params` that are no parameters.
    """

    dt: ClassVar[float] = 0.1

    level: int = 5
    params: Mapping[str, float] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        if self.level not in ABSENT:
            raise InvalidValue(
                f"GLIF level is unknown: got {self.level!r}; need 1, 2, 3, 4 or 5.",
                got=self.level,
                allowed=tuple(ABSENT),
            )
        given = dict(self.params or {})
        unknown = sorted(set(given) - set(_DEFAULTS))
        if unknown:
            raise unknown_names("GLIF parameter", unknown, _DEFAULTS)
        extra = {n: given[n] for n in sorted(ABSENT[self.level]) if given.get(n)}
        if extra:
            raise InvalidValue(
                f"GLIF level {self.level} does not have these parameters: got {extra}; "
                "they are 0. Leave them out or choose a higher level.",
                got=extra,
            )
        self.cell("excitatory")  # a value out of range is refused here

    @classmethod
    def leaky_integrate_and_fire(cls) -> "GLIF":
        """Return the preset that is a plain leaky integrate-and-fire cell: 10 ms, 100 MOhm."""
        return cls(level=2, params=LIF_PRESET)

    @classmethod
    def from_neuron_config(cls, config: Mapping[str, Any]) -> "GLIF":
        """Return the cell of a `neuron_config.json` of the Allen Cell Types Database.

        Its voltages are relative to `El_reference`; ours are absolute, as synapses need them.

        Raises:
            InvalidValue: if an entry is missing.
        """
        try:
            level, values = _level(config), _from_allen(config)
        except KeyError as error:
            raise InvalidValue(
                f"neuron config lacks an entry: got no {error.args[0]!r}; need a neuron_config of "
                "the Allen Cell Types Database. Pass the document as downloaded.",
                got=sorted(config),
            ) from error
        return cls(level, params={k: v for k, v in values.items() if k not in ABSENT[level]})

    def parameters(self) -> dict[str, float]:
        """Return the value of every parameter, those absent from the level 0."""
        return _DEFAULTS | dict(self.params or {}) | dict.fromkeys(ABSENT[self.level], 0.0)

    def cell(self, kind: Kind) -> Cell:
        """Return the one cell; it starts at E_L."""
        values = self.parameters()
        mechanisms = (LEAK, THRESHOLD, _after_spike_current(1), _after_spike_current(2), NOISE)
        return Cell(
            name=f"GLIF{self.level}",
            source=_TEETER,
            compartments=(Compartment("soma", mechanisms, capacitance="1e-3 * tau_m * g_L"),),
            spike=SPIKE,
            parameters=(
                *(Parameter(p.name, values[p.name], p.unit, p.source, p.bounds)
                  for p in PARAMETERS),
                Parameter("V_init", values["E_L"], "mV", "chosen: at rest"),
            ),
        )  # fmt: skip


LIF_PRESET = {
    "tau_m": 10.0, "E_L": -70.0, "g_L": 10.0, "V_threshold_base": -55.0, "f_v": 0.0,
    "delta_v": 5.0, "t_ref": 0.0, "theta_jump": 0.0,
}  # fmt: skip
"""A leaky integrate-and-fire cell as level 2 (Gressmann et al. 2025)."""


def _level(config: Mapping[str, Any]) -> int:
    threshold = config["threshold_dynamics_method"]["name"]
    currents = config["AScurrent_dynamics_method"]["name"] != "none"
    if "three_components" in threshold:
        return 5
    if "spike_component" in threshold:
        return 4 if currents else 2
    return 3 if currents else 1


def _from_allen(config: Mapping[str, Any]) -> dict[str, float]:
    """Convert from the SI units of the database."""
    scale = config["coeffs"]
    capacitance, conductance = config["C"] * scale["C"], scale["G"] / config["R_input"]
    reference = config.get("El_reference", 0.0)
    values = {
        "tau_m": 1e3 * capacitance / conductance,
        "E_L": 1e3 * (reference + config["El"]),
        "g_L": 1e9 * conductance,
        "V_threshold_base": 1e3 * (reference + config["th_inf"] * scale["th_inf"]),
        "t_ref": 1e3 * config["dt"] * (config["spike_cut_length"] + 1),
    }
    threshold = config["threshold_dynamics_method"].get("params") or {}
    if "a_spike" in threshold:
        values |= {"theta_jump": 1e3 * threshold["a_spike"],
                   "theta_decay_rate": threshold["b_spike"] / 1e3}  # fmt: skip
    if "a_voltage" in threshold:
        values |= {"a_v": threshold["a_voltage"] * scale["a"] / 1e3,
                   "b_v": threshold["b_voltage"] * scale["b"] / 1e3}  # fmt: skip
    reset = config["voltage_reset_method"].get("params") or {}
    values |= {"f_v": reset.get("a", 0.0), "delta_v": -1e3 * reset.get("b", 0.0)}
    if config["AScurrent_dynamics_method"]["name"] != "none":
        for j, (amp, factor, tau) in enumerate(
            zip(config["asc_amp_array"], scale["asc_amp_array"], config["asc_tau_array"],
                strict=True), 1,
        ):  # fmt: skip
            values |= {f"asc_amp_{j}": 1e12 * amp * factor, f"asc_decay_rate_{j}": 1e-3 / tau}
    return values
