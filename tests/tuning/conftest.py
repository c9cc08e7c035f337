"""Questions small enough to ask in a test: EI1 as point cells, a second each."""

from collections.abc import Callable
from typing import Any

import pytest

from experiments.tuning.evaluation import Question

# The shortest window in which the rate, the bursts and the correlations of 10 cells can be told.
SHORT = {"warm_up": 200.0, "duration": 1000.0}


@pytest.fixture(scope="session")
def ask() -> Callable[..., Question]:
    """Return what makes a question, of a target and its options."""

    def made(target: str = "Spontaneous", **options: Any) -> Question:
        return Question("EI1", target, {**SHORT, **options}, "Izhikevich", "native")

    return made
