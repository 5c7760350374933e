"""A thousand random scores, written and read again: no note moves by a tick."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ensemble.scores.kern.reader import parse_kern
from ensemble.scores.melody import Melody
from ensemble.scores.midi_melody import parse_midi
from tests.scores.made_scores import kern_of, made_melody
from tests.scores.melody_midi import write_midi

SCORES = 1000


def page(melody: Melody) -> list[tuple[Fraction, Fraction, int]]:
    return [(note.onset, note.length, note.pitch_midi) for note in melody.notes]


def test_kern_keeps_every_note() -> None:
    rng = np.random.default_rng(1)
    for _ in range(SCORES):
        melody = made_melody(rng)
        again = parse_kern(kern_of(melody, rng), "x")
        assert page(again) == page(melody)
        assert again.length == melody.length
        assert [note.onset_s for note in again.notes] == pytest.approx([note.onset_s for note in melody.notes])


def test_midi_keeps_every_note_and_its_velocity(tmp_path: Path) -> None:
    rng, contradicted = np.random.default_rng(2), 0
    for _ in range(SCORES):
        melody = made_melody(rng)
        write_midi(tmp_path / "song.mid", melody)
        again = parse_midi((tmp_path / "song.mid").read_bytes(), "x")
        assert page(again) == page(melody)
        assert [note.velocity for note in again.notes] == [note.velocity for note in melody.notes]
        is_contradicted = "metre_contradicted" in {found.code for found in again.diagnostics}
        assert (again.metres == melody.metres) != is_contradicted  # by chance, notes of 4/4 fall into threes
        contradicted += is_contradicted
    assert contradicted <= SCORES // 200
