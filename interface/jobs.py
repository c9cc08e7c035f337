"""Jobs of SLURM: which a record has, what state each is in, and what to do about it."""

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from experiments.journal import Journal
from livn.errors import InvalidState, NotSupported

JOBS = "jobs.jsonl"  # of a record
JOB_FOLDER = "jobs"  # of a storage: scripts and logs
PAUSES = (0.5, 2.0, 8.0)  # s before asking a busy scheduler again
PATIENCE = 60  # s for an answer

LIVE = {
    "PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "REQUEUED", "REQUEUE_HOLD", "RESIZING",
    "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED",
}  # fmt: skip
# The machine's doing, not the work's: the same command goes on where it ended.
REQUEUED = {"TIMEOUT", "PREEMPTED", "NODE_FAIL", "BOOT_FAIL", "DEADLINE"}
MEMORY = "OUT_OF_MEMORY"
ADVICE = {
    MEMORY: """needs more, '**resources={"--mem": "8G"}', or fewer workers""",
    **dict.fromkeys(REQUEUED, "the machine's doing; the same command continues"),
    "CANCELLED": "stopped; the same command continues",
    "FAILED": "see livn systems logs",
}
KILLED_FOR_MEMORY = re.compile("exceeded (job )?memory limit|oom.kill|out of memory", re.I)
BUSY = re.compile("timed out|temporarily|try again|unable to contact|connection refused", re.I)


@dataclass(frozen=True)
class Job:
    """A job as the scheduler sees it.

    Attributes:
        number: of the job, `12` or in an array `12_3`.
        state: as SLURM calls it; UNKNOWN where it has forgotten the job.
        reason: why it waits, empty otherwise.
    """

    number: str
    state: str
    reason: str = ""

    @property
    def live(self) -> bool:
        """Whether it waits or runs."""
        return self.state in LIVE

    def __str__(self) -> str:
        why = f" ({self.reason})" if self.live and self.reason not in ("", "None") else ""
        advice = ADVICE.get(self.state)
        return f"job {self.number} {self.state}{why}" + (f": {advice}" if advice else "")


def jobs(directory: Path) -> list[str]:
    """Return the numbers of the jobs that were submitted for a record, the latest last."""
    return [str(row["job"]) for row in Journal(directory / JOBS).rows()]


def last_job(directory: Path) -> Job | None:
    """Return the job that was submitted last for a record, None where there is none."""
    rows = Journal(directory / JOBS).rows()
    if not rows:
        return None
    job = look_up(str(rows[-1]["job"]))
    log = Path(rows[-1]["script"]).with_name(f"{job.number}.log")
    if (
        not job.live
        and log.exists()
        and KILLED_FOR_MEMORY.search(log.read_text("utf-8", "replace"))
    ):
        return Job(job.number, MEMORY)  # what SLURM calls FAILED where cgroups are not used
    return job


def look_up(number: str) -> Job:
    """Return what SLURM says of a job: the queue, then the accounting, then the controller."""
    for ask in (_from_queue, _from_accounting, _from_controller):
        job = ask(number)
        if job is not None:
            return job
    return Job(number, "UNKNOWN")


def cancel(number: str) -> None:
    """Ask SLURM to end a job.

    Raises:
        InvalidState: if it refuses.
    """
    scheduler("scancel", number)


def scheduler(*command: str) -> str:
    """Return what a command of SLURM prints; one that is busy is asked again, later each time.

    Raises:
        NotSupported: if SLURM is not installed.
        InvalidState: if it refuses.
    """
    for pause in (*PAUSES, None):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=PATIENCE
            )
        except FileNotFoundError:
            raise NotSupported(
                f"SLURM is not installed here: got no {command[0]}. Submit from a login node."
            ) from None
        if done.returncode == 0:
            return done.stdout
        if pause is None or not BUSY.search(done.stderr):
            break
        time.sleep(pause)
    said = " ".join(done.stderr.split())
    raise InvalidState(f"SLURM refuses: got {said!r} from {command[0]}.", got=said)


def _asked(*command: str) -> str:
    """What a command prints, empty where SLURM does not know."""
    try:
        return scheduler(*command)
    except (InvalidState, NotSupported):
        return ""


def _from_queue(number: str) -> Job | None:
    lines = _asked("squeue", "-h", "-j", number, "-o", "%T|%r").splitlines()
    return Job(number, *lines[0].split("|", 1)) if lines else None


def _from_accounting(number: str) -> Job | None:
    lines = _asked("sacct", "-n", "-P", "-X", "-j", number, "-o", "State").splitlines()
    return Job(number, lines[-1].split()[0]) if lines and lines[-1].strip() else None


def _from_controller(number: str) -> Job | None:
    found = re.search(r"JobState=(\S+) Reason=(\S+)", _asked("scontrol", "show", "job", number))
    return Job(number, *found.groups()) if found else None
