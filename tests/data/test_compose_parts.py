from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from ensemble.data.compose.beat import DRUM_OF
from ensemble.data.compose.harmony import SCALES
from ensemble.data.compose.lines import write_line
from ensemble.data.compose.performance import ComposedPerformance, frames_of, perform
from ensemble.data.compose.piece import Piece, PlayerTraits, draw_piece
from ensemble.types.music import DRUM_CLASSES

Played = list[tuple[Piece, PlayerTraits, ComposedPerformance]]


@pytest.fixture(scope="module")
def played() -> Played:
    pieces = [draw_piece(11, number, "house") for number in range(1, 13)]
    return [(piece, part, perform(piece, part)) for piece in pieces for part in piece.parts]


def pitched(played: Played) -> Played:
    return [one for one in played if not one[1].player.is_drums]


def test_every_part_plays_one_note_at_a_time(played: Played) -> None:
    for _, part, performance in pitched(played):
        onsets = np.array([note.onset_s for note in performance.notes])
        stops = np.array([note.stop_s for note in performance.notes])
        gap_s = 0.028 if part.player.is_plucked else 0.006
        assert (onsets[1:] - stops[:-1] > gap_s).all()
        assert (stops - onsets >= 0.045).all()


def test_parts_stay_in_range_and_together_use_all_of_it(played: Played) -> None:
    seen: dict[str, set[int]] = {}
    for _, part, performance in pitched(played):
        seen.setdefault(part.player.instrument, set()).update(note.midi for note in performance.notes)
        low, high = part.player.spec.range_midi
        assert all(low <= note.midi <= high for note in performance.notes)
    for _, part, _ in pitched(played):
        low, high = part.player.spec.range_midi
        pitches = seen[part.player.instrument]
        assert len(pitches) > 0.8 * (high - low + 1)
        assert min(pitches) <= low + 3
        assert max(pitches) >= high - 3


def test_every_instrument_gets_long_notes_fast_ones_and_repetitions(played: Played) -> None:
    lengths: dict[str, list[float]] = {}
    repeats: Counter[str] = Counter()
    for _, part, performance in pitched(played):
        name = part.player.instrument
        lengths.setdefault(name, []).extend(note.stop_s - note.onset_s for note in performance.notes)
        repeats[name] += sum(one.midi == other.midi for one, other in itertools.pairwise(performance.notes))
    for name, found in lengths.items():
        sounding = np.array(found)
        assert sounding.max() > 2.0
        assert (sounding < 0.15).mean() > 0.1
        assert sounding[sounding > 0.5].sum() > 0.3 * sounding.sum()
        assert repeats[name] > 20


def test_all_velocities_from_very_soft_to_very_loud_occur(played: Played) -> None:
    for name in {part.player.instrument for _, part, _ in played}:
        found = [note.velocity for _, part, one in played if part.player.instrument == name for note in one.notes]
        assert min(found) < 32
        assert max(found) > 118


def test_notes_belong_to_the_key_and_strong_ones_to_the_chord(played: Played) -> None:
    strong_in, strong, weak_in, weak = 0, 0, 0, 0
    for piece, part, _ in pitched(played):
        scale = {(piece.tonic + step) % 12 for step in SCALES[piece.mode]}
        for note in write_line(piece, part):
            assert note.pitch_midi % 12 in scale
            bar = int(note.onset_quarters / piece.metre.bar_quarters + 1e-6)
            is_inside = note.pitch_midi % 12 in piece.bar_chords[bar].pitch_classes
            if abs(note.onset_quarters - bar * piece.metre.bar_quarters) < 1e-6:
                strong, strong_in = strong + 1, strong_in + is_inside
            else:
                weak, weak_in = weak + 1, weak_in + is_inside
    assert strong_in / strong > 0.8
    assert strong_in / strong > weak_in / weak + 0.05


def test_the_kit_uses_all_its_drums_and_ghosts_softly(played: Played) -> None:
    kit = [one for _, part, one in played if part.player.is_drums]
    count = Counter(DRUM_OF[note.midi] for one in kit for note in one.notes)
    assert set(count) == set(DRUM_CLASSES)
    assert min(count.values()) > 10
    for one in kit:
        onsets = [note.onset_s for note in one.notes]
        assert onsets == sorted(onsets)


def test_level_is_the_dynamics_within_an_accent_and_a_swell(played: Played) -> None:
    for piece, part, performance in pitched(played):
        dynamics_db, level_db = piece.level_db(part), performance.level_db
        for note in performance.notes:
            at = frames_of(note, piece.num_frames)
            if not part.player.is_plucked:
                assert (level_db[at] - dynamics_db[at] < 4).all()
                assert (level_db[at] - dynamics_db[at] > -13).all()
            assert note.loudest_db <= 0


def test_intended_pitch_is_the_note_within_a_scoop_and_nothing_between(played: Played) -> None:
    for _, _, performance in pitched(played):
        f0_hz = performance.intended_f0_hz
        sounding = np.zeros(len(f0_hz), dtype=bool)
        for note in performance.notes:
            at = frames_of(note, len(f0_hz))
            sounding[at] = True
            cents = 1200 * np.log2(f0_hz[at] / (440 * 2 ** ((note.midi - 69) / 12)))
            assert np.abs(cents).max() < 200
        np.testing.assert_array_equal(f0_hz > 0, sounding)


def test_a_performance_is_the_same_again_whoever_else_plays(played: Played) -> None:
    piece, part, before = played[3]
    for other in reversed(piece.parts):
        perform(piece, other)
    again = perform(piece, part)
    assert again.notes == before.notes
    np.testing.assert_array_equal(again.bend_cents, before.bend_cents)
    np.testing.assert_array_equal(again.level_db, before.level_db)
