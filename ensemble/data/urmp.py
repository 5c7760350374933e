"""URMP, the original at 48 kHz and its repack at 16 kHz: chamber pieces, every player recorded alone.

    [Dataset/]01_Jupiter_vn_vc/
        AuMix_01_Jupiter_vn_vc.wav  AuSep_1_vn_01_Jupiter.wav  AuSep_2_vc_01_Jupiter.wav
        Notes_1_vn_01_Jupiter.txt

A part is its index and its instrument: two violins of one piece differ in the index alone. Several pieces are the same
tune for other instruments and share recordings, so the split is by tune.

Source: Li et al., Creating a Multitrack Classical Music Performance Dataset, IEEE Trans. Multimedia 2019.
"""

from __future__ import annotations

import re
from pathlib import Path

from ensemble.data.listing import first_file, folders, visible
from ensemble.data.takes import Dataset, RecordedPart, Skip, split_of, spread
from ensemble.errors import DataError

NAME = "urmp"
LICENCE = "not verified (two repositories state CC0); for your own use"
STEM = re.compile(r"AuSep_(\d+)_([a-z]+)_(\d\d)_(.+)\.wav")
INSTRUMENTS: dict[str, str | None] = {
    "vn": "violin", "va": "viola", "vc": "cello", "db": "double_bass", "fl": "flute", "ob": "oboe", "cl": "clarinet",
    "sax": "tenor_sax", "bn": "bassoon", "tpt": "trumpet", "hn": "horn", "tbn": "trombone", "tba": None,
}  # fmt: skip
"""The catalogue has neither oboe, bassoon, horn, trombone nor tuba."""


def recognises(root: Path) -> bool:
    """Whether a folder in it, or in its `Dataset`, holds separated parts."""
    return any(path.name.startswith("AuSep_") for piece in _pieces(root) for path in visible(piece))


def read(root: Path) -> Dataset:
    """List every separated part.

    Raises:
        DataError: no piece has one.
    """
    takes: list[RecordedPart] = []
    tune_of: dict[str, str] = {}
    skips: list[Skip] = []
    for piece in _pieces(root):
        stems = [path for path in visible(piece) if path.name.startswith("AuSep_")]
        mixes = [path for path in visible(piece) if path.name.startswith("AuMix_") and path.suffix == ".wav"]
        if mixes and not stems:
            skips.append(Skip(path=piece, reason="has no separated parts (AuSep_*.wav)"))
        for audio in stems:
            match = STEM.fullmatch(audio.name)
            if match is None:
                skips.append(Skip(path=audio, reason="is not named AuSep_<part>_<instrument>_<number>_<tune>.wav"))
                continue
            index, code, number, tune = match.groups()
            tune_of[piece.name] = tune
            takes.append(
                RecordedPart(
                    dataset=NAME,
                    piece=piece.name,
                    part=f"{index}_{code}",
                    label=code,
                    instrument=INSTRUMENTS.get(code),
                    split=split_of(tune),
                    licence=LICENCE,
                    may_ship=False,
                    audio=audio,
                    mix=mixes[0] if mixes else None,
                    notes=first_file(piece / f"Notes_{index}_{code}_{number}_{tune}.txt"),
                )
            )
    if not takes:
        reason = f": {skips[0].path.name}: {skips[0].reason}" if skips else ""
        raise DataError(str(root), f"no piece has a separated part{reason}", "keep the names as they were published")
    return Dataset(name=NAME, root=root, takes=spread(takes, lambda take: tune_of[take.piece]), skips=tuple(skips))


def _pieces(root: Path) -> list[Path]:
    """The folders of pieces: in the original under `Dataset`, in the repack at the top."""
    return folders(root / "Dataset") or folders(root)
