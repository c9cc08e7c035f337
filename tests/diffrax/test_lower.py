"""The generated source: golden text, and the same numbers as the description gives.

python tests/diffrax/test_lower.py    write the files anew, after a wanted change of model or scheme
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from livn.backend.diffrax.intrinsics import INTRINSICS, function
from livn.backend.diffrax.lower import REFRACTORY, lower
from livn.models import MODELS, make_model
from livn.models.derived import known_step
from livn.models.expressions import np_dexprel, np_exprel
from livn.models.values import (
    initial_state,
    parameter_values,
    refractory_steps,
    step_constants,
)

GOLDEN = Path(__file__).parent / "golden"
NAMES = ("LIF", "HodgkinHuxley")


def lowered(name, kind="excitatory"):
    return lower(known_step(make_model(name).equations(kind)))


def text(name):
    found = lowered(name)
    return f"{found.update}\n\n{found.numbers}"


@pytest.mark.parametrize("name", NAMES)
def test_source_is_the_golden_file(name):
    golden = (GOLDEN / f"{name}.txt").read_text("utf-8")
    assert text(name) == golden, "run python tests/diffrax/test_lower.py if that is meant"


@pytest.mark.parametrize("kind", ["excitatory", "inhibitory"])
@pytest.mark.parametrize("name", MODELS)
def test_numbers_are_those_of_the_description(name, kind):
    equations, gids = make_model(name).equations(kind), np.arange(3, dtype=np.uint32)
    values = parameter_values(equations, {}, 5, gids)
    step = known_step(equations)

    derived, constants, start = function(lowered(name, kind).numbers, "numbers")(values, 0.05)

    expected = step_constants(step, values, 0.05)
    expected[REFRACTORY] = refractory_steps(equations, values, 0.05)
    for known, found in ((expected, constants), (values, derived)):
        for n in found:  # rounding of another order of operations
            np.testing.assert_allclose(found[n], known[n], rtol=1e-12, atol=1e-15, err_msg=n)
    for n, value in initial_state(equations, values, 3).items():
        np.testing.assert_allclose(np.broadcast_to(start[n], 3), value, rtol=1e-12, atol=1e-15)


def test_intrinsics_and_their_slopes_hold_at_removable_singularities():
    x = np.concatenate([np.linspace(-40, 40, 401), [0.0, 1e-12, -1e-9, 0.2999999, 0.3000001]])
    with jax.enable_x64(True):
        exprel, dexprel = INTRINSICS["exprel"], INTRINSICS["dexprel"]
        found, slope = exprel(jnp.asarray(x)), jax.vmap(jax.grad(exprel))(jnp.asarray(x))
        curve = jax.vmap(jax.grad(dexprel))(jnp.asarray(x[:201]))
        largest = jax.grad(lambda x: 1 / exprel(x))(900.0)

    np.testing.assert_allclose(found, np_exprel(x), rtol=1e-14)
    np.testing.assert_allclose(slope, np_dexprel(x), rtol=2e-13)  # cancels like eps/x^2 at 0.3
    h = 1e-5
    middle = (np_dexprel(x[:201] + h) - np_dexprel(x[:201] - h)) / (2 * h)
    np.testing.assert_allclose(curve, middle, rtol=1e-6, atol=1e-10)
    assert float(largest) == 0  # not nan


if __name__ == "__main__":
    for name in NAMES:
        (GOLDEN / f"{name}.txt").write_text(text(name), "utf-8")
