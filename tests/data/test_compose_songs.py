"""Songs: two players sound every chord whole, a bass its root, over what the other styles have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensemble.data.compose import midi
from ensemble.data.compose.corpus import compose
from ensemble.data.compose.labels import read_labels
from ensemble.data.compose.performance import ComposedPerformance, PlayedNote, perform_voices
from ensemble.data.compose.piece import Piece, PlayerTraits, draw_piece
from ensemble.data.compose.tempo import CLOCK
from ensemble.data.readers import recognise
from ensemble.train.listener.material import composed_pieces
from tests.data.composed import SHORT_S, needs_renderer

Played = list[tuple[Piece, PlayerTraits, list[ComposedPerformance]]]


@pytest.fixture(scope="module")
def played() -> Played:
    pieces = [draw_piece(5, number, "songs", (12.0, 16.0)) for number in range(1, 9)]
    return [(piece, part, perform_voices(piece, part)) for piece in pieces for part in piece.parts]


def by_bar(piece: Piece, voices: list[ComposedPerformance]) -> list[list[PlayedNote]]:
    """The notes of every bar but the last, of all voices, by the time they are written at."""
    starts_s = piece.tempo.seconds(np.arange(len(piece.bar_chords)) * piece.metre.bar_quarters)
    notes = sorted((note for voice in voices for note in voice.notes), key=lambda note: (note.onset_s, note.midi))
    bars = [int(np.searchsorted(starts_s, note.onset_s + 0.04, side="right")) - 1 for note in notes]
    return [[note for note, at in zip(notes, bars, strict=True) if at == bar] for bar in range(len(starts_s) - 1)]


def test_who_sounds_the_chords_sounds_nothing_else_and_all_of_them(played: Played) -> None:
    whole = []
    for piece, part, voices in played:
        if "chords" not in part.role:
            continue
        for bar, notes in enumerate(by_bar(piece, voices)):
            chord = piece.bar_chords[bar]
            assert {note.midi % 12 for note in notes} <= set(chord.pitch_classes)
            whole.append({note.midi % 12 for note in notes} >= set(chord.pitch_classes[:3]))
    assert np.mean(whole) > 0.5


def test_the_bass_opens_every_bar_with_the_root(played: Played) -> None:
    for piece, part, voices in played:
        if part.role == "bass":
            opened = [notes[0].midi % 12 for notes in by_bar(piece, voices)]
            assert opened == [chord.root for chord in piece.bar_chords[:-1]]


def test_sounds_differ_and_all_voices_have_channels(played: Played) -> None:
    assert len({part.player.spec.program for _, part, _ in played}) > 15
    for piece in {id(piece): piece for piece, _, _ in played}.values():
        voices = [one for other, _, part in played if other is piece for one in part]
        assert len(midi.player_tracks(voices, CLOCK)) == len(voices)
    assert draw_piece(5, 3, "songs").parts == draw_piece(5, 3, "songs").parts


@needs_renderer
def test_a_song_is_a_set_like_any_other_whose_harmony_is_known(tmp_path: Path) -> None:
    compose(tmp_path / "set", 1, style="songs", seed=1, sample_rate=16_000, length_s=SHORT_S)
    takes = recognise(tmp_path / "set").read(tmp_path / "set").takes
    assert [take.part for take in takes] == ["S00", "S01", "S02", "S03", "S04"]
    chords = read_labels(tmp_path / "set" / "Track00001" / "labels" / "S01.npz")
    assert chords["f0_hz"].ndim == 2
    assert len(chords["note_midi"]) == (np.diff((chords["f0_intended_hz"] > 0).astype(int), prepend=0) > 0).sum()
    (piece,) = composed_pieces([tmp_path / "set"], "train")
    assert piece.sounds_chords == (False, True, True, False, False)
    assert len(piece.bars_s) == len(piece.bar_chords) + 1
    assert sum(chord is not None for chord in piece.bar_chords) >= 0.5 * len(piece.bar_chords)
