"""What decides an arranger's training run; `configs/train_arranger.yaml` spells it out."""

from __future__ import annotations

from pydantic import Field

from ensemble.config import Device
from ensemble.train.settings import FitSettings


class TrainArrangerSettings(FitSettings):
    """One arranger's training."""

    hidden: int = Field(default=64, ge=8, le=512)
    device: Device = "cpu"
    batch_size: int = Field(default=32, ge=1)
    crop_steps: int = Field(default=96, ge=8)
    """Half beats."""
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    learning_rate: float = Field(default=0.003, gt=0.0)
    weight_decay: float = Field(default=0.01, ge=0.0)
    max_steps: int = Field(default=4000, ge=1)
    max_minutes: float = Field(default=6.0, gt=0.0)
    patience: int = Field(default=10, ge=1)
    most_lessons: int = Field(default=6000, ge=1)
    """Pairs of a leader and another part that are kept in memory, four minutes of each in about 0.4 MB."""
    most_held_out: int = Field(default=400, ge=1)
    """Of them, to try on."""
