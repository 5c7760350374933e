"""Melodies in **kern, laid out as the Essen folk song collection is: any folders of `.krn` files, read in place.

The collection's licence is for research and personal use: no redistribution, no public performance, no sound
recording. So its takes may teach a user's own models and nothing that is shipped; no part of it stands in this project,
and whatever lies in such a folder is treated the same.
"""

from __future__ import annotations

from pathlib import Path

from ensemble.audio.files import printable
from ensemble.data.takes import Dataset, RecordedPart, Skip, split_of, spread
from ensemble.errors import DataError
from ensemble.scores.kern.reader import read_kern

NAME = "essen"
LICENCE = "Essen folk song collection: research and personal use only; no redistribution, no sound recordings"
_DEPTHS = ("*.krn", "*/*.krn", "*/*/*.krn", "*/*/*/*.krn")


def recognises(root: Path) -> bool:
    """Whether kern files lie in the folder, or up to three folders deep."""
    return any(next(root.glob(pattern), None) is not None for pattern in _DEPTHS)


def read(root: Path) -> Dataset:
    """List every melody that can be read, each a piece of its own with one part; the others are skips with a reason.

    Raises:
        DataError: there is no such folder, or no melody in it can be read.
    """
    takes, skips = [], []
    for path in sorted(root.rglob("*.krn")):
        try:
            read_kern(path)
        except DataError as error:
            skips.append(Skip(path=path, reason=_reason(error, path)))
        else:
            takes.append(_take(path.relative_to(root).with_suffix("").as_posix(), path))
    if not takes:
        problem = f"none of {len(skips)} kern files can be read" if skips else "holds no kern files"
        reason = f"the first: {skips[0].path.name}: {skips[0].reason}" if skips else "name a folder of .krn files"
        raise DataError(str(root), problem, reason)
    return Dataset(name=NAME, root=root, takes=spread(takes, lambda take: take.piece), skips=tuple(skips))


def _take(piece: str, path: Path) -> RecordedPart:
    return RecordedPart(
        dataset=NAME, piece=piece, part="melody", label="voice", instrument=None, split=split_of(piece),
        licence=LICENCE, may_ship=False, notes=path,
    )  # fmt: skip


def _reason(error: DataError, path: Path) -> str:
    """The error without the file's name: its line, where it has one, and what is wrong."""
    line = error.what.removeprefix(printable(path)).removeprefix(":")
    return f"line {line}: {error.problem}" if line else error.problem
