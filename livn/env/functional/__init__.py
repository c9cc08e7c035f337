"""An Env as a pure function of its numbers: `functional(env)` makes one that JAX transforms.

    env = functional(Env("EI2", "LIF", backend="diffrax").record_spikes())
    jax.grad(lambda x: env.set_noise({"level": x}).run(50)["spike_train"].values.mean())(9.0)

Nothing here is changed in place: setters return a new FunctionalEnv, a run starts where it is told.
JAX computes in its own precision, float32 unless `jax.enable_x64` is on.
"""

from livn.env.functional.env import FunctionalEnv, Moment, functional

__all__ = ["FunctionalEnv", "Moment", "functional"]
