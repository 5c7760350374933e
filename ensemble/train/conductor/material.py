"""What a conductor learns from: pieces whose parts were recorded one by one, pitched ones heard as leaders are."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from ensemble.audio.files import read_clip
from ensemble.clock import FRAMES_PER_CONDUCTOR_FRAME, frames_for
from ensemble.data.compose.labels import read_labels
from ensemble.data.readers import recognise
from ensemble.data.takes import RecordedPart, Skip, Split
from ensemble.errors import AudioError, DataError, WireError
from ensemble.events import OnProgress, unheard
from ensemble.files.digest import file_digest
from ensemble.files.replace import write_output
from ensemble.listen.loudness import loudness_db
from ensemble.types.instruments import CATALOGUE
from ensemble.types.music import DRUM_CLASSES, SILENCE_DB, AudioClip, FloatArray, Heard

AUDIBLE_DB = -70.0
NEAR_PEAK_DB = 12.0
"""A part plays where it is no further than this below its loudest within half a second: what lies deeper is the end of
a note or a gap, which is articulation and not dynamics."""
NEAR_FRAMES = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class StrokeTimes:
    """What a drummer struck."""

    time_s: NDArray[np.float64]
    """[strokes]"""
    drum: NDArray[np.int64]
    """Index of its class.  [strokes]"""
    velocity: FloatArray
    """0..1.  [strokes]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedPart:
    """One part of a piece."""

    name: str
    """In its piece."""
    instrument: str
    """From the catalogue."""
    role: str
    """As far as its instrument tells."""
    loudness_db: FloatArray
    """[conductor frames]"""
    is_playing: NDArray[np.bool_]
    """Where its level is its dynamics and no gap.  [conductor frames]"""
    heard: Heard | None = None
    """What a listener makes of it; None where it is no leader."""
    strokes: StrokeTimes | None = None
    """What it struck, of a drummer with labels."""
    labels: Path | None = None
    """The composer's true curves, where there are any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedPiece:
    """A piece of at least two parts."""

    name: str
    """Of its set, and its own."""
    parts: tuple[PlayedPart, ...]
    """All of one length."""

    @property
    def num_frames(self) -> int:
        """Conductor frames."""
        return len(self.parts[0].loudness_db)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConductorMaterial:
    """Pieces in memory, and what a card says of them."""

    train: Sequence[PlayedPiece]
    """To learn from."""
    held_out: Sequence[PlayedPiece]
    """To audit with."""
    provenance: str = "pieces given by hand"
    """For the card, as all that follow."""
    licence: str = "unknown"
    """Of the recordings."""
    couples: tuple[str, ...] = ()
    """What the generator of the music couples between leader and followers."""
    does_not_couple: tuple[str, ...] = ()
    """What it does not."""
    held_out_sha256: dict[str, str] | None = None
    """Digests of the pieces that are not learned from."""
    command: str = ""
    """The command that trains."""


def gather_pieces(
    sets: Sequence[Path], cache: Path, leaders_per_piece: int, command: str = "", on_progress: OnProgress = unheard
) -> ConductorMaterial:
    """Read the training and the validation pieces of one or several sets.

    Args:
        sets: of any layout that has more than one part per piece.
        cache: a folder where what was heard is kept.
        leaders_per_piece: how many pitched parts of each are heard as leaders.
        command: for the card.
        on_progress: told how far it is.

    Raises:
        DataError: a set has no known layout, or a split holds no piece of two parts.
    """
    takes = [take for root in sets for take in takes_in(root)]
    pieces: dict[Split, list[PlayedPiece]] = {}
    splits: tuple[Split, ...] = ("train", "valid")
    for split in splits:
        pieces[split] = read_pieces(
            [one for one in takes if one[1].split == split], cache, leaders_per_piece, on_progress
        )
        if not pieces[split]:
            raise DataError(
                ", ".join(map(str, sets)), f"no piece of several parts in the {split} split",
                "three pieces are the least: to learn from, validate and test with",
            )  # fmt: skip
    facts = [_composer_facts(root) for root in sets]
    return ConductorMaterial(
        train=pieces["train"],
        held_out=pieces["valid"],
        provenance="; ".join(_describe(root, fact) for root, fact in zip(sets, facts, strict=True)),
        licence="; ".join(sorted({take.licence for _, take in takes})),
        couples=tuple(dict.fromkeys(line for fact in facts for line in fact.get("couples", ()))),
        does_not_couple=tuple(dict.fromkeys(line for fact in facts for line in fact.get("does_not_couple", ()))),
        held_out_sha256=_frozen(sets),
        command=command,
    )


def takes_in(root: Path) -> list[tuple[str, RecordedPart]]:
    """All takes of a set with a sound and an instrument we know, beside the name of their piece."""
    takes = recognise(root).read(root).takes
    usable = [take for take in takes if take.audio is not None and take.instrument is not None]
    return [(f"{root.absolute().name}/{take.piece}", take) for take in usable]


def left_out(sets: Sequence[Path]) -> list[Skip]:
    """What training will pass over, as far as the layouts tell: known before anything is loaded.

    Raises:
        DataError: a set has no known layout.
    """
    skips: list[Skip] = []
    for root in sets:
        dataset = recognise(root).read(root)
        skips += dataset.skips
        usable = Counter(take.piece for take in dataset.takes if take.audio is not None and take.instrument is not None)
        for take in dataset.takes:
            where = take.audio or take.notes or Path(take.piece) / take.part
            if take.audio is None:
                skips.append(Skip(path=where, reason="has no sound"))
            elif take.instrument is None:
                skips.append(Skip(path=where, reason=f"{take.label} is no instrument of the catalogue"))
            elif usable[take.piece] < 2:
                skips.append(Skip(path=where, reason="is the only part of its piece"))
    return skips


def read_pieces(
    takes: Sequence[tuple[str, RecordedPart]], cache: Path, leaders_per_piece: int, on_progress: OnProgress = unheard
) -> list[PlayedPiece]:
    """Read pieces of two parts or more, of which one is pitched; what cannot be read is left out."""
    by_piece: dict[str, list[RecordedPart]] = {}
    for name, take in takes:
        by_piece.setdefault(name, []).append(take)
    pieces = []
    for done, (name, parts) in enumerate(sorted(by_piece.items())):
        roles = _roles(parts)
        leaders = _leaders(parts, leaders_per_piece)
        read = [_read_part(take, roles[take.part], cache, hears=take.part in leaders) for take in parts]
        played = [part for part in read if part is not None]
        if len(played) > 1 and any(part.heard is not None for part in played):
            length = min(len(part.loudness_db) for part in played)
            pieces.append(PlayedPiece(name=name, parts=tuple(_cut(part, length) for part in played)))
        on_progress("listen", done + 1, len(by_piece))
    return pieces


def is_playing(level_db: FloatArray) -> NDArray[np.bool_]:
    """Where a part's level is its dynamics and no gap.  [conductor frames]"""
    near = maximum_filter1d(level_db, NEAR_FRAMES, mode="constant", cval=SILENCE_DB)
    return np.asarray((level_db > AUDIBLE_DB) & (level_db > near - NEAR_PEAK_DB))


