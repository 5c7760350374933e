"""The leader's line as notes, doubled and transformed."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.conduct.melody import octaves_into, segment, transform, write_double
from ensemble.types.music import Heard, Key
from tests.conduct.handmade_leader import MELODY, frames_of, heard_of


def line(midi: np.ndarray, onset: np.ndarray | None = None, tuning_cents: float = 0.0) -> Heard:
    """A leader of this pitch (NaN is unvoiced), evenly loud, without beats."""
    voiced = np.isfinite(midi)
    f0 = np.where(voiced, 440 * 2 ** ((np.nan_to_num(midi) - 69 + tuning_cents / 100) / 12), 0.0)
    struck = np.zeros(len(midi)) if onset is None else onset
    return Heard(
        frames=frames_of(f0, np.where(voiced, -20.0, -100.0), struck, np.zeros((12, len(midi)))),
        beats_s=np.zeros(0), tempo_bpm=120.0, beats_per_bar=4, first_downbeat=0, key=Key(tonic=0, mode="major"),
        chords=(), tuning_cents=tuning_cents,
    )  # fmt: skip


def test_a_melody_is_found_again_note_by_note():
    heard = heard_of(bars=4, tuning_cents=-25.0)
    sung = segment(heard)
    assert [round(one.pitch_midi) for one in sung] == [pitch for pitch, _ in MELODY]
    expected = np.cumsum([0.0] + [length for _, length in MELODY])[:-1] * 50
    np.testing.assert_allclose([one.start for one in sung], expected, atol=1.01)


def test_vibrato_is_no_trill_and_a_step_is_two_notes():
    time_s = np.arange(200) / 100
    assert len(segment(line(64 + 0.5 * np.sin(2 * np.pi * 5.5 * time_s)))) == 1
    assert [round(one.pitch_midi) for one in segment(line(np.repeat([64.0, 65.0], 100)))] == [64, 65]


def test_a_struck_repeat_is_two_notes_and_a_blip_is_none():
    onset = np.zeros(200)
    onset[[0, 100]] = 1.0
    assert [one.start for one in segment(line(np.full(200, 60.0), onset))] == [0, 100]
    blip = np.full(200, np.nan)
    blip[50:54] = 70.0
    assert segment(line(blip)) == []


def test_a_gap_of_three_frames_is_bridged_and_a_longer_one_is_a_rest():
    short, long = np.full(200, 60.0), np.full(200, 60.0)
    short[100:103], long[100:110] = np.nan, np.nan
    assert [(one.start, one.stop) for one in segment(line(short))] == [(0, 200)]
    assert [(one.start, one.stop) for one in segment(line(long))] == [(0, 100), (110, 200)]


@pytest.mark.parametrize(("pitch", "octaves"), [(60, 0), (47, 1), (30, 2), (73, -1), (95, -2)])
def test_the_fewest_octaves_that_help(pitch, octaves):
    assert octaves_into(pitch, (48, 72)) == octaves


def test_a_doubled_melody_keeps_its_intervals_in_a_lower_range():
    heard = heard_of(bars=4)
    doubled = [one.pitch_midi for one in write_double(heard, (40, 60))]
    assert all(40 <= pitch <= 60 for pitch in doubled)
    melody = np.array([pitch for pitch, _ in MELODY])
    assert set(np.mod(np.array(doubled) - melody, 12)) == {0}
    broken = np.diff(doubled) != np.diff(melody)
    assert broken.mean() < 0.3
    in_range = [one.pitch_midi for one in write_double(heard, (60, 84))]
    np.testing.assert_array_equal(in_range, melody)


def test_a_transformed_line_moves_only_phrases_out_of_range_and_only_by_octaves():
    midi = np.full(400, np.nan)
    midi[:150], midi[200:350] = 62 + 0.3 * np.sin(np.arange(150)), 45.0
    heard = line(midi, tuning_cents=12.0)
    part = transform("voice", heard, (60, 93), 450)
    ratio = part.f0_hz[0, :400][heard.frames.f0_hz > 0] / heard.frames.f0_hz[heard.frames.f0_hz > 0]
    np.testing.assert_array_equal(ratio[:150], 1.0)
    np.testing.assert_array_equal(ratio[150:], 4.0)
    assert (part.f0_hz[0, 350:] == 0).all()
    assert [round(note.pitch_midi) for note in part.notes] == [62, 69]


def test_a_phrase_wider_than_the_range_is_broken_between_notes():
    part = transform("voice", line(np.repeat([62.0, 50.0, 64.0], 50)), (60, 80), 150)
    assert [round(note.pitch_midi) for note in part.notes] == [62, 62, 64]
