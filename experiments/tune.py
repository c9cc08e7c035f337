"""Tune a culture: find weights, noise and stimulation at which it does what it should.

A target says what is measured and the bands it should lie in (`experiments.targets`), an optimiser
what to try next (`experiments.surrogate`). The best are simulated again on noise that no
evaluation had, because the best of many noisy ones was also lucky.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from math import inf, nan
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar

from pydantic import Field, field_validator

import livn
from experiments.component import SystemComponent
from experiments.progress import Figure, Plan, Progress, start
from experiments.specs import source_hashes
from experiments.surrogate import METHODS
from experiments.targets import make_target
from experiments.targets.space import split
from experiments.tuning.evaluation import Question
from experiments.tuning.figures import draw, play
from experiments.tuning.promote import promote
from experiments.tuning.results import Candidate, candidates, diagnosis, sensitivity, summary, table
from experiments.tuning.search import Budget, Search
from experiments.upstream import document_hash, file_hash
from livn.errors import InvalidState, unknown_names
from livn.models import make_model
from livn.system import make

EVALUATIONS = "evaluations.jsonl"
PICTURE = "tune.png"


def _target(config: Any) -> str:
    """Return the hash of the target: its bands and stages, and its source where it is a user's.

    Bands that follow from a recording count by the content of that, see `_recording`.
    """
    target = make_target(config.target, config.target_options)
    goals = [] if "path" in config.target_options else target.goals()
    bands = [{k: v for k, v in vars(goal).items() if k != "source"} for goal in goals]
    stages = [(stage.name, stage.duration) for stage in target.stages()]
    return document_hash([type(target).__name__, source_hashes([type(target)]), bands, stages])


def _fixed_parameters(config: Any) -> str:
    """Return the hash of the shipped parameters that the search leaves as they are.

    Those it varies do not matter, so a promoted result does not make this another run.
    """
    target = make_target(config.target, config.target_options)
    system = make(config.system)
    model = system.default_model() if config.model is None else make_model(config.model)
    shipped = system.default_params(model=model) or {}
    return document_hash({k: v for k, v in shipped.items() if not target.frees(k)})


def _recording(config: Any) -> str:
    path = config.target_options.get("path")
    return "none" if path is None else file_hash(path)


class Tune(SystemComponent):
    """Parameters at which a culture meets a target."""

    upstream: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        **SystemComponent.upstream,
        "parameters": _fixed_parameters,
        "recording": _recording,
        "target": _target,
    }

    class Config(SystemComponent.Config):
        """The question, and how long to look for an answer."""

        target: str = Field("Culture", description="name of a target, or import path of one")
        target_options: dict[str, Any] = Field(
            default_factory=dict, description="of the target: duration, bands, ranges, path, ..."
        )
        method: str = Field("surrogate", description=f"one of {', '.join(METHODS)}")
        evaluations: int = Field(256, ge=1, description="most that are made in the search")
        batch: int = Field(8, ge=1, description="proposals of a round")
        trials: int = Field(1, ge=1, description="simulations of an evaluation, each its own noise")
        initial: int | None = Field(
            None, ge=1, description="evaluations spread evenly first; None for two a parameter"
        )
        enough: int = Field(0, ge=0, description="evaluations in all bands that end it; 0: never")
        give_up: int = Field(
            32, ge=0, description="first failures, all alike, that end it; 0: never"
        )
        backend_options: dict[str, Any] = Field(
            default_factory=dict, description="of the backend: precision, threads, ..."
        )
        finalists: int = Field(5, ge=1, description="best evaluations simulated again")
        repeats: int = Field(5, ge=2, description="simulations of each of them, on new noise")

        @field_validator("method")
        @classmethod
        def _known(cls, method: str) -> str:
            if method not in METHODS:
                raise unknown_names("method", [method], METHODS)
            return method

    def version_quick(self) -> dict[str, Any]:
        """A look at what happens: 32 evaluations of 2 s, two finalists."""
        short = {"duration": 2000.0}
        return {"evaluations": 32, "finalists": 2, "repeats": 2, "target_options": short}

    def version_float32(self) -> dict[str, Any]:
        """Computed by the native backend in single precision, in about half the time."""
        return {"backend": "native", "backend_options": {"precision": "float32"}}

    def version_spontaneous(self) -> dict[str, Any]:
        """The culture left alone, without stimulation."""
        return {"target": "Spontaneous"}

    def version_first(self) -> dict[str, Any]:
        """Until three evaluations are inside every band."""
        return {"enough": 3}

    # the work

    def compute(self) -> None:
        """Evaluate what is missing, then the finalists on new noise."""
        options = self.config
        search = self._search()
        with start(self._plan(search)) as progress:
            with self.pool(self._question()) as pool:
                at_once = min(pool.n_workers, options.batch)
                if search.known:
                    progress.expect(fmean(row["seconds"] for row in search.known), at_once)
                for row in search.run(pool):
                    progress.expect(row["seconds"], at_once)
                    self._tell(progress, search, row)
                for row in search.confirm(pool, options.finalists, options.repeats):
                    self._tell(progress, search, row)
            self.save_metrics(summary(search))
            self._draw(search)
            progress.after(self._outcome(search))

    def _question(self) -> Question:
        """Return what is evaluated."""
        o = self.config
        return Question(
            o.system, o.target, dict(o.target_options), o.model, o.backend,
            backend_options=dict(o.backend_options),
        )  # fmt: skip

    def _search(self) -> Search:
        """Return the search at the point its rows have brought it to."""
        o = self.config
        budget = Budget(o.evaluations, o.batch, o.trials, o.enough, o.give_up)
        journal = self.journal(EVALUATIONS)
        return Search(self._question(), journal, o.method, budget, o.seed, o.initial)

    def _plan(self, search: Search) -> Plan:
        o = self.config
        done = len(search.rows.rows())
        notes = [f"{g.feature}: {g.text()} ({g.source})" for g in search.target.goals()]
        return Plan(
            "tune", self.hash, self.options(), o.evaluations + o.finalists * o.repeats, done,
            "evaluations", output=str(self.directory), notes=notes,
        )  # fmt: skip

    def _tell(self, progress: Progress, search: Search, row: Mapping[str, Any]) -> None:
        progress.advance(failed=None if row["status"] == "ok" else row["status"])
        ranked = sorted(search.known, key=lambda r: _rank(search, r))
        best = ranked[0]["features"]
        progress.show(*(
            Figure(g.feature, best.get(g.feature, nan), "" if g.unit == "1" else g.unit,
                   (-inf if g.low is None else g.low, inf if g.high is None else g.high))
            for g in search.target.goals()
        ))  # fmt: skip

    def _outcome(self, search: Search) -> dict[str, Any]:
        ranked = candidates(search)
        best = ranked[0] if ranked else None
        said = diagnosis(search, best)
        outcome = {
            "inside every band": "yes" if best is not None and best.inside else "no",
            "look": f"{self.command()} --inspect",
            "use": f"{self.command()} --promote",
        }
        return outcome | ({"why not": "; ".join(said)} if said else {})

    def _draw(self, search: Search) -> None:
        ranked = candidates(search)
        runs = play(search.question, ranked[0].values, search.stream(0)) if ranked else {}
        figure = draw(search, ranked, runs, make(self.config.system))
        figure.savefig(self.directory / PICTURE, dpi=150)

    # what came of it

    @cached_property
    def done(self) -> Search:
        """The search, with every evaluation it has.

        Raises:
            InvalidState: if there is none yet.
        """
        if not self.is_materialized() or not len(self.journal(EVALUATIONS)):
            self.require_finished()
        return self._search().replay()

    def candidates(self) -> list[Candidate]:
        """Return the finalists, best first by their means on new noise."""
        self.require_finished()
        return candidates(self.done)

    def best(self) -> Candidate:
        """Return the best finalist.

        Raises:
            InvalidState: if no simulation succeeded, or the run is not finished.
        """
        found = self.candidates()
        if not found:
            raise InvalidState(
                f"{self.label_text()} has no result: got {len(self.done.known)} evaluations, none "
                "of which succeeded. Move the bounds: target_options.ranges."
            )
        return found[0]

    def params(self) -> dict[str, float]:
        """Return the best parameters, as `env.set_params` takes them."""
        return split(self.best().values)[0]

    def inspect(self) -> str:
        """Return what came of it as text: ranking, parameters, what moves what, what is missed."""
        return table(self.done)

    def export(self, path: str = "front.json") -> str:
        """Write the finalists with values and features, mean and sd, as JSON; return the path."""
        content = {
            "run": self.hash,
            "command": self.command(),
            "goals": [vars(goal) for goal in self.done.target.goals()],
            "finalists": [vars(c) | {"inside": c.inside} for c in self.candidates()],
            "sensitivity": sensitivity(self.done),
        }
        Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        return path

    def promote(self, group: str = "default", force: bool = False) -> str:
        """Write the best parameters where `livn.make` reads them; return the path of the file.

        The system's other parameters stay as they are.

        Args:
            group: "default" is what `make` sets.
            force: also if it is outside a band, or the group was tuned by another run.

        Raises:
            InvalidState: if it is outside a band, or the group was tuned by another run.
        """
        best = self.best()
        if not best.inside and not force:
            raise InvalidState(
                f"{self.label_text()} is outside its bands: got {', '.join(best.outside)}. "
                "See --inspect; pass force=True to promote it all the same."
            )
        system = make(self.config.system)
        model = self.done.question.describe_env().model
        base = system.default_params(model=model) or {}
        return str(promote(
            system, model.params_key(), group, {**base, **self.params()}, self._provenance(best),
            force,
        ))  # fmt: skip

    def _provenance(self, best: Candidate) -> dict[str, Any]:
        return {
            "tuned_by": self.hash,
            "command": self.command(),
            "system": self.config.hashes["system"],
            "evaluation": best.index,
            "features": dict(best.mean),
            "features_sd": dict(best.sd),
            "repeats": best.repeats,
            "protocol": split(best.values)[1],
            "livn": livn.__version__,
            "date": datetime.now(UTC).date().isoformat(),
        }


def _rank(search: Search, row: Mapping[str, Any]) -> tuple[float, ...]:
    if row["status"] != "ok":
        return (inf,)
    return search.target.rank(row["features"])
