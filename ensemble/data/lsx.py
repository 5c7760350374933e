"""LSX: LibriSpeech over Slakh, of which only the music is read.

    {tr,cv,tt}/<track>/   music_mix.wav  bass.wav  drums.wav  guitar.wav
                          (and mix.wav, speech_mix.wav, speech_male.wav, speech_female.wav: never opened)

Stems are chosen by a list of names, so that nothing spoken can become an instrument.

Source: Zenodo 7765140; Petermann et al., Hyperbolic Audio Source Separation, ICASSP 2023.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ensemble.data.listing import first_file, folders, is_file
from ensemble.data.programs import instrument_of_words
from ensemble.data.takes import Dataset, RecordedPart, Skip, Split
from ensemble.errors import DataError

NAME = "lsx"
LICENCE = "not verified (derived from two CC BY 4.0 sets); for your own use"
SPLIT_FOLDERS: dict[str, Split] = {"tr": "train", "cv": "valid", "tt": "test"}
STEMS = ("bass", "drums", "guitar")
MIX = "music_mix.wav"


def recognises(root: Path) -> bool:
    """Whether a split folder holds a track with one of the stems."""
    names = (MIX, *(f"{stem}.wav" for stem in STEMS))
    return any(is_file(track / name) for track, _ in _tracks(root) for name in names)


def read(root: Path) -> Dataset:
    """List bass, drums and guitar of every track.

    Raises:
        DataError: no track has any of them.
    """
    takes: list[RecordedPart] = []
    skips: list[Skip] = []
    for track, split in _tracks(root):
        for stem in STEMS:
            audio = track / f"{stem}.wav"
            if not is_file(audio):
                skips.append(Skip(path=audio, reason="is missing"))
                continue
            takes.append(
                RecordedPart(
                    dataset=NAME,
                    piece=f"{track.parent.name}/{track.name}",
                    part=stem,
                    label=stem,
                    instrument=instrument_of_words(stem),
                    split=split,
                    licence=LICENCE,
                    may_ship=False,
                    audio=audio,
                    mix=first_file(track / MIX),
                )
            )
    if not takes:
        raise DataError(
            str(root), f"no track has any of {', '.join(STEMS)}", "check that the archive was unpacked whole"
        )
    return Dataset(name=NAME, root=root, takes=tuple(takes), skips=tuple(skips))


def _tracks(root: Path) -> Iterator[tuple[Path, Split]]:
    for folder, split in SPLIT_FOLDERS.items():
        yield from ((track, split) for track in folders(root / folder))
