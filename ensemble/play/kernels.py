"""Compiles the CPU kernels with numba; the machine code is cached on disk, and is the same on CPUs of one kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])
KERNELS: list[Any] = []
"""All kernels that are declared so far."""


def kernel(function: F) -> F:
    """Compile `function` at its first call, and cache the machine code on disk.

    The compiler may contract a product and a sum into one instruction; it may not reorder sums.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        compiled = njit(cache=True, **options)(function)
    except RuntimeError:  # there is no folder for the cache: every process compiles, which takes some seconds
        compiled = njit(**options)(function)
    KERNELS.append(compiled)
    return cast("F", compiled)


def is_cached(compiled: Any) -> bool:
    """Whether machine code of this kernel is cached on disk; numba itself compares its source's digest."""
    if compiled.stats.cache_path is None:
        return False
    function = compiled.py_func
    index = (
        f"{Path(function.__code__.co_filename).stem}.{function.__qualname__}-{function.__code__.co_firstlineno}.*.nbi"
    )
    return any(Path(compiled.stats.cache_path).glob(index))
