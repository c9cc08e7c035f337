"""Tasks whose culture is computed by other backends than native."""

import numpy as np
import pytest

import livn.tasks

BACKENDS = ("brian2", "neuron", "diffrax")


@pytest.mark.parametrize("backend", BACKENDS)
def test_rate_control_repeats_itself_and_is_moved_by_actions(backend):
    env = livn.tasks.single("RateControl", "EI1", backend=backend, duration=20, max_steps=3)
    assert env.env.backend == backend

    def episode(strength, seed=1):
        first, _ = env.reset(seed=seed)
        steps = [env.step(np.full(1, strength, np.float32)) for _ in range(3)]
        observations = [first, *(o for o, *_ in steps)]
        assert all(env.observation_space.contains(o) for o in observations)
        assert [ends for *_, a, b, _ in steps for ends in (a, b)] == [False] * 5 + [True]
        assert [i["time_ms"] for *_, i in steps] == [20.0, 40.0, 60.0]
        heard = np.concatenate([i["spikes"].times + 20 * k for k, (*_, i) in enumerate(steps)])
        return np.array(observations), [r for _, r, *_ in steps], heard

    first, again = episode(1.0), episode(1.0)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(first[2]) > len(episode(0.0)[2])
    assert not np.array_equal(first[2], episode(1.0, seed=2)[2])
    env.close()
