"""What a bench leaves behind, and nothing that somebody else does on the same machine."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """An empty folder for the temporary files of this process and of all that it starts inside the block.

    It stands in their environment as TMPDIR, by which `leftovers` knows them. Its name is short: the sockets of a Ray
    lie deep below it, and their paths end at 107 bytes.
    """
    before = os.environ.get("TMPDIR")
    folder = Path(tempfile.gettempdir()) / secrets.token_hex(2)
    folder.mkdir(mode=0o700)
    try:
        _use(str(folder))
        yield folder
    finally:
        _use(before)
        shutil.rmtree(folder, ignore_errors=True)


def leftovers(folder: Path) -> set[str]:
    """What there is now: files in the folder that `own_folder` lent, and processes started since, but for this one.

    Some of Ray's processes hide their environment behind a title; they are found as children of those that do not.
    """
    mine, found = os.getpid(), {f"file {path}" for path in folder.iterdir()}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != mine and process.environ().get("TMPDIR") == str(folder):
                found |= {f"process {one.pid}" for one in (process, *process.children(recursive=True))}
    return found


def _use(folder: str | None) -> None:
    """Let temporary files go to a folder; to where the system has them if None."""
    if folder is None:
        os.environ.pop("TMPDIR", None)
    else:
        os.environ["TMPDIR"] = folder
    tempfile.tempdir = None  # Python looks at the environment again
