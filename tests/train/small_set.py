"""A data set on disk in the composer's layout, small enough for a test."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import soundfile
import yaml

from ensemble.data.takes import Split, split_of
from tests.train.teacher import phrase

SPLITS: tuple[Split, ...] = ("train", "train", "valid", "test")


def write_set(root: Path, sample_rate: int = 16_000, splits: tuple[Split, ...] = SPLITS) -> Path:
    """One violin stem with true labels per track, and as many tracks as `splits` asks for."""
    free = count(1)
    for wanted in splits:
        number = next(number for number in free if split_of(f"Track{number:05d}") == wanted)
        track = root / f"Track{number:05d}"
        for folder in ("stems", "labels"):
            (track / folder).mkdir(parents=True)
        recording = phrase(number, num_frames=400, sample_rate=sample_rate)
        soundfile.write(track / "stems" / "S00.wav", recording.samples, sample_rate, subtype="FLOAT")
        f0_hz = np.where(recording.is_voiced, recording.f0_hz, 0).astype(np.float32)
        np.savez(track / "labels" / "S00.npz", f0_hz=f0_hz, loudness_db=recording.loudness_db)
        facts = {"inst_class": "Strings", "program_num": 40, "is_drum": False, "midi_program_name": "Violin"}
        facts["plugin_name"] = "FluidR3_GM.sf2"
        (track / "metadata.yaml").write_text(yaml.safe_dump({"stems": {"S00": facts}}))
        (track / "composer.json").write_text("{}")
    return root
