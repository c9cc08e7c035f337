"""How large a dense stimulus may be."""

import math
from typing import Any

import numpy as np

from livn import settings
from livn.errors import InvalidValue


def check_size(shape: tuple[int, ...], dtype: Any) -> None:
    """Check that a dense array may be made.

    Raises:
        InvalidValue: if it takes more than LIVN_MAX_STIMULUS_GB.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    limit = settings.max_stimulus_bytes()
    if size > limit:
        raise InvalidValue(
            f"dense stimulus is too large: got {size / 2**30:.3g} GiB for shape {shape}; "
            f"at most {limit / 2**30:.3g} GiB. Use a policy or shorter windows, "
            "or raise LIVN_MAX_STIMULUS_GB.",
            got=size,
            allowed=limit,
        )
