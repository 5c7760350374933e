"""What decides an arranger's training run; `configs/train_arranger.yaml` spells it out."""

from __future__ import annotations

from pydantic import Field

from ensemble.config import Settings


class TrainArrangerSettings(Settings):
    """One arranger's training."""

    hidden: int = Field(default=64, ge=8, le=512)
    seed: int = Field(default=0, ge=0)
    batch_size: int = Field(default=32, ge=1)
    crop_steps: int = Field(default=96, ge=8)
    """Half beats."""
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    learning_rate: float = Field(default=0.003, gt=0.0)
    weight_decay: float = Field(default=0.01, ge=0.0)
    clip_norm: float = Field(default=1.0, gt=0.0)
    max_steps: int = Field(default=4000, ge=1)
    max_minutes: float = Field(default=6.0, gt=0.0)
    """Of CPU time; whichever ends first."""
    audit_steps: int = Field(default=100, ge=1)
    """Between tries on what is held out."""
    patience: int = Field(default=10, ge=1)
    """Tries without improvement."""
    most_lessons: int = Field(default=6000, ge=1)
    """Pairs of a leader and another part that are kept in memory, four minutes of each in about 0.4 MB."""
    most_held_out: int = Field(default=400, ge=1)
    """Of them, to try on."""
