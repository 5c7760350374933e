"""Which data set is this? The readers in the order in which they are asked, the most particular first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import cast

from ensemble.data import essen, folder, lsx, slakh, urmp
from ensemble.data.listing import folders, is_folder, visible
from ensemble.data.takes import Reader
from ensemble.errors import DataError

LAYOUTS: tuple[tuple[ModuleType, str], ...] = (
    (slakh, "Slakh (Track*/metadata.yaml and Track*/stems/, perhaps under train, validation and test)"),
    (lsx, "LSX (tr, cv and tt, each with tracks of bass.wav, drums.wav, guitar.wav and music_mix.wav)"),
    (urmp, "URMP (<piece>/AuSep_<part>_<instrument>_<number>_<tune>.wav, perhaps under Dataset)"),
    (essen, "Essen (folders of .krn files)"),
    (folder, "your own recordings (one subfolder per instrument, violin/, el. bass/, ..., with sound files in it)"),
)
READERS = cast("tuple[Reader, ...]", tuple(module for module, _ in LAYOUTS))


def recognise(root: Path) -> Reader:
    """The reader of the layout that a folder has.

    Raises:
        DataError: there is no such folder, it is a file, is empty, may not be read, or has no layout that is known.
    """
    check_set(root)
    if slakh.is_track(root):
        raise DataError(str(root), "is one track of a data set", f"name the folder around it, {root.resolve().parent}")
    for reader in READERS:
        if reader.recognises(root):
            return reader
    for inner in folders(root)[:50]:
        for reader in READERS:
            if reader.NAME != folder.NAME and reader.recognises(inner):
                raise DataError(
                    str(root), f"is not a data set, but {inner.name} in it is one ({reader.NAME})", f"name {inner}"
                )
    known = ", ".join(layout for _, layout in LAYOUTS)
    raise DataError(str(root), f"has no layout that is known: it holds {_contents(root)}", f"known are {known}")


def check_set(root: Path) -> None:
    """Refuse what is not a folder with something in it.

    Raises:
        DataError: there is no such folder, it is a file, is empty or may not be read.
    """
    try:
        if not root.exists():
            raise DataError(str(root), "there is no such folder", "check the path")
        if not root.is_dir():
            raise DataError(
                str(root), "is a file, not a folder", "name the folder of a data set; unpack archives first"
            )
        next(root.iterdir(), None)
    except OSError as error:
        raise DataError(str(root), f"cannot be read ({error.strerror})", "check its permissions") from error
    if not visible(root):
        raise DataError(str(root), "is an empty folder", "name the folder of a data set")


def _contents(root: Path) -> str:
    """What lies in a folder, in a few words."""
    here = visible(root)
    inner = [path for path in here if is_folder(path)]
    kinds = Counter(path.suffix.lower() or "without a suffix" for path in here if not is_folder(path))
    named = f" ({', '.join(path.name for path in inner[:4])}{', ...' if len(inner) > 4 else ''})" if inner else ""
    files = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
    return f"{len(inner)} folders{named}" + (f" and files: {files}" if files else "")
