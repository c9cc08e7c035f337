"""What every experiment is: a configuration, a directory, and work that continues where it ended.

How to write one. A component is one module of `experiments/` with one subclass of `Component` (or
`SystemComponent`, which has `system`, `model`, `backend` and their versions):

    class Survey(SystemComponent):
        class Config(SystemComponent.Config):
            trials: int = Field(8, ge=1, description="simulations")

        def version_quick(self):     # `~quick`; `axis_seeds(n)` is `~~seeds(3)`, three records
            return {"trials": 2}

        def compute(self):
            journal = self.journal("trials.jsonl")
            for k in range(len(journal), self.config.trials):      # continues after a kill
                journal.append({"trial": k, "rate_hz": ...})
            self.save_metrics({"rate_hz": ...})  # shown by `livn systems results survey`

        def export(self, path: str):             # `--export('x.json')`
            self.require_finished()

Run it: `livn systems survey system=EI2 ~quick --launch`, or in Python
`livn.experiments.get("experiments.survey", [{"system": "EI2"}, "~quick"]).launch()`.

Identity. The record of a component is its module and its Config without the defaults: same
configuration, same record. What a result depends on must therefore be in the Config, what it does
not depend on (an output directory) is marked `machinable.Field(..., identifying=False)`. What the
Config only names, a system or a file, may have another content tomorrow: list it in `upstream`,

    upstream = {**SystemComponent.upstream, "recording": lambda config: file_hash(config.recording)}

and the hash takes the place of the name: in `config.hashes`, and in the identity. Where a hash is
that of another record (`config.tuned = "3f2a..."`), that record is linked as well.

Work. `compute` is called once per launch, by one process at a time, in any directory. What it
wrote before a kill is in `self.directory`; it must go on from there and repeat nothing. The record
is `finished` when `compute` returns, and is then loaded instead of computed. Use `self.journal`
for rows, `self.write` for documents, and `with self.pool(factory) as pool` for workers: processes
or MPI ranks, as many as the execution has, of livn.workers. What is computed must not depend on
how many there are (`pool.n_workers`). Never print: `experiments.progress` tells.

Failure. An exception out of `compute` fails the run: its text goes to the user, its traceback to
`output.log` of the run. Keyboard interrupts pass through; the same command continues.
"""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

from machinable import Execution, Field, Index, Interface
from machinable.config import canonical_identity_key, identity_exclude, to_dict
from machinable.utils import is_machinable_directory
from pydantic import BaseModel, ConfigDict

from experiments.described import Described
from experiments.journal import Journal, write_whole
from experiments.lock import Taken, exclusively
from experiments.options import check_options
from experiments.progress import logged
from experiments.upstream import parameters_hash, system_hash, system_lineage, tuned_by
from livn import settings
from livn.errors import InvalidState
from livn.system import RECIPES
from livn.workers import Factory, Pool

METRICS = "metrics.json"
ERROR = "error.json"
TIME = "%Y-%m-%dT%H:%M:%S%z"


