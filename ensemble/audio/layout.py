"""Where the sound of a file lies and how much is missing, by what the file holds: lengths in headers are estimates."""

from __future__ import annotations

from dataclasses import dataclass

from ensemble.audio.spliced import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What was found in a file beside what its header says."""

    links: tuple[tuple[Part, ...], ...] = ()
    """The parts of each file within the file, with their headers put right; empty where it can be read as it is."""
    declared: int = 0
    """How much sound the header declares, in bytes or in frames."""
    present: int = 0
    """How much of it is there, in the same unit."""
    is_counted: bool = False
    """Whether the length that a decoder will find in the header has been counted."""
    gaps: int = 0
    """In how many places bytes are left out that are no sound."""
    reach: int = 0
    """Samples of the last link before the last frame that was found: where fewer can be decoded, that is damage."""
    is_numbered: bool = True
    """Whether the numbers in the file lead a decoder to a sample."""
    is_open: bool = False
    """Whether the mark that ends such a file is missing."""

    @property
    def is_whole(self) -> bool:
        """Whether all that the header declares is there."""
        return 0 < self.declared <= self.present

    @property
    def missing_ratio(self) -> float:
        """What is missing, relative to what is there."""
        return max(self.declared / self.present - 1.0, 0.0) if self.present else 0.0
