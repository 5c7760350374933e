"""The files of an earlier version of a render, which a new version takes over where they would be equal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ensemble.errors import VerifyError
from ensemble.files.digest import file_digest
from ensemble.files.receipts import FileReceipt, WrittenSound
from ensemble.files.replace import linked
from ensemble.manifest import Manifest

STEMS = "stems"
"""The folder of a take's stems."""


class WrittenStem(NamedTuple):
    """A stem that is there."""

    path: Path
    """Its file."""
    written: WrittenSound
    """Its receipt and levels."""


class Earlier:
    """The files of a finished render that are as its manifest says.

    Args:
        folder: of the render.
        manifest: its manifest.

    Raises:
        OSError: the folder cannot be read.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        self._takes = manifest.takes
        self.plan = manifest.plan
        """Of that render."""
        listed = {f"{take}/{name}": was for take, kept in manifest.takes.items() for name, was in kept.files.items()}
        self.changed = [name for name, was in listed.items() if not _is(folder / name, was.sha256)]
        """The other files, by their paths inside the folder."""

    def check(self, cure: str = "--force makes it anew") -> None:
        """Make sure that nothing was changed.

        Args:
            cure: what to do otherwise.

        Raises:
            VerifyError: a file was; names the first.
        """
        if self.changed:
            others = f", as were {len(self.changed) - 1} other files" if len(self.changed) > 1 else ""
            problem = f"was changed after the render{others}"
            raise VerifyError(str(self._folder / self.changed[0]), problem, cure)

    def stems(self, take: str) -> dict[str, WrittenStem]:
        """The stems of a take, by part."""
        if take not in self._takes:
            return {}
        kept = self._takes[take]
        named = {part: f"{STEMS}/{part}.wav" for part in kept.facts}
        return {
            part: WrittenStem(
                self._folder / take / name, WrittenSound(receipt=kept.files[name], facts=kept.facts[part])
            )
            for part, name in named.items()
            if name in kept.files and f"{take}/{name}" not in self.changed
        }

    def share(self, take: str, folder: Path, files: Mapping[str, FileReceipt]) -> None:
        """Replace every file of a new take that is as before by a link to what was before.

        Args:
            take: its name.
            folder: of the new take.
            files: its receipts, by path inside the folder.

        Raises:
            OSError: a file cannot be replaced.
        """
        before = self._takes[take].files if take in self._takes else {}
        for name, receipt in files.items():
            was, now = self._folder / take / name, folder / name
            if before.get(name) == receipt and f"{take}/{name}" not in self.changed and not was.samefile(now):
                now.unlink()
                linked(was, now)


def _is(path: Path, sha256: str) -> bool:
    try:
        return file_digest(path) == sha256
    except OSError:
        return False
