"""Finds the attack of a note, to the millisecond: the sharpest rise of level near a place where one is expected."""

from __future__ import annotations

import numpy as np

from ensemble.types.music import FloatArray

STEP_S = 0.001
WINDOW_S = 0.005
MIN_RISE_DB = 6.0
"""Least rise from one window to the next that counts as an attack; a swell or a noisy steady sound rises less."""
FLOOR_POWER = 1e-9
"""Added to every power, so that the noise of silence does not count as a rise."""


def attack_near(sound: FloatArray, at_sample: int, sample_rate: int, reach_s: float) -> int | None:
    """Find the sharpest attack near a sample at which one is expected.

    Args:
        sound: [channels, samples].
        at_sample: where the attack is expected.
        sample_rate: in Hz.
        reach_s: how far from there it may lie.

    Returns:
        The first sample of the sharpest rise, at most `WINDOW_S` early; None where there is no attack.
    """
    step, window, reach = (round(length_s * sample_rate) for length_s in (STEP_S, WINDOW_S, reach_s))
    start, stop = max(at_sample - reach - window, 1), min(at_sample + reach + window, sound.shape[1])
    if stop - start < 3 * window:
        return None
    # The difference emphasises high frequencies: there, notes that still ring have faded, and attacks stand out.
    moving = np.diff(sound[:, start - 1 : stop].astype(np.float64), axis=1)
    running = np.concatenate([[0.0], np.cumsum(np.square(moving).mean(axis=0))])
    places = np.arange(window, len(running) - window, step)
    before = (running[places] - running[places - window]) / window
    after = (running[places + window] - running[places]) / window
    rise_db = 10 * np.log10((after + FLOOR_POWER) / (before + FLOOR_POWER))
    best = int(np.argmax(rise_db))
    return start + int(places[best]) if rise_db[best] >= MIN_RISE_DB else None
