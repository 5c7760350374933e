"""Who plays alone: programs of General MIDI, their ranges, and how each lets its notes sound."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Soloist:
    """An instrument that plays alone.

    program: of General MIDI. other_program: its nearest relative there, a second take's instrument where no second
    soundfont is. tune_midi: where its melodies lie. rings: notes sound on until the hand moves, as on strings plucked
    or struck. vibrato: depth of the modulation wheel on long notes, 0..127.
    """

    program: int
    other_program: int
    tune_midi: tuple[int, int]
    rings: bool = False
    vibrato: int = 0


SOLOISTS: dict[str, Soloist] = {
    "nylon_guitar": Soloist(program=24, other_program=25, tune_midi=(62, 80), rings=True),
    "steel_guitar": Soloist(program=25, other_program=24, tune_midi=(62, 79), rings=True),
    "jazz_guitar": Soloist(program=26, other_program=24, tune_midi=(60, 79), rings=True),
    "electric_guitar": Soloist(program=27, other_program=26, tune_midi=(60, 79), rings=True),
    "piano": Soloist(program=0, other_program=1, tune_midi=(62, 84), rings=True),
    "violin": Soloist(program=40, other_program=41, tune_midi=(60, 86), vibrato=28),
    "cello": Soloist(program=42, other_program=41, tune_midi=(43, 67), vibrato=28),
    "flute": Soloist(program=73, other_program=74, tune_midi=(64, 88), vibrato=22),
    "clarinet": Soloist(program=71, other_program=68, tune_midi=(55, 82)),
    "trumpet": Soloist(program=56, other_program=57, tune_midi=(58, 80), vibrato=12),
    "saxophone": Soloist(program=65, other_program=66, tune_midi=(55, 77), vibrato=12),
    "electric_bass": Soloist(program=33, other_program=34, tune_midi=(31, 52), rings=True),
}
