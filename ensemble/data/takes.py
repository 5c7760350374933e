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
    """One recorded (or written) part.

    dataset: the reader's name. piece, part: unique within the data set, together. label: what the data set calls the
    instrument; instrument: the catalogue's name for it, None where nothing fits. split: the data set's own, or by hash
    of the piece, never by part. licence: of the recording; may_ship: whether what is learned from it may be shipped.
    audio, mix: sound files; notes: MIDI, kern or note list; f0: a pitch track; labels: our composer's true curves.
    """

    dataset: str
    piece: str
    part: str
    label: str
    instrument: str | None
    split: Split
    licence: str
    may_ship: bool
    audio: Path | None = None
    mix: Path | None = None
    notes: Path | None = None
    f0: Path | None = None
    labels: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Something that was passed over, and why, in one sentence."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What a reader found."""

    name: str
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
