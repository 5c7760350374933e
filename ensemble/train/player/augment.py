"""Small random changes to crops, so that a voice does not depend on exact curves; crop n is always changed alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ensemble.train.player.settings import AugmentSettings
from ensemble.types.music import SILENCE_DB, FloatArray

LOUD_WITHIN_DB = 8.0
"""Of the loudest: a crop that comes so near to it is a loud one."""


class AugmentedQuery(NamedTuple):
    """What a network is asked with after the change."""

    f0_hz: FloatArray
    """[frames]"""
    loudness_db: FloatArray
    """[frames]"""
    gain: float
    """Of the sound that is wanted."""


def augment(
    f0_hz: FloatArray, loudness_db: FloatArray, settings: AugmentSettings, loudest_db: float, draw: np.random.Generator
) -> AugmentedQuery:
    """Change the pitch and the loudness of some crops, and the gain of some loud ones.

    Args:
        f0_hz: [frames].
        loudness_db: [frames].
        settings: how often and how much.
        loudest_db: what the recordings reach.
        draw: the crop's own generator.

    Returns:
        The changed curves; silence stays silence, and a pitch of 0 stays 0.
    """
    chance, amount = draw.random(4), draw.standard_normal(3)
    gain = 1.0
    if chance[0] < settings.share:
        place = np.linspace(0.0, 1.0, len(f0_hz))
        drift_cents = settings.f0_cents * (amount[0] * (1.0 - place) + amount[1] * place)
        f0_hz = f0_hz * np.exp2(drift_cents / 1200.0).astype(np.float32)
    offset_db = 0.0
    if chance[1] < settings.share:
        offset_db += settings.loudness_db * amount[2]
    is_loud = loudness_db.max(initial=SILENCE_DB) > loudest_db - LOUD_WITHIN_DB
    if is_loud and chance[2] < settings.gain_share:
        gain_db = settings.gain_db * chance[3]
        offset_db += gain_db
        gain = 10.0 ** (gain_db / 20.0)
    sounding = loudness_db > SILENCE_DB
    moved = loudness_db + np.float32(offset_db)
    if settings.waver_db:
        moved = moved + settings.waver_db * draw.random() * draw.standard_normal(len(loudness_db))
    moved = np.clip(moved, SILENCE_DB, 0.0).astype(np.float32)
    return AugmentedQuery(f0_hz, np.where(sounding, moved, np.float32(SILENCE_DB)), float(gain))
