"""The sustain pedal of keyed instruments, and which of their voices sounds which note."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ensemble.conduct.grid import LOOK_AHEAD_BEATS, Grid
from ensemble.conduct.shaping import WrittenNote

PEDAL_S = 0.06
"""The foot lifts the pedal so long after another chord is struck, so that there is no gap between them."""


def changes_at(grid: Grid, beat: int) -> int:
    """The beat at which the chord of `beat` ends: another begins, or the last one; `LOOK_AHEAD_BEATS` later at most."""
    last = min(beat + LOOK_AHEAD_BEATS, grid.final_beat)
    return next((later for later in range(beat + 1, last) if grid.changes(later)), last)


class KeyVoices:
    """The voices of a keyed part: which key each has struck last, and how long that sounds.

    A key that is struck again sounds in the voice that it had. Any other note gets the voice that has been free for
    longest; where all of them sound, that whose note ends first, and of these the one that began first.

    Args:
        num_voices: how many there are.
    """

    def __init__(self, num_voices: int) -> None:
        self._key, self._began_s, self._ends_s = ([value] * num_voices for value in (0, -math.inf, -math.inf))

    def strike(self, note: WrittenNote) -> WrittenNote:
        """The next note, with its voice."""
        voice = min(range(len(self._key)), key=lambda one: self._rank(one, note.pitch_midi))
        self._key[voice], self._began_s[voice], self._ends_s[voice] = note.pitch_midi, note.start_s, note.stop_s
        return note._replace(voice=voice)

    def lift(self, time_s: float) -> None:
        """No note that was struck sounds any longer than until then."""
        self._ends_s = [min(one, time_s) for one in self._ends_s]

    def _rank(self, voice: int, pitch_midi: int) -> tuple[bool, float, float, int]:
        return self._key[voice] != pitch_midi, self._ends_s[voice], self._began_s[voice], voice


def pooled(written: Sequence[WrittenNote], num_voices: int) -> list[WrittenNote]:
    """Give every note one of the voices for as long as it sounds; see `KeyVoices`.

    Args:
        written: the notes of a part, in any order; their voices do not matter.
        num_voices: how many there are.

    Returns:
        The same notes by time, with their voices.
    """
    voices = KeyVoices(num_voices)
    return [voices.strike(note) for note in sorted(written, key=lambda one: (one.start_s, one.pitch_midi))]
