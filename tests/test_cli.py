import os
import subprocess
import sys

import pytest

import livn
from livn import cli, settings
from livn.cli.output import count_fitting
from livn.models import MODELS
from livn.system import place, predefined


def test_no_action_prints_usage(capsys):
    assert cli.main([]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: livn <action>")
    for action in ("version", "systems list", "doctor"):
        assert f"\n  {action} " in out


def test_version_is_the_installed_one(capsys):
    assert cli.main(["version"]) == 0
    assert capsys.readouterr().out.strip() == livn.__version__ == livn.get_version()


def test_unknown_action_names_the_nearest_and_exits_128(capsys):
    assert cli.main(["systms", "list"]) == 128
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: livn" in captured.err
    assert "unknown action: got 'systms list' (did you mean 'systems list'?)" in captured.err


def test_module_runs_as_the_console_script_does():
    done = subprocess.run([sys.executable, "-m", "livn", "nonsense"], capture_output=True)
    assert done.returncode == 128


def test_systems_list_has_one_line_per_predefined_system(capsys):
    assert cli.main(["systems", "list"]) == 0
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert rows["EI3"][1:5] == ["1,000", "800/200", "64", "1000x1000"]
    assert {"EI1", "EI2", "EI3", "EI4"} <= set(rows)


def test_systems_list_generates_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("LIVN_CACHE_DIR", str(tmp_path / "empty"))
    assert cli.main(["systems", "list"]) == 0
    assert not (tmp_path / "empty").exists()


def test_doctor_says_which_backends_work(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "brian2" in out
    assert "the default" in out
    assert "numpy" in out
    assert len(out.splitlines()) <= 24


def test_doctor_fails_where_the_default_backend_does_not_work(capsys, monkeypatch):
    monkeypatch.setenv("LIVN_BACKEND", "nowhere")
    assert cli.main(["doctor"]) == 1
    assert "'nowhere'" in capsys.readouterr().err


def test_doctor_tells_of_a_cache_that_cannot_be_written(capsys, monkeypatch, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    monkeypatch.setenv("LIVN_CACHE_DIR", str(blocker / "cache"))
    cli.main(["doctor"])
    assert "not writable" in capsys.readouterr().out


def test_doctor_warm_compiles_every_model_and_the_next_time_loads_it(capsys, monkeypatch):
    monkeypatch.setattr("livn.models.MODELS", {"LIF": MODELS["LIF"]})
    assert cli.main(["doctor", "--warm"]) == 0
    assert "1/1  LIF ..." in capsys.readouterr().out
    assert cli.main(["doctor", "--warm"]) == 0
    out = capsys.readouterr().out
    assert "compiled in" not in out
    assert str(settings.cache_dir() / "native") in out


def test_doctor_warm_fails_where_nothing_can_be_kept(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("livn.models.MODELS", {})
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIVN_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert cli.main(["doctor", "--warm"]) == 1
    assert "nothing could be kept" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["version"], ["systems", "list"], ["doctor"]])
def test_output_off_a_terminal_has_no_boxes_nor_colours(words, capsys):
    cli.main(words)
    assert not set("\x1b─│━┃") & set(capsys.readouterr().out)


def test_systems_list_knows_what_was_made(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("LIVN_CACHE_DIR", str(tmp_path))
    assert predefined("EI1") == str(place("EI1"))
    cli.main(["systems", "list"])
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert rows["EI1"][-1] == "yes"
    assert rows["EI2"][-3:] == ["on", "first", "use"]


def test_reader_that_stops_reading_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "livn", "systems", "list"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.stderr == b""


@pytest.mark.parametrize(("width", "fitting"), [("200", 3), ("24", 2), ("5", 1)])
def test_as_many_columns_are_shown_as_the_terminal_is_wide(monkeypatch, width, fitting):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", width)
    assert count_fitting(["hash", "state", "rate"], [["12345678", "finished", "2.5"]]) == fitting


def test_all_columns_are_shown_where_there_is_no_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "5")
    assert count_fitting(["hash", "state"], [["12345678", "finished"]]) == 2
