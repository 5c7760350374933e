"""Endings: together with the leader, at once, ringing on, or a bar that slows down."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.ending import tail_s
from ensemble.conduct.grid import grid_of
from ensemble.conduct.parts import write_parts
from ensemble.config import load_band
from ensemble.settings.style import Manner
from ensemble.settings.style_file import load_style
from ensemble.types.music import Hits, Note
from tests.conduct.handmade_leader import heard_of, of

HEARD = heard_of(bars=8, bpm=100)
BAND = load_band("rock").followers


def ended(manner: Manner) -> tuple[list[Note], list[Note], Hits, int]:
    num_frames = HEARD.frames.num_frames + round(FRAME_RATE_HZ * tail_s(manner, HEARD, 1.0))
    bass, rhythm, drums = write_parts(HEARD, BAND, num_frames, 0, manner=manner)
    assert isinstance(drums, Hits)
    return [*of(bass).notes], [*of(rhythm).notes], drums, num_frames


@pytest.mark.parametrize("style", [None, load_style("rock")])
def test_a_stop_is_short_and_a_ring_long(style):
    usual, stopped, rung = (ended(Manner(style=style, ending=ending)) for ending in (None, "stop", "ring"))
    for part in (0, 1):
        lasts = [notes[part][-1].stop_frame - notes[part][-1].start_frame for notes in (usual, stopped, rung)]
        assert lasts[1] < 0.5 * lasts[0]
        assert lasts[2] > lasts[0] + 200
    assert [note.start_frame for note in stopped[0]] == [note.start_frame for note in usual[0]]
    assert stopped[3] == usual[3] < rung[3]


@pytest.mark.parametrize("style", [None, load_style("rock"), load_style("swing")])
def test_a_ritard_is_one_more_bar_that_slows_down(style):
    bass, rhythm, drums, num_frames = ended(Manner(style=style, ending="ritard", humanize=0.0))
    grid = grid_of(HEARD)
    last_s = float(grid.edges_s[grid.final_beat])
    kicks = [hit.time_s for hit in drums.hits if hit.drum == "kick"]
    assert kicks[-1] == max(hit.time_s for hit in drums.hits)
    assert last_s + 2 * 0.6 * 1.1 < kicks[-1] < last_s + 4 * 0.6 * 1.5
    for notes in (bass, rhythm):
        assert notes[-1].start_frame / FRAME_RATE_HZ == pytest.approx(kicks[-1], abs=0.02)
        assert notes[-1].stop_frame > notes[-1].start_frame + 200
        assert notes[-1].stop_frame < num_frames
    beats = np.array([note.start_frame for note in bass if note.start_frame / FRAME_RATE_HZ > last_s - 0.01])
    assert len(beats) >= 3
    assert {round(note.pitch_midi) % 12 for note in rhythm[-3:]} <= {7, 11, 2, 5}  # the last chord, G7, to the end
