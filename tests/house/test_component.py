import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from interface.project import PACKAGES
from livn.errors import InvalidState, InvalidValue, UnknownName
from livn.experiments import get, storage
from livn.system import predefined

COUNTING = "toys.counting"


def test_launch_computes_and_the_next_one_loads(root):
    counting = get(COUNTING, {"to": 4}).launch()
    assert counting.finished
    assert counting.rows() == [0, 1, 2, 3]
    again = get(COUNTING, {"to": 4})
    assert again.finished
    again.launch()
    assert again.rows() == [0, 1, 2, 3]
    assert again.metrics() == {"last": 3}
    assert len(again.executions) == 1


def test_record_is_named_by_configuration_and_lies_below_the_storage(root):
    counting = get(COUNTING, {"to": 4}).launch()
    assert counting.directory == root / "counting" / counting.hash
    assert get(COUNTING, ["~far(4)"]).hash == counting.hash
    assert get(COUNTING, {"to": 4, "wait": 0.001}).hash == counting.hash
    others = [{"to": 5}, {"to": 4, "seed": 1}, {"to": 4, "step": {"size": 2}}]
    assert len({get(COUNTING, o).hash for o in others} | {counting.hash}) == 4


def test_another_content_under_the_same_name_is_another_record(root, tmp_path):
    source = tmp_path / "recording.txt"
    source.write_text("one")
    first = get(COUNTING, {"source": str(source)}).launch()
    copy = tmp_path / "copy.txt"
    shutil.copy(source, copy)
    assert get(COUNTING, {"source": str(copy)}).hash == first.hash
    source.write_text("two")
    second = get(COUNTING, {"source": str(source)})
    assert second.hash != first.hash
    assert not second.finished
    with pytest.raises(InvalidState, match="source is not what it was"):
        get(COUNTING, {"source": str(source), "hashes": dict(first.config.hashes)}).launch()


def test_hash_of_another_record_links_it(root):
    first = get(COUNTING).launch()
    second = get(COUNTING, {"seed": 1}).launch()
    second.relate("uses", first)
    assert [u.hash for u in get(COUNTING, {"seed": 1}).uses] == [first.hash]


def test_unknown_options_and_versions_name_the_nearest(root):
    with pytest.raises(UnknownName, match=r"got 'too' \(did you mean 'to'\?\)"):
        get(COUNTING, {"too": 3}).launch()
    with pytest.raises(UnknownName, match=r"got 'step.sise' \(did you mean 'step.size'\?\)"):
        get(COUNTING, {"step": {"sise": 3}}).launch()
    with pytest.raises(UnknownName, match=r"got '~fra' \(did you mean '~far'\?\)"):
        get(COUNTING, "~fra").launch()
    with pytest.raises(UnknownName, match=r"got 'survy' \(did you mean 'survey'\?\)"):
        get("experiments.survy")
    with pytest.raises(InvalidValue, match="to: got 0"):
        get(COUNTING, {"to": 0}).launch()
    assert not root.exists()


def test_failure_is_raised_as_it_was_and_kept_in_the_log(root):
    with pytest.raises(
        RuntimeError, match="counting .* failed: got ValueError: cannot .* beyond 2"
    ):
        get(COUNTING, {"fail_at": 2}).launch()
    failed = get(COUNTING)
    assert not failed.finished
    assert failed.rows() == [0, 1]
    assert "Traceback" in failed.execution.output()
    with pytest.raises(InvalidState, match=r"counting \w+ is not finished. Run it: livn systems"):
        failed.require_finished()
    assert get(COUNTING).launch().rows() == [0, 1, 2]


def test_sweep_is_one_launch(root):
    get(COUNTING, "~~seeds(2)").launch()
    assert [get(COUNTING, {"seed": k}).finished for k in range(3)] == [True, True, False]


def test_record_that_fails_does_not_keep_the_others_from_it(root):
    toys = [get(COUNTING, {"seed": k, "fail_at": 1 if k == 0 else -1}) for k in range(3)]

    def launch_all():
        with get("interface.local"):
            for toy in toys:
                toy.launch()

    with pytest.raises(RuntimeError, match=f"{toys[0].label_text()} failed"):
        launch_all()
    assert [toy.finished for toy in toys] == [False, True, True]


