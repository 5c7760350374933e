"""What a live band writes."""

from __future__ import annotations

from ensemble.config import load_band
from ensemble.live.writing import Place, silent_bar, write_bars
from ensemble.settings.style import Manner
from ensemble.types.harmony import Chord, Key


def test_bars_whose_numbers_go_back_are_written() -> None:
    bars = [9] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4  # after a rest, or a place in the chart that is found again
    places = [
        Place(beat % 4, bar, Chord(root=0, quality="maj"), Key(tonic=0, mode="major")) for beat, bar in enumerate(bars)
    ]
    written = write_bars(40, places, silent_bar(4), 0.5, load_band("rock").followers, Manner(), 1, None)
    assert written.of(44).notes["bass"]
    assert written.of(44).strokes["drums"]
