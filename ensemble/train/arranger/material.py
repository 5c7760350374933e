"""What an arranger learns from: multitrack MIDI. Every pitched part leads once, and all the others answer it.

Beats and bars are the file's; key and chords are found in what all parts sound together, as they are in what a leader
plays. A leader is heard as a perfect recording of its top line would be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.files import printable
from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.arranger_features import ArrangerLine, Kind, context_of, line_of, memory_of
from ensemble.conduct.grid import grid_of
from ensemble.conduct.leader import listen_to
from ensemble.data import slakh
from ensemble.data.programs import instrument_of_program, instrument_of_words
from ensemble.data.takes import Split, splits_of
from ensemble.errors import DataError
from ensemble.events import OnProgress, unheard
from ensemble.listen.harmony import find_chords
from ensemble.listen.keys import find_key
from ensemble.scores.melody import Melody
from ensemble.scores.midi_melody import melody_of, midi_piece
from ensemble.scores.midi_voices import MidiVoice, in_seconds
from ensemble.scores.score import MIDI_SUFFIXES
from ensemble.scores.score_bytes import read_score_bytes
from ensemble.scores.symbolic import hear_melody
from ensemble.types.instruments import CATALOGUE
from ensemble.types.music import FloatArray, Heard

ALL_PARTS = "all_src.mid"
"""What Slakh, and our composer, call the file with every part of a track."""
LAST_BEATS = 4
CHORDS_SHARE = 0.3
"""Whoever sounds two notes or more for this share of its time plays chords."""
Notes = tuple[tuple[float, float, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPart:
    """One part of a piece."""

    name: str
    """In its piece."""
    instrument: str
    """From the catalogue."""
    kind: Kind
    """What it does in the piece."""
    notes: Notes
    """Start and stop in seconds, pitch in MIDI."""
    heard: Heard
    """What a leader's listener would hear of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPiece:
    """A piece of at least two parts."""

    name: str
    """Of its file."""
    parts: tuple[WrittenPart, ...]
    """Each leads once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One part answering one leader."""

    piece: str
    """Its piece's name."""
    inputs: FloatArray
    """What the network reads.  [steps, NUM_INPUTS]"""
    roots: NDArray[np.int64]
    """Of the chords.  [steps]"""
    line: ArrangerLine
    """What the part does."""
    kind: Kind
    """What the part is."""


def midi_files(
    root: Path, on_progress: OnProgress = unheard, on_left_out: Callable[[str], None] = unheard
) -> list[tuple[str, Path, Split]]:
    """Every multitrack file of a folder with its piece's name and split; a Slakh set's own splits are kept.

    Args:
        root: a folder of MIDI files, or a set of Slakh's layout.
        on_progress: told how many files were looked through, and of how many.
        on_left_out: told in a sentence of every file without two pitched parts of known instruments.

    Raises:
        DataError: there is none.
    """
    is_slakh = root.is_dir() and slakh.recognises(root)
    if is_slakh:
        own = {take.piece: take.split for take in slakh.read(root).takes}
        found = [(piece, _track(root, piece) / ALL_PARTS) for piece in sorted(own)]
        found = [(piece, path) for piece, path in found if path.is_file()]
    else:
        paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in MIDI_SUFFIXES)
        found = [(str(path.relative_to(root)), path) for path in paths]
    usable = []
    for done, (piece, path) in enumerate(found):
        if (reason := _why_left_out(path)) is None:
            usable.append((piece, path))
        else:
            on_left_out(f"{printable(path)} is left out: {reason}")
        on_progress("look through", done + 1, len(found))
    if len(usable) < len(found):
        on_left_out(f"{len(found) - len(usable)} of {len(found)} files are left out")
    if not usable:
        raise DataError(str(root), "holds no MIDI of several parts", "name a folder of MIDI files, or a Slakh set")
    splits = own if is_slakh else splits_of({path.stem: ("",) for _, path in usable})
    return [(piece, path, splits[piece if is_slakh else path.stem]) for piece, path in usable]


def _why_left_out(path: Path) -> str | None:
    """Why nothing is learned from a file; None where something is."""
    what = printable(path)
    try:
        written = midi_piece(read_score_bytes(path), what)
        known = [voice for voice in written.voices if _instrument(voice) is not None]
    except DataError as error:
        return error.problem
    return None if len(known) > 1 else "it has no two pitched parts of known instruments"


def licence_of(root: Path) -> str:
    """Of what is learned from a folder, as far as it is known."""
    if root.is_dir() and slakh.recognises(root):
        return "; ".join(sorted({take.licence for take in slakh.read(root).takes}))
    return f"that of the MIDI files in {root.absolute().name}"


