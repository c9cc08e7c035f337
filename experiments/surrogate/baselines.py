"""What a search has to beat: chance, an even cover, and Optuna."""

from math import nan
from typing import Any

import numpy as np

from experiments.surrogate.base import Floats, Optimiser, sobol_points
from livn.errors import LivnError


class Random(Optimiser):
    """Points drawn evenly at random."""

    def ask(self, n: int) -> list[Floats]:
        """Return the next n points."""
        first = len(self.told)
        return [
            np.random.default_rng([self.seed, first + k]).random(len(self.space)) for k in range(n)
        ]


class Sobol(Optimiser):
    """Points of a scrambled Sobol sequence, an even cover whatever was found."""

    def ask(self, n: int) -> list[Floats]:
        """Return the next n points."""
        return sobol_points(len(self.space), len(self.told), n, self.seed)


class Optuna(Optimiser):
    """Optuna's tree-structured Parzen estimators, multivariate, after a Sobol start.

    It minimises the losses of the objectives and how far features are outside their bands.
    """

    def ask(self, n: int) -> list[Floats]:
        """Return the next n points.

        Raises:
            MissingPackage: if Optuna is not installed.
        """
        left = self.initial - len(self.told)
        if left > 0:
            start = sobol_points(len(self.space), len(self.told), min(n, left), self.seed)
            return start if len(start) == n else start + self._proposed(n - len(start))
        return self._proposed(n)

    def _proposed(self, n: int) -> list[Floats]:
        study, bounds = self._study()
        found = []
        for _ in range(n):
            trial = study.ask(bounds)
            found.append(np.array([trial.params[name] for name in bounds]))
        return found

    def _study(self) -> tuple[Any, dict[str, Any]]:
        optuna = _optuna()
        bounds = {name: optuna.distributions.FloatDistribution(0, 1) for name in self.space.names}
        sampler = optuna.samplers.TPESampler(
            multivariate=True, n_startup_trials=0, seed=self.seed + len(self.told)
        )
        values = [self._values(k) for k in range(len(self.told))]
        width = max((len(v) for v in values), default=1)
        study = optuna.create_study(directions=["minimize"] * width, sampler=sampler)
        for told, losses in zip(self.told, values, strict=True):
            params = dict(zip(bounds, told.x.tolist(), strict=True))
            study.add_trial(
                optuna.trial.create_trial(params=params, distributions=bounds, values=losses)
            )
        return study, bounds

    def _values(self, k: int) -> list[float]:
        """Return what is minimised; bounded, so that failures do not drown the rest."""
        features = self.told[k].features
        ok = self.told[k].status == "ok"
        misses = sum(max(0.0, -g.margin(features.get(g.feature, nan))) for g in self.goals)
        return [*np.minimum(self.losses(k), 9.0).tolist(), min(misses, 9.0) if ok else 9.0]


class MissingPackage(LivnError, ImportError):
    """A package that only an extra installs is not there."""


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise MissingPackage(
            "method 'optuna' needs the package optuna: got none. pip install 'livn[optuna]'."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
