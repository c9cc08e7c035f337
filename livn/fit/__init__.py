"""Learning by gradient descent: losses on spikes and traces, and the loop that lowers them.

found, history = fit(env, loss, params, optax.adam(1e-2), steps=100)
"""

from livn.fit.descent import fit
from livn.fit.losses import first_spike, rate, spectrum, trace, van_rossum

__all__ = ["first_spike", "fit", "rate", "spectrum", "trace", "van_rossum"]
