"""The intrinsics Brian2 lacks, or has only with a check of units at every call."""

from brian2 import Function

from livn.models.expressions import np_dexprel, np_exprel

_TERMS = 12  # of the Taylor series used where the closed form cancels
_CYTHON_EXPREL = """
from libc.math cimport expm1
cdef inline double _relative_exp(double x) nogil:
    if x == 0.0:
        return 1.0
    return expm1(x) / x
"""
_CYTHON_DEXPREL = (
    """
from libc.math cimport exp, fabs
cdef inline double _relative_exp_slope(double x) nogil:
    cdef double term = 0.5
    cdef double total = 0.5
    cdef int k
    if fabs(x) < 0.3:
        for k in range(1, TERMS):
            term = term * x / (k + 2)
            total = total + term * (k + 1)
        return total
    return (exp(x) * (x - 1.0) + 1.0) / (x * x)
"""
).replace("TERMS", str(_TERMS))


def _function(numpy_version, cython, name: str) -> Function:  # type: ignore[no-untyped-def]
    function = Function(numpy_version, arg_units=[1], return_unit=1, arg_names=["x"])
    function.implementations.add_implementation("numpy", numpy_version)
    function.implementations.add_implementation("cython", cython, name=f"_{name}")
    return function


FUNCTIONS = {
    "relative_exp": _function(np_exprel, _CYTHON_EXPREL, "relative_exp"),
    "relative_exp_slope": _function(np_dexprel, _CYTHON_DEXPREL, "relative_exp_slope"),
}