def _leaders(parts: Sequence[RecordedPart], most: int) -> set[str]:
    """Which parts are heard: pitched ones, an arbitrary but fixed choice."""
    pitched = [take for take in parts if take.instrument != "drums"]
    pitched.sort(key=lambda take: hashlib.sha256(f"{take.piece}/{take.part}".encode()).hexdigest())
    return {take.part for take in pitched[:most]}


def _roles(parts: Sequence[RecordedPart]) -> dict[str, str]:
    """What each part does, as far as its instrument tells: the lowest is the bass, who can play chords a pad."""
    pitched = [(CATALOGUE[str(take.instrument)], take.part) for take in parts if take.instrument != "drums"]
    roles = {part: "pad" if spec.voices > 1 else "counter" for spec, part in pitched}
    if pitched:
        roles[min(pitched, key=lambda one: (one[0].range_midi, one[1]))[1]] = "bass"
    return roles | {take.part: "drums" for take in parts if take.instrument == "drums"}


def _read_part(take: RecordedPart, role: str, cache: Path, *, hears: bool) -> PlayedPart | None:
    labels = read_labels(take.labels) if take.labels is not None else {}
    try:
        clip = read_clip(Path(str(take.audio))) if hears or "loudness_db" not in labels else None
    except AudioError:
        return None
    level_db = labels.get("loudness_db")
    if level_db is None and clip is not None:
        level_db = loudness_db(clip.mono(), clip.sample_rate, frames_for(clip.num_samples, clip.sample_rate))
    level_db = at_conductor_rate(np.asarray(level_db, np.float32))
    strokes = None
    if "hit_time_s" in labels:
        strokes = StrokeTimes(
            time_s=labels["hit_time_s"],
            drum=np.array([DRUM_CLASSES.index(str(name)) for name in labels["hit_class"]], np.int64),
            velocity=labels["hit_velocity"].astype(np.float32) / np.float32(127),
        )
    return PlayedPart(
        name=take.part,
        instrument=str(take.instrument),
        role=role,
        loudness_db=level_db,
        is_playing=is_playing(level_db),
        heard=_heard(clip, Path(str(take.audio)), cache) if hears and clip is not None else None,
        strokes=strokes,
        labels=take.labels,
    )


