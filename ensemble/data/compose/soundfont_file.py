"""A soundfont as a file: SoundFont 2.01, one preset for each instrument, one zone for each recorded note.

Source: SoundFont Technical Specification 2.04, sections 4 (RIFF), 7 (the hydra) and 8.1.2 (generators).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from ensemble.data.programs import DRUMS_PROGRAM
from ensemble.errors import DataError
from ensemble.files.replace import write_whole
from ensemble.types.music import FloatArray

GUARD_SAMPLES = 46
"""Zeros behind every sample, section 7.10."""
_RELEASE, _INSTRUMENT, _KEYS, _VELOCITIES, _FINE_TUNE, _SAMPLE, _MODES, _ROOT = 38, 41, 43, 44, 52, 53, 54, 58
_LOOPED = 1
_MONO = 1
_PRESET_BYTES = 38
_MOST_PRESETS = 128 * 129
_DRUMS_BANK = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledNote:
    """One recorded note, ready to be played."""

    midi: int
    """Its key."""
    cents: int
    """How far it sounds above that key."""
    sample_rate: int
    """In Hz."""
    samples: FloatArray
    """From its attack on, within -1..1.  [samples]"""
    loop: tuple[int, int] | None
    """First sample of what is repeated while the key is held, and the first after it; None where the note fades."""
    velocities: tuple[int, int] = (0, 127)
    """Lowest and highest velocity that it plays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledInstrument:
    """All recorded notes of an instrument."""

    name: str
    program: int
    """Of General MIDI, 0..127."""
    release_s: float
    """From a key's release to silence."""
    notes: tuple[SampledNote, ...]


def write_soundfont(path: Path, name: str, instruments: Sequence[SampledInstrument]) -> None:
    """Write a soundfont, whole or not at all.  A key without a note plays the nearest one.

    Raises:
        OSError: it cannot be written.
    """
    notes = [note for one in instruments for note in one.notes]
    pieces = [_pcm(note.samples) for note in notes]
    starts = np.cumsum([0, *(len(piece) // 2 for piece in pieces)]).tolist()
    info = _chunk(b"ifil", struct.pack("<HH", 2, 1)) + _text(b"isng", "EMU8000") + _text(b"INAM", name)
    body = _list(b"INFO", info) + _list(b"sdta", _chunk(b"smpl", b"".join(pieces)))
    body += _list(b"pdta", _presets(instruments) + _instruments(instruments) + _samples(notes, starts))
    write_whole(path, _chunk(b"RIFF", b"sfbk" + body))


def programs_of(path: Path) -> frozenset[int]:
    """The programs of General MIDI that a soundfont has presets for, and `DRUMS_PROGRAM` where it has a kit.

    Raises:
        DataError: it cannot be read, or is no soundfont.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(12)[8:] != b"sfbk":
                raise DataError(str(path), "is not a soundfont", "give an SF2 or SF3 file")
            while len(head := stream.read(8)) == 8:
                size = int.from_bytes(head[4:], "little")
                if head[:4] == b"LIST":
                    if stream.read(4) == b"pdta":
                        continue  # into it: the presets come first
                    size -= 4
                if head[:4] == b"phdr":
                    return _programs(stream.read(min(size, _MOST_PRESETS * _PRESET_BYTES)))
                stream.seek(size + size % 2, 1)
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", "give another soundfont") from error
    raise DataError(str(path), "has no presets", "give another soundfont")


def _programs(presets: bytes) -> frozenset[int]:
    whole = presets[: len(presets) // _PRESET_BYTES * _PRESET_BYTES]
    banks = [(row[1], row[2]) for row in struct.iter_unpack("<20sHHHIII", whole)][:-1]  # the last marks the end
    has_kit = any(bank == _DRUMS_BANK for _, bank in banks)
    return frozenset(program for program, bank in banks if bank == 0) | ({DRUMS_PROGRAM} if has_kit else set())


def _presets(instruments: Sequence[SampledInstrument]) -> bytes:
    rows = [
        struct.pack("<20sHHHIII", one.name.encode()[:19], one.program, 0, at, 0, 0, 0)
        for at, one in enumerate(instruments)
    ]
    rows.append(struct.pack("<20sHHHIII", b"EOP", 0, 0, len(rows), 0, 0, 0))
    zones = [[(_INSTRUMENT, number)] for number in range(len(instruments))]
    return _chunk(b"phdr", b"".join(rows)) + _zones(b"p", zones)


def _instruments(instruments: Sequence[SampledInstrument]) -> bytes:
    rows: list[bytes] = []
    zones: list[list[tuple[int, int]]] = []
    sample = 0
    for one in instruments:
        rows.append(struct.pack("<20sH", one.name.encode()[:19], len(zones)))
        for note, (low, high) in zip(one.notes, _keys([note.midi for note in one.notes]), strict=True):
            zones.append([
                (_KEYS, low + 256 * high), (_VELOCITIES, note.velocities[0] + 256 * note.velocities[1]),
                (_RELEASE, round(1200 * np.log2(one.release_s))), (_FINE_TUNE, -note.cents),
                (_MODES, _LOOPED * (note.loop is not None)), (_ROOT, note.midi), (_SAMPLE, sample),
            ])  # fmt: skip
            sample += 1
    rows.append(struct.pack("<20sH", b"EOI", len(zones)))
    return _chunk(b"inst", b"".join(rows)) + _zones(b"i", zones)


def _keys(midi: Sequence[int]) -> list[tuple[int, int]]:
    """The keys that each recorded note plays: up to half way to the next one.  `midi` may have a key several times."""
    recorded = sorted(set(midi))
    borders = [0, *((low + high) // 2 + 1 for low, high in pairwise(recorded)), 128]
    plays = {key: (borders[at], borders[at + 1] - 1) for at, key in enumerate(recorded)}
    return [plays[key] for key in midi]


def _zones(kind: bytes, zones: Sequence[Sequence[tuple[int, int]]]) -> bytes:
    """Bags, modulators (none) and generators of presets (p) or instruments (i)."""
    firsts = np.cumsum([0, *map(len, zones)]).tolist()
    bags = b"".join(struct.pack("<HH", first, 0) for first in firsts)
    pairs = [struct.pack("<HH", generator, amount & 0xFFFF) for zone in zones for generator, amount in zone]
    generators = b"".join([*pairs, bytes(4)])
    return _chunk(kind + b"bag", bags) + _chunk(kind + b"mod", bytes(10)) + _chunk(kind + b"gen", generators)


def _samples(notes: Sequence[SampledNote], starts: Sequence[int]) -> bytes:
    rows = []
    for number, (note, start) in enumerate(zip(notes, starts, strict=False)):
        end = start + len(note.samples)
        first, last = (start + at for at in note.loop or (0, len(note.samples)))
        name = f"{number} key {note.midi}".encode()[:19]
        rows.append(
            struct.pack("<20sIIIIIBbHH", name, start, end, first, last, note.sample_rate, note.midi, 0, 0, _MONO)
        )
    rows.append(struct.pack("<20sIIIIIBbHH", b"EOS", *[0] * 9))
    return _chunk(b"shdr", b"".join(rows))


def _pcm(samples: FloatArray) -> bytes:
    steps = np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2")
    return steps.tobytes() + bytes(2 * GUARD_SAMPLES)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _list(name: bytes, content: bytes) -> bytes:
    return _chunk(b"LIST", name + content)


def _text(name: bytes, text: str) -> bytes:
    content = text.encode("ascii", "replace")[:254] + b"\0"
    return _chunk(name, content + bytes(len(content) % 2))
