"""Maps a leader's pitch and loudness to where another instrument's voice is at home, by quantiles of both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.notes import CLEAR_CONFIDENCE, SOUNDING_DB, pitch_midi
from ensemble.settings.transfer import SHARES, Transfer, VoiceRange
from ensemble.types.music import FloatArray, Frames, Heard

BRIDGED_FRAMES = 3
"""A gap in the pitch up to this long is a tracker's doubt; a longer one is a consonant or a breath."""
SHORTEST_FRAMES = 6
"""Pitch that lasts shorter is noise that looked like one."""
AT_HOME_SHARE = 0.8
"""A line of which so much lies within the voice's pitches is at home."""
LEAST_SLOPE, MOST_SLOPE = 0.5, 1.5
"""How far the distances between soft and loud are narrowed or widened, at most."""


def is_sung(frames: Frames) -> NDArray[np.bool_]:
    """Where a leader sings or plays a pitch, rather than breathes, hisses or rests.  [frames]"""
    clear = (frames.f0_hz > 0) & (frames.confidence >= CLEAR_CONFIDENCE) & (frames.loudness_db > SOUNDING_DB)
    bridged = ~_runs(~clear, BRIDGED_FRAMES + 1) & (frames.f0_hz > 0)
    return _runs(bridged, SHORTEST_FRAMES)


def transfer_to(heard: Heard, voice: VoiceRange) -> Transfer | None:
    """How a leader's line gets where a voice is at home; None where the leader sings nothing.

    A line that is at home stays in its octave; another's brings the middle pitches together. Loudness is mapped so that
    the middle lies on the voice's, and soft and loud about as far from it as the voice knows them.
    """
    sung = is_sung(heard.frames)
    if not sung.any():
        return None
    low_midi, home_midi, high_midi = voice.pitch_midi
    midi = pitch_midi(heard.frames, heard.tuning_cents)[sung]
    is_at_home = np.mean((midi >= low_midi) & (midi <= high_midi)) >= AT_HOME_SHARE
    soft, middle, loud = np.quantile(heard.frames.loudness_db[sung], SHARES).tolist()
    home_soft, home, home_loud = voice.loudness_db

    def slope(of_voice: float, of_leader: float) -> float:
        return float(np.clip(of_voice / max(of_leader, 1e-3), LEAST_SLOPE, MOST_SLOPE))

    return Transfer(
        octaves=0 if is_at_home else int(np.clip(round((home_midi - float(np.median(midi))) / 12), -6, 6)),
        leader_db=middle,
        voice_db=home,
        softer=slope(home - home_soft, middle - soft),
        louder=slope(home_loud - home, loud - middle),
    )


def added_db(loudness_db: FloatArray, transfer: Transfer) -> FloatArray:
    """What is played more loudly than the leader.  [frames]"""
    away = loudness_db.astype(np.float64) - transfer.leader_db
    slope = np.where(away < 0, transfer.softer, transfer.louder)
    return np.asarray(transfer.voice_db - transfer.leader_db + away * (slope - 1), np.float32)


def _runs(is_true: NDArray[np.bool_], shortest: int) -> NDArray[np.bool_]:
    """The values without runs of True that are shorter than so many frames.  [frames]"""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_true, [False]]).astype(np.int8)))
    kept = np.zeros_like(is_true)
    for start, stop in edges.reshape(-1, 2).tolist():
        kept[start:stop] = stop - start >= shortest
    return kept
