"""The versions of a render that was redone: whole folders, whose files are hard links where they are equal.

A file that another program changes in place is therefore changed in every version that shares it.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ensemble.config import Settings
from ensemble.errors import OutputError
from ensemble.files.replace import linked, write_whole
from ensemble.manifest import MANIFEST
from ensemble.output.staging import HISTORY, is_ours

_LIST, _NEXT = "versions.json", "next.json"


class _Next(Settings):
    """How a version is made."""

    parent: int | None
    """The version that was edited; None for the render itself."""
    edits: str
    """What was edited, in words."""


class Version(_Next):
    """One version of a render."""

    number: int
    """From 1 on."""
    made_at: str
    """When it was put away (ISO 8601, UTC)."""


class History:
    """The versions of the render in a folder.

    Args:
        out: the folder.
    """

    def __init__(self, out: Path) -> None:
        self._out, self._folder = out, out / HISTORY

    @property
    def versions(self) -> tuple[Version, ...]:
        """Every version that is kept, in the order in which they were made."""
        path = self._folder / _LIST
        if not path.exists():
            return ()
        try:
            return TypeAdapter(tuple[Version, ...]).validate_json(path.read_bytes())
        except ValidationError as error:
            raise OutputError(str(path), "is damaged", f"delete {self._folder} to go on without a history") from error

    def current(self) -> Version | None:
        """The version that lies in the folder; None where it is not kept yet."""
        manifest = (self._out / MANIFEST).read_bytes()
        return next(
            (one for one in self.versions if (self.folder(one.number) / MANIFEST).read_bytes() == manifest), None
        )

    def folder(self, number: int) -> Path:
        """The folder of a version: a whole render.

        Raises:
            OutputError: there is no such version.
        """
        if number not in {one.number for one in self.versions}:
            known = ", ".join(str(one.number) for one in self.versions) or "none"
            raise OutputError(str(self._out), f"has no version {number}", f"kept are {known}")
        return self._folder / f"{number:03d}"

    def announce(self, edits: str) -> None:
        """Say how the version that will lie in the folder is made of the one that lies there; that is kept.

        Args:
            edits: what is edited, in words.

        Raises:
            OSError: the disk is full.
        """
        parent = self.keep()
        write_whole(self._folder / _NEXT, _Next(parent=parent.number, edits=edits).model_dump_json().encode())

    def keep(self) -> Version:
        """Keep what lies in the folder as a version, unless it is one.

        Raises:
            OSError: the disk is full.
        """
        if (known := self.current()) is not None:
            return known
        versions = self.versions
        number = max((one.number for one in versions), default=0) + 1
        self._folder.mkdir(exist_ok=True)
        folder = self._folder / f"{number:03d}"
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed here
        with tempfile.TemporaryDirectory(prefix=".part-", dir=self._folder) as name:
            aside = Path(name) / "version"
            aside.mkdir()
            link_render(self._out, aside)
            aside.rename(folder)
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        told = self._folder / _NEXT
        made = _Next.model_validate_json(told.read_bytes()) if told.exists() else _Next(parent=None, edits="")
        version = Version(number=number, made_at=made_at, **made.model_dump())
        listed = TypeAdapter(tuple[Version, ...]).dump_json((*versions, version), indent=2)
        write_whole(self._folder / _LIST, listed + b"\n")
        return version


def link_render(source: Path, target: Path) -> None:
    """Put every file of the render in one folder into another.

    Raises:
        OSError: the disk is full.
    """
    for path in sorted(source.iterdir()):
        if not is_ours(path.name):
            continue
        if path.is_dir():
            shutil.copytree(path, target / path.name, copy_function=_link)
        else:
            linked(path, target / path.name)


def _link(source: str, target: str) -> None:
    linked(Path(source), Path(target))