def gather_lessons(
    files: Sequence[tuple[str, Path, Split]], most: int, on_progress: OnProgress = unheard,
    on_left_out: Callable[[str], None] = unheard,
) -> list[Lesson]:  # fmt: skip
    """The lessons of many files, each forgotten before the next is read.

    Args:
        files: see `midi_files`.
        most: lessons altogether; each file has an equal share of them, or gives one where there are more files.
        on_progress: see `read_pieces`.
        on_left_out: see `read_pieces`.
    """
    share = max(most // max(len(files), 1), 1)
    return [lesson for piece in read_pieces(files, on_progress, on_left_out) for lesson in lessons_of(piece, share)]


def read_pieces(
    files: Sequence[tuple[str, Path, Split]], on_progress: OnProgress = unheard,
    on_left_out: Callable[[str], None] = unheard,
) -> Iterator[WrittenPiece]:  # fmt: skip
    """Read file after file; those without two pitched parts of known instruments are left out, and it is said why.

    Args:
        files: see `midi_files`.
        on_progress: told how many were read, and of how many.
        on_left_out: told in a sentence which is left out, and why.
    """
    for done, (name, path, _) in enumerate(files):
        reason = "it has no two pitched parts of known instruments"
        piece = None
        try:
            piece = read_piece(name, path)
        except DataError as error:
            reason = error.problem
        if piece is not None:
            yield piece
        else:
            on_left_out(f"{printable(path)} is left out: {reason}")
        on_progress("reading", done + 1, len(files))


def read_piece(name: str, path: Path) -> WrittenPiece | None:
    """One multitrack file; None where it has no two pitched parts that are known.

    Raises:
        DataError: it is no MIDI file, or has no notes but drums.
    """
    what = printable(path)
    written = midi_piece(read_score_bytes(path), what)
    known = [(voice, found) for voice in written.voices if (found := _instrument(voice)) is not None]
    if len(known) < 2:
        return None
    melodies = [melody_of(written, voice, what) for voice, _ in known]
    notes = [tuple(in_seconds(voice, written.score, written.tempos)) for voice, _ in known]
    heards = [hear_melody(melody) for melody in melodies]
    lowest = min(range(len(known)), key=lambda index: float(np.mean([pitch for _, _, pitch in notes[index]])))
    parts = []
    for index, (_, instrument) in enumerate(known):
        kind: Kind = "bass" if index == lowest else "chords" if _plays_chords(notes[index], instrument) else "line"
        heard = _understood(heards[index], [one for part in notes for one in part], melodies[index])
        parts.append(
            WrittenPart(name=f"{instrument}-{index}", instrument=instrument, kind=kind, notes=notes[index], heard=heard)
        )
    return WrittenPiece(name=name, parts=tuple(parts))


def lessons_of(piece: WrittenPiece, most: int | None = None) -> Iterator[Lesson]:
    """Every pair of a leader and another part; so many at most, an arbitrary but fixed choice."""
    pairs = [(leading.name, part.name) for leading in piece.parts for part in piece.parts if part is not leading]
    pairs.sort(key=lambda pair: hashlib.sha256("/".join((piece.name, *pair)).encode()).digest())
    wanted = set(pairs[:most])
    for leading in piece.parts:
        if not any(leader == leading.name for leader, _ in wanted):
            continue
        grid = grid_of(leading.heard)
        leader = listen_to(leading.heard, grid)
        for part in piece.parts:
            if (leading.name, part.name) not in wanted:
                continue
            spec = CATALOGUE[part.instrument]
            centre = sum(spec.range_midi) / 2
            line = line_of(part.notes, grid, part.kind)
            context = context_of(grid, leader, part.kind, spec, centre)
            inputs = np.concatenate([context.rows, memory_of(line, context.roots, centre)], axis=1)
            yield Lesson(piece=piece.name, inputs=inputs, roots=context.roots, line=line, kind=part.kind)


def _track(root: Path, piece: str) -> Path:
    """Where a track lies: in the set, or in one of its split folders."""
    places = [root / piece, *(root / folder / piece for folder in slakh.SPLIT_FOLDERS)]
    return next((place for place in places if place.is_dir()), places[0])


def _instrument(voice: MidiVoice) -> str | None:
    """Who plays a voice; None where nobody known does, or drums."""
    of_program = instrument_of_program(voice.program) if voice.program is not None else None
    found = instrument_of_words(voice.name) or of_program
    return found if found is not None and CATALOGUE[found].family != "drums" else None


def _plays_chords(notes: Notes, instrument: str) -> bool:
    """Whether several notes sound at once for much of the time."""
    if CATALOGUE[instrument].voices == 1:
        return False
    edges = np.zeros(1 + int(FRAME_RATE_HZ * max(stop for _, stop, _ in notes)), np.int64)
    for start, stop, _ in notes:
        edges[int(start * FRAME_RATE_HZ)] += 1
        edges[int(stop * FRAME_RATE_HZ)] -= 1
    sounding = np.cumsum(edges)
    return bool((sounding > 1).sum() > CHORDS_SHARE * max((sounding > 0).sum(), 1))


def _understood(heard: Heard, notes: Sequence[tuple[float, float, int]], melody: Melody) -> Heard:
    """A leader's listening with the key and the chords that all parts make together."""
    edges = np.append(heard.beats_s, max(heard.frames.num_frames / FRAME_RATE_HZ, float(heard.beats_s[-1]) + 1e-3))
    chroma = np.zeros((12, len(heard.beats_s)), np.float32)
    onset, release, pitch = np.array(notes, np.float64).T
    for beat, (start, stop) in enumerate(pairwise(edges.tolist())):
        sounds_s = np.maximum(np.minimum(release, stop) - np.maximum(onset, start), 0.0)
        chroma[:, beat] = np.bincount(pitch.astype(np.int64) % 12, sounds_s, 12)
    key = melody.key or find_key(chroma.sum(axis=1), chroma[:, -LAST_BEATS:].sum(axis=1))
    keys = (key,) * len(heard.beats_s)
    chords = find_chords(chroma, keys, heard.beats_per_bar, heard.first_downbeat).chords
    return replace(heard, key=key, chords=chords, chord_doubts=(), key_sections=())
