"""What there is to index: files that may hold recordings, and paths that were passed over."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ensemble.audio.files import printable
from ensemble.errors import AudioError


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that may hold a recording."""

    path: Path
    title: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A path that was passed over, and why, in a few words."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What was found: every path once, in an order that does not depend on the disk."""

    files: tuple[Source, ...]
    skipped: tuple[Skipped, ...]


def sha256_of(path: Path) -> str:
    """Hash a file's content.

    Raises:
        AudioError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioError(printable(path), f"cannot be read ({reason})", "check its permissions") from error
