"""Clashes, chord tones, ranges and crossings, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.measure.harmony_fit import (
    TimedNote,
    chord_tone_ratio,
    clash_rate,
    clashes_per_min,
    range_violations,
    tones_of_chords,
    tones_of_leader,
    tones_of_notes,
    voice_crossings,
)
from ensemble.types.music import Chord, Frames, Heard, Key


def note(start_s: float, stop_s: float, pitch: float) -> TimedNote:
    return TimedNote(start_s, stop_s, pitch)


def test_a_semitone_in_any_octave_clashes_and_nothing_else_does():
    leader = tones_of_notes([note(0, 12, 60)], 1200)
    for step in range(12):
        follower = tones_of_notes([note(0, 12, 36 + step)], 1200)
        assert clash_rate(leader, follower) == (1.0 if step in (1, 11) else 0.0)


def test_the_rate_is_a_share_of_intervals_and_events_are_counted_by_the_minute():
    leader = tones_of_notes([note(0, 60, 60)], 6000)
    follower = tones_of_notes([note(0, 60, 64), note(10, 13, 61), note(20, 23, 59), note(30, 30.05, 61)], 6000)
    assert clash_rate(leader, follower) == pytest.approx(6.05 / 66.05)
    assert clashes_per_min(leader, follower) == pytest.approx(2.0)  # the third is a touch


def test_parts_that_never_sound_together_have_no_rate():
    one, other = tones_of_notes([note(0, 1, 60)], 200), tones_of_notes([note(1, 2, 61)], 200)
    assert clash_rate(one, other) is None
    assert clashes_per_min(one, other) is None
    assert chord_tone_ratio(np.zeros((12, 200), np.bool_), one) is None


def heard(num_frames: int = 400, f0: float = 0.0, tuning: float = 0.0) -> Heard:
    chroma = np.zeros((12, num_frames), np.float32)
    chroma[[2, 7]] = [[1.0], [0.3]]
    frames = Frames(
        f0_hz=np.full(num_frames, f0, np.float32), loudness_db=np.full(num_frames, -20, np.float32),
        confidence=np.full(num_frames, 0.9, np.float32), onset=np.zeros(num_frames, np.float32), chroma=chroma,
    )  # fmt: skip
    return Heard(
        frames=frames, beats_s=np.array([0.0, 1.0, 2.0, 3.0]), tempo_bpm=60, beats_per_bar=4, first_downbeat=0,
        key=Key(tonic=0, mode="major"), tuning_cents=tuning,
        chords=(*[Chord(root=0, quality="maj")] * 2, Chord(root=7, quality="7"), Chord(root=0, quality="none")),
    )  # fmt: skip


def test_the_leader_sounds_its_pitch_in_its_own_tuning_or_else_its_strongest_chroma():
    flat = tones_of_leader(heard(f0=440 * 2 ** (-60 / 1200)).frames, -60.0)
    assert flat[9].all()
    assert flat.sum() == 400
    unvoiced = tones_of_leader(heard().frames, 0.0)
    assert unvoiced[2].all()
    assert unvoiced.sum() == 400


def test_chord_tones_are_judged_by_the_chord_of_the_moment_and_not_where_none_is_heard():
    chords = tones_of_chords(heard(), 400)
    assert chord_tone_ratio(chords, tones_of_notes([note(0, 4, 64)], 400)) == pytest.approx(2 / 3)
    assert chord_tone_ratio(chords, tones_of_notes([note(0, 4, 67)], 400)) == 1.0
    assert chord_tone_ratio(chords, tones_of_notes([note(0, 4, 66)], 400)) == 0.0


def test_ranges_and_crossings():
    lower = [note(0, 2, 50), note(2, 4, 60)]
    upper = [note(0, 1, 55), note(1, 3, 49), note(3, 4, 62)]
    assert range_violations(lower + upper, (50, 61)) == 2
    assert voice_crossings(lower, upper) == 2  # 49 under the held 50, and 60 over the held 49
    assert voice_crossings(lower, [note(1.98, 4, 55)]) == 1  # the lower note is about to end; the next one crosses
    assert voice_crossings(lower, [note(0, 4, 72)]) == 0
