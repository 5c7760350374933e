"""How single notes are to be played."""

from __future__ import annotations

from enum import IntEnum


class Articulation(IntEnum):
    """How a note is to be played."""

    PLAIN = 0
    """As what stands around it asks."""
    LEGATO = 1
    """Out of the note before, without a new attack."""
    DETACHED = 2
    """With an attack of its own, after a short silence."""
    ACCENTED = 3
    """With a hard attack."""
    STACCATO = 4
    """Short, and damped at its end."""
    SLIDE = 5
    """From the pitch of the note before."""
    GHOST = 6
    """Hardly heard, and damped at once."""


ARTICULATION_SIGNS = {
    "_": Articulation.LEGATO, "d": Articulation.DETACHED, ">": Articulation.ACCENTED, "'": Articulation.STACCATO,
    "/": Articulation.SLIDE, "o": Articulation.GHOST,
}  # fmt: skip
"""As the rows of a style have them."""
