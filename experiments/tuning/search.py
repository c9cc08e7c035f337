"""The search: rounds of proposals, each evaluated once, rebuilt from its rows after a kill."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from experiments.surrogate import Optimiser, make_optimiser
from experiments.surrogate.base import Floats
from experiments.targets import Space, Target
from experiments.tuning.evaluation import Job, Question
from livn.errors import LivnError
from livn.workers import Pool

SEARCH, FINAL = "search", "final"  # stages of a row
STREAMS = 1_000_000  # of the noise that a seed has to itself; finals take the upper half


class AllFailed(LivnError, RuntimeError):
    """The first evaluations all failed alike: something is wrong with the question."""


class Rows(Protocol):
    """Where rows are kept: `experiments.journal.Journal`, or a list in memory."""

    def rows(self) -> list[dict[str, Any]]:
        """Return every row, in the order of appending."""

    def append(self, *rows: Mapping[str, Any]) -> None:
        """Add rows, all on disk when it returns."""


@dataclass
class Memory:
    """Rows that are not kept."""

    kept: list[dict[str, Any]] = field(default_factory=list)

    def rows(self) -> list[dict[str, Any]]:
        """Return every row."""
        return list(self.kept)

    def append(self, *rows: Mapping[str, Any]) -> None:
        """Add rows."""
        self.kept += map(dict, rows)


@dataclass(frozen=True)
class Budget:
    """How much is evaluated.

    Attributes:
        evaluations: most, of the search.
        batch: proposals of a round; the optimiser learns of a round as a whole.
        trials: simulations of an evaluation, each on a noise stream of its own.
        enough: evaluations inside every band that end the search; 0 to use all of it.
        give_up: so many failures of one kind at the start, and nothing else, end it; 0 never.
    """

    evaluations: int = 256
    batch: int = 8
    trials: int = 1
    enough: int = 0
    give_up: int = 32


class Search:
    """A search for parameters, at the point its rows have brought it to.

    Which evaluation has which proposal and noise follows from question, method, seed and budget
    alone: not from the workers, nor from when the process was killed.

    Args:
        question: culture and target.
        rows: evaluations so far, and where new ones go.
        method: of `experiments.surrogate.METHODS`.
        budget: how much.
        seed: of proposals and noise.
        initial: points of the space-filling start; None for two for each parameter.
    """

    def __init__(
        self, question: Question, rows: Rows, method: str = "surrogate",
        budget: Budget | None = None, seed: int = 0, initial: int | None = None,
    ):  # fmt: skip
        self.question, self.rows, self.seed = question, rows, seed
        self.budget = budget or Budget()
        self.target: Target = question.make_target()
        self.space: Space = self.target.search_space(question.describe_env())
        self.optimiser: Optimiser = make_optimiser(
            method, self.space, self.target.goals(), seed, initial
        )
        self._known = {row["index"]: row for row in rows.rows() if row["stage"] == SEARCH}

    @property
    def known(self) -> list[dict[str, Any]]:
        """Evaluations so far, by index."""
        return [self._known[index] for index in sorted(self._known)]

    def run(self, pool: Pool) -> Iterator[dict[str, Any]]:
        """Evaluate what is missing, yielding each new row once it is kept.

        Args:
            pool: whose workers were made with the question as their factory.

        Raises:
            AllFailed: if the first `give_up` evaluations fail alike.
        """
        while (jobs := self.next_round()) is not None:
            points = {job.index: x for job, x in jobs}
            missing = [job for job, _ in jobs if job.index not in self._known]
            for row in answered(pool, missing, self.question.per_task):
                yield self._keep(row, points[row["index"]])
            self._tell([index for index, _ in enumerate(jobs, start=len(self.optimiser.told))])
            self._check_alive()

    def _keep(self, row: Mapping[str, Any], x: list[float]) -> dict[str, Any]:
        kept = {"stage": SEARCH, **row, "x": x}
        self.rows.append(kept)
        self._known[row["index"]] = kept
        return kept

    def replay(self) -> "Search":
        """Tell the optimiser of every complete round there is, and return itself."""
        self.next_round()
        return self

    def next_round(self) -> list[tuple[Job, list[float]]] | None:
        """Return the jobs of the next round with missing rows, None when the search has ended."""
        while not self.ended:
            first = len(self.optimiser.told)
            n = min(self.budget.batch, self.budget.evaluations - first)
            whole = range(first, first + n)
            if not all(index in self._known for index in whole):
                points = self.optimiser.ask(n)
                pairs = zip(whole, points, strict=True)
                return [(self._job(index, x), x.tolist()) for index, x in pairs]
            self._tell(whole)
        return None

    @property
    def ended(self) -> bool:
        """Whether the budget is used up, or enough evaluations are inside every band."""
        told = len(self.optimiser.told)
        inside = sum(self._known[index]["inside"] for index in range(told))
        enough = 0 < self.budget.enough <= inside
        return enough or told >= self.budget.evaluations

    def _tell(self, indices: Iterable[int]) -> None:
        for index in indices:
            row = self._known[index]
            self.optimiser.tell(row["x"], row["features"], row["status"])

    def _job(self, index: int, x: Floats) -> Job:
        trials = self.budget.trials
        streams = [self.stream(index * trials + t) for t in range(trials)]
        return Job(index, self.space.values(x), streams)

    def stream(self, k: int) -> int:
        """Return noise stream k of this seed; stream 0 is what an Env starts with."""
        return 1 + self.seed * STREAMS + k

    def _check_alive(self) -> None:
        first = self.known[: self.budget.give_up]
        kinds = Counter(row["status"] for row in first)
        if len(first) < self.budget.give_up or len(kinds) != 1 or "ok" in kinds or not first:
            return
        (status,) = kinds
        problem = first[0].get("problem", "")
        raise AllFailed(
            f"search has nothing to learn from: got {len(first)} evaluations, all {status}; need "
            f"one that is not. {problem} Widen or move the bounds: ranges of the target.".replace(
                "  ", " "
            ),
            got=status,
        )

    # the end

    def finalists(self, n: int) -> list[dict[str, Any]]:
        """Return the rows worth another look, best first: the front, then the next best."""
        if self.optimiser.best() is None:
            return []
        order = sorted(range(len(self.optimiser.told)), key=lambda k: (*self.optimiser.rank(k), k))
        ok = [k for k in order if self.optimiser.told[k].status == "ok"]
        front = set(self.optimiser.pareto())
        first = [ok[0], *(k for k in ok[1:] if k in front)]
        chosen = first + [k for k in ok if k not in first]
        return [self._known[k] for k in chosen[:n]]

    def confirm(self, pool: Pool, n: int, repeats: int) -> Iterator[dict[str, Any]]:
        """Evaluate the finalists again on noise no evaluation had, yielding each new row."""
        kept = [row for row in self.rows.rows() if row["stage"] == FINAL]
        done = {(row["of"], row["repeat"]) for row in kept}
        jobs, owner = [], {}
        for rank, row in enumerate(self.finalists(n)):
            for repeat in range(repeats):
                k = STREAMS // 2 + rank * repeats + repeat
                if (row["index"], repeat) not in done:
                    owner[k] = {"of": row["index"], "repeat": repeat}
                    jobs.append(Job(k, row["values"], [self.stream(k)]))
        for found in answered(pool, jobs, self.question.per_task):
            row = {"stage": FINAL, **owner[found["index"]], **found}
            self.rows.append(row)
            yield row


def answered(pool: Pool, jobs: Sequence[Job], copies: int) -> Iterator[dict[str, Any]]:
    """Yield the row of each job as workers answer; what a worker could not answer has failed.

    Args:
        pool: of evaluators.
        jobs: what to evaluate.
        copies: simulations in one task.
    """
    if not jobs:
        return
    largest = max(1, copies // max(1, len(jobs[0].streams)))
    spread = -(-len(jobs) // max(1, pool.n_workers))
    size = max(1, min(largest, spread))
    tasks = [jobs[k : k + size] for k in range(0, len(jobs), size)]
    waiting = {pool.submit(task): task for task in tasks}
    while waiting:
        answer = pool.next()
        assert answer is not None  # tasks are outstanding
        task = waiting.pop(answer.number)
        if answer.error is None:
            yield from answer.value
        else:
            yield from (_failed(job, str(answer.error)) for job in task)


def _failed(job: Job, problem: str) -> dict[str, Any]:
    empty: dict[str, float] = {}
    return {
        "index": job.index, "values": dict(job.values), "streams": list(job.streams),
        "status": "failed", "features": empty, "objectives": empty, "constraints": empty,
        "inside": False, "problem": problem, "seconds": 0.0,
    }  # fmt: skip
