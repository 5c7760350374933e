"""Summarises the last eight seconds of the leader for the conductor's network: single values, peaks, means, registers.

Within a note a leader's level changes far more than the dynamics of the music do, so the peak of the last second says
more than the present level; and registers are included since A-weighted loudness counts low notes little.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ensemble.conduct.conductor_features import FAINTEST_DB, HEARD_ROWS, LEVEL_CENTRE_DB, LEVEL_ROWS, LEVEL_SCALE_DB
from ensemble.types.music import FloatArray

LAGS = (0, 1, 2, 4, 8, 16, 32, 64, 128)
"""How many conductor frames ago single values are taken from."""
SPANS = (12, 25, 50, 100, 200)
"""Numbers of last conductor frames over which peak and mean of the loudness are taken."""
REGISTER_SPANS = (6, 25, 100)
"""Numbers of last conductor frames over which registers are counted."""
LAGGED_ROWS = ("loudness", "anchor", "above_anchor", "slope", "onset", "voiced", "pitch")
"""The features of which single values are taken."""
REGISTERS = 9
PAST = max(SPANS) - 1
"""Conductor frames before a quantum that its summary needs."""
NUM_SUMMARY = len(LAGGED_ROWS) * len(LAGS) + 2 * len(SPANS) + REGISTERS * len(REGISTER_SPANS)
IS_LEVEL = np.array(
    [HEARD_ROWS.index(name) in LEVEL_ROWS for name in LAGGED_ROWS for _ in LAGS]
    + [True] * (2 * len(SPANS))
    + [False] * (REGISTERS * len(REGISTER_SPANS))
)
"""Which entries of a summary rise and fall with the recording level.  [NUM_SUMMARY]"""
_LOUDNESS, _ANCHOR, _VOICED, _PITCH = (HEARD_ROWS.index(name) for name in ("loudness", "anchor", "voiced", "pitch"))
_AUDIBLE = np.float32((FAINTEST_DB - LEVEL_CENTRE_DB) / LEVEL_SCALE_DB + 0.05)
_CENTRES = np.linspace(-1.25, 1.5, REGISTERS, dtype=np.float32)
"""Centres of the registers in units of the pitch row, from MIDI 30 to 96."""
_WIDTH = np.float32(0.25)


def summary(rows: FloatArray) -> FloatArray:
    """Summarise features.

    Args:
        rows: features of the frames, and of the `PAST` frames before them.  [rows, PAST + frames]

    Returns:
        Every lagged row at every lag; for each span the peak of the loudness, then its mean over audible frames (the
        anchor where there are none); for each register span the share of each register in the voiced frames.
        [frames, NUM_SUMMARY]
    """
    num_frames = rows.shape[1] - PAST
    at = PAST + np.arange(num_frames)[:, None] - np.array(LAGS)
    moments = rows[[HEARD_ROWS.index(name) for name in LAGGED_ROWS]][:, at]
    loudness = sliding_window_view(rows[_LOUDNESS], PAST + 1)
    audible = sliding_window_view(rows[_LOUDNESS] > _AUDIBLE, PAST + 1)
    parts = [moments.transpose(1, 0, 2).reshape(num_frames, -1)]
    parts += [loudness[:, -span:].max(axis=1)[:, None] for span in SPANS]
    for span in SPANS:
        inside = audible[:, -span:]
        count = inside.sum(axis=1)
        total = (loudness[:, -span:] * inside).sum(axis=1)
        parts.append(np.where(count > 0, total / np.maximum(count, 1), rows[_ANCHOR, PAST:])[:, None])
    near = (rows[_PITCH] - _CENTRES[:, None]) / _WIDTH
    register = sliding_window_view(np.exp(np.float32(-0.5) * near * near) * rows[_VOICED], PAST + 1, axis=1)
    voiced = sliding_window_view(rows[_VOICED], PAST + 1)
    for span in REGISTER_SPANS:
        share = register[:, :, -span:].sum(axis=2) / np.maximum(voiced[:, -span:].sum(axis=1), np.float32(0.5))
        parts.append(share.T)
    return np.concatenate(parts, axis=1, dtype=np.float32)


def with_past(rows: FloatArray) -> FloatArray:
    """Put `PAST` copies of the first frame before features from the start.  [rows, frames] -> [rows, PAST + frames]"""
    return np.concatenate([np.repeat(rows[:, :1], PAST, axis=1), rows], axis=1)
