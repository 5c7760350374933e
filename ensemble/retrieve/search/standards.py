"""Fixed scales of the descriptors; they belong to `DESCRIPTORS_VERSION`.

Means and standard deviations over composed mixes and single parts, each in two takes (soundfont, key, tempo):
`tests/retrieve/measure_standards.py` measures them. Pitch classes share one scale, or transposing by rolling would
not be exact. Levels are measured against their own mean, so that how loud something was recorded does not count.
"""

from __future__ import annotations

import numpy as np

from ensemble.types.arrays import FloatArray


def _row(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float32)


CHROMA_MEAN, CHROMA_DEVIATION = 0.213, 0.116
"""Spread of a stretch's mean and deviation by pitch class."""
CONTOUR_DB = 4.2
SEAM_CHROMA, SEAM_LEVEL_DB = 0.281, 3.6
SEAM_SHARES = {"chroma": 0.7, "timbre": 0.2, "level": 0.1}
"""Of the squared distance between two seams."""
CEPSTRA_MEAN = _row(40.23, -11.01, 6.65, -0.95, -0.39, -3.45, -1.87, -1.96, -2.04, -1.3, -0.44, -0.94)
CEPSTRA_DEVIATION = _row(21.85, 16.62, 9.79, 7.63, 7.34, 7.13, 6.94, 7.4, 7.32, 7.63, 7.92, 8.36)
"""Of a tenth of a second."""
TIMBRE_MEAN = np.concatenate(
    [
        _row(39.98, -10.96, 6.67, -0.95, -0.36, -3.43, -1.88, -1.96, -2.04, -1.27, -0.47, -1.01),
        _row(10.69, 8.78, 5.87, 5.12, 4.98, 4.97, 4.9, 5.06, 5.2, 5.3, 5.59, 5.87),
    ]
)
TIMBRE_DEVIATION = np.concatenate(
    [
        _row(19.48, 14.49, 8.32, 6.07, 5.7, 5.2, 5.06, 5.38, 5.16, 5.09, 5.18, 5.51),
        _row(5.09, 3.54, 1.89, 1.67, 1.93, 2.19, 2.12, 2.46, 2.6, 2.87, 3.34, 3.53),
    ]
)
"""Means, then deviations, of each cepstrum over two seconds."""
