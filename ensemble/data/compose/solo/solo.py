"""A solo piece, written out: the tune, and under it what the instrument can play at the same time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ensemble.data.compose.piece import Piece, ScoreNote
from ensemble.data.compose.solo.tune import write_tune
from ensemble.data.compose.textures import write_bass, write_guitar, write_left_hand

CLEARANCE = 2
"""Semitones between a tune and what lies under it."""


def write_solo(piece: Piece) -> tuple[ScoreNote, ...]:
    """The notes of a piece for one player, in the order of their onsets; the same piece gives the same notes."""
    player = piece.parts[0].player
    low, high = player.tune_midi or player.spec.range_midi
    under, tune = [], []
    if player.instrument == "electric_bass":
        under = write_bass(piece, low)
    else:
        if player.instrument.endswith("guitar"):
            under = write_guitar(piece)
        elif player.instrument == "piano":
            under = write_left_hand(piece)
        tune = write_tune(piece, low, high, level_db=0.0 if under else 0.5)
    notes = [_rung_out(piece, note) for note in (*_below(under, tune), *tune)]
    return tuple(sorted(notes, key=lambda note: (note.onset_quarters, note.voice, note.pitch_midi)))


def _below(under: list[ScoreNote], tune: list[ScoreNote]) -> list[ScoreNote]:
    """What leaves the tune on top: nothing is struck near or above a note of it that sounds."""
    if not tune:
        return under
    onsets = np.array([note.onset_quarters for note in tune])
    kept = []
    for note in under:
        sung = tune[max(int(np.searchsorted(onsets, note.onset_quarters + 1e-6)) - 1, 0)]
        is_sung = sung.onset_quarters <= note.onset_quarters + 1e-6 < sung.onset_quarters + sung.length_quarters
        if not is_sung or note.pitch_midi < sung.pitch_midi - CLEARANCE:
            kept.append(note)
    return kept


def _rung_out(piece: Piece, note: ScoreNote) -> ScoreNote:
    """The note; with a bar more where it is the last of its string and strings ring."""
    is_last = note.onset_quarters + note.length_quarters > piece.stop_quarters - 0.05
    longer = piece.metre.bar_quarters if is_last and piece.parts[0].rings else 0.0
    return replace(note, length_quarters=note.length_quarters + longer)
