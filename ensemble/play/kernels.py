"""How the CPU kernels are compiled: once, kept on disk, and the same machine code for the same kind of processor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])
KERNELS: list[Any] = []
"""Every kernel that has been declared, in order."""


def kernel(function: F) -> F:
    """Compile `function` at its first call and keep the result on disk.

    Only the contraction of a product and a sum into one instruction is allowed; sums keep their order.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        compiled = njit(cache=True, **options)(function)
    except RuntimeError:  # no folder to keep it in: compiled in every process, some seconds each
        compiled = njit(**options)(function)
    KERNELS.append(compiled)
    return cast("F", compiled)


def is_cached(compiled: Any) -> bool:
    """Whether the disk holds this kernel's machine code, no older than its source."""
    if compiled.stats.cache_path is None:
        return False
    function = compiled.py_func
    source = Path(function.__code__.co_filename)
    index = f"{source.stem}.{function.__qualname__}-{function.__code__.co_firstlineno}.*.nbi"
    return any(found.stat().st_mtime >= source.stat().st_mtime for found in Path(compiled.stats.cache_path).glob(index))
