from __future__ import annotations

import itertools

import numpy as np
import pytest

from ensemble.data.compose.performance import ComposedPerformance, play_voices
from ensemble.data.compose.piece import Piece
from ensemble.data.compose.solo.outline import SLOWING, solo_piece
from ensemble.data.compose.solo.solo import write_solo
from tests.bench.build_corpus import programme

STRUMMED = next(order for order in programme() if order.title == "Kitchen Light")


def played(take: int) -> tuple[Piece, list[ComposedPerformance]]:
    piece = solo_piece(STRUMMED, take)
    return piece, play_voices(piece, piece.parts[0], write_solo(piece), take)


def test_every_voice_plays_one_note_at_a_time_and_a_stroke_sounds_together() -> None:
    piece, voices = played(0)
    assert 4 <= len(voices) <= 7  # strings, and the tune
    for voice in voices:
        assert all(before.stop_s < after.onset_s for before, after in itertools.pairwise(voice.notes))
    last_bar_s = float(piece.tempo.seconds(piece.stop_quarters - piece.metre.bar_quarters))
    last = [note.onset_s for voice in voices for note in voice.notes if note.onset_s > last_bar_s - 0.1]
    assert len(last) >= 4  # the last chord
    assert 0.0 < np.ptp(last[:4]) < 0.05


def test_two_takes_have_the_same_notes_at_other_times() -> None:
    (_, first), (_, second) = played(0), played(1)
    for one, other in zip(first, second, strict=True):
        assert [note.midi for note in one.notes] == [note.midi for note in other.notes]
        assert [note.onset_s for note in one.notes] != [note.onset_s for note in other.notes]


def test_a_take_is_as_much_faster_as_asked_and_slows_down_at_its_end() -> None:
    plain, faster = solo_piece(STRUMMED), solo_piece(STRUMMED, tempo_ratio=1.05)
    length_s = [float(piece.tempo.seconds(piece.stop_quarters)) for piece in (plain, faster)]
    assert length_s[0] / length_s[1] == pytest.approx(1.05, abs=1e-4)
    quarter_s = plain.tempo.quarter_s
    assert quarter_s[-1] / np.median(quarter_s) == pytest.approx(1 + SLOWING, abs=0.03)


def test_levels_lie_around_what_was_asked_and_rise_towards_the_middle() -> None:
    thirds = []
    for order in programme():
        dynamics_db = solo_piece(order).dynamics_db
        assert order.level_db - 9 < dynamics_db.mean() < order.level_db + 1, order.title
        thirds.append([part.mean() - order.level_db for part in np.array_split(dynamics_db, 3)])
    first, middle, last = np.mean(thirds, axis=0)
    assert middle > first + 1
    assert middle > last + 1
