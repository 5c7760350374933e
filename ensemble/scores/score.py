"""A score as a leader: its bytes, and the melody in them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ensemble.audio.files import MIN_DURATION_S, printable
from ensemble.errors import DataError
from ensemble.scores.kern.reader import parse_kern
from ensemble.scores.kern.spine import decode
from ensemble.scores.melody import Melody
from ensemble.scores.midi_melody import parse_midi
from ensemble.scores.score_bytes import read_score_bytes

MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".rmi", ".smf")
SCORE_SUFFIXES = (".krn", *MIDI_SUFFIXES)
"""`.kar` are MIDI files with the words of a song, `.rmi` MIDI files in RIFF."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderScore:
    """A score that was read."""

    melody: Melody
    content: bytes
    """Of the file, so that it can be kept beside what is made of it."""

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.content).hexdigest()


def is_score(path: Path) -> bool:
    """Whether a leader is a written melody, not a recording: by the ending of its name."""
    return path.suffix.lower() in SCORE_SUFFIXES


def kept_name(path: Path) -> str:
    """What a score is called beside the leader that was played from it."""
    return "leader.krn" if path.suffix.lower() == ".krn" else "leader.mid"


def read_score(path: Path, expansion: str | None = None) -> LeaderScore:
    """Read a melody from **kern (`.krn`) or MIDI (`MIDI_SUFFIXES`).

    Args:
        path: the file.
        expansion: the list of a kern file that says in which order its sections are played; see `in_order`.

    Raises:
        DataError: it cannot be read, has no such list, holds no single line (see the two readers), or is too short to
            follow.
    """
    content, what = read_score_bytes(path), printable(path)
    is_kern = path.suffix.lower() == ".krn"
    if expansion is not None and not is_kern:
        raise DataError(what, "has no expansion lists: only kern has", "leave out --expansion")
    melody = parse_kern(decode(content), what, expansion) if is_kern else parse_midi(content, what)
    if melody.duration_s < MIN_DURATION_S:
        raise DataError(what, f"lasts {int(100 * melody.duration_s) / 100:.2f} s", f"give at least {MIN_DURATION_S} s")
    return LeaderScore(melody=melody, content=content)
