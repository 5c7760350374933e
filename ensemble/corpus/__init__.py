"""The shipped corpus: solo pieces that continuations come from where the user names no others.

Composed by rule in this project (`ensemble.data.compose.solo`), played by FluidSynth, kept as Vorbis; NOTICE says what
from. Only `tests/bench/build_corpus.py`, which makes and describes them, and measurements need FluidSynth again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ensemble.files.digest import file_digest

SOUNDS = Path(__file__).parent / "sounds"
DESCRIPTIONS = Path(__file__).parent
"""Holds `described/`, as a ledger does: what `describe` says of every piece, so that nobody has to wait for it."""
CATALOGUE = "catalogue.json"
LICENCE = "CC0-1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusPiece:
    """One piece, as the catalogue describes it."""

    path: Path
    """Where its file lies, absolute."""
    title: str
    licence: str
    instrument: str
    key: str
    """Such as `C# minor`."""
    metre: str
    tempo_bpm: float
    duration_s: float
    sha256: str
    """Of the file."""


def corpus_pieces() -> tuple[CorpusPiece, ...]:
    """Every piece, in the catalogue's order."""
    entries = json.loads((SOUNDS / CATALOGUE).read_text(encoding="utf-8"))
    return tuple(CorpusPiece(path=SOUNDS / entry.pop("file"), **entry) for entry in entries)


def corpus_digest() -> str:
    """sha256 over the pieces' contents and what is said of them: another corpus has another."""
    return file_digest(SOUNDS / CATALOGUE)
