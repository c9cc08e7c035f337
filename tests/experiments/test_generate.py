"""The component `generate`: layered tissues from YAML, found again by what the file says."""

import json
import shutil

import numpy as np
import pytest
from matplotlib.image import imread

from experiments.generate import RECIPES, UnknownRecipe, read_recipe
from livn.errors import InvalidValue, UnknownName
from livn.experiments import get, storage
from livn.system import verify

GENERATE = "experiments.generate"


@pytest.fixture
def root(tmp_path):
    with storage(tmp_path / "storage") as directory:
        yield directory


def test_recipe_is_generated_with_array_and_picture(root, tmp_path):
    made = get(GENERATE, {"output_directory": str(tmp_path / "slab")}).launch()
    assert made.metrics()["cells"] == 300
    made.mea(pitch=150.0)
    assert verify(tmp_path / "slab") == verify(made.system_directory)
    picture = imread(made.plot())
    assert picture.shape[0] > picture.shape[1]  # seen from the side as well
    assert np.ptp(picture[..., 0]) > 0.5
    provenance = json.loads((tmp_path / "slab" / "provenance.json").read_text())
    assert provenance["config"]["layers"][0] == {"name": "SO", "thickness": 100.0}


def test_record_follows_the_content_of_the_recipe(root, tmp_path):
    shipped = get(GENERATE)
    mine = tmp_path / "mine.yaml"
    shutil.copy(RECIPES / "slab.yaml", mine)
    assert get(GENERATE, {"recipe": str(mine)}).hash == shipped.hash
    mine.write_text(mine.read_text().replace("in_degree: 12", "in_degree: 13"))
    assert get(GENERATE, {"recipe": str(mine)}).hash != shipped.hash
    assert get(GENERATE, {"seed": 5}).hash != shipped.hash


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("layers: [", InvalidValue, "recipe is not YAML"),
        ("- a", InvalidValue, "recipe is no mapping: got list"),
        ("seed: 3", InvalidValue, "recipe has a seed: got 3"),
        ("layer: 3", UnknownName, "did you mean 'layers'"),
    ],
)
def test_wrong_recipe_is_refused(root, tmp_path, text, error, said):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(error, match=said):
        get(GENERATE, {"recipe": str(tmp_path / "mine.yaml")}).launch()


def test_unknown_recipe_names_the_nearest():
    with pytest.raises(UnknownRecipe, match="did you mean 'slab'"):
        read_recipe("slap")
