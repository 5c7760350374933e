"""Fourier transforms and sliding filters of scipy, which is loaded when the first of them is needed.

Loading it takes a third of a second: a command that is refused, or that only mixes, does without.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def _later(module: str, name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(import_module(module), name)(*arguments, **options)

    return call


rfft, irfft, rfftfreq = (_later("scipy.fft", name) for name in ("rfft", "irfft", "rfftfreq"))
next_fast_len = _later("scipy.fft", "next_fast_len")
maximum_filter1d = _later("scipy.ndimage", "maximum_filter1d")
minimum_filter1d = _later("scipy.ndimage", "minimum_filter1d")
percentile_filter = _later("scipy.ndimage", "percentile_filter")
uniform_filter1d = _later("scipy.ndimage", "uniform_filter1d")
gaussian_filter1d = _later("scipy.ndimage", "gaussian_filter1d")
