"""Staging folders: where a render is written before it is published, and what becomes of those that were left."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import time
from pathlib import Path

import psutil

from ensemble.errors import OutputError

_OURS = re.compile(r"manifest\.json|leader\.(wav|krn|mid)|report\.html|report-audio|given|take-\d\d")
MEMORY, HISTORY = ".memory", ".history"
"""What stays beside a render when it is redone: what it remembers, and its versions."""
PREFIX = ".partial-"
"""Of the name of every staging folder; then comes its writer."""
CHECKPOINT, STATES_SUFFIX = "checkpoint", ".states"
"""Files of the checkpoint, inside a staging folder."""
OLD_CHECKPOINT = "tape"
"""As 0.1.0 called its checkpoint."""
NEW, OLD, PUBLISHED, REPLACED = "new", "old", "given", "replaced"
"""Folders inside: what is being written, what it replaces, a file named after each take published already, and what was
replaced, to be removed."""
VERSION = "version"
"""An empty file inside, where what is written is another version of the render in the folder: it shares its memory."""
WRITING: set[Path] = set()
"""The staging folders that this process is writing."""
FRESH_S = 600.0
"""A writer on another host that has not written for so long is taken for gone."""


def writer() -> str:
    """This process, as it stands in the names of its staging folders."""
    return f"{socket.gethostname()}-{os.getpid()}"


def left_by_dead(folder: Path, prefix: str) -> list[Path]:
    """What writers of this host that are gone have left in a folder: names of `prefix`, writer, `-` and anything."""
    ours = f"{prefix}{socket.gethostname()}-"
    pids = {path: path.name.removeprefix(ours).partition("-")[0] for path in folder.glob(f"{ours}*")}
    return [path for path, pid in pids.items() if pid.isdigit() and not psutil.pid_exists(int(pid))]


def is_ours(name: str) -> bool:
    """Whether a render writes a file or folder of this name into its folder."""
    return _OURS.fullmatch(name) is not None


def staging_folders(out: Path) -> list[Path]:
    """The staging folders in a folder; none where there is no folder."""
    try:
        return [path for path in out.iterdir() if path.name.startswith(PREFIX)]
    except OSError:
        return []


def holds_only_staging(out: Path) -> bool:
    """Whether a folder holds nothing but staging folders."""
    return out.is_dir() and all(path.name.startswith(PREFIX) for path in out.iterdir())


def is_resumable(staging: Path) -> bool:
    """Whether a staging folder holds a checkpoint with a block in it, of this release or an earlier one."""
    is_begun = (staging / CHECKPOINT).is_file() or (staging / OLD_CHECKPOINT).is_file()
    return is_begun and any(staging.glob(f"*{STATES_SUFFIX}"))


def restore_order(staging: Path, out: Path) -> None:
    """Finish or undo the move that a killed writer was making, so that its staging folder is consistent.

    Publishing is undone: a file in `out` whose name is missing in `new` had been moved, and goes back, unless part of
    the earlier render still lies there (its manifest is put aside last); then the earlier render goes back. A take that
    was being published early either has been moved or has not.
    """
    published = {path.name for path in (staging / PUBLISHED).iterdir()}
    if (staging / OLD).is_dir():
        new, memory = staging / NEW, () if (staging / VERSION).exists() else (MEMORY,)
        is_mixed = (new / "manifest.json").exists() and (out / "manifest.json").exists()
        for path in [] if is_mixed else out.iterdir():
            is_new = is_ours(path.name) or path.name in memory
            if is_new and path.name not in published and not (new / path.name).exists():
                path.rename(new / path.name)
        for path in (staging / OLD).iterdir():
            path.rename(out / path.name)
        (staging / OLD).rmdir()
    for name in published:
        inside = staging / NEW / name
        inside.with_name(f"{name}.link").unlink(missing_ok=True)
        if inside.is_dir() and not inside.is_symlink():
            (staging / PUBLISHED / name).unlink()
        elif not inside.is_symlink() and (out / name).is_dir():
            inside.symlink_to(Path("..") / ".." / name)


def check_writer(staging: Path, out: Path) -> None:
    """Make sure that nobody is writing a staging folder.

    Raises:
        OutputError: its writer is alive, or wrote lately on another host.
    """
    host, _, pid = staging.name.removeprefix(PREFIX).rpartition("-")[0].rpartition("-")
    if host != socket.gethostname():
        is_written = _is_fresh(staging)
    elif pid == str(os.getpid()):
        is_written = staging in WRITING
    else:
        is_written = pid.isdigit() and psutil.pid_exists(int(pid))
    if is_written:
        cure = f"wait for it, or delete {staging.name} if it is gone"
        raise OutputError(str(out), "is being written by another render", cure)


def take_over(out: Path) -> None:
    """Make every staging folder in a folder one that this process has left; for whoever knows that nobody writes there.

    Raises:
        OSError: it cannot be renamed.
    """
    for path in staging_folders(out):
        path.rename(out / f"{PREFIX}{writer()}-{path.name.rpartition('-')[2]}")


def _is_fresh(staging: Path) -> bool:
    """Whether something was written lately: a render that plays writes with every block."""
    newest = max((path.lstat().st_mtime for path in [staging, *staging.rglob("*")]), default=0.0)
    return time.time() - newest < FRESH_S


def clear(staging: Path, out: Path) -> None:
    """Remove a staging folder, and what was published early from it unless its manifest followed."""
    if (staging / PUBLISHED).is_dir() and not (out / "manifest.json").exists():
        for path in (staging / PUBLISHED).iterdir():
            if is_ours(path.name):
                shutil.rmtree(out / path.name, ignore_errors=True)
    shutil.rmtree(staging, ignore_errors=True)


def clear_after(out: Path, dead: str) -> None:
    """Remove what a killed writer left in `out`, where nobody else writes.

    A render whose manifest is there stays; files that were moved in before their manifest go.

    Args:
        out: the folder; it goes as well if nothing is left in it.
        dead: what `writer` gave in that process.
    """
    left = [path for path in staging_folders(out) if path.name.startswith(f"{PREFIX}{dead}-")]
    for staging in left:
        clear(staging, out)
    if left and not (out / "manifest.json").exists():
        for path in filter(lambda path: is_ours(path.name), out.iterdir()):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty
        out.rmdir()