def at_conductor_rate(level_db: FloatArray) -> FloatArray:
    """Mean power of every four control frames, in dB.  [frames] -> [frames // 4]"""
    whole = len(level_db) // FRAMES_PER_CONDUCTOR_FRAME * FRAMES_PER_CONDUCTOR_FRAME
    power = 10.0 ** (level_db[:whole].astype(np.float64).reshape(-1, FRAMES_PER_CONDUCTOR_FRAME) / 10)
    mean_db: FloatArray = np.maximum(10.0 * np.log10(power.mean(axis=1)), SILENCE_DB).astype(np.float32)
    return mean_db


def _heard(clip: AudioClip, audio: Path, cache: Path) -> Heard:
    """Listen, or find what was heard in the same file before."""
    from ensemble.listen.listener import LISTENING_VERSION, Listener
    from ensemble.wire import pack, unpack

    kept = cache / f"{file_digest(audio)[:24]}-{LISTENING_VERSION}.heard"
    try:
        return unpack(kept.read_bytes(), Heard)
    except (OSError, WireError):  # not heard yet, or by another release
        heard = Listener().listen(clip)
        write_output(kept, pack(heard))
        return heard


def _cut(part: PlayedPart, length: int) -> PlayedPart:
    return replace(part, loudness_db=part.loudness_db[:length], is_playing=part.is_playing[:length])


def _composer_facts(root: Path) -> dict[str, Any]:
    """What our composer wrote of the first piece of a set; empty for anybody else's."""
    first = next(iter(sorted(root.glob("Track*/composer.json"))), None)
    return json.loads(first.read_text(encoding="utf-8")) if first is not None else {}


def _describe(root: Path, facts: dict[str, Any]) -> str:
    if not facts:
        return root.absolute().name
    tracks = len(list(root.glob("Track*/composer.json")))
    return f"{tracks} pieces composed ({facts['style']}, seed {facts['seed']}, {facts['soundfont']})"


def _frozen(sets: Sequence[Path]) -> dict[str, str]:
    """The digests of the pieces that are not trained on, as the composer froze them."""
    frozen: dict[str, str] = {}
    for root in sets:
        path = root / "splits.json"
        splits = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        for split in ("valid", "test"):
            frozen |= {f"{root.absolute().name}/{piece}": digest for piece, digest in splits.get(split, {}).items()}
    return frozen
