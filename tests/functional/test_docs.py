"""What docs/gradients.md says is so."""

import re
from pathlib import Path

import jax
import numpy as np
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "gradients.md").read_text("utf-8")


def test_examples_do_what_the_page_says():
    names = {}
    with jax.enable_x64(False):
        for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
            exec(compile(block, "docs/gradients.md", "exec"), names)

    assert np.isfinite(names["slope"])
    assert names["slope"] != 0
    assert names["found"]["cells-soma.E_L"] == pytest.approx(-66.0, abs=0.1)
    assert names["history"].loss[-1] < 0.01 * names["history"].loss[0]