def run_python(code, root, modules):
    head = f"import sys; sys.path.insert(0, {str(modules)!r})\nfrom livn.experiments import get\n"
    environment = {**os.environ, "LIVN_STORAGE": str(root)}
    return subprocess.run(
        [sys.executable, "-c", head + code], capture_output=True, text=True, env=environment
    )


def test_killed_run_is_not_finished_and_continues(root, modules):
    code = "get('toys.counting', {'to': 5, 'die_at': %d}).launch()"
    assert run_python(code % 3, root, modules).returncode == -signal.SIGKILL
    killed = get(COUNTING, {"to": 5})
    assert not killed.finished
    (process,) = {row["process"] for row in killed.journal("rows.jsonl").rows()}
    assert run_python(code % -1, root, modules).returncode == 0
    rows = killed.journal("rows.jsonl").rows()
    assert [row["k"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["process"] for row in rows[:3]] == [process] * 3
    assert get(COUNTING, {"to": 5}).finished


def test_record_whose_files_were_never_written_is_healed(root):
    counting = get(COUNTING).launch()
    for name in (".machinable", "model.json", "id.json", "cached"):
        (counting.directory / name).unlink()
    healed = get(COUNTING).launch()
    assert json.loads((healed.directory / "model.json").read_text())["uuid"] == healed.hash


def test_one_process_computes_a_record_at_a_time(root):
    counting = get(COUNTING).launch()
    counting.cached(False)
    with (
        counting.exclusively(),
        pytest.raises(InvalidState, match="is being computed: got process"),
    ):
        get(COUNTING).launch()
    assert get(COUNTING).launch().finished


def test_moved_storage_keeps_everything_and_its_index_is_made_anew(root, tmp_path):
    first = get(COUNTING).launch()
    second = get(COUNTING, {"seed": 1}).launch()
    second.relate("uses", first)
    moved = tmp_path / "elsewhere"
    shutil.copytree(root, moved)
    shutil.rmtree(root)
    with storage(moved):
        found = get(COUNTING, {"seed": 1})
        assert found.finished
        assert found.directory == moved / "counting" / second.hash
        assert found.rows() == [0, 1, 2]
        assert [u.hash for u in found.uses] == [first.hash]
        assert found.execution.host_info["packages"]["numpy"]


def test_run_remembers_the_version_of_every_package_that_decides_results(root):
    kept = get(COUNTING).launch().last_run()["packages"]
    assert set(kept) == set(PACKAGES)
    assert {"optuna", "llvmlite", "jaxlib"} <= set(kept)
    assert kept["numpy"] == np.__version__


def test_record_that_was_copied_in_is_found(root, tmp_path):
    with storage(tmp_path / "other") as other:
        copied = get(COUNTING, {"to": 2}).launch()
    get(COUNTING).launch()
    shutil.copytree(other / "counting" / copied.hash, root / "counting" / copied.hash)
    found = get(COUNTING, {"to": 2})
    assert found.finished
    assert found.directory == root / "counting" / copied.hash


def test_command_means_the_same_record(root):
    counting = get(COUNTING, [{"step": {"size": 2}, "source": ""}, "~far"])
    assert counting.command() == "livn systems toys.counting to=10 step.size=2"


def test_what_parameters_were_tuned_by_is_linked(root, tmp_path):
    system = tmp_path / "mine"
    shutil.copytree(predefined("EI1"), system)
    tune = get(COUNTING).launch()
    path = system / "params" / "default.json"
    shipped = json.loads(path.read_text())
    shipped["Izhikevich"]["default"]["meta"] = {"tuned_by": tune.hash}
    path.write_text(json.dumps(shipped))
    survey = get("experiments.survey", [{"system": str(system)}, "~point", "~native"])
    assert survey.hash == get("experiments.survey", ["~point", "~native"]).hash
    survey.materialize()
    told = dict(survey.origins())
    assert told["record"] == f"{tune.label_text()}: {tune.command()}"
    assert json.loads(told["recipe"])["seed"] == 14
    assert tune.hash in told["parameters default"]
    shipped["Izhikevich"]["default"]["params"]["noise-EXC-level"] *= 2
    path.write_text(json.dumps(shipped))
    assert get("experiments.survey", [{"system": str(system)}, "~point", "~native"]) != survey
