"""What a listener learns from: composed pieces, whose chords and bars the composer has written down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.data import slakh
from ensemble.data.takes import RecordedPart, Split
from ensemble.errors import ConfigError, DataError
from ensemble.types.harmony import Chord
from ensemble.types.names import parse_chord


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedPiece:
    """A piece whose harmony and bars are known."""

    name: str
    """Its set and its track."""
    stems: tuple[Path, ...]
    """The sound of each part."""
    sounds_chords: tuple[bool, ...]
    """Which parts sound whole chords.  [stems]"""
    mix: Path
    """The sound of all."""
    beats_s: NDArray[np.float64]
    """Every beat, and where the last bar ends.  [beats]"""
    beats_per_bar: int
    """The metre; the first beat opens a bar."""
    bar_chords: tuple[Chord | None, ...]
    """By bar; None where our chords have no name for it.  [bars]"""
    duration_s: float
    """With the tail."""
    licence: str
    """Of what is learned from it."""

    @property
    def bars_s(self) -> NDArray[np.float64]:
        """Where bars begin, and where the last one ends.  [bars + 1]"""
        return self.beats_s[:: self.beats_per_bar]


class ListenerMaterial(NamedTuple):
    """What one training run is given."""

    train: Sequence[ComposedPiece]
    """To learn from."""
    held_out: Sequence[ComposedPiece]
    """To stop by."""
    command: str
    """For the card."""

    @property
    def identity(self) -> str:
        """What tells this material from other."""
        minutes = sum(piece.duration_s for piece in self.train) / 60.0
        sets = sorted({piece.name.split("/")[0] for piece in self.train})
        return f"{minutes:.1f} min in {len(self.train)} composed pieces of {', '.join(sets)}"


def gather(sets: Sequence[Path], command: str = "") -> ListenerMaterial:
    """The pieces of some sets that `ensemble data compose` wrote.

    Raises:
        DataError: a folder is no such set, or the sets have nothing to learn from or to try on.
    """
    train, held_out = (composed_pieces(sets, split) for split in ("train", "valid"))
    return ListenerMaterial(train, held_out, command)


def composed_pieces(sets: Sequence[Path], split: Split) -> list[ComposedPiece]:
    """The pieces of one split.

    Raises:
        DataError: a folder is no composed set, or there is none.
    """
    found = []
    for root in sets:
        if not slakh.recognises(root):
            raise DataError(str(root), "is no composed set", "compose one: ensemble data compose")
        by_piece: dict[str, list[RecordedPart]] = {}
        for take in slakh.read(root).takes:
            if take.split == split:
                by_piece.setdefault(take.piece, []).append(take)
        found += [_piece(root, name, takes) for name, takes in sorted(by_piece.items())]
    if not found:
        where = ", ".join(map(str, sets))
        raise DataError(where, f"has no composed piece in the {split} split", "compose more: ensemble data compose")
    return found


def _piece(root: Path, name: str, takes: Sequence[RecordedPart]) -> ComposedPiece:
    path = root / name / slakh.COMPOSER_FILE
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        beats_s, chords, roles = (
            told["beats_s"],
            told["bar_chords"],
            {one["stem"]: one["role"] for one in told["parts"]},
        )
        duration_s, beats_per_bar = float(told["duration_s"]), (len(beats_s) - 1) // len(chords)
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        cure = "compose one: ensemble data compose"
        raise DataError(str(path), "does not tell the chords and beats of a composed piece", cure) from error
    return ComposedPiece(
        name=f"{root.absolute().name}/{name}", stems=tuple(Path(str(take.audio)) for take in takes),
        sounds_chords=tuple("chords" in roles.get(take.part, "") for take in takes),
        mix=Path(str(takes[0].mix)), beats_s=np.array(beats_s, np.float64),
        beats_per_bar=beats_per_bar, bar_chords=tuple(map(_chord, chords)),
        duration_s=duration_s, licence=takes[0].licence,
    )  # fmt: skip


def _chord(word: str) -> Chord | None:
    try:
        return parse_chord(word)
    except ConfigError:
        return None
