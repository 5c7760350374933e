"""F-measures by mir_eval, which warns where there is nothing to compare: that is answered here."""

from __future__ import annotations

from typing import Any

import mir_eval.onset
import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.floating[Any]]
CELL_S = 0.01
"""The cells of a grid are told to mir_eval as times: so far apart, and not more than half of it counts as equal."""


def events_f1(true_s: Times, found_s: Times, window_s: float) -> float:
    """F-measure of events; nan where there are none in either.

    Args:
        true_s: when they truly come, in seconds, rising.
        found_s: when they are said to come, rising.
        window_s: how far apart two may be that are paired; each counts once.
    """
    if not len(true_s) or not len(found_s):
        return 0.0 if len(true_s) or len(found_s) else float("nan")
    return float(mir_eval.onset.f_measure(true_s, found_s, window=window_s)[0])


def strokes_f1(true: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    """F-measure of strokes on a grid, say of drums on sixteenths: both in the same cell; nan without any."""
    true_s, found_s = (np.flatnonzero(table) * CELL_S for table in (true, found))
    return events_f1(true_s, found_s, CELL_S / 2)
