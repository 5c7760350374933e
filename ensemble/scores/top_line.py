"""One line out of notes that overlap: the highest that sounds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class TickNote(NamedTuple):
    """A note of a MIDI file."""

    start: int
    """The tick at which it begins."""
    stop: int
    """The tick at which it no longer sounds."""
    pitch_midi: int
    velocity: int


def top_line(notes: Iterable[TickNote]) -> tuple[list[TickNote], int]:
    """Follow the top line.

    A note ends where a higher one begins. A lower one that begins under a held note is left out, unless it only laps
    over it, as slurred notes do: where the held note is more than half over, and the new one goes on for longer than
    they share.

    Returns:
        The line, no two notes at once; and how many notes were left out.
    """
    line: list[TickNote] = []
    num_below = 0
    for note in sorted(notes, key=lambda one: (one.start, -one.pitch_midi, -one.stop)):
        held = line[-1] if line else None
        if held is None or note.start >= held.stop:
            line.append(note)
        elif note.start > held.start and (note.pitch_midi > held.pitch_midi or _laps(held, note)):
            line[-1] = held._replace(stop=note.start)
            line.append(note)
        else:
            num_below += 1
    return line, num_below


def _laps(held: TickNote, note: TickNote) -> bool:
    shared = held.stop - note.start
    return 2 * shared < held.stop - held.start and 2 * shared < note.stop - note.start
