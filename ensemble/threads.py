"""Limits on threads: computation that must give equal bytes runs on one, since sums over several round differently."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from threadpoolctl import ThreadpoolController

_IS_ALONE = ContextVar("is_alone", default=False)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run BLAS, OpenMP and (where it is loaded) torch on one thread inside the block."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    was_alone = _IS_ALONE.set(True)
    with _pools(len(sys.modules)).limit(limits=1):
        if torch:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            _IS_ALONE.reset(was_alone)
            if torch:
                torch.set_num_threads(before)


def num_threads() -> int:
    """How many threads may share work whose result does not depend on their number; 1 inside `one_thread`."""
    return 1 if _IS_ALONE.get() else num_cores()


def num_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pools(num_modules: int) -> ThreadpoolController:  # noqa: ARG001
    """The thread pools of this process; searched again, for a millisecond, once more modules are imported."""
    return ThreadpoolController()
