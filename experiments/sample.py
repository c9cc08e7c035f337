"""Many simulations as a dataset: encodings x parameter sets x noise, in sharded Parquet."""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import machinable
from pydantic import Field, field_validator, model_validator

from experiments.component import SystemComponent
from experiments.parameters import parameter_set, remarks, shipped_parameters
from experiments.progress import Figure, Plan, Progress, start
from experiments.sampling.design import SPLITS, Design
from experiments.sampling.merge import merge
from experiments.sampling.parts import Parts, read_rows
from experiments.sampling.picture import overview
from experiments.sampling.regenerate import regenerate
from experiments.sampling.simulate import Simulator
from experiments.sampling.table import OK, STATUSES
from experiments.specs import make_encoding, specs_hash
from experiments.upstream import document_hash
from livn.errors import InvalidState, InvalidValue
from livn.system import resolve
from livn.workers import Pool

TEST_SHARE = 0.1  # where only the number of samples is given
PARTS, DATASET = "samples", "dataset"

Rows = list[dict[str, Any]]


class Sample(SystemComponent):
    """Simulations of one culture as a dataset for `datasets.load_dataset`."""

    upstream: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        **SystemComponent.upstream,
        "encodings": lambda config: specs_hash([make_encoding(e) for e in config.encodings]),
        "parameter_sets": lambda config: document_hash(
            [parameter_set(each) for each in config.parameter_sets]
        ),
    }

    class Config(SystemComponent.Config):
        """Sample i: encoding i mod E, parameter set (i div E) mod P, noise stream i."""

        samples: int | list[int] = Field(100, description="in all, or [train, test]")
        duration: float = Field(31000.0, gt=0, description="simulated, ms")
        warmup: float = Field(1600.0, ge=0, description="cut off at the start, ms")
        encodings: list[Any] = Field(
            ["none"], description="none, random_pulses, package.module.Class, or [name, settings]"
        )
        parameter_sets: list[Any] = Field(
            [{}], description="over those that ship: {key: value}, or a JSON file with that"
        )
        noise: bool = Field(True, description="whether the noise that ships is on")
        potential_dt: float | None = Field(
            None, gt=0, description="step of electrode potentials, ms; None for none"
        )
        batch: int = machinable.Field(
            4, ge=1, identifying=False, description="samples advanced together by a worker"
        )

        @model_validator(mode="after")
        def _check_warmup(self) -> Self:
            if self.warmup >= self.duration:
                raise ValueError(f"warmup={self.warmup:g} ms leaves nothing of the duration")
            return self

        @field_validator("samples")
        @classmethod
        def _check_samples(cls, value: int | list[int]) -> int | list[int]:
            counts = [value] if isinstance(value, int) else value
            if len(counts) not in ({1} if isinstance(value, int) else {2}) or min(counts) < 0:
                raise ValueError("need a number of samples, or [train, test]")
            if sum(counts) < 1:
                raise ValueError("need at least one sample")
            return value

        @field_validator("encodings", "parameter_sets")
        @classmethod
        def _check_not_empty(cls, value: list[Any]) -> list[Any]:
            if not value:
                raise ValueError("need at least one")
            return value

    def version_quick(self) -> dict[str, Any]:
        """Twenty samples of one second after a warm-up of 200 ms."""
        return {"samples": 20, "duration": 1200.0, "warmup": 200.0}

    def version_pulses(self) -> dict[str, Any]:
        """Random pulses on random electrodes."""
        return {"encodings": ["random_pulses"]}

    @cached_property
    def design(self) -> Design:
        """What the rows are, complete."""
        options, given = self.config, self.options()  # lists and mappings of `given` are plain
        shipped = shipped_parameters(options.system, options.model, options.noise)
        train, test = self._counts()
        return Design(
            system=options.system,
            system_hash=options.hashes["system"],
            model=options.model,
            backend=options.backend,
            seed=options.seed,
            encodings=tuple(given["encodings"]),
            parameters=tuple({**shipped, **parameter_set(p)} for p in given["parameter_sets"]),
            duration=options.duration,
            warmup=options.warmup,
            potential_dt=options.potential_dt,
            train=train,
            test=test,
        )

    def _counts(self) -> tuple[int, int]:
        samples = self.config.samples
        if isinstance(samples, int):
            test = round(samples * TEST_SHARE)
            return samples - test, test
        return samples[0], samples[1]

    @property
    def _parts(self) -> Parts:
        return Parts(self.directory / PARTS)

    @property
    def _dataset(self) -> Path:
        return self.directory / DATASET / self.design.system_name

    def compute(self) -> None:
        """Simulate the samples that are missing."""
        statuses = self._parts.done()
        missing = [i for i in range(self.design.total) if i not in statuses]
        if missing:
            plan = Plan(
                "sample", self.hash, self.options(), self.design.total, len(statuses), "samples",
                output=str(self.directory), notes=remarks(self.design.parameters[0]),
            )  # fmt: skip
            with start(plan) as progress:
                with self.pool(Workers(self.design)) as pool:
                    for some in _chunks(missing, self.config.batch):
                        pool.submit(some)
                    self._collect(pool, progress, statuses)
                self._summarise(statuses)
                progress.after(self.metrics())
        else:
            self._summarise(statuses)

    def _collect(self, pool: Pool, progress: Progress, statuses: dict[int, str]) -> None:
        """Keep rows as they come and tell how it goes."""
        tally = Tally(self.design)
        for answer in pool.answers():
            rows, seconds = answer.result()
            progress.expect(seconds, pool.n_workers)
            self._parts.append(rows)
            for row in rows:
                statuses[row["index"]] = row["status"]
                progress.advance(failed=None if row["status"] == OK else row["status"])
            progress.show(tally.add(rows))

    def _summarise(self, statuses: Mapping[int, str]) -> None:
        found = Counter(statuses.values())
        self.save_metrics({"samples": len(statuses), **{s: found[s] for s in STATUSES}})

    def count(self) -> dict[str, int]:
        """Return how many samples of each split are there so far."""
        if not self.is_materialized():
            return dict.fromkeys(SPLITS, 0)
        if self._dataset.exists():
            return {split: sum(1 for _ in self._rows(split)) for split in SPLITS}
        found = Counter(self.design.split(index) for index in self._parts.done())
        return {split: found[split] for split in SPLITS}

    def merge(self, dest: str | None = None) -> str:
        """Write the dataset, sharded Parquet with a card, and return its directory.

        Args:
            dest: where a copy goes besides; its last component names the dataset.

        Raises:
            InvalidState: if the samples are not all there.
            InvalidValue: if something is at `dest`.
        """
        self.require_finished()
        if self._parts.files() or not self._dataset.exists():
            merge(self.design, self._parts, self._dataset, self.command())
            self._parts.clear()
        if dest is None:
            return str(self._dataset)
        if Path(dest).exists():
            raise InvalidValue(
                f"directory is taken: got {dest!r}. Choose another one, or remove it.", got=dest
            )
        return str(shutil.copytree(self._dataset, dest))

    def plot(self, filename: str = "samples.png", most: int = 500) -> str:
        """Draw the rates of the samples and one of them, and return the path of the picture.

        Args:
            filename: where to; relative to the record.
            most: how many samples are looked at, evenly chosen from those there are.
        """
        rows = self._some_rows(most) if self.is_materialized() else []
        if not rows:
            raise InvalidState(f"{self.label_text()} has no samples yet: got 0. Launch it first.")
        path = self.directory / filename
        overview(rows, resolve(self.config.system).population_ranges).savefig(path, dpi=150)
        return str(path)

    def _some_rows(self, most: int) -> Rows:
        """Return up to `most` samples, merged or not."""
        columns = ["encoding", "status", "duration", "it", "tt", "pulses"]
        files = self._parts.files() or sorted((self._dataset / "data").glob("*.parquet"))
        rows = [row for path in files for row in read_rows(path, columns).to_pylist()]
        return rows[:: max(1, -(-len(rows) // most))]

    def publish(self, repository: str, public: bool = False) -> str:
        """Send the dataset to a repository of the hub, in one commit, and return its address.

        Args:
            repository: `owner/name`, made where there is none; the card becomes its card.
            public: whether a repository that is made can be read by all.

        Raises:
            HubError: if the hub refuses or cannot be reached.
        """
        from interface.hub import push_folder

        folder = self.merge()
        push_folder(folder, repository, message=f"Add {self.label_text()}", public=public)
        return f"hf://datasets/{repository}"

    def regenerate(self, index: int) -> dict[str, Any]:
        """Simulate one row anew and tell whether it equals the stored one, bit for bit."""
        stored = next((row for split in SPLITS for row in self._rows(split, index)), None)
        if stored is None:
            raise InvalidValue(
                f"dataset has no such row: got {index}; need 0 to {self.design.total - 1} of a "
                "merged dataset. Call --merge first.",
                got=index,
            )
        again = regenerate(stored, self.config.system)
        return {"sample_id": stored["sample_id"], "equal": again == stored}

    def _rows(self, split: str, index: int | None = None) -> Rows:
        """Return the index of every merged row of a split, or one row with all columns."""
        found: Rows = []
        for path in sorted((self._dataset / "data").glob(f"{split}-*.parquet")):
            indices = read_rows(path, ["index"])
            if index is None:
                found += indices.to_pylist()
            elif index in indices["index"].to_pylist():
                position = indices["index"].to_pylist().index(index)
                found += read_rows(path).slice(position, 1).to_pylist()
        return found


class Workers:
    """Makes in every worker what simulates samples there and says how long each took."""

    def __init__(self, design: Design):
        self._design = design

    def __call__(self, comm: Any = None) -> Callable[[Sequence[int]], tuple[Rows, float]]:
        """Return the function indices -> (rows, seconds per row)."""
        simulator = Simulator(self._design, comm)

        def rows(indices: Sequence[int]) -> tuple[Rows, float]:
            began = time.perf_counter()
            made = simulator(indices)
            return made, (time.perf_counter() - began) / len(indices)

        return rows


class Tally:
    """The mean rate of the rows so far."""

    def __init__(self, design: Design):
        system = resolve(design.system)
        self._seconds = system.num_neurons * (design.duration - design.warmup) / 1000
        self._spikes = self._rows = 0

    def add(self, rows: Rows) -> Figure:
        """Return the mean rate with these rows."""
        self._rows += len(rows)
        self._spikes += sum(len(row["tt"]) for row in rows)
        return Figure("mean rate", self._spikes / (self._rows * self._seconds), "Hz")


def _chunks(indices: list[int], size: int) -> list[list[int]]:
    return [indices[k : k + size] for k in range(0, len(indices), size)]
