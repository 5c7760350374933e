"""The output folder or URL of a batch: one folder for each leader, directly below it and nowhere else."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cluster.batch.leaders import BATCH, check_name
from ensemble.audio.files import printable
from ensemble.errors import OutputError, VerifyError
from ensemble.files.replace import write_whole
from ensemble.manifest import MANIFEST, Manifest
from ensemble.output.publish import refused
from ensemble.output.remote import RemoteFolder, located, shown
from ensemble.output.staging import clear_after, holds_only_staging, left_by_dead, writer

_MARK = ".batch-"


class BatchRoot:
    """The output of a batch.

    Args:
        out: a folder, made when it is opened, or a URL.

    Raises:
        OutputError: it is a file, holds a single render, or cannot be reached.
    """

    def __init__(self, out: str | Path) -> None:
        place = located(out)
        self._place = place.absolute() if isinstance(place, Path) else place
        self.what = shown(out)
        self._url = str(out).rstrip("/")
        try:
            if isinstance(self._place, Path) and self._place.exists() and not self._place.is_dir():
                raise OutputError(self.what, "is a file", "name a folder")
            if self._has_manifest():
                raise OutputError(self.what, "holds a single render", "name another folder for many")
        except OSError as error:
            raise refused(self.what, error) from error

    @property
    def is_of_this_process(self) -> bool:
        """Whether no other process can reach it (an fsspec memory:// URL)."""
        return isinstance(self._place, RemoteFolder) and self._place.is_of_this_process

    def target(self, name: str) -> str:
        """The folder or URL of one leader's render.

        Raises:
            ConfigError: the name is not allowed.
            OutputError: a file or a link lies there.
        """
        check_name(name)
        if isinstance(self._place, RemoteFolder):
            return f"{self._url}/{name}"
        target = self._place / name
        if target.is_symlink():
            raise OutputError(
                printable(target), "is a link", "remove it: renders are written below the output folder only"
            )
        if target.exists() and not target.is_dir():
            raise OutputError(printable(target), "is a file", "remove it, or give the leader another name")
        if target.resolve().parent != self._place.resolve():
            raise OutputError(printable(target), f"leads out of {self.what}", "give the leader another name")
        return str(target)

    def earlier(self, name: str) -> Manifest | None:
        """The complete render that is already there under a name; None if there is nothing.

        Raises:
            OutputError: something else is there.
        """
        target = self.target(name)
        if isinstance(self._place, RemoteFolder):
            place = self._place.below(name)
            files = {file for file in place.names() if not file.startswith(".")}
            if not files:
                return None
            manifest = place.manifest() if MANIFEST in files else None
        else:
            folder = Path(target)
            try:
                if not folder.exists() or holds_only_staging(folder):
                    return None
                manifest = Manifest.read(folder / MANIFEST)
                files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
            except OSError as error:
                raise refused(target, error) from error
            except VerifyError:
                manifest = None
        if manifest is None:
            raise OutputError(shown(target), "holds something that is not a complete render", "remove it")
        missing = _listed_files(manifest) - files
        if missing:
            raise OutputError(shown(target), f"holds a render without its {min(missing)}", "remove it")
        return manifest

    def clear_after(self, name: str, dead: str) -> None:
        """Remove what a dead worker left under a name; what cannot be removed is refused when it is rendered again."""
        with contextlib.suppress(OSError, OutputError):
            if isinstance(self._place, RemoteFolder):
                self._place.below(name).clear_after()
            else:
                clear_after(Path(self.target(name)), dead)

    @contextlib.contextmanager
    def open(self) -> Iterator[str]:
        """Make the folder, and for as long as it is open a marker file in it, by which workers see that it is the same.

        Yields:
            The marker's path; empty where the output is a URL.

        Raises:
            OutputError: it cannot be written.
        """
        if isinstance(self._place, RemoteFolder):
            self._place.check_rights()
            yield ""
            return
        made = [folder for folder in (self._place, *self._place.parents) if not folder.exists()]
        mark = self._place / f"{_MARK}{writer()}-{secrets.token_hex(4)}"
        try:
            self._place.mkdir(parents=True, exist_ok=True)
            for left in left_by_dead(self._place, _MARK):
                left.unlink(missing_ok=True)
            mark.touch(exist_ok=False)
        except OSError as error:
            raise refused(self.what, error) from error
        try:
            yield str(mark)
        finally:
            with contextlib.suppress(OSError):
                mark.unlink()
            for folder in made:
                with contextlib.suppress(OSError):  # fails unless it is empty
                    folder.rmdir()

    def write_summary(self, document: dict[str, Any]) -> None:
        """Write `batch.json`, completely or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        content = (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()
        if isinstance(self._place, RemoteFolder):
            self._place.write(BATCH, content)
            return
        try:
            write_whole(self._place / BATCH, content)  # a link of that name is replaced, not followed
        except OSError as error:
            raise refused(self.what, error) from error

    def _has_manifest(self) -> bool:
        if isinstance(self._place, RemoteFolder):
            return self._place.manifest() is not None
        return (self._place / MANIFEST).exists()


def _listed_files(manifest: Manifest) -> set[str]:
    """The files that a manifest names, and the leader's."""
    return {"leader.wav", *(f"{take}/{name}" for take, kept in manifest.takes.items() for name in kept.files)}
