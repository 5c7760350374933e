"""How a leader's own line becomes another instrument's: where a voice is at home, and how a line gets there."""

from __future__ import annotations

from pydantic import Field

from ensemble.settings.reading import Settings

Quantiles = tuple[float, float, float]
"""The values below which 5, 50 and 95 % lie."""
SHARES = (0.05, 0.5, 0.95)


class VoiceRange(Settings):
    """Where most of what a voice learned from lies."""

    pitch_midi: Quantiles
    """Of the frames with a pitch."""
    loudness_db: Quantiles
    """A-weighted, of the same frames."""


class Transfer(Settings):
    """What is done to the leader's pitch and loudness for a part of the role `transform`."""

    octaves: int = Field(default=0, ge=-6, le=6)
    """By how many octaves the whole line is moved, before phrases that are still out of range are moved apart."""
    leader_db: float = Field(default=-30.0, ge=-100.0, le=0.0)
    """The leader's middle loudness, A-weighted."""
    voice_db: float = Field(default=-30.0, ge=-100.0, le=0.0)
    """What is played there."""
    softer: float = Field(default=1.0, ge=0.25, le=2.0)
    """How many dB each dB below the middle counts."""
    louder: float = Field(default=1.0, ge=0.25, le=2.0)
    """How many dB each dB above it counts."""
