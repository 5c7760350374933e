"""What was heard, as a document for files and programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.music import Heard


def heard_as_json(heard: Heard) -> dict[str, Any]:
    """Everything heard, in plain lists; numbers are rounded to a sensible accuracy.

    `frames` holds, 100 times a second, f0_hz (0 is unvoiced), loudness_db (A-weighted), confidence and onset, and
    `chroma` as twelve rows from C. `chord_confidence` and `other_chords`, the second choices, are empty where all
    chords are known; a beat of a given chord has confidence 1 and no other. `beat_confidence` has one probability a
    beat and `bar_confidence` one a bar, from the first downbeat on, or none where nothing is in doubt; `second_bars`
    are beats in a bar and the index of the first downbeat.
    """
    frames = heard.frames
    return {
        "tempo_bpm": round(heard.tempo_bpm, 2),
        "beats_per_bar": heard.beats_per_bar,
        "beat_division": heard.beat_division,
        "first_downbeat": heard.first_downbeat,
        "key": str(heard.key),
        "key_sections": [
            {
                "start_beat": section.start_beat,
                "key": str(section.key),
                "confidence": round(section.confidence, 3),
                "other": None if section.other is None else str(section.other),
            }
            for section in heard.key_sections
        ],
        "tempo_confidence": round(heard.tempo_confidence, 3),
        "second_tempo_bpm": None if heard.second_tempo_bpm is None else round(heard.second_tempo_bpm, 2),
        "beat_confidence": _rounded(heard.beat_confidence, 3),
        "bar_confidence": _rounded(heard.bar_confidence, 3),
        "second_bars": None if heard.second_bars is None else list(heard.second_bars),
        "tuning_cents": round(heard.tuning_cents, 1),
        "swing": round(heard.swing, 3),
        "beats_s": np.round(heard.beats_s, 4).tolist(),
        "chords": list(heard.chord_names),
        "chord_confidence": [round(doubt.confidence, 3) for doubt in heard.chord_doubts],
        "other_chords": list(heard.other_chord_names),
        "warnings": [found.text for found in heard.diagnostics],
        "codes": [found.code for found in heard.diagnostics],
        "frames": {
            "rate_hz": FRAME_RATE_HZ,
            "f0_hz": _rounded(frames.f0_hz, 2),
            "loudness_db": _rounded(frames.loudness_db, 2),
            "confidence": _rounded(frames.confidence, 3),
            "onset": _rounded(frames.onset, 3),
            "chroma": [_rounded(row, 3) for row in frames.chroma],
        },
    }


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    rounded: list[float] = np.round(values.astype(np.float64), digits).tolist()
    return rounded
