"""The sustain pedal of keyed instruments, and which of their voices sounds which note."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ensemble.conduct.grid import LOOK_AHEAD_BEATS, Grid
from ensemble.conduct.shaping import WrittenNote


def lifts_at(grid: Grid, beat: int) -> int:
    """The beat at which the pedal lifts that is down in `beat`: where the chord changes, or the last one begins."""
    last = min(beat + LOOK_AHEAD_BEATS, grid.final_beat)
    return next((later for later in range(beat + 1, last) if grid.changes(later)), last)


def pooled(written: Sequence[WrittenNote], num_voices: int) -> list[WrittenNote]:
    """Give every note one of the voices for as long as it sounds.

    A key that is struck again sounds in the voice that it had. Any other note gets the voice that has been free for
    longest; where all of them sound, that whose note ends first, and of these the one that began first.

    Args:
        written: the notes of a part, in any order; their voices do not matter.
        num_voices: how many there are.

    Returns:
        The same notes by time, with their voices.
    """
    key, began_s, ends_s = [0] * num_voices, [-math.inf] * num_voices, [-math.inf] * num_voices
    placed = []
    for note in sorted(written, key=lambda one: (one.start_s, one.pitch_midi)):
        voice = min(range(num_voices), key=lambda one: (key[one] != note.pitch_midi, ends_s[one], began_s[one], one))
        key[voice], began_s[voice], ends_s[voice] = note.pitch_midi, note.start_s, note.stop_s
        placed.append(note._replace(voice=voice))
    return placed
