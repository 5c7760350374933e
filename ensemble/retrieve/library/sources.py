"""What there is to index: files that may hold recordings, and paths that were passed over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that may hold a recording."""

    path: Path
    """Where it lies."""
    title: str
    """What the recording is called in reports."""
    licence: str
    """What may be done with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A path that was not indexed, or cannot be played from."""

    path: str
    """On one line, see `printable`."""
    reason: str
    """Why, in a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What there is to index."""

    files: tuple[Source, ...]
    """Every path once, in an order that does not depend on the disk."""
    skipped: tuple[Skipped, ...]
    """Paths that hold nothing to index."""
