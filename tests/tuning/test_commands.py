"""A tune as the command line runs and shows it: EI1 as point cells, half a second each."""

import json
from pathlib import Path

import pytest

from livn import cli

TUNE = [
    "systems", "tune", "~EI1", "~native", "~point", "~spontaneous", "evaluations=8", "batch=4",
    "initial=4", "finalists=1", "repeats=2",
    "target_options={warm_up: 100, duration: 500, bands: {branching_ratio: null}}",
]  # fmt: skip


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The storage of this file."""
    with pytest.MonkeyPatch.context() as patch:
        directory = tmp_path_factory.mktemp("commands")
        patch.setenv("LIVN_STORAGE", str(directory))
        yield directory


@pytest.fixture
def tuned(here, capsys):
    """(hash, directory) of the tune, computed by the first test."""
    assert cli.main([*TUNE, "--launch"]) == 0
    identity, state, directory = capsys.readouterr().out.splitlines()[-1].split(maxsplit=2)
    assert state == "finished"
    return identity, Path(directory)


def test_tune_is_launched_inspected_and_exported_in_one_command(here, capsys):
    path = here / "front.json"
    assert cli.main([*TUNE, "--launch", "--inspect", f'--export("{path}")']) == 0
    told = capsys.readouterr()
    assert told.out.startswith("8 evaluations (")
    *_, exported, record = told.out.splitlines()
    assert exported == str(path)
    assert json.loads(path.read_text())["run"] == record.split()[0]
    lines = [" ".join(line.split()) for line in told.err.splitlines()]
    assert {"evaluations 8", "work 10 evaluations", "tune: finished"} <= set(lines)
    assert lines.index("work 10 evaluations") < next(
        k for k, line in enumerate(lines) if line.startswith("estimate ")
    )
    assert "reused" not in told.err
    assert cli.main([*TUNE, "--launch", "--inspect"]) == 0
    again = capsys.readouterr()
    assert again.out.startswith("8 evaluations (")
    assert again.err == ""  # it was there


def test_result_outside_its_bands_is_not_promoted_by_a_command(tuned, capsys):
    narrow = "target_options.bands.firing_rate=[150, 250]"
    assert cli.main([*TUNE, narrow, "--launch", "--promote"]) == 1
    assert "is outside its bands: got firing_rate" in capsys.readouterr().err


def test_results_of_tunes_are_a_table(tuned, capsys):
    identity, _ = tuned
    assert cli.main(["systems", "results", "tune"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["hash", "state", "made"]
    assert {"evaluations", "outside_best"} <= set(header.split())
    assert any(line.startswith(f"{identity[:8]}  finished") for line in lines)


def test_tune_is_shown_with_what_it_comes_from(tuned, capsys):
    identity, directory = tuned
    assert cli.main(["systems", "show", identity[:10]]) == 0
    out = capsys.readouterr().out
    for part in (
        identity, str(directory), "evaluations.jsonl", "tune.png", "scikit-optimize",
        "EI1, content ", "Spontaneous, content ", "livn systems tune ", "outside_best",
    ):  # fmt: skip
        assert part in out


def test_logs_are_what_its_run_said(tuned, capsys):
    identity, _ = tuned
    assert cli.main(["systems", "logs", identity]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"tune {identity}\n")
    assert "tune: finished" in out
    assert cli.main(["systems", "logs"]) == 1
    assert "logs needs one hash: got ''" in capsys.readouterr().err


def test_script_for_a_scheduler_is_printed_alone(tuned, capsys):
    resources = '**resources={"-t": "5", "--mem": "1G"}'
    job = ["systems", "slurm", "dry=true", *TUNE[1:], resources, "--launch"]
    assert cli.main([*job, "--inspect"]) == 0  # finished
    assert capsys.readouterr().out.startswith("# livn: all of it is finished, nothing would be")
    assert cli.main([*job, "seed=1", "--inspect"]) == 0
    script = capsys.readouterr().out
    assert script.startswith("#!/bin/bash\n#SBATCH --job-name=livn-tune-")
    assert "\n#SBATCH -t 5\n#SBATCH --mem=1G\n" in script
    assert " tune " in script
    assert script.endswith('exit "$status"\n')
    unknown = ["systems", "slurm", "dry=true", *TUNE[1:], "**resource={}", "--launch"]
    assert cli.main(unknown) == 128
    assert "did you mean '**resources'" in capsys.readouterr().err
    assert cli.main([*TUNE, resources, "--launch"]) == 1
    assert "**resources are of a scheduler" in capsys.readouterr().err
