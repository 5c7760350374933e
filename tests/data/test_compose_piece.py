from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from ensemble.data.compose.harmony import SCALES, stacked
from ensemble.data.compose.orchestra import ORCHESTRA, TRACKS_PER_ROUND, players_of
from ensemble.data.compose.piece import LEVELS_DB, Piece, draw_piece
from ensemble.data.compose.tempo import METRES, TICKS_PER_QUARTER, draw_tempo

NUMBERS = range(1, 25)


@pytest.fixture(scope="module", params=["house", "other"])
def pieces(request: pytest.FixtureRequest) -> list[Piece]:
    return [draw_piece(5, number, request.param) for number in NUMBERS]


def test_a_piece_is_the_same_again_and_needs_no_other() -> None:
    once, again = draw_piece(5, 7, "house"), draw_piece(5, 7, "house")
    np.testing.assert_array_equal(once.dynamics_db, again.dynamics_db)
    np.testing.assert_array_equal(once.tempo.quarter_s, again.tempo.quarter_s)
    assert (once.bar_chords, once.parts, once.sections) == (again.bar_chords, again.parts, again.sections)


@pytest.mark.parametrize("other", [(6, 7, "house"), (5, 8, "house"), (5, 7, "other")])
def test_seed_number_and_style_each_change_the_piece(other: tuple[int, int, str]) -> None:
    assert draw_piece(5, 7, "house").tempo_bpm != draw_piece(*other).tempo_bpm


def test_every_round_of_three_tracks_seats_every_instrument_twice() -> None:
    for start in (1, 4, 7, 40):
        seated = Counter(
            player.instrument for number in range(start, start + TRACKS_PER_ROUND) for player in players_of(3, number)
        )
        assert seated == {player.instrument: 2 for player in ORCHESTRA}


def test_pieces_differ_as_music_does(pieces: list[Piece]) -> None:
    tempos = [piece.tempo_bpm for piece in pieces]
    assert min(tempos) < 75
    assert max(tempos) > 120
    assert all(50 <= tempo <= 170 for tempo in tempos)
    assert len({str(piece.metre) for piece in pieces}) >= 3
    assert len({piece.mode for piece in pieces}) >= 3
    assert len({piece.tonic for piece in pieces}) >= 8
    assert all(4 <= len(piece.loop) <= 8 for piece in pieces)
    assert all(44 <= piece.num_frames / 100 <= 77 for piece in pieces)


def test_every_piece_goes_from_very_soft_to_very_loud(pieces: list[Piece]) -> None:
    for piece in pieces:
        assert piece.dynamics_db.max() > LEVELS_DB[-1] - 3
        assert piece.dynamics_db.min() < LEVELS_DB[0] + 3
        assert np.abs(np.diff(piece.dynamics_db)).max() < 2.5  # dB per 10 ms: fast, but no step


def test_sections_cover_the_piece_without_a_hole(pieces: list[Piece]) -> None:
    for piece in pieces:
        edges = [section.first_bar for section in piece.sections] + [piece.sections[-1].last_bar]
        assert edges[0] == 0
        assert edges[-1] == len(piece.bar_chords)
        assert [section.last_bar for section in piece.sections] == edges[1:]
        assert all(section.first_bar < section.last_bar for section in piece.sections)


def test_a_part_follows_the_shared_dynamics_with_its_own_lag_and_gain(pieces: list[Piece]) -> None:
    piece = pieces[0]
    for part in piece.parts:
        lag_frames = round(part.lag_beats * 60 / piece.tempo_bpm * 100)
        inside = np.arange(300, piece.num_frames - 300)
        followed = part.gain * piece.dynamics_db[inside - lag_frames]
        np.testing.assert_allclose(piece.level_db(part)[inside], followed, atol=1.3)  # half a frame's movement
        assert 0.85 <= part.gain <= 1.1
        assert -0.5 <= part.lag_beats <= 1.0


def test_stacked_thirds_on_c_major_have_their_names() -> None:
    names = [str(stacked(SCALES["major"], 0, degree, (0, 2, 4))) for degree in range(7)]
    assert names == ["C", "Dm", "Em", "F", "G", "Am", "Bdim"]
    assert str(stacked(SCALES["major"], 7, 4, (0, 2, 4, 6))) == "D7"  # the dominant of G


@pytest.mark.parametrize("name", sorted(METRES))
def test_tempo_wanders_within_eight_percent_and_ticks_go_there_and_back(name: str) -> None:
    metre = METRES[name]
    tempo = draw_tempo(np.random.default_rng(1), metre, 96.0, 80, 0.08)
    bpm = 60 / (tempo.quarter_s * metre.beat_quarters)
    assert np.abs(bpm / 96 - 1).max() <= 0.0801
    assert np.ptp(bpm) > 96 * 0.05
    quarters = np.linspace(0, 90 * metre.beat_quarters, 500)  # the last ten beats lie beyond the map
    back = tempo.ticks(tempo.seconds(quarters), TICKS_PER_QUARTER) / TICKS_PER_QUARTER
    np.testing.assert_allclose(back, quarters, atol=0.51 / TICKS_PER_QUARTER)


def test_a_steady_tempo_counts_seconds() -> None:
    tempo = draw_tempo(np.random.default_rng(1), METRES["6/8"], 60.0, 10, 0.0)
    np.testing.assert_allclose(tempo.seconds(np.array([0.0, 1.5, 3.0, 18.0])), [0.0, 1.0, 2.0, 12.0], atol=1e-5)
