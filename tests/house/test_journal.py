import json
import math

import numpy as np
import pytest

from experiments.journal import Journal, write_whole


def test_rows_come_back_in_order(tmp_path):
    journal = Journal(tmp_path / "rows.jsonl")
    assert journal.rows() == []
    journal.append({"x": np.float64(1.5)}, {"x": np.arange(2)})
    journal.append({"x": math.nan})
    rows = journal.rows()
    assert rows[:2] == [{"x": 1.5}, {"x": [0, 1]}]
    assert math.isnan(rows[2]["x"])
    assert len(journal) == 3


@pytest.mark.parametrize("torn", ["{", '{"k": 2', '{"k": 2}'])
def test_row_that_a_kill_tore_is_dropped(tmp_path, torn):
    path = tmp_path / "rows.jsonl"
    Journal(path).append({"k": 1})
    path.write_text(path.read_text() + torn)
    journal = Journal(path)
    assert len(journal) == 1
    journal.append({"k": 3})
    assert [row["k"] for row in journal.rows()] == [1, 3]
    assert [json.loads(line)["k"] for line in path.read_text().splitlines()] == [1, 3]


def test_row_that_is_no_json_is_refused_and_nothing_is_written(tmp_path):
    journal = Journal(tmp_path / "rows.jsonl")
    with pytest.raises(TypeError, match="cannot be written as JSON: got object"):
        journal.append({"k": object()})
    assert not journal.path.exists()


def test_document_is_replaced_as_a_whole(tmp_path):
    path = write_whole(tmp_path / "deep" / "document.json", {"a": 1})
    with pytest.raises(TypeError, match="got object"):
        write_whole(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in path.parent.iterdir()] == ["document.json"]
