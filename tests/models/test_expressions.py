"""Equations as text: what is understood, what is refused, and values at removable singularities."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn.errors import InvalidValue
from livn.models.expressions import (
    compile_numpy,
    dexprel,
    evaluate,
    exprel,
    names,
    np_dexprel,
    np_exprel,
    parse,
    symbol,
)

leaves = st.sampled_from(["x", "y", "2", "0.5", "3"])
arithmetic = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda a: f"-({a})"),
        inner.map(lambda a: f"({a}) ** 2"),
        inner.map(lambda a: f"({a}) / (1 + x ** 2)"),
    ),
    max_leaves=8,
)
finite = st.floats(-3, 3)


@given(arithmetic, finite, finite)
def test_parsed_text_has_the_value_of_the_same_python(text, x, y):
    expected = eval(text, {"x": x, "y": y})
    assert evaluate(parse(text), {"x": x, "y": y}) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("g * (V - ", "equation is not an expression: got 'g * (V - '"),
        ("V.real", "something that is not arithmetic: got 'V.real'"),
        ("V[0]", "something that is not arithmetic: got 'V[0]'"),
        ("'V'", "something that is not arithmetic"),
        ("True", "something that is not arithmetic: got 'True'"),
        ("lambda: 1", "something that is not arithmetic"),
        ("V // 2", "something that is not arithmetic: got 'V // 2'"),
        ("exp(x=1)", "something that is not arithmetic: got 'exp(x=1)'"),
        ("__import__('os')", "something that is not arithmetic"),
        ("a < b < c", "something that is not arithmetic: got 'a < b < c'"),
        ("sigmiod(V)", "Did you mean 'sigmoid'?"),
        ("linoid(V)", "function 'linoid' has the wrong number of arguments: got 1"),
    ],
)
def test_text_that_is_not_an_equation_is_refused(text, message):
    with pytest.raises(InvalidValue) as error:
        parse(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_free_names_are_found():
    assert names(parse("g_Na * m**3 * (V - E_Na) + exp(-t / tau)")) == {
        "g_Na", "m", "V", "E_Na", "t", "tau",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "x", "value"),
    [
        ("relu(x)", -2.0, 0.0),
        ("relu(x)", 3.0, 3.0),
        ("max(x, 1)", 0.5, 1.0),
        ("min(x, 1)", 0.5, 0.5),
        ("min(x, 1)", 7.0, 1.0),
        ("where(x <= -10, 1, 2)", -10.0, 1.0),
        ("where(x <= -10, 1, 2)", -9.9, 2.0),
        ("sigmoid(x)", 0.0, 0.5),
        ("efun(x)", 1.0, 1 / (math.e - 1)),
        ("linoid(x, 4)", 4.0, 4 / (math.e - 1)),
        ("dexprel(x)", 1.0, 1.0),
    ],
)
def test_intrinsics_have_their_definition(text, x, value):
    assert evaluate(parse(text), {"x": x}) == pytest.approx(value, rel=1e-15)


# where published rate functions are 0/0: Pinsky-Rinzel (m, n, m, s) and Hodgkin-Huxley (m, n)
@pytest.mark.parametrize("v", [-46.9, -24.9, -19.9, -8.9, -40.0, -55.0])
@pytest.mark.parametrize("k", [4.0, 5.0, 10.0])
def test_linoid_is_its_limit_at_a_singular_voltage(v, k):
    rate = parse(f"linoid(V + {-v}, {k})")
    assert evaluate(rate, {"V": v}) == pytest.approx(k, rel=1e-15)
    beside = evaluate(rate, {"V": np.array([v - 1e-9, v + 1e-9])})
    assert beside == pytest.approx([k, k], rel=1e-9)


def _high_precision(x):
    with mpmath.workdps(60):
        x = mpmath.mpf(x)
        first = (mpmath.exp(x) - 1) / x
        second = (mpmath.exp(x) * (x - 1) + 1) / x**2
        return float(first), float(second)


@given(st.floats(-600, 600).filter(lambda x: abs(x) > 1e-12))
def test_exprel_and_its_derivative_agree_with_sixty_digits(x):
    first, second = _high_precision(x)
    assert np_exprel(x) == pytest.approx(first, rel=4e-15)
    assert np_dexprel(x) == pytest.approx(second, rel=1e-13)


def test_exprel_is_one_and_its_derivative_a_half_at_zero():
    assert np_exprel(0.0) == 1.0
    assert np_dexprel(0.0) == 0.5


def test_derivative_of_exprel_is_dexprel():
    x = symbol("x")
    assert exprel(x).diff(x) == dexprel(x)
    assert exprel(2 * x).diff(x) == 2 * dexprel(2 * x)


def test_compiled_function_takes_arrays_by_position():
    f = compile_numpy([parse("a * b"), parse("a + b")], ["b", "a"])
    product, total = f(np.array([1.0, 2.0]), 10.0)
    assert product.tolist() == [10.0, 20.0]
    assert total.tolist() == [11.0, 12.0]
