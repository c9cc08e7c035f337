"""Saving and loading ios as JSON and as probes."""

import json

import numpy as np
import pytest

from livn.errors import CorruptFile, InvalidValue, UnknownName
from livn.io import MEA, ComposedIO, LightArray, PointSourceModel, from_probe, to_probe

TWO = [[4, 0.1, 0, 0], [9, 100, 0, 0.30000000000000004]]


def same(a, b):
    return type(a) is type(b) and a.serialize() == b.serialize()


@pytest.mark.parametrize(
    "io",
    [
        MEA(),
        MEA(TWO, 100, 50, PointSourceModel(recording_gain=7.0)),
        LightArray(TWO, wavelength_nm=590),
        ComposedIO(LightArray(TWO), MEA(TWO, output_radius=3)),
    ],
)
def test_json_round_trip_is_identity(io, tmp_path):
    path = io.to_directory(tmp_path)

    assert path.name == f"{type(io).__name__.lower()}.json"
    assert same(type(io).from_directory(tmp_path), io)
    assert same(type(io).from_json(str(path)), io)
    assert same(type(io).from_json(io.as_json()), io)
    assert same(type(io).from_json(io.as_json(stringify=False)), io)
    assert same(io.clone(), io)
    assert io.clone() is not io


def test_mea_json_has_the_published_keys():
    document = json.loads(MEA(TWO).as_json())

    assert set(document) == {
        "electrode_coordinates",
        "input_radius",
        "output_radius",
        "volume_conductor",
    }
    assert document["electrode_coordinates"] == TWO
    assert set(document["volume_conductor"]) == {
        "stimulation_gain",
        "recording_gain",
        "min_distance_um",
        "electrode_radius_um",
        "culture_height_um",
    }


def test_mea_json_of_1_0_without_volume_conductor_is_read(tmp_path):
    (tmp_path / "mea.json").write_text('{"electrode_coordinates": [[0, 1, 2, 3]]}')

    mea = MEA.from_directory(tmp_path)

    assert mea.electrode_coordinates.tolist() == [[0, 1, 2, 3]]
    assert (mea.input_radius, mea.volume_conductor) == (250, PointSourceModel())


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ('{"electrode_coo', CorruptFile, r"mea\.json is not JSON: got "),
        ("[1, 2]", CorruptFile, r"mea\.json is not a JSON object: got list; need the arg.* of MEA"),
        ('{"input_radus": 3}', UnknownName, "'input_radus' .did you mean 'input_radius'"),
        ('{"volume_conductor": {"gain": 1}}', UnknownName, "argument of PointSourceModel"),
        ('{"input_radius": -3}', InvalidValue, "input_radius is not positive: got -3"),
    ],
)
def test_files_of_something_else_are_refused(text, error, message, tmp_path):
    (tmp_path / "mea.json").write_text(text)

    with pytest.raises(error, match=message):
        MEA.from_directory(tmp_path)


def test_missing_file_is_not_a_default(tmp_path):
    with pytest.raises(FileNotFoundError):
        MEA.from_directory(tmp_path)


def test_composed_io_of_an_unknown_class_is_refused():
    with pytest.raises(UnknownName, match="unknown io class: got 'Ultrasound'; known: LightArray"):
        ComposedIO.unserialize({"inputs": {"Ultrasound": {}}})


def test_probe_round_trip_keeps_ids_and_positions():
    pytest.importorskip("probeinterface")
    mea = MEA(TWO, output_radius=80)

    probe = to_probe(mea)

    assert probe.contact_ids.tolist() == ["4", "9"]
    assert same(from_probe(probe, output_radius=80), mea)


def test_flat_probe_in_mm_with_names_becomes_an_array_in_um():
    probeinterface = pytest.importorskip("probeinterface")
    probe = probeinterface.Probe(ndim=2, si_units="mm")
    probe.set_contacts(positions=np.array([[0.1, 0.2], [0.3, 0.4]]))
    probe.set_contact_ids(["A1", "A2"])

    rows = from_probe(probe, z=7.0).electrode_coordinates

    np.testing.assert_allclose(rows, [[0, 100, 200, 7], [1, 300, 400, 7]])
