"""A take is one recorded part of one piece; a data set is takes, and what was passed over and why.

Readers take a data set in place: nothing in it is moved, renamed or written.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
"""The most needed first: training asks for the first two, evaluation for the last."""
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
    """The data set's own, or see `splits_of`; never by part."""
    licence: str
    """Of the recording."""
    may_ship: bool
    """Whether what is learned from it may be shipped."""
    source: str | None = None
    """What sounded it, such as a soundfont, where the set says so."""
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
    return _HELD_OUT.get(_hash(piece) % 10, "train")


def splits_of(pieces: Mapping[str, Collection[str]]) -> dict[str, Split]:
    """The split of every piece of a set, each instrument in all three where there are three pieces with it.

    By `split_of`; where a split lacks an instrument, a piece with it is moved there from another that keeps one. So a
    small set has something to validate and to test with; as it grows, pieces may return to training.

    Args:
        pieces: the instruments of each.
    """
    splits = {piece: split_of(piece) for piece in pieces}
    for wanted in SPLITS:
        while (piece := _to_move(pieces, splits, wanted)) is not None:
            splits[piece] = wanted
    return splits


def _to_move(pieces: Mapping[str, Collection[str]], splits: Mapping[str, Split], wanted: Split) -> str | None:
    """The piece that brings most of what a split lacks and can be spared where it is; None if there is none."""
    having = Counter((instrument, splits[piece]) for piece, played in pieces.items() for instrument in set(played))

    def can_be_spared(piece: str) -> bool:
        split = splits[piece]
        is_needed_less = SPLITS.index(split) > SPLITS.index(wanted)
        return split != wanted and (is_needed_less or all(having[one, split] > 1 for one in pieces[piece]))

    lacking = {one for one, _ in having if not having[one, wanted]}
    useful = [piece for piece, played in pieces.items() if lacking & set(played) and can_be_spared(piece)]
    return max(useful, key=lambda piece: (len(lacking & set(pieces[piece])), _hash(piece)), default=None)


def spread(
    takes: Iterable[RecordedPart], piece_of: Callable[[RecordedPart], str], held_out: Collection[str] = ()
) -> tuple[RecordedPart, ...]:
    """The takes of a set without splits of its own, each in its split.

    Args:
        takes: of the set.
        piece_of: takes of which it says the same lie in one split.
        held_out: such pieces which the set keeps to test with; where there are any, no other piece tests.
    """
    takes = tuple(takes)
    played: dict[str, set[str]] = {}
    for take in takes:
        played.setdefault(piece_of(take), set()).add(take.instrument or "")
    splits = splits_of({piece: instruments for piece, instruments in played.items() if piece not in held_out})
    if held_out:
        splits = {piece: "train" if split == "test" else split for piece, split in splits.items()}
        splits |= dict.fromkeys(held_out, "test")
    return tuple(replace(take, split=splits[piece_of(take)]) for take in takes)


def _hash(piece: str) -> int:
    return int(hashlib.sha256(piece.encode()).hexdigest(), 16)
