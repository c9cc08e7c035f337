"""Events and what comes back along synapses: linear, each the transpose of the other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from livn import Env
from livn.backend.diffrax.delivery import arriving
from livn.backend.diffrax.synapses import gather_synapses


@pytest.fixture(scope="module")
def tables():
    network = Env("EI1", "LIF", backend="diffrax").network_plan
    synapses, n_steps = gather_synapses(network, 0.1, 1, derivatives=True)
    history = np.random.default_rng(0).normal(size=(n_steps, network.n_cells + 1))
    history[:, -1] = 0.0
    return synapses, history


@pytest.mark.parametrize("slot", [0, 3, 15])
def test_what_comes_back_is_what_jax_would_scatter(tables, slot):
    synapses, history = tables
    for table in synapses:
        plain = table._replace(targets=None)
        change = np.linspace(1, 2, len(table.sources))
        with jax.enable_x64(True):
            at = jnp.asarray(history)
            found, back = jax.vjp(lambda h, t=table: arriving(h, jnp.int32(slot), t), at)
            expected, scatter = jax.vjp(lambda h, p=plain: arriving(h, jnp.int32(slot), p), at)
            returned, scattered = np.array(back(change)[0]), np.array(scatter(change)[0])
            twice = jax.grad(lambda c, b=back: (b(c)[0] ** 2).sum() / 2)(jnp.asarray(change))
            ahead = jax.jvp(lambda h, t=table: arriving(h, jnp.int32(slot), t), (at,), (at,))[1]
            mapped = np.array(jax.vmap(back)(jnp.stack([change, 3 * change]))[0])

        np.testing.assert_allclose(found, expected, atol=1e-12)
        np.testing.assert_allclose(ahead, expected, atol=1e-12)
        np.testing.assert_allclose(returned[:, :-1], scattered[:, :-1], atol=1e-12)
        np.testing.assert_allclose(mapped[1], 3 * returned, atol=1e-12)
        with jax.enable_x64(True):  # the transpose of the transpose
            again = np.array(arriving(jnp.asarray(returned), jnp.int32(slot), plain))
        np.testing.assert_allclose(twice, again, atol=1e-10)


def test_copies_share_clock_and_synapses(tables):
    synapses, history = tables
    with pytest.raises(NotImplementedError, match="have their clock and synapses in common"):
        jax.vmap(lambda s: arriving(jnp.asarray(history), s, synapses[0]))(jnp.arange(2))
