"""How writers say that notes are to be played: as a style's rows have it, and as a line goes from note to note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ensemble.conduct.shaping import WrittenNote
from ensemble.conduct.touch import SUSTAINED
from ensemble.types.articulation import ARTICULATION_SIGNS, Articulation
from ensemble.types.instruments import Family

GHOST_VELOCITY = 48
STACCATO_SHARE = 0.5
"""What sounds for no more of its time than this is staccato."""
_OWN = {"X": Articulation.ACCENTED, "g": Articulation.GHOST}
_BOUND_S = 0.03
"""Notes that follow so soon are bound, or might be."""
_WIDEST_SLUR = 7
_LONGEST_STACCATO_S = 0.8
_LINES = {"legato": Articulation.LEGATO, "detached": Articulation.DETACHED, "staccato": Articulation.STACCATO}


def articulation_of(sign: str, above: str, length: float) -> Articulation:
    """How a note of a row is played.

    Args:
        sign: its own.
        above: that of the row of articulations.
        length: share of its time that it lasts.
    """
    short = Articulation.STACCATO if length <= STACCATO_SHARE else Articulation.PLAIN
    return ARTICULATION_SIGNS.get(above, _OWN.get(sign, short))


def as_line(
    written: Sequence[WrittenNote], lines: Literal["legato", "detached", "staccato"], family: Family
) -> list[WrittenNote]:
    """Say how a bow or a breath goes from note to note; other instruments' notes stay as they are.

    Of notes that follow at once, those a fifth or less apart go as the style has it, wider leaps are detached. Notes
    after a rest, and those that are said already, stay.

    Args:
        written: the notes.
        lines: see `Style.lines`.
        family: of the instrument.
    """
    if family not in SUSTAINED:
        return list(written)
    last: dict[int, WrittenNote] = {}
    found = []
    for note in sorted(written, key=lambda one: one.start_s):
        before = last.get(note.voice)
        last[note.voice] = note
        is_bound = before is not None and note.start_s - before.stop_s < _BOUND_S
        if before is None or not is_bound or note.articulation != Articulation.PLAIN:
            found.append(note)
            continue
        leap = abs(note.pitch_midi - before.pitch_midi)
        how = _LINES[lines] if 0 < leap <= _WIDEST_SLUR or lines == "staccato" else Articulation.DETACHED
        length_s = note.stop_s - note.start_s
        if how == Articulation.STACCATO and length_s <= _LONGEST_STACCATO_S:
            note = note._replace(stop_s=note.start_s + STACCATO_SHARE * length_s)  # noqa: PLW2901 - it is shorter now
        found.append(note._replace(articulation=how))
    return found
