"""What decides a conductor's training run; `configs/train_conductor.yaml` spells it out."""

from __future__ import annotations

from pydantic import Field

from ensemble.train.settings import FitSettings


class TrainConductorSettings(FitSettings):
    """One conductor's training."""

    start: str | None = None
    """A conductor to go on from, by name or path, of the same size, in place of random weights and a new regression."""
    width: int = Field(default=64, ge=8, le=512, multiple_of=8)
    heads: int = Field(default=4, ge=1, le=16)
    layers: int = Field(default=2, ge=1, le=8)
    window: int = Field(default=128, ge=8, le=1024)
    """Conductor frames (40 ms) that one layer looks back."""
    leaders_per_piece: int = Field(default=4, ge=1, le=16)
    """Parts of each piece that are listened to as leaders; each takes about two seconds per minute of music, once."""
    crop_frames: int = Field(default=224, ge=32)
    """Conductor frames of a crop."""
    warmup_frames: int = Field(default=32, ge=0)
    """Of a crop from the middle of a piece: the network hears them, but is not asked about them."""
    late_share: float = Field(default=0.0, ge=0, le=1)
    """Of the crops whose leader is heard late, by up to a second, as a live band hears it; the others hear ahead."""
    followers: int = Field(default=4, ge=1, le=16)
    """At most so many of a piece's other parts are followers in one crop, a random choice of them."""
    max_steps: int = Field(default=2_000, ge=1)
    learning_rate: float = Field(default=1.5e-3, gt=0)
    rise_steps: int = Field(default=50, ge=0)
    """Over which the learning rate rises at the start."""
    weight_decay: float = Field(default=0.02, ge=0)
    audit_steps: int = Field(default=150, ge=1)
    audit_crops: int = Field(default=128, ge=1)
    """Held-out crops that every audit tries."""
    checkpoint_minutes: float = Field(default=1.0, gt=0)
    gain_share: float = Field(default=0.15, ge=0, le=1)
    """Of the crops in which everybody is recorded louder or softer."""
    gain_db: float = Field(default=12.0, ge=0, le=40)
    """By how much at most."""
    ridge: float = Field(default=300.0, ge=0)
    """Penalty of the linear regression that is solved before the first step."""
    hidden_share: float = Field(default=0.3, ge=0, le=1)
    """Of the crops in which no beat was heard; of those without pitch, and of those without chroma: a piece must not
    be recognised by them."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Of what every block adds."""
    stranger_share: float = Field(default=0.15, ge=0, le=1)
    """Of the followers who are known by their family alone; and of those whose role is unknown."""
