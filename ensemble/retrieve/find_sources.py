"""Finds what there is to index: files, whatever lies in a folder, and the stems and mixes of the known data sets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ensemble.audio.files import printable
from ensemble.data.folder import NAME as ANY_FOLDER
from ensemble.data.listing import AUDIO_SUFFIXES, FOREIGN_SUFFIXES
from ensemble.data.readers import READERS
from ensemble.data.takes import Dataset
from ensemble.errors import DataError
from ensemble.retrieve.library.sources import Skipped, Source, Sources

UNKNOWN_LICENCE = "yours to know"


def find_sources(paths: Iterable[Path], licence: str | None = None) -> Sources:
    """Look for recordings.

    A folder that has the layout of a data set gives its stems, each a recording of its own, and its mixes. Any other
    folder gives every sound file below it. A file is taken whatever it is called: reading it will tell.

    Args:
        paths: files and folders.
        licence: of all of them; where absent, a data set's own, or `UNKNOWN_LICENCE`.

    Raises:
        DataError: a path does not exist.
    """
    files: dict[Path, Source] = {}
    skipped: list[Skipped] = []
    for path in paths:
        try:
            exists, is_folder = path.exists(), path.is_dir()
        except OSError as error:
            raise DataError(printable(path), f"cannot be read ({error.strerror})", "check its permissions") from error
        if not exists:
            raise DataError(printable(path), "there is no such file or folder", "check the path")
        if not is_folder:
            found = [Source(path=path, title=path.stem, licence=licence or UNKNOWN_LICENCE)]
        elif (dataset := _dataset(path)) is not None:
            found = list(_takes(dataset, licence))
            skipped += [Skipped(path=printable(skip.path), reason=skip.reason) for skip in dataset.skips]
        else:
            titles = ((file, file.relative_to(path).with_suffix("").as_posix()) for file in _below(path))
            found = [Source(path=file, title=title, licence=licence or UNKNOWN_LICENCE) for file, title in titles]
            if not found:
                skipped.append(Skipped(path=printable(path), reason="holds no sound file"))
        for source in found:
            files.setdefault(source.path.absolute(), source)
    return Sources(
        files=tuple(
            Source(path=path, title=printable(Path(one.title)), licence=one.licence) for path, one in files.items()
        ),
        skipped=tuple(skipped),
    )


def _dataset(folder: Path) -> Dataset | None:
    """The data set that a folder is; None where it is just a folder of recordings."""
    for reader in READERS:
        if reader.NAME != ANY_FOLDER and reader.recognises(folder):
            return reader.read(folder)
    return None


def _takes(dataset: Dataset, licence: str | None) -> Iterator[Source]:
    """Every stem, then every mix; scores hold no sound."""
    mixes: dict[Path, Source] = {}
    for take in dataset.takes:
        own = licence or take.licence
        if take.audio is not None:
            yield Source(path=take.audio, title=f"{take.piece} {take.label} {take.part}", licence=own)
        if take.mix is not None:
            mixes.setdefault(take.mix, Source(path=take.mix, title=f"{take.piece} mix", licence=own))
    yield from mixes.values()


def _below(folder: Path) -> Iterator[Path]:
    """Sound files at any depth, by name; hidden ones are passed over, links to folders are not followed."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in (*AUDIO_SUFFIXES, *FOREIGN_SUFFIXES):
                yield Path(place) / name
