"""One thread: sums over several threads round differently, and equal bytes are promised."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Run BLAS, OpenMP and (where it is loaded) torch on one thread inside the block."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    with _pools(len(sys.modules)).limit(limits=1):
        if torch:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)


@lru_cache(maxsize=1)
def _pools(num_modules: int) -> ThreadpoolController:  # noqa: ARG001
    """The thread pools of this process, looked for again when more has been imported: that takes a millisecond."""
    return ThreadpoolController()
