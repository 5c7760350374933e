"""What a live band writes."""

from __future__ import annotations

from collections import Counter

import pytest

from ensemble.config import load_band
from ensemble.live.writing import Place, silent_bar, write_bars
from ensemble.settings.style import Manner
from ensemble.settings.style_file import load_style
from ensemble.types.harmony import Chord, Key


def test_bars_whose_numbers_go_back_are_written() -> None:
    bars = [9] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4  # after a rest, or a place in the chart that is found again
    places = [
        Place(beat % 4, bar, Chord(root=0, quality="maj"), Key(tonic=0, mode="major")) for beat, bar in enumerate(bars)
    ]
    written = write_bars(40, places, silent_bar(4), 0.5, 2, load_band("rock").followers, Manner(), 1, None)
    assert written.of(44).notes["bass"]
    assert written.of(44).strokes["drums"]


@pytest.mark.parametrize("tempo_bpm", [60, 120, 300])
def test_a_strum_belongs_to_one_beat_however_fast_the_beats_are(tempo_bpm: int) -> None:
    places = [
        Place(beat % 4, beat // 4, Chord(root=0, quality="maj"), Key(tonic=0, mode="major")) for beat in range(20)
    ]
    slow = load_style("folk")
    rows = {
        name: [row.model_copy(update={"strum_ms": 60.0}) for row in metre.chords] for name, metre in slow.metres.items()
    }
    metres = {name: metre.model_copy(update={"chords": tuple(rows[name])}) for name, metre in slow.metres.items()}
    manner = Manner(style=slow.model_copy(update={"metres": metres}))
    followers = load_band("rock").followers
    written = write_bars(0, places, silent_bar(4), 60 / tempo_bpm, 2, followers, manner, 1, None)
    for beat in range(4, 8):
        voices = Counter(note.voice for note in written.of(beat).notes["rhythm"])
        assert voices
        assert len(set(voices.values())) == 1, "every string as often"
