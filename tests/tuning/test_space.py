"""Search spaces: transforms, bounds, and which keys of a culture are free."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.targets import Culture, Parameter, Space, Spontaneous
from experiments.targets.space import split
from livn import Env
from livn.errors import InvalidValue, UnknownName


@pytest.mark.parametrize(
    ("given_", "middle"),
    [
        ([2.0, 8.0], 5.0),
        ([0.01, 100.0, "log10"], 1.0),
        ([0.0, 99.0, "log1p"], 9.0),  # 10 = sqrt(1 * 100), less 1
    ],
)
def test_half_way_is_half_way_on_the_scale(given_, middle):
    parameter = Parameter.of("w", given_)
    assert parameter.value(0.0) == pytest.approx(given_[0])
    assert parameter.value(0.5) == pytest.approx(middle)
    assert parameter.value(1.0) == pytest.approx(given_[1])


def test_log1p_is_the_decimal_logarithm():
    assert Parameter("w", 0.0, 9.0, "log1p").bounds == (0.0, 1.0)


@given(st.floats(0, 1), st.sampled_from([None, "log10", "log1p"]))
def test_value_and_share_are_inverse(u, transform):
    parameter = Parameter("w", 0.001, 20.0, transform)
    assert parameter.low <= parameter.value(u) <= parameter.high
    # 1e-9: a log and a power of ten, each rounded once, over a range of four decades.
    assert parameter.share(parameter.value(u)) == pytest.approx(u, abs=1e-9)


def test_transform_params_undoes_the_transform():
    space = Space.of({"a": [0.1, 10, "log10"], "b": [0, 4]})
    assert space.bounds() == {"a": (-1.0, 1.0), "b": (0.0, 4.0)}
    assert space.transform_params([0.0, 3.0]) == {"a": 1.0, "b": 3.0}
    assert space.point({"a": 1.0, "b": 3.0}) == pytest.approx([0.5, 0.75])


def test_what_lies_at_a_bound_is_told():
    space = Space.of({"a": [0.1, 10, "log10"], "b": [0, 4], "c": [0, 1]})
    assert space.at_bound({"a": 0.1, "b": 3.99, "c": 0.5}) == {"a": "low", "b": "high"}


@pytest.mark.parametrize(
    "bounds", [[1, 1], [2, 1], [0, 1, "log10"], [-2, 1, "log1p"], [1, math.inf]]
)
def test_bounds_that_do_not_fit_are_refused(bounds):
    with pytest.raises(InvalidValue, match="bounds of 'w' do not fit: got"):
        Parameter.of("w", bounds)


def test_unreadable_bounds_and_transforms_are_refused():
    with pytest.raises(InvalidValue, match=r"bounds of 'w' are unreadable: got \['a', 1\]"):
        Parameter.of("w", ["a", 1])
    with pytest.raises(UnknownName, match="transform of w: got 'log' .did you mean 'log1p'"):
        Parameter.of("w", [1, 2, "log"])
    with pytest.raises(InvalidValue, match="search space is empty"):
        Space.of({})


def test_protocol_parameters_do_not_go_to_the_culture():
    own, protocol = split({"noise-level": 1.0, "protocol-amplitude": 5.0})
    assert own == {"noise-level": 1.0}
    assert protocol == {"amplitude": 5.0}


@pytest.fixture(scope="module")
def culture():
    return Env("EI1", backend="native")


def test_weights_noise_and_amplitude_are_free(culture):
    names = Culture().search_space(culture).names
    assert set(names) == {
        *culture.weight_names,
        "noise-EXC-std_e",
        "noise-INH-std_e",
        "protocol-amplitude",
    }


def test_point_cells_have_ranges_of_their_own():
    env = Env("EI1", "Izhikevich", backend="native")
    space = Spontaneous().search_space(env)
    assert "noise-EXC-level" in space.names
    assert max(p.high for p in space if p.name.endswith("-weight")) == 0.5


def test_ranges_widen_fix_and_add(culture):
    target = Spontaneous(
        ranges={
            "noise-EXC-std_e": None,
            "EXC_EXC-dend-AMPA-weight": (1.0, 2.0),
            "cells-EXC:soma.g_K": (0.001, 0.01),
        }
    )
    space = {p.name: p for p in target.search_space(culture)}
    assert "noise-EXC-std_e" not in space
    assert space["EXC_EXC-dend-AMPA-weight"].bounds == (1.0, 2.0)
    assert "cells-EXC:soma.g_K" in space


def test_only_ranges_leaves_the_rest_as_it_is(culture):
    target = Spontaneous(only_ranges=True, ranges={"noise-std_e": (1e-4, 1e-3, "log10")})
    assert target.search_space(culture).names == ["noise-std_e"]


def test_a_misspelt_range_names_the_nearest(culture):
    with pytest.raises(UnknownName, match="did you mean 'noise-EXC-std_e'"):
        Spontaneous(ranges={"noise-EXC-std_ee": (1.0, 2.0)}).search_space(culture)


def test_freedom_by_name_agrees_with_the_search_space(culture):
    target = Culture(ranges={"noise-INH-std_e": None})
    shipped = culture.system.default_params(model=culture.model)
    free = set(target.search_space(culture).names)
    assert {key for key in shipped if target.frees(key)} == free - {"protocol-amplitude"}
