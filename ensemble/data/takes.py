"""A take is one recorded part of one piece; a data set is takes, and what was passed over and why.

Readers take a data set in place: nothing in it is moved, renamed or written.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Split = Literal["train", "valid", "test"]
_HELD_OUT: dict[int, Split] = {8: "valid", 9: "test"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPart:
    """One recorded (or written) part of a piece."""

    dataset: str
    """The reader's name."""
    piece: str
    part: str
    """Unique within the piece."""
    label: str
    """What the data set calls the instrument."""
    instrument: str | None
    """The catalogue's name for it; None where nothing fits."""
    split: Split
    """The data set's own, or by hash of the piece; never by part."""
    licence: str
    """Of the recording."""
    may_ship: bool
    """Whether what is learned from it may be shipped."""
    audio: Path | None = None
    mix: Path | None = None
    """The sound of the whole piece."""
    notes: Path | None = None
    """MIDI, kern or a list of notes."""
    labels: Path | None = None
    """The true curves that our composer writes; see `compose.labels`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Something that was passed over."""

    path: Path
    reason: str
    """Why, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What a reader found."""

    name: str
    """The reader's."""
    root: Path
    takes: tuple[RecordedPart, ...]
    skips: tuple[Skip, ...]


class Reader(Protocol):
    """A module that reads one layout."""

    NAME: str

    def recognises(self, root: Path) -> bool:
        """Whether a folder has this layout; looks at names only, quickly."""

    def read(self, root: Path) -> Dataset:
        """List the takes.

        Raises:
            DataError: nothing in the folder is usable.
        """


def split_of(piece: str) -> Split:
    """Train, valid or test, 8 : 1 : 1, by hash of the piece's name: the same on every machine, for ever."""
    tenth = int(hashlib.sha256(piece.encode()).hexdigest(), 16) % 10
    return _HELD_OUT.get(tenth, "train")
