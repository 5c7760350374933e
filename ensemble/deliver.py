"""The output folder: written aside, published whole, never half there."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil
import soundfile

from ensemble.audio.disk import disk_errors
from ensemble.clock import FRAME_RATE_HZ
from ensemble.config import FollowerSettings
from ensemble.errors import OutputError, VerifyError
from ensemble.mix.gain import place
from ensemble.plan import FileReceipt, Manifest
from ensemble.types import Dynamics, Heard, Stem

_OURS = re.compile(r"manifest\.json|leader\.(wav|krn|mid)|report\.html|report-audio|take-\d\d")
_PARTIAL = ".partial-"
NEW, OLD, GIVEN = "new", "old", "given"
"""Inside a partial folder: what is being written, what it replaces, and the names of what was given out already."""
_ROWS = 4096
"""Of a table, that are written at once: numbers of Python's take six times the room."""
_WRITER = f"{socket.gethostname()}-{os.getpid()}"


class Delivery:
    """A folder on its way.

    Args:
        aside: a folder in `out` of our own.
        out: where everything will be.
        replaces: whether an earlier render lies there.
    """

    def __init__(self, aside: Path, out: Path, *, replaces: bool) -> None:
        self.path = aside / NEW
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
def delivery(out: Path, *, force: bool) -> Iterator[Delivery]:
    """Lend a folder to write into; on success its content moves into `out`, on failure `out` is as it was.

    Args:
        out: the folder that the user named; made if absent.
        force: replace an earlier render in it. Files that are not that render's stay untouched.

    Raises:
        OutputError: it is a file, is not empty (without `force`), is no earlier render, or cannot be written.
    """
    try:
        made = _make(out)
        aside = Path(tempfile.mkdtemp(prefix=f"{_PARTIAL}{_WRITER}-", dir=out))
    except OSError as error:
        raise _refused(out, error) from error
    try:
        earlier = _earlier(out, aside, force=force)
        (aside / NEW).mkdir()
        (aside / GIVEN).mkdir()
        yield Delivery(aside, out, replaces=bool(earlier))
        _publish(aside, out, earlier)
    except OSError as error:
        raise _refused(out, error) from error
    finally:
        _clear(aside, out)
        for folder in made:
            with contextlib.suppress(OSError):  # only the empty ones go
                folder.rmdir()


def _make(out: Path) -> list[Path]:
    """Make `out` and its parents; the ones that were made, deepest first."""
    if out.exists() and not out.is_dir():
        raise OutputError(str(out), "is a file", "name a folder")
    absent = [folder for folder in (out, *out.parents) if not folder.exists()]
    out.mkdir(parents=True, exist_ok=True)
    return absent


def _earlier(out: Path, aside: Path, *, force: bool) -> list[Path]:
    """What of an earlier render lies in `out`, if it may be replaced; clears away what a killed one left."""
    for partial in set(out.glob(f"{_PARTIAL}*")) - {aside}:
        host, _, pid = partial.name.removeprefix(_PARTIAL).rpartition("-")[0].rpartition("-")
        if host != socket.gethostname() or (pid.isdigit() and psutil.pid_exists(int(pid))):
            cure = f"wait for it, or delete {partial.name} if it is gone"
            raise OutputError(str(out), "is being written by another render", cure)
        _clear(partial, out)
    present = {path.name for path in out.iterdir()} - {aside.name}
    if present and not force:
        raise OutputError(str(out), "exists and is not empty", "name another, or add --force to replace a render")
    ours = {name for name in present if _OURS.fullmatch(name)}
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
        for source, target in reversed(done):
            target.rename(source)
        raise


def _clear(aside: Path, out: Path) -> None:
    """Take back what was given out from here, unless a manifest came after it; and clear away everything else in it."""
    if (aside / GIVEN).is_dir() and not (out / "manifest.json").exists():
        for path in (aside / GIVEN).iterdir():
            if _OURS.fullmatch(path.name):
                shutil.rmtree(out / path.name, ignore_errors=True)
    shutil.rmtree(aside, ignore_errors=True)


def _refused(out: Path, error: OSError) -> OutputError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    cure = "make room and render again" if full else "name a folder that can be written"
    return OutputError(str(out), f"cannot be written ({error.strerror or error})", cure)


class StemFiles:
    """The stems of one take, appended block by block as 24-bit stereo, after gain and pan."""

    def __init__(self, folder: Path, followers: Sequence[FollowerSettings], sample_rate: int) -> None:
        folder.mkdir(parents=True)
        self._followers = {follower.name: follower for follower in followers}
        self.paths = {name: folder / f"{name}.wav" for name in self._followers}
        self._files: dict[str, soundfile.SoundFile] = {}
        for name, path in self.paths.items():
            with disk_errors(path):
                self._files[name] = soundfile.SoundFile(path, "w", sample_rate, 2, "PCM_24", format="WAV")

    def append(self, stem: Stem) -> None:
        """Write what one player sounded.

        Raises:
            OSError: the disk is full.
        """
        follower = self._followers[stem.part]
        placed = place(stem.clip.samples[0], follower.gain_db, follower.pan)
        with disk_errors(self.paths[stem.part]):
            self._files[stem.part].write(placed.T)

    def close(self) -> None:
        """Finish every file.

        Raises:
            OSError: the disk is full.
        """
        for name, file in self._files.items():
            with disk_errors(self.paths[name]):
                file.close()


def write_dynamics(path: Path, heard: Heard, dynamics: Dynamics) -> None:
    """The prediction as CSV: time, the leader's loudness, and for every part loudness, low and high (dB)."""
    num_frames = dynamics.loudness_db.shape[1]
    leader_db = np.full(num_frames, np.nan, dtype=np.float32)
    leader_db[: heard.frames.num_frames] = heard.frames.loudness_db[: len(leader_db)]
    columns = ["time_s", "leader_db"]
    rows = [leader_db]
    for index, part in enumerate(dynamics.parts):
        columns += [f"{part}_db", f"{part}_low_db", f"{part}_high_db"]
        rows += [dynamics.loudness_db[index], dynamics.low_db[index], dynamics.high_db[index]]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for start in range(0, num_frames, _ROWS):
            table = np.stack([row[start : start + _ROWS] for row in rows], axis=1)
            for frame, values in enumerate(table.tolist(), start):
                cells = ["" if value != value else f"{value:.2f}" for value in values]  # noqa: PLR0124  past the leader
                writer.writerow([f"{frame / FRAME_RATE_HZ:.2f}", *cells])


def receipt(path: Path) -> FileReceipt:
    """Hash a file, and where it is sound, its decoded samples."""
    file_hash = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            file_hash.update(chunk)
    if path.suffix != ".wav":
        return FileReceipt(sha256=file_hash.hexdigest())
    samples_hash = hashlib.sha256()
    with soundfile.SoundFile(path) as sound:
        for samples in sound.blocks(blocksize=1 << 18, dtype="int32", always_2d=True):
            samples_hash.update(samples.tobytes())
    return FileReceipt(sha256=file_hash.hexdigest(), samples_sha256=samples_hash.hexdigest())
