"""The check that every type makes of its arrays: data type, shape, finite values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def check_array(array: np.ndarray, shape: tuple[int | None, ...], name: str, dtype: type = np.float32) -> None:
    """Raise ValueError unless `array` has this dtype and shape (None: any length) and all its values are finite."""
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        raise ValueError(f"{name} must be a {np.dtype(dtype)} array, not {getattr(array, 'dtype', type(array))}")
    fits = array.ndim == len(shape) and all(
        want is None or want == got for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} must have shape {shape}, not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are not finite")
