"""The true peak of a whole signal, by the meter that measures stems while they are written."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ensemble.mix.true_peak import HALF_TAPS, TruePeak, decibels


def true_peak_dbtp(chunks: Iterable[NDArray[np.floating]]) -> float:
    """The true peak of a whole signal in dBTP; -inf for silence.  [channels, samples] each"""
    meter: TruePeak | None = None
    peak, num_channels = 0.0, 1
    for chunk in chunks:
        num_channels = chunk.shape[0]
        meter = meter or TruePeak(num_channels)
        peak = max(peak, float(meter.push(chunk).max(initial=0.0)))
    if meter:
        peak = max(peak, float(meter.push(np.zeros((num_channels, 2 * HALF_TAPS))).max(initial=0.0)))
    return decibels(peak)
