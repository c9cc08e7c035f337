"""Copies of a batch are single Envs, bit for bit, on every backend."""

import numpy as np

from livn.stimulus import Stimulus


def test_copies_equal_single_envs(new_env):
    def culture():
        env = new_env("EI1", seed=2).set_noise({"level": 300.0})  # pA
        return env.record_spikes().record_voltage(dt=0.5)

    currents = np.random.default_rng(0).uniform(0.0, 0.5, (2, 20, 10))  # nA
    batch = culture().batch(2, streams=[3, 0])

    first = batch.run(10, Stimulus.from_current(currents, dt=0.5))
    batch.clear(1)
    second = batch.run(10, [None, Stimulus.from_current(currents[1], dt=0.5)])

    for k, stream in enumerate((3, 0)):
        env = culture().reseed_noise(stream)
        stimulus = Stimulus.from_current(currents[k], dt=0.5)
        assert env.run(10, stimulus) == first[k]
        again = env.run(10) if k == 0 else env.clear().run(10, stimulus)
        assert again == second[k]
        assert len(first[k].spike_ids) > 2
    assert batch.t.tolist() == [20.0, 10.0]
    batch.close()
