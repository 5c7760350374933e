"""A solo piece, written out: the tune, and under it what the instrument can play at the same time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ensemble.data.compose.solo.orchestra import SOLOISTS, Soloist
from ensemble.data.compose.solo.order import BARS_PER_PHRASE, SoloOrder, TuneOutline, outline_of
from ensemble.data.compose.solo.textures import (
    TUNE_VOICE,
    SoloNote,
    answers,
    write_bass,
    write_guitar,
    write_left_hand,
)
from ensemble.data.compose.solo.tune import write_tune

TUNELESS = ("arpeggio", "strum")
"""Textures that stand alone: the chords are the music."""
BUSYNESS = {
    "calm": 0.15,
    "picking": 0.35,
    "block": 0.5,
    "broken": 0.45,
    "song": 0.35,
    "dance": 0.7,
    "funk": 0.75,
    "lament": 0.15,
}
DETACHED = 0.6
"""Of its written length a note sounds so much where the style is dry."""
CLEARANCE = 2
"""Semitones between a tune and what lies under it."""
_TUNE_DB = {True: 0.5, False: 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Solo:
    """A piece for one player: its outline, who plays, and the notes in the order of their onsets."""

    outline: TuneOutline
    soloist: Soloist
    notes: tuple[SoloNote, ...]


def write_solo(order: SoloOrder) -> Solo:
    """Write a piece; the same order gives the same notes."""
    outline, soloist = outline_of(order), SOLOISTS[order.instrument]
    under: list[SoloNote] = []
    if order.instrument == "electric_bass":
        under = write_bass(outline, soloist.tune_midi[0])
    elif order.instrument.endswith("guitar"):
        under = write_guitar(outline)
    elif order.instrument == "piano":
        under = write_left_hand(outline)
    tune = [] if order.instrument == "electric_bass" else _tune(outline, soloist, is_alone=not under)
    notes = sorted([*_below(under, tune), *tune], key=lambda note: (note.onset_quarters, note.voice, note.pitch_midi))
    return Solo(outline=outline, soloist=soloist, notes=tuple(notes))


def _tune(outline: TuneOutline, soloist: Soloist, *, is_alone: bool) -> list[SoloNote]:
    """The melody, left out where a texture stands alone."""
    textures = outline.order.textures
    busyness = sum(BUSYNESS.get(texture, 0.35) for texture in textures) / len(textures)
    phrase_quarters = BARS_PER_PHRASE * outline.metre.bar_quarters
    notes = []
    for note in write_tune(outline, *soloist.tune_midi, busyness):
        texture = outline.texture[outline.letters[int(note.onset_quarters / phrase_quarters)]]
        is_turn = texture != "funk" or answers(int(note.onset_quarters / outline.metre.bar_quarters))
        if texture not in TUNELESS and is_turn:
            notes.append(
                SoloNote(
                    onset_quarters=note.onset_quarters,
                    length_quarters=note.length_quarters * (DETACHED if texture == "funk" else 1.0),
                    pitch_midi=note.pitch_midi,
                    accent_db=_TUNE_DB[is_alone] + (1.0 if note.length_quarters >= 1.0 else -0.5),
                    voice=TUNE_VOICE,
                )
            )
    return notes


def _below(under: list[SoloNote], tune: list[SoloNote]) -> list[SoloNote]:
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
