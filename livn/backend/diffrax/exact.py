"""Exact spike times of cells with threshold and reset: diffrax integrates from spike to spike.

A spike is where V meets threshold, found by Newton's method on the solution; its derivative is that
of the implicit function (Chen, Amos & Nickel 2021, ICLR, "Learning neural event functions"). Input
is constant between the samples of a stimulus, and the solver steps onto every change of it.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import optimistix

from livn.arrays import Array
from livn.backend.diffrax.intrinsics import function
from livn.backend.diffrax.lower import lower_rates
from livn.backend.network import Population

_TOLERANCE = 1e-9  # relative, of the integration and of the root; absolute in mV, uS and ms
_SINGLE = 1e-5  # the same in float32
_STEPS = 4096  # of the solver between two spikes at most


class Cell(NamedTuple):
    """One cell: start of its states, and the parameters its equations name."""

    start: Array
    values: dict[str, Array]


class After(NamedTuple):
    """What the equations say of a state: V - threshold, what a spike makes of it, and ms held."""

    above: Array
    state: Array
    refractory: Array


@dataclass(frozen=True)
class Field:
    """The equations of a population.

    Attributes:
        source: of `rates`.
        moving: 1 for each state that moves while the cell is refractory, 0 for one that is held.
        needs: names of the parameters.
    """

    source: str
    moving: tuple[float, ...]
    needs: tuple[str, ...]

    def __call__(self, y: Array, values: Any, inputs: Array) -> tuple[Array, After]:
        """Return the derivative of the state, and what else the equations say."""
        found = function(self.source, "rates")(tuple(y), values, tuple(inputs))
        rates, above, after, refractory = jax.tree.map(lambda x: jnp.asarray(x, y.dtype), found)
        return jnp.stack(rates), After(above, jnp.stack(after), refractory)


def field(population: Population) -> Field:
    """Return the equations of a population."""
    equations = population.equations
    states = (*equations.voltages, *equations.states)
    source = lower_rates(equations)
    named = (n for n in {**equations.parameters, **equations.derived} if f"[{n!r}]" in source)
    return Field(source, tuple(float(n not in equations.held) for n in states), tuple(named))


def spike_times(
    field: Field, cell: Cell, samples: Array, sample_dt: float, duration: float, n_spikes: int
) -> tuple[Array, Array]:
    """Return the first spikes of a cell, ms, infinite where there is none, and whether all are in.

    Args:
        field: the equations.
        cell: the numbers.
        samples: what enters, [n_samples, n_inputs]; nothing does afterwards.
        sample_dt: time between them, ms.
        duration: ms.
        n_spikes: how many are looked for.
    """
    kind = cell.start.dtype
    end = jnp.asarray(duration, kind)
    padded = jnp.pad(samples, ((0, 1), (0, 0)))
    numbers = (cell.values, padded)
    solve = _Solver(field, sample_dt, len(samples))

    def next_spike(carry: Any, _: Any) -> Any:
        t, y, wait = carry
        free = jnp.minimum(t + wait, end)
        if any(field.moving):
            y, _, _ = solve(t, free, y, numbers, held=True)
        still = jax.lax.stop_gradient((free, y, numbers))
        _, stop, hit = solve(still[0], end, still[1], still[2], held=False, event=True)
        y, _, _ = solve(free, jax.lax.stop_gradient(stop), y, numbers, held=False)
        t, y = _met(field, stop, y, numbers, solve, hit)
        after = field(y, cell.values, padded[-1])[1]
        y = jnp.where(hit, after.state, y)
        return (t, y, jnp.where(hit, after.refractory, 0.0)), jnp.where(hit, t, jnp.inf)

    start = (jnp.zeros((), kind), cell.start, jnp.zeros((), kind))
    (t, _, _), times = jax.lax.scan(jax.checkpoint(next_spike), start, None, n_spikes)
    return times, t >= duration


def _met(
    field: Field, stop: Array, y: Array, numbers: Any, solve: "_Solver", hit: Array
) -> tuple[Array, Array]:
    """Return time and state at which threshold is met, a step of Newton's from `stop`.

    The step is as small as the tolerance; its derivative is that of the implicit function.
    """
    fixed = jax.lax.stop_gradient

    def margin(y: Array) -> Array:
        return field(y, numbers[0], numbers[1][-1])[1].above

    rate = solve.rate(jnp.nextafter(stop, -jnp.inf), y, numbers)
    rise = fixed(jax.jvp(margin, (y,), (rate,))[1])
    late = jnp.where(hit, margin(y) / jnp.where(hit, rise, 1.0), 0.0)
    return fixed(stop) - late, y - fixed(rate) * late


@dataclass(frozen=True)
class _Solver:
    """Integrates one cell to a time, or to its next spike; numbers are (values, samples)."""

    field: Field
    sample_dt: float
    n_samples: int

    def rate(self, t: Array, y: Array, numbers: Any) -> Array:
        """Return the derivative of the state."""
        values, samples = numbers
        row = jnp.floor(t / self.sample_dt).astype(jnp.int32)
        return self.field(y, values, samples[jnp.clip(row, 0, self.n_samples)])[0]

    def __call__(
        self, t0: Array, t1: Array, y: Array, numbers: Any, held: bool, event: bool = False
    ) -> tuple[Array, Array, Array]:
        """Return state and time at the end, and whether that is a spike."""
        tolerance = _TOLERANCE if y.dtype == jnp.float64 else _SINGLE
        moving = jnp.asarray(self.field.moving, y.dtype)

        def rate(t: Array, y: Array, args: Any) -> Array:
            return self.rate(t, y, args) * (moving if held else 1.0)

        def margin(t: Array, y: Array, args: Any, **_: Any) -> Array:
            return self.field(y, args[0], args[1][-1])[1].above

        changes = jnp.arange(1, self.n_samples + 1) * self.sample_dt
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(rate), diffrax.Dopri5(), t0, t1, None, y, numbers,
            event=diffrax.Event(
                margin, optimistix.Newton(tolerance, tolerance), direction=True
            ) if event else None,
            stepsize_controller=diffrax.ClipStepSizeController(
                diffrax.PIDController(rtol=tolerance, atol=tolerance),
                jump_ts=changes.astype(y.dtype) if self.n_samples else None,
            ),
            max_steps=_STEPS,
        )  # fmt: skip
        assert found.ts is not None
        assert found.ys is not None
        hit = jnp.asarray(found.event_mask if event else False)
        return found.ys[-1], found.ts[-1], hit
