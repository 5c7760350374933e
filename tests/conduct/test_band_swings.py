"""A band swings with its leader: off-beats move, beats stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ensemble.conduct.grid import grid_of
from ensemble.conduct.leader import listen_to
from ensemble.conduct.parts import write_parts
from ensemble.config import FollowerSettings
from ensemble.types.music import Heard, Hits
from tests.conduct.handmade_leader import heard_of, of

BASS = FollowerSettings(name="bass", instrument="electric_bass", role="bass")
DRUMS = FollowerSettings(name="drums", instrument="drums", role="drums")
BUSY = ((72, 0.5), (74, 0.5))


def shares(times_s: list[float], beat_s: float = 0.5) -> np.ndarray:
    """Where in its beat each time lies, from -0.1 to 0.9."""
    return np.mod(np.array(times_s) / beat_s + 0.1, 1.0) - 0.1


@pytest.mark.parametrize("swing", [0.5, 0.6, 2 / 3])
def test_off_beats_of_bass_and_drums_lie_where_the_leader_swings(swing):
    heard = replace(heard_of(bars=16, melody=BUSY), swing=swing)
    bass, drums = write_parts(heard, (BASS, DRUMS), heard.frames.num_frames, 0)
    assert isinstance(drums, Hits)
    for times_s in ([note.start_frame / 100 for note in of(bass).notes], [hit.time_s for hit in drums.hits]):
        placed = shares(times_s)
        off_beats = placed[(placed > 0.4) & (placed < 0.75)]
        assert len(off_beats) >= 20
        assert np.median(off_beats) == pytest.approx(swing, abs=0.02)
        assert np.abs(placed[np.abs(placed) < 0.1]).max() < 0.04  # the beats themselves stay


def test_a_swung_leaders_off_beat_is_heard_in_the_second_half_of_the_beat():
    heard = replace(heard_of(bars=4, melody=((72, 0.55), (74, 0.45))), swing=0.6)
    early = replace(heard, swing=0.5)
    assert listen_to(early, grid_of(early)).onsets[1::2].sum() == len(heard.beats_s)
    assert listen_to(heard, grid_of(heard)).onsets[1::2].sum() == 0  # 0.55 is before 0.6


@pytest.mark.parametrize("swing", [0.49, 0.8, float("nan")])
def test_impossible_swings_are_refused(swing):
    with pytest.raises(ValueError, match="swing must lie within"):
        replace(heard_of(bars=1), swing=swing)


def test_straight_is_as_it_was():
    heard: Heard = heard_of(bars=4)
    grid = grid_of(heard)
    assert [grid.seconds(beat) for beat in (0.0, 0.25, 0.5, 1.75)] == pytest.approx([0.0, 0.125, 0.25, 0.875])
