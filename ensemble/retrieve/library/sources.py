"""What there is to index: files that may hold recordings, and paths that were passed over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
