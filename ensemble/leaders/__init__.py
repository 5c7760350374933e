"""The bundled leader: what plays when nobody names a recording."""

from __future__ import annotations

from pathlib import Path


def leader_path() -> Path:
    """A short guitar tune of our own (its origin is in NOTICE)."""
    return Path(__file__).parent / "guitar.flac"
