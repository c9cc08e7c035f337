"""Submit components to SLURM: one job, or an array where there are several."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machinable import Storage
from pydantic import Field

from experiments.component import TIME
from experiments.journal import Journal
from interface.jobs import JOB_FOLDER, JOBS, REQUEUED, last_job, scheduler
from interface.local import Local
from interface.mpi import find_mpiexec, livn_systems, on_ranks, words
from livn.errors import InvalidState, InvalidValue

MINUTE = 60

SCRIPT = """#!/bin/bash
{directives}

# Every command continues where it ended. When the time is nearly up, the job queues again.
again() {{
    if [ "${{SLURM_RESTART_COUNT:-0}}" -lt {requeues} ]; then
        echo "livn: time is nearly up, queued again" >&2
        scontrol requeue "$SLURM_JOB_ID"
    fi
}}
trap again USR1
{preamble}
case "${{SLURM_ARRAY_TASK_ID:-0}}" in
{cases}
esac &
work=$!
until wait "$work"; status=$?; [ "$status" -le 128 ] || ! kill -0 "$work" 2>/dev/null; do :; done
exit "$status"
"""


DONE = "# livn: all of it is finished, nothing would be submitted\n"


class Slurm(Local):
    """Submits and returns at once; the job computes, in its own time, with the same command."""

    class Config(Local.Config):
        """How, not what; `resources` are options of sbatch, `{"-t": "4:00:00"}`."""

        workers: int = Field(0, ge=0, description="processes in each job")
        n: int = Field(0, ge=0, description="MPI ranks that work in each job, one more leads")
        subworld: int = Field(1, ge=1, description="ranks that compute one task together")
        throttle: int = Field(0, ge=0, description="jobs of an array that run at once, 0 for all")
        preamble: str = Field("", description="shell lines before the work, `module load ...`")
        launcher: str = Field(
            "", description="instead of mpiexec, `srun --kill-on-bad-exit --mpi=pmix`"
        )
        notice: int = Field(MINUTE, ge=1, description="s before the end of the time to queue again")
        requeues: int = Field(
            20, ge=0, description="times that a job queues again by itself, or `watch` submits it"
        )
        dry: bool = Field(False, description="print the script and submit nothing")

    @property
    def tells(self) -> bool:
        """Whether there is a record to tell of: where a script is printed it stands alone."""
        return not self.config.dry

    @property
    def waits(self) -> bool:
        """Not: the job has just begun, or waits."""
        return False

    def dispatch(self) -> Any:
        """Submit the components that are neither finished nor submitted already, and say how.

        Raises:
            InvalidValue: if there are both workers and ranks.
            InvalidState: if SLURM refuses.
            NotSupported: if there is no SLURM.
        """
        if self.config.workers and self.config.n:
            raise InvalidValue(
                f"job has two kinds of workers: got workers={self.config.workers} and "
                f"n={self.config.n}; need one of them. Leave one out.",
                got=(self.config.workers, self.config.n),
            )
        wanted: list[Any] = [c for c in self._interfaces if not c.cached()]
        if self.config.dry:
            print(self.script(wanted) if wanted else DONE, end="")
            return self
        new = []
        for component in wanted:
            component.materialize()
            job = last_job(component.directory)
            if job is not None and job.live:
                print(f"{component.label_text()} is {job}. {watch_command(component)}")
            else:
                new.append(component)
        if new:
            self._submit(new)
        return self

    def script(self, components: Sequence[Any]) -> str:
        """Return the batch script of a job, or an array of them."""
        lines = [
            f"#SBATCH {name}={value}" if name.startswith("--") else f"#SBATCH {name} {value}"
            for name, value in self._directives(components).items()
        ]
        cases = [f"{k}) {shlex.join(self._command(c))} ;;" for k, c in enumerate(components)]
        return SCRIPT.format(
            directives="\n".join(line.removesuffix("=") for line in lines),
            preamble=self.config.preamble,
            cases="\n".join(cases),
            requeues=self.config.requeues,
        )

    def _directives(self, components: Sequence[Any]) -> dict[str, Any]:
        several = len(components) > 1
        name = "sweep" if several else components[0].label_text().replace(" ", "-")
        log = Path(Storage.get().root(), JOB_FOLDER, "%A_%a.log" if several else "%j.log")
        found = {
            "--job-name": f"livn-{name}",
            "--output": log,
            "--open-mode": "append",
            "--chdir": Path.cwd(),
            "--requeue": "",
            "--signal": f"B:USR1@{self.config.notice}",
        }
        given = dict(self._model.resources or {})
        if not {"-n", "--ntasks"} & set(given):
            found["--ntasks"] = self.config.n + 1  # one leads; without ranks it is the only one
        if self.config.workers:
            found["--cpus-per-task"] = self.config.workers
        if several:
            throttle = f"%{self.config.throttle}" if self.config.throttle else ""
            found["--array"] = f"0-{len(components) - 1}{throttle}"
        return found | given

    def _command(self, component: Any) -> list[str]:
        if not self.config.n:
            local = ["local", f"workers={self.config.workers}"]
            return [*livn_systems(), *local, *words(component)]
        launcher = self.config.launcher.split() or [find_mpiexec()]
        return [*launcher, "-n", str(self.config.n + 1), *on_ranks(component, self.config)]

    def _submit(self, components: Sequence[Any]) -> None:
        folder = Path(Storage.get().root(), JOB_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{components[0].hash}-{time.strftime('%Y%m%dT%H%M%S')}.sh"
        path.write_text(self.script(components), encoding="utf-8")
        number = scheduler("sbatch", "--parsable", str(path)).strip().partition(";")[0]
        for k, component in enumerate(components):
            job = f"{number}_{k}" if len(components) > 1 else number
            row = {"job": job, "time": time.strftime(TIME), "script": str(path),
                   "requeues": self.config.requeues}  # fmt: skip
            Journal(component.directory / JOBS).append(row)
            print(f"{component.label_text()} is job {job}. {watch_command(component)}")


def revive(component: Any) -> str:
    """Submit the job of a record again where the machine cut it off, and return its number.

    Empty where there is nothing to be done: no job, one that lives, or one that failed by itself.

    Raises:
        InvalidState: if that was done as often as `requeues` says.
    """
    job = last_job(component.directory)
    if component.finished or job is None or job.state not in REQUEUED:
        return ""
    rows = Journal(component.directory / JOBS).rows()
    last = rows[-1]
    again = sum(row["script"] == last["script"] for row in rows) - 1
    if again >= last["requeues"]:
        raise InvalidState(
            f"{component.label_text()} is not submitted again: got {again} of "
            f"requeues={last['requeues']}. The same command continues; it may need more time.",
            got=again,
        )
    task = job.number.partition("_")[2]
    number = scheduler(
        "sbatch", "--parsable", *([f"--array={task}"] if task else []), last["script"]
    ).strip()
    number = number.partition(";")[0] + (f"_{task}" if task else "")
    row = {**last, "job": number, "time": time.strftime(TIME)}
    Journal(component.directory / JOBS).append(row)
    return number


def watch_command(component: Any) -> str:
    """Return what to type to see a component run."""
    where = shlex.join(["--storage", Storage.get().root()])
    return f"Watch it: livn systems {where} watch {component.hash[:8]}"
