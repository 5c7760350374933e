"""Makes confidences honest: of what is said with 80 % about 80 % is right.

The log odds of each are bent by a line that was fitted on recordings whose truth is known.

Source: Platt, Probabilistic Outputs for Support Vector Machines, 1999.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ensemble.types.music import FloatArray

CalibratedSubject = Literal["chord", "tempo"]

CALIBRATION: dict[CalibratedSubject, tuple[float, float]] = {"chord": (0.88, -0.38), "tempo": (0.96, 0.65)}
"""Slope and offset of the log odds; `python -m tests.bench.calibrate_listener` fits them: that of chords on 24
composed recordings and 11 real ones, that of tempi on 88 and 11. Keys have a temperature of their own. Beats and bars
need none: a beat is as probable as it is if the tempo is right, or half of that, and a bar as the beat that opens it
and its place among the beats are together."""
SUREST = 0.999
"""Nothing that is heard is surer."""


def calibrated(subject: CalibratedSubject, confidence: NDArray[np.floating]) -> FloatArray:
    """Confidences as they should be said.

    Args:
        subject: what they are about.
        confidence: as found, 0..1; of any shape.
    """
    kept = np.clip(confidence.astype(np.float64), 1 - SUREST, SUREST)
    slope, offset = CALIBRATION[subject]
    odds = slope * np.log(kept / (1 - kept)) + offset
    return np.minimum(1 / (1 + np.exp(-odds)), SUREST).astype(np.float32)