class Component(Described):
    """An experiment with a stored answer; see the module for how to write one."""

    upstream: ClassVar[Mapping[str, Callable[[Any], str]]] = {}
    """Option -> function of the configuration that returns the hash of what the option names."""

    class Config(BaseModel):
        """What distinguishes one record from another."""

        model_config = ConfigDict(extra="forbid")

        seed: int = Field(0, ge=0, description="of everything random")
        hashes: dict[str, str] = Field(
            default_factory=dict, description="of what the other options name; not to be given"
        )

    @staticmethod
    def axis_seeds(n: int = 5) -> list[dict[str, int]]:
        """Of the same configuration, `n` records that differ in their seed, from 0."""
        return [{"seed": seed} for seed in range(n)]

    def compute(self) -> None:
        """Do the work, from where it ended; see the module."""
        raise NotImplementedError

    # what the work is written with

    def journal(self, name: str) -> Journal:
        """Return a file of rows in the directory that is only appended to."""
        return Journal(self.directory / name)

    def write(self, name: str, content: Any) -> Path:
        """Write a JSON document into the directory, as a whole, and return its path."""
        return write_whole(self.directory / name, content)

    def save_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Keep the numbers that tables of results show: name with unit (`rate_hz`) -> value."""
        self.write(METRICS, dict(metrics))

    def metrics(self) -> dict[str, Any]:
        """Return the numbers kept with `save_metrics`, empty before."""
        return dict(self.load_file(METRICS, {}) or {})

    @property
    def finished(self) -> bool:
        """Whether the work was done to its end."""
        return bool(self.cached())

    def require_finished(self) -> None:
        """Check that the work was done.

        Raises:
            InvalidState: if not, with the command that does it.
        """
        if not self.finished:
            raise InvalidState(
                f"{self.label_text()} is not finished. Run it: {self.command()} --launch"
            )

    # identity

    def on_configure(self) -> None:
        """Put the hashes of what the options name into the configuration."""
        super().on_configure()
        if not self.upstream:
            return
        config: Any = self._config
        options = self.Config(**to_dict(config))
        found = {name: hashed(options) for name, hashed in sorted(self.upstream.items())}
        for name, given in options.hashes.items():
            if found.get(name, given) != given:
                raise InvalidState(
                    f"{name} is not what it was: got {found[name]}; need {given}. "
                    "Bring the old content back, or leave hashes out for a new record."
                )
        config.hashes = found

    def catalog_identity_key(self) -> str:
        """Return the hash of module and configuration; hashes stand in for names."""
        if self.is_unexpanded():
            return str(super().catalog_identity_key())
        layers = self.config_layers()
        exclude = identity_exclude(self.Config) | set(self.upstream)
        return str(canonical_identity_key(self.module, layers.resolved, layers.default, exclude))

    def _warn_excluded_without_predicate(self) -> None:
        """Say nothing: that some options do not count for the identity is meant."""

    # records

    @classmethod
    def singleton(cls, module: Any, version: Any = None, **kwargs: Any) -> Any:
        """Return the stored component of that configuration, or a fresh one."""
        fresh = cls.make(module, version, **kwargs)
        if not isinstance(fresh, Component) or fresh.is_unexpanded():
            return fresh
        return fresh.recalled()

    def recalled(self) -> Self:
        """Become the record of this configuration where there is one; return itself.

        Options that do not count for the identity stay as they were given now.
        """
        if self.is_materialized():
            return self
        identity = self.compute_record_id()
        index = Index.get()
        entry = index.get_by_id(identity)
        if entry is None:  # the directory may have been copied here
            place = Path(index._storage_root(), str(self.module).rpartition(".")[2], identity)
            if is_machinable_directory(str(place)):
                index.ingest_directory(str(place))
            entry = index.get_by_id(identity)
        if entry is None:
            return self
        self.__model__.uuid = identity
        self.__model__.predicate = entry.predicate
        self.__model__.created_at_ns = entry.created_at_ns
        self.__model__.created_by = entry.created_by
        self.__model__.label = entry.label
        return self

    def sources(self) -> list[str]:
        """Return hashes that may be those of records it comes from."""
        return list(self.config.hashes.values())

    def on_before_materialize(self) -> None:
        """Link the records it comes from, where they are in the storage."""
        for identity in self.sources():
            record = Interface.find_by_id(identity)
            if record is not None and record not in self.uses:
                self.push_related("uses", record)

    def to_directory(self, directory: str, relations: bool = True) -> Self:
        """Write the files that make a directory a record, so that a kill leaves all or none."""
        target = Path(directory)
        target.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target) as scratch:
            super().to_directory(scratch, relations)
            sentinel = Path(scratch, ".machinable")
            for path in [p for p in Path(scratch).iterdir() if p != sentinel] + [sentinel]:
                path.replace(target / path.name)
        return self

    # running

    def launch(self) -> Self:
        """Compute what is not computed yet, in the execution around, else in this process.

        Returns:
            Itself; the record is in `directory`.

        Raises:
            InvalidState: if another process computes it now.
        """
        if Execution.is_connected():
            super().launch()
            return self
        from interface.local import Local

        with Local():
            super().launch()
        return self

    def pool(self, factory: Factory) -> Pool:
        """Return the workers of the execution, each with what `factory` makes in it.

        Args:
            factory: as `livn.workers.start` takes it: importable by name, called once in each
                worker with the communicator of its ranks (None without MPI), returns what answers
                a task there.
        """
        execution: Any = Execution.get()
        pool: Pool = execution.pool(factory)
        return pool

    def __call__(self) -> None:
        """Compute; what goes wrong is raised by `on_success`, past the log that would print it."""
        self._problem: BaseException | None = None
        self._heal()
        (self.directory / ERROR).unlink(missing_ok=True)
        with (
            Path(Execution.get().output_filepath()).open("a", encoding="utf-8") as log,
            logged(log),
        ):
            try:
                self.compute()
            except BaseException as problem:
                self._problem = problem
                log.write("".join(traceback.format_exception(problem)))

    def on_failure(self, exception: BaseException) -> None:
        """Keep why the last run failed; an interrupted one has not."""
        if isinstance(exception, Exception):
            text = f"{type(exception).__name__}: {exception}"
            self.write(ERROR, {"error": text, "time": time.strftime(TIME)})

    def on_success(self) -> None:
        """Raise what `compute` raised: then the run has failed, and says why once."""
        if self._problem is not None:
            raise self._problem

    def _heal(self) -> None:
        """Write the files of a record whose first launch was killed before it did."""
        if not is_machinable_directory(self.local_directory()):
            self.to_directory(self.local_directory())

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Let no other process compute this record meanwhile.

        Raises:
            InvalidState: if one does now.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(exclusively(self.directory))
            except Taken as holder:
                raise InvalidState(
                    f"{self.label_text()} is being computed: got {holder}. "
                    f"Watch it: livn systems watch {self.hash[:8]}"
                ) from None
            yield


class SystemComponent(Component):
    """An experiment on one culture: which system, which cells, computed with what."""

    upstream: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "system": lambda config: system_hash(config.system),
        "parameters": lambda config: parameters_hash(config.system, config.model),
    }

    class Config(Component.Config):
        """The culture. `hashes.parameters` is of the parameters that ship with the system."""

        system: str = Field("EI1", description="name, directory or address of a system")
        model: str | None = Field(None, description="how cells move; None for the system's default")
        backend: str | None = Field(None, description="what computes; None for LIVN_BACKEND")

    def on_configure(self) -> None:
        """Put what the environment decides, the backend and the place, into the configuration."""
        config: Any = self._config
        check_options(config, self.Config)
        config.backend = config.backend or settings.backend()
        system = config.system
        if isinstance(system, str) and system not in RECIPES and Path(system).is_dir():
            config.system = str(Path(system).absolute())
        super().on_configure()

    def sources(self) -> list[str]:
        """Return hashes that may be those of records it comes from; also of a tune's."""
        return super().sources() + tuned_by(self.config.system, self.config.model)

    def origins(self) -> list[tuple[str, str]]:
        """Return (what, which) of everything the record comes from; also recipe and parameters."""
        return super().origins() + system_lineage(self.config.system, self.config.model)

    def version_EI1(self) -> dict[str, Any]:
        """10 cells, 1 electrode."""
        return {"system": "EI1"}

    def version_EI2(self) -> dict[str, Any]:
        """100 cells, 16 electrodes."""
        return {"system": "EI2"}

    def version_EI3(self) -> dict[str, Any]:
        """1,000 cells, 64 electrodes."""
        return {"system": "EI3"}

    def version_EI4(self) -> dict[str, Any]:
        """10,000 cells, 1,024 electrodes."""
        return {"system": "EI4"}

    def version_native(self) -> dict[str, Any]:
        """Computed by the native backend."""
        return {"backend": "native"}

    def version_brian2(self) -> dict[str, Any]:
        """Computed by Brian2."""
        return {"backend": "brian2"}

    def version_neuron(self) -> dict[str, Any]:
        """Computed by NEURON."""
        return {"backend": "neuron"}

    def version_point(self) -> dict[str, Any]:
        """Izhikevich point cells instead of the system's default."""
        return {"model": "Izhikevich"}
