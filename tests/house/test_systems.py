import json
import os
import subprocess
import sys

import pytest

from livn import cli


def livn(*words, **options):
    """(status, stdout, stderr) of a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "livn", *words], capture_output=True, text=True, **options
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def here(tmp_path, modules, monkeypatch):
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_lists_components_and_one_in_detail(capsys, here):
    assert cli.main(["systems"]) == 0
    out = capsys.readouterr().out
    assert "usage: livn systems" in out
    assert "survey" in out
    assert "local" in out
    assert cli.main(["systems", "help", "survey"]) == 0
    out = capsys.readouterr().out
    for word in ("trials", "~native", "--launch", "--trials"):
        assert word in out
    assert not (here / "storage").exists()


def test_launch_puts_the_record_below_the_working_directory(capsys, here):
    words = ["systems", "toys.counting", "to=2"]
    assert cli.main(words) == 0
    assert "not computed  livn systems toys.counting to=2 --launch" in capsys.readouterr().out
    assert not (here / "storage").exists()
    assert cli.main([*words, "--launch"]) == 0
    identity, state, directory = capsys.readouterr().out.split()
    assert state == "finished"
    assert directory == str(here / "storage" / "counting" / identity)
    assert cli.main([*words, "--launch", "--rows(first=1)", "--metrics"]) == 0
    assert capsys.readouterr().out.startswith('[\n  1\n]\n{\n  "last": 1\n}\n')


def test_storage_is_chosen_by_option_then_by_environment(capsys, here, monkeypatch):
    monkeypatch.setenv("LIVN_STORAGE", str(here / "b"))
    assert cli.main(["systems", "--storage", "a", "toys.counting", "--launch"]) == 0
    assert cli.main(["systems", "toys.counting", "--launch"]) == 0
    assert [p.name for p in sorted(here.glob("*/counting/*"))] != []
    assert {p.parts[-2] for p in here.glob("*/counting")} == {"a", "b"}
    assert cli.main(["systems", "toys.counting", "--storage"]) == 1
    assert "--storage has no value" in capsys.readouterr().err


def test_place_that_cannot_be_a_storage_is_told(capsys, here):
    (here / "file").write_text("")
    place = str(here / "file" / "storage")
    assert cli.main(["systems", "--storage", place, "toys.counting", "--launch"]) == 1
    assert f"storage cannot be made: got '{place}'; Not a directory." in capsys.readouterr().err


def test_context_before_the_component_is_no_part_of_its_identity(capsys, here):
    assert cli.main(["systems", "local", "workers=0", "toys.counting", "--launch"]) == 0
    assert cli.main(["systems", "toys.counting"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert cli.main(["systems", "local", "toys.counting"]) == 1
    assert "got no --launch" in capsys.readouterr().err


def test_method_of_an_axis_is_called_of_every_record(capsys, here):
    words = ["systems", "toys.counting", "to=1", "~~seeds(2)"]
    assert cli.main([*words, "--rows"]) == 1
    err = capsys.readouterr().err
    assert "is not computed: got no record of it. Run it: livn systems toys.counting to=1" in err
    assert cli.main([*words, "--launch", "--rows"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:6] == ["[", "  0", "]"] * 2
    assert [line.split()[1] for line in out[6:]] == ["finished"] * 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["survy"], "unknown component: got 'survy' (did you mean 'survey'?)"),
        (["lokal", "survey"], "unknown component: got 'lokal' (did you mean 'local'?)"),
        (["toys.countin"], "unknown component: got 'toys.countin'"),
        (["nowhere.at.all"], "unknown component: got 'nowhere.at.all'"),
        (["toys.counting", "too=3"], "unknown option: got 'too' (did you mean 'to'?)"),
        (["toys.counting", "~fra"], "unknown version: got '~fra' (did you mean '~far'?)"),
        (["toys.counting", "--row"], "unknown method: got '--row' (did you mean '--rows'?)"),
        (["survey", "system=EI22"], "unknown system: got 'EI22' (did you mean 'EI2'?)"),
        (["local", "workrs=2", "toys.counting", "--launch"], "unknown option: got 'workrs'"),
    ],
)
def test_typo_names_the_nearest_and_nothing_is_run(capsys, here, words, message):
    assert cli.main(["systems", *words]) == 128
    assert message in capsys.readouterr().err
    assert not (here / "storage").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["toys.counting", "to=0"], "options of counting make no sense: to: got 0"),
        (["toys.counting", "--rows(first=x)"], "arguments of --rows cannot be read"),
        (["to=3"], "no component is named: got 'to=3'"),
    ],
)
def test_value_without_sense_fails_before_anything_is_run(capsys, here, words, message):
    assert cli.main(["systems", *words]) == 1
    assert message in capsys.readouterr().err
    assert not (here / "storage").exists()


def test_survey_runs_from_nothing_in_a_process_of_its_own(here):
    words = ["systems", "survey", "~quick", "~native", "~point", "--launch"]
    environment = {**os.environ, "LIVN_STORAGE": str(here / "records")}
    status, out, err = livn(*words, "--json", cwd=here, env=environment)
    assert status == 0, err
    *_, record = map(json.loads, out.splitlines())
    assert (record["event"], record["state"]) == ("record", "finished")
    metrics = json.loads(next((here / "records").glob("survey/*/metrics.json")).read_text())
    assert 0 <= metrics["rate_hz"] < 100
    status, again, err = livn(*words, cwd=here, env=environment)
    line = f"{record['hash']}  finished  {record['where']}\n"
    assert (status, again, err) == (0, line, "")
