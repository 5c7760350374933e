"""Publishing a render: it is written in a staging folder and moved into the output folder when it is whole."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from ensemble.errors import BandError, CheckpointError, EnsembleError, OutputError, VerifyError
from ensemble.manifest import Manifest
from ensemble.output.staging import (
    HISTORY,
    MEMORY,
    NEW,
    OLD,
    PREFIX,
    PUBLISHED,
    REPLACED,
    VERSION,
    WRITING,
    check_writer,
    clear,
    is_ours,
    is_resumable,
    restore_order,
    staging_folders,
    writer,
)


class Publisher:
    """A render on its way from a staging folder to the output folder.

    Args:
        staging: the staging folder.
        out: the folder where everything will be; None: it goes to a URL.
        replaces: whether an earlier render lies there.
        move: puts the whole render where it was wanted, and returns the folder in which it can be read from then on.

    Attributes:
        path: the folder that holds the render: to write it into, and after `publish` to add to.
        staging: the folder to write the checkpoint into, and what is only moved into `path` when it is whole.
        out: as above.
        early: the takes that were published before the rest.
    """

    def __init__(self, staging: Path, out: Path | None, *, replaces: bool, move: Callable[[], Path]) -> None:
        self.path = staging / NEW
        self.staging = staging
        self.out = out
        self.early: set[str] = set()
        self._published = staging / PUBLISHED
        self._replaces = replaces
        self._move = move
        self._is_whole = False

    def publish(self) -> None:
        """Put the whole render where it was wanted, once; what is written into `path` afterwards is added to it.

        Raises:
            EnsembleError: that cannot be done.
            OSError: that cannot be done; what was there is as it was.
        """
        if not self._is_whole:
            self.path = self._move()
            self._is_whole = True

    def publish_take(self, name: str) -> bool:
        """Move a finished take's folder into the output folder before the rest is done.

        It can be read under either path. If the rest fails, it is removed. Nothing is published early where an earlier
        render lies, or where the file system has no links.

        Returns:
            Whether it was moved.

        Raises:
            OSError: the folder cannot be moved.
        """
        if self._replaces or self.out is None:
            return False
        link = self.path / f"{name}.link"
        try:
            link.symlink_to(Path("..") / ".." / name)
        except OSError:
            return False
        (self._published / name).touch()  # before the move: whoever clears up after a crash reads these names
        (self.path / name).rename(self.out / name)
        link.rename(self.path / name)
        self.early.add(name)
        return True


@contextlib.contextmanager
def publishing(out: Path, *, force: bool, is_new: bool = True) -> Iterator[Publisher]:
    """Lend a folder to write into; on success its content moves into `out`, on failure `out` is as it was.

    If a render fails after it has played blocks, because the disk is full or a cluster is lost, what it has played
    stays in the staging folder, and `resuming` goes on from there.

    Args:
        out: the folder that the user named; made if absent.
        force: replace an earlier render in it, and remove one that was broken off. Files that are not that render's
            stay untouched.
        is_new: the earlier render's memory and versions go with it; else they stay, for it is replaced by another
            version of it, which needs no `force`.

    Raises:
        OutputError: it is a file, is not empty or holds a render that was broken off (without `force`), is no earlier
            render, or cannot be written.
    """
    try:
        made = _make_folders(out)
        staging = _make_staging(out)
    except OSError as error:
        raise refused(out, error) from error
    with _staged(staging, out, made):
        earlier = _earlier(out, staging, force=force, replaces=force or not is_new, is_new=is_new)
        if not is_new:
            (staging / VERSION).touch()
        (staging / NEW).mkdir()
        (staging / PUBLISHED).mkdir()
        publisher = Publisher(staging, out, replaces=bool(earlier), move=lambda: _publish(staging, out, earlier))
        yield publisher
        publisher.publish()


@contextlib.contextmanager
def resuming(out: Path) -> Iterator[Publisher]:
    """Lend the staging folder that an interrupted render left in `out`; like `publishing` from then on.

    Raises:
        OutputError: there is none, or another process still writes there.
    """
    left = sorted(filter(is_resumable, staging_folders(out)), key=lambda path: path.stat().st_mtime)
    if not left:
        raise OutputError(str(out), "holds no render that was broken off", "render again")
    check_writer(left[-1], out)
    try:
        staging = _make_staging(out)
        staging.rmdir()
        left[-1].rename(staging)
    except OSError as error:
        raise refused(out, error) from error
    with _staged(staging, out, [], is_resumed=True):
        restore_order(staging, out)
        published = {path.name for path in (staging / PUBLISHED).iterdir()}
        is_new = not (staging / VERSION).exists()
        earlier = _earlier(out, staging, force=True, replaces=True, is_new=is_new, published=published)
        publisher = Publisher(staging, out, replaces=bool(earlier), move=lambda: _publish(staging, out, earlier))
        yield publisher
        publisher.publish()


@contextlib.contextmanager
def _staged(staging: Path, out: Path, made: list[Path], *, is_resumed: bool = False) -> Iterator[None]:
    """Remove the staging folder at the end, and the folders that were made for it, unless a failed render can resume.

    is_resumed: the render was resumed before; what it has played stays even if it is interrupted now.
    """
    keeps = False
    WRITING.add(staging)
    try:
        with _one_line_errors(out):
            yield
    except BaseException as error:
        keeps = (is_resumed or isinstance(error, Exception)) and is_resumable(staging)
        if keeps and isinstance(error, EnsembleError) and not isinstance(error, CheckpointError):
            error.kept_in = str(out)
        raise
    finally:
        WRITING.discard(staging)
        if not keeps:
            clear(staging, out)
            for folder in made:
                with contextlib.suppress(OSError):  # not empty: somebody else uses it
                    folder.rmdir()


@contextlib.contextmanager
def _one_line_errors(out: Path) -> Iterator[None]:
    """Turn errors of the system into ours: a lost cluster, a folder that cannot be written."""
    try:
        yield
    except ConnectionError as error:
        raise BandError("the cluster", f"was lost ({error})", "is it up?") from error
    except OSError as error:
        raise refused(out, error) from error


def _make_staging(out: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{writer()}-", dir=out))


def _make_folders(out: Path) -> list[Path]:
    """Make `out` and its parents; the ones that were made, deepest first."""
    if out.exists() and not out.is_dir():
        raise OutputError(str(out), "is a file", "name a folder")
    absent = [folder for folder in (out, *out.parents) if not folder.exists()]
    out.mkdir(parents=True, exist_ok=True)
    return absent


def _earlier(
    out: Path, staging: Path, *, force: bool, replaces: bool, is_new: bool, published: Collection[str] = ()
) -> list[Path]:
    """What of an earlier render lies in `out`, its manifest last; removes what killed renders left.

    Args:
        out: the folder.
        staging: the staging folder of the render that is to lie there.
        force: remove a render that was broken off and could be resumed.
        replaces: whether an earlier render may be replaced.
        is_new: whether its memory and its versions go with it.
        published: names that were published early from `staging`: they are no earlier render's.
    """
    for other in staging_folders(out):
        if other == staging:
            continue
        check_writer(other, out)
        if is_resumable(other) and not force:
            cure = f"`ensemble render --resume {out}` goes on, --force begins again"
            raise OutputError(str(out), "holds a render that was broken off", cure)
        if (other / OLD).is_dir():
            restore_order(other, out)
        clear(other, out)
    present = {path.name for path in out.iterdir()} - {staging.name} - set(published)
    if present and not replaces:
        raise OutputError(str(out), "exists and is not empty", "name another, or add --force to replace a render")
    ours = {name for name in present if is_ours(name)}
    if not ours:
        return []
    try:
        Manifest.read(out / "manifest.json")
    except VerifyError as error:
        cure = "name another folder; --force replaces renders only"
        raise OutputError(str(out), f"holds {min(ours)}, and no render's manifest", cure) from error
    ours |= present & {MEMORY, HISTORY} if is_new else set()
    return [out / name for name in sorted(ours, key=lambda name: name == "manifest.json")]


def _publish(staging: Path, out: Path, earlier: list[Path]) -> Path:
    """Swap the earlier render for the new one, the manifest last; if that fails half way, swap back.

    The staging folder is emptied and stays: while it is there, other writers are refused.
    """
    old, new = staging / OLD, staging / NEW
    old.mkdir()
    moves = [(path, old / path.name) for path in earlier]
    for path in (staging / PUBLISHED).iterdir():
        (new / path.name).unlink()  # the link to what is in `out` already
    rest = sorted(new.iterdir(), key=lambda path: path.name == "manifest.json")
    moves += [(path, out / path.name) for path in rest]
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            source.rename(target)
            done.append((source, target))
    except BaseException:
        _undo(done)
        raise
    old.rename(staging / REPLACED)  # from here on nothing is moved back
    for path in staging.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return out


def _undo(done: list[tuple[Path, Path]]) -> None:
    for source, target in reversed(done):
        target.rename(source)


def refused(out: str | Path, error: OSError) -> OutputError:
    """The error for a folder that cannot be written."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    cure = "make room and render again" if full else "name a folder that can be written"
    return OutputError(str(out), f"cannot be written ({error.strerror or error})", cure)
