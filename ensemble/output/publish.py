"""The output folder: written aside, published whole, never half there."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from ensemble.errors import BandError, EnsembleError, OutputError, VerifyError
from ensemble.manifest import Manifest
from ensemble.output.staging import (
    GIVEN,
    NEW,
    OLD,
    PARTIAL,
    WRITING,
    check_writer,
    clear,
    is_ours,
    is_resumable,
    put_in_order,
    writer,
)


class Publisher:
    """A folder on its way.

    Args:
        aside: a folder in `out` of our own.
        out: where everything will be.
        replaces: whether an earlier render lies there.

    Attributes:
        path: of the folder to write into.
        checkpoint_path: of the folder around it, where the checkpoint lies.
    """

    def __init__(self, aside: Path, out: Path, *, replaces: bool) -> None:
        self.path = aside / NEW
        self.checkpoint_path = aside
        self._given = aside / GIVEN
        self._out = out
        self._replaces = replaces

    def hand_over(self, name: str) -> bool:
        """Give out one finished folder before the rest; whether that could be done.

        It can be read under either path. If the rest fails, it is taken back. Nothing is given out early where an
        earlier render lies, or where the file system has no links.

        Raises:
            OSError: the folder cannot be moved.
        """
        if self._replaces:
            return False
        link = self.path / f"{name}.link"
        try:
            link.symlink_to(Path("..") / ".." / name)
        except OSError:
            return False
        (self._given / name).touch()  # first of all: whoever clears up after us goes by these notes
        (self.path / name).rename(self._out / name)
        link.rename(self.path / name)
        return True


@contextlib.contextmanager
def publishing(out: Path, *, force: bool) -> Iterator[Publisher]:
    """Lend a folder to write into; on success its content moves into `out`, on failure `out` is as it was.

    Where a render has played blocks, and ends because the disk is full or a cluster is lost, what it has played
    stays in a partial folder: `taken_over` goes on from there.

    Args:
        out: the folder that the user named; made if absent.
        force: replace an earlier render in it. Files that are not that render's stay untouched.

    Raises:
        OutputError: it is a file, is not empty (without `force`), is no earlier render, or cannot be written.
    """
    try:
        made = _make(out)
        aside = _aside(out)
    except OSError as error:
        raise refused(out, error) from error
    with _lent(aside, out, made):
        earlier = _earlier(out, aside, force=force)
        (aside / NEW).mkdir()
        (aside / GIVEN).mkdir()
        yield Publisher(aside, out, replaces=bool(earlier))
        _publish(aside, out, earlier)


@contextlib.contextmanager
def taken_over(out: Path) -> Iterator[Publisher]:
    """Lend what a render that was broken off left in `out`; like `delivery` from then on.

    Raises:
        OutputError: nothing was broken off there, or whoever writes there is still at it.
    """
    left = sorted(
        (path for path in out.glob(f"{PARTIAL}*") if is_resumable(path)), key=lambda path: path.stat().st_mtime
    )
    if not left:
        raise OutputError(str(out), "holds no render that was broken off", "render again")
    check_writer(left[-1], out)
    try:
        aside = _aside(out)
        aside.rmdir()
        left[-1].rename(aside)
    except OSError as error:
        raise refused(out, error) from error
    with _lent(aside, out, [], is_precious=True):
        put_in_order(aside, out)
        given = {path.name for path in (aside / GIVEN).iterdir()}
        earlier = [path for path in _earlier(out, aside, force=True, given=given) if path.name not in given]
        yield Publisher(aside, out, replaces=bool(earlier))
        _publish(aside, out, earlier)


@contextlib.contextmanager
def _lent(aside: Path, out: Path, made: list[Path], *, is_precious: bool = False) -> Iterator[None]:
    """Clear up whatever happens, but for what can be gone on with: an error is told, and may be mended.

    is_precious: somebody has asked for it once; it stays even if they lose patience now.
    """
    keeps = False
    WRITING.add(aside)
    try:
        with _one_line_errors(out):
            yield
    except BaseException as error:
        keeps = (is_precious or isinstance(error, Exception)) and is_resumable(aside)
        if keeps and isinstance(error, EnsembleError):
            error.kept_in = str(out)
        raise
    finally:
        WRITING.discard(aside)
        if not keeps:
            clear(aside, out)
            for folder in made:
                with contextlib.suppress(OSError):  # only the empty ones go
                    folder.rmdir()


@contextlib.contextmanager
def _one_line_errors(out: Path) -> Iterator[None]:
    """Turn what the system refuses into errors of ours: a lost cluster, a folder that cannot be written."""
    try:
        yield
    except ConnectionError as error:
        raise BandError("the cluster", f"was lost ({error})", "is it up?") from error
    except OSError as error:
        raise refused(out, error) from error


def _aside(out: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{PARTIAL}{writer()}-", dir=out))


def _make(out: Path) -> list[Path]:
    """Make `out` and its parents; the ones that were made, deepest first."""
    if out.exists() and not out.is_dir():
        raise OutputError(str(out), "is a file", "name a folder")
    absent = [folder for folder in (out, *out.parents) if not folder.exists()]
    out.mkdir(parents=True, exist_ok=True)
    return absent


def _earlier(out: Path, aside: Path, *, force: bool, given: Collection[str] = ()) -> list[Path]:
    """What of an earlier render lies in `out`, if it may be replaced; clears away what a killed one left.

    given: what was given out early from `aside`, and is no earlier render's.
    """
    for partial in set(out.glob(f"{PARTIAL}*")) - {aside}:
        check_writer(partial, out)
        if is_resumable(partial) and not force:
            cure = f"`ensemble render --resume {out}` goes on, --force begins again"
            raise OutputError(str(out), "holds a render that was broken off", cure)
        if (partial / OLD).is_dir():
            put_in_order(partial, out)
        clear(partial, out)
    present = {path.name for path in out.iterdir()} - {aside.name} - set(given)
    if present and not force:
        raise OutputError(str(out), "exists and is not empty", "name another, or add --force to replace a render")
    ours = {name for name in present if is_ours(name)}
    if not ours:
        return []
    try:
        Manifest.read(out / "manifest.json")
    except VerifyError as error:
        cure = "name another folder; --force replaces renders only"
        raise OutputError(str(out), f"holds {min(ours)}, and no render's manifest", cure) from error
    return [out / name for name in ours]


def _publish(aside: Path, out: Path, earlier: list[Path]) -> None:
    """Swap the earlier render for the new one, the manifest last; if that fails half way, swap back."""
    old, new = aside / OLD, aside / NEW
    old.mkdir()
    moves = [(path, old / path.name) for path in earlier]
    for path in (aside / GIVEN).iterdir():
        (new / path.name).unlink()  # it stays where it is
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


def _undo(done: list[tuple[Path, Path]]) -> None:
    for source, target in reversed(done):
        target.rename(source)


def refused(out: str | Path, error: OSError) -> OutputError:
    """A folder that cannot be written, in one line."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    cure = "make room and render again" if full else "name a folder that can be written"
    return OutputError(str(out), f"cannot be written ({error.strerror or error})", cure)
