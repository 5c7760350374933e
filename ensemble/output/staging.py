"""Partial folders: where a render is written before it is delivered, and what becomes of those that were left."""

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

_OURS = re.compile(r"manifest\.json|leader\.(wav|krn|mid)|report\.html|report-audio|take-\d\d")
PARTIAL = ".partial-"
CHECKPOINT, STATES_SUFFIX = "checkpoint", ".states"
OLD_CHECKPOINT = "tape"
"""As 0.1.0 called its checkpoint."""
NEW, OLD, GIVEN = "new", "old", "given"
"""Inside a partial folder: what is being written, what it replaces, and the names of what was given out already."""
WRITING: set[Path] = set()
"""The partial folders that this process writes at the moment."""
FRESH_S = 600.0
"""After so long without a write, whoever wrote on another host is believed to be gone."""


def writer() -> str:
    """Who writes: what this process puts into the names of its partial folders."""
    return f"{socket.gethostname()}-{os.getpid()}"


def is_ours(name: str) -> bool:
    """Whether a render writes a file or folder of this name into its folder."""
    return _OURS.fullmatch(name) is not None


def put_in_order(aside: Path, out: Path) -> None:
    """Bring a partial folder whose writer was killed to a state between two moves.

    A delivery that was under way is undone: of the same name, what lies in `new` has not been moved. A take that was
    being given out has been, or has not.
    """
    given = {path.name for path in (aside / GIVEN).iterdir()}
    if (aside / OLD).is_dir():
        for path in out.iterdir():
            if is_ours(path.name) and path.name not in given and not (aside / NEW / path.name).exists():
                path.rename(aside / NEW / path.name)
        for path in (aside / OLD).iterdir():
            path.rename(out / path.name)
        (aside / OLD).rmdir()
    for name in given:
        inside = aside / NEW / name
        inside.with_name(f"{name}.link").unlink(missing_ok=True)
        if inside.is_dir() and not inside.is_symlink():
            (aside / GIVEN / name).unlink()
        elif not inside.is_symlink() and (out / name).is_dir():
            inside.symlink_to(Path("..") / ".." / name)


def is_resumable(aside: Path) -> bool:
    """Whether a partial folder holds a checkpoint with a block in it, of this release or an earlier one."""
    is_begun = (aside / CHECKPOINT).is_file() or (aside / OLD_CHECKPOINT).is_file()
    return is_begun and any(aside.glob(f"*{STATES_SUFFIX}"))


def check_writer(partial: Path, out: Path) -> None:
    """Whoever writes a partial folder must be gone."""
    host, _, pid = partial.name.removeprefix(PARTIAL).rpartition("-")[0].rpartition("-")
    is_mine = pid == str(os.getpid()) and partial not in WRITING
    is_here = host == socket.gethostname()
    if (is_here and pid.isdigit() and psutil.pid_exists(int(pid)) and not is_mine) or (
        not is_here and _is_fresh(partial)
    ):
        cure = f"wait for it, or delete {partial.name} if it is gone"
        raise OutputError(str(out), "is being written by another render", cure)


def _is_fresh(partial: Path) -> bool:
    """Whether somebody on another host has written lately: one who plays does so with every block."""
    newest = max((path.lstat().st_mtime for path in [partial, *partial.rglob("*")]), default=0.0)
    return time.time() - newest < FRESH_S


def clear(aside: Path, out: Path) -> None:
    """Take back what was given out from here, unless a manifest came after it; and clear away everything else in it."""
    if (aside / GIVEN).is_dir() and not (out / "manifest.json").exists():
        for path in (aside / GIVEN).iterdir():
            if _OURS.fullmatch(path.name):
                shutil.rmtree(out / path.name, ignore_errors=True)
    shutil.rmtree(aside, ignore_errors=True)


def clear_after(out: Path, dead: str) -> None:
    """Clear away what a writer that was killed left in `out`, where nobody else writes.

    A render whose manifest is there stays; what was moved in before its manifest goes.

    Args:
        out: the folder; it goes, too, if nothing is left in it.
        dead: as `writer` said it in that process.
    """
    left = [path for path in partials_in(out) if path.name.startswith(f"{PARTIAL}{dead}-")]
    for partial in left:
        clear(partial, out)
    if left and not (out / "manifest.json").exists():
        for path in out.iterdir():
            if is_ours(path.name):
                _remove(path)
    with contextlib.suppress(OSError):  # only the empty one goes
        out.rmdir()


def partials_in(out: Path) -> list[Path]:
    """The partial folders of a folder; none where there is no folder."""
    try:
        return [path for path in out.iterdir() if path.name.startswith(PARTIAL)]
    except OSError:
        return []


def holds_only_partials(out: Path) -> bool:
    """Whether nothing lies in a folder but what renders are still writing, or left."""
    return out.is_dir() and all(path.name.startswith(PARTIAL) for path in out.iterdir())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
