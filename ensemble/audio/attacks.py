"""Where a note is struck, to the millisecond: the sharpest rise of level near a place where one is expected."""

from __future__ import annotations

import numpy as np

from ensemble.types.music import FloatArray

STEP_S = 0.001
WINDOW_S = 0.005
MIN_RISE_DB = 6.0
"""Over one window and the next: less is a swell, or the noise of a steady sound."""
FLOOR_POWER = 1e-9


def attack_near(sound: FloatArray, at_sample: int, sample_rate: int, reach_s: float) -> int | None:
    """Find the attack nearest to where a beat is.

    Args:
        sound: [channels, samples].
        at_sample: where it is expected.
        sample_rate: its rate.
        reach_s: how far from there it may lie.

    Returns:
        The first sample of the sharpest rise, early by no more than `WINDOW_S`; None where nothing is struck.
    """
    step, window, reach = (round(length_s * sample_rate) for length_s in (STEP_S, WINDOW_S, reach_s))
    start, stop = max(at_sample - reach - window, 1), min(at_sample + reach + window, sound.shape[1])
    if stop - start < 3 * window:
        return None
    # Attacks stand out at high frequencies, where what still rings has died away: the difference weighs them up.
    moving = np.diff(sound[:, start - 1 : stop].astype(np.float64), axis=1)
    running = np.concatenate([[0.0], np.cumsum(np.square(moving).mean(axis=0))])
    places = np.arange(window, len(running) - window, step)
    before = (running[places] - running[places - window]) / window
    after = (running[places + window] - running[places]) / window
    rise_db = 10 * np.log10((after + FLOOR_POWER) / (before + FLOOR_POWER))
    best = int(np.argmax(rise_db))
    return start + int(places[best]) if rise_db[best] >= MIN_RISE_DB else None
