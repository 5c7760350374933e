"""Melodies: a rhythm that comes back, chord notes where it counts, an arch per phrase, a breath at its end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ensemble.data.compose.harmony import scale_pitches
from ensemble.data.compose.pen import Pen
from ensemble.data.compose.piece import Piece, ScoreNote, Section
from ensemble.data.compose.rhythm import draw_bar
from ensemble.data.compose.textures import answers

TUNE_VOICE = 7
"""Voices 0 to 5 are the strings under it."""
TUNELESS = ("arpeggio", "strum")
"""Textures that stand alone: the chords are the music."""
DETACHED = 0.6
"""Of its written length a note sounds so much where the style is dry."""


def write_tune(piece: Piece, low: int, high: int, level_db: float) -> list[ScoreNote]:
    """A melody over the whole piece: phrases of one letter share theirs, their later turns vary it.

    It is left out where a texture stands alone, and where chords and tune take turns and it is the chords'.

    Args:
        piece: its sections are the phrases.
        low: lowest pitch, MIDI.
        high: highest.
        level_db: against the dynamics.

    Returns:
        Notes in order.
    """
    known: dict[str, list[ScoreNote]] = {}
    notes: list[ScoreNote] = []
    for turn, section in enumerate(piece.sections):
        start = section.first_bar * piece.metre.bar_quarters
        if section.letter in known:
            phrase = _varied(piece, turn, start, known[section.letter])
        else:
            phrase = known[section.letter] = _phrase(piece, section, low, high)
        if section.texture in TUNELESS:
            continue
        for note in phrase:
            onset, length = start + note.onset_quarters, note.length_quarters
            if section.texture == "funk" and not answers(int(onset / piece.metre.bar_quarters)):
                continue
            accent_db = level_db + (1.0 if length >= 1.0 else -0.5)
            held = length * (DETACHED if section.texture == "funk" else 1.0)
            notes.append(replace(note, onset_quarters=onset, length_quarters=held, accent_db=accent_db))
    return notes


def _varied(piece: Piece, turn: int, start: float, phrase: list[ScoreNote]) -> list[ScoreNote]:
    """The phrase again: some long notes become two, by way of a neighbour in the key."""
    rng = piece.rng("variation", turn)
    varied = []
    for note in phrase:
        chord, pitch = piece.chord_at(start + note.onset_quarters), note.pitch_midi
        if note.length_quarters >= 1.0 and rng.random() < 0.25 and pitch % 12 in chord.pitch_classes:
            inside = scale_pitches(piece.tonic, piece.mode, pitch - 3, pitch + 3)
            neighbours = [other for other in inside if other != pitch]
            half = note.length_quarters / 2
            second = neighbours[int(rng.integers(len(neighbours)))]
            varied.append(replace(note, length_quarters=half))
            varied.append(
                replace(note, onset_quarters=note.onset_quarters + half, length_quarters=half, pitch_midi=second)
            )
        else:
            varied.append(note)
    return varied


def _phrase(piece: Piece, section: Section, low: int, high: int) -> list[ScoreNote]:
    """Rhythm a b a and a cadence, from the phrase's beginning; the last phrase of a piece ends on its tonic."""
    rng = piece.rng("tune", section.letter)
    pen, summit = Pen(rng, piece, low, high), float(rng.uniform(0.35, 0.7))
    bar_quarters, beat = piece.metre.bar_quarters, piece.metre.beat_quarters
    is_final = section.letter == "Z"
    first, second = (draw_bar(rng, piece.metre, section.density) for _ in range(2))
    cadence = (bar_quarters,) if is_final or rng.random() < 0.4 else (beat, bar_quarters - beat)
    notes: list[ScoreNote] = []
    for bar, rhythm in enumerate((first, second, first, cadence)):
        chord, ends = piece.bar_chords[section.first_bar + bar], bar == 3
        onset = bar * bar_quarters
        for index, length in enumerate(rhythm):
            height = float(np.interp(onset / (bar_quarters * 4), [0.0, summit, 1.0], [0.35, 0.85, 0.25]))
            is_strong = index == 0 or length >= 1.0 or ends
            only = chord.root if ends and is_final else None
            pitch = pen.sing(chord, low + height * (high - low), is_strong=is_strong, only=only)
            breath = 0.5 if ends and not is_final and index == len(rhythm) - 1 and length > 1 else 0.0
            notes.append(
                ScoreNote(
                    onset_quarters=onset, length_quarters=length - breath, pitch_midi=pitch, voice=TUNE_VOICE,
                    is_legato=True,
                )
            )  # fmt: skip
            onset += length
    return notes
