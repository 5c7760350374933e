"""Anyone's recordings: a folder with one subfolder per instrument.

    violin/first_take.wav  violin/evening/second.flac  el. bass/groove.wav  theremin/sweep.wav

The subfolder's name says the instrument, in any usual spelling; a name that is not understood is listed all the same,
without a catalogue name. Every recording is a piece of its own: equal file names in two subfolders promise nothing.
But song.wav and song.flac beside each other are taken for the same music, and lie in one split.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

from ensemble.data.listing import AUDIO_SUFFIXES, FOREIGN_SUFFIXES, first_file, folders, is_file, is_folder, visible
from ensemble.data.programs import instrument_of_words
from ensemble.data.takes import Dataset, RecordedPart, Skip, split_of, spread
from ensemble.errors import DataError

NAME = "folder"
LICENCE = "yours to know"
MAX_DEPTH = 4


def recognises(root: Path) -> bool:
    """Whether a subfolder holds recordings, or is named after an instrument and holds some deeper down."""
    return any(
        any(path.suffix.lower() in AUDIO_SUFFIXES for path in visible(folder))
        or (instrument_of_words(folder.name) is not None and any(_recordings(folder, AUDIO_SUFFIXES)))
        for folder in folders(root)
    )


def read(root: Path) -> Dataset:
    """List every recording below a subfolder.

    Raises:
        DataError: there is none.
    """
    takes = [
        RecordedPart(
            dataset=NAME,
            piece=audio.relative_to(root).as_posix(),
            part=folder.name,
            label=folder.name,
            instrument=instrument_of_words(folder.name),
            split=split_of(_song(audio.relative_to(root))),
            licence=LICENCE,
            may_ship=False,
            audio=audio,
            notes=first_file(audio.with_suffix(".mid"), audio.with_suffix(".midi")),
        )
        for folder in folders(root)
        for audio in _recordings(folder, AUDIO_SUFFIXES)
    ]
    skips = [
        Skip(path=path, reason="lies beside the subfolders; move it into one named after its instrument")
        for path in visible(root)
        if is_file(path) and path.suffix.lower() in AUDIO_SUFFIXES
    ]
    skips += [
        Skip(path=path, reason=f"{path.suffix} is not decoded here; convert it to WAV or FLAC")
        for folder in folders(root)
        for path in _recordings(folder, FOREIGN_SUFFIXES)
    ]
    if not takes:
        raise DataError(str(root), "no subfolder holds a recording", f"known: {', '.join(AUDIO_SUFFIXES)}")
    return Dataset(
        name=NAME, root=root, takes=spread(takes, lambda take: _song(PurePath(take.piece))), skips=tuple(skips)
    )


def _song(recording: PurePath) -> str:
    """What one recording in two formats has in common."""
    return recording.with_suffix("").as_posix()


def _recordings(folder: Path, suffixes: tuple[str, ...], depth: int = 1) -> Iterator[Path]:
    """Files with one of the suffixes, a few folders deep."""
    for path in visible(folder):
        if is_folder(path):
            if depth < MAX_DEPTH:
                yield from _recordings(path, suffixes, depth + 1)
        elif path.suffix.lower() in suffixes and is_file(path):
            yield path
