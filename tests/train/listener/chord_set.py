"""A composed set on disk, small enough for a test: sustained chords over a click on every beat, in major and minor."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import numpy as np
import soundfile
import yaml

from ensemble.data.takes import Split, split_of
from ensemble.types.harmony import PITCH_CLASSES
from ensemble.types.music import FloatArray

RATE = 16_000
BEAT_S = 0.5
BEATS_PER_BAR = 4
NUM_BARS = 8
SPLITS: tuple[Split, ...] = ("train",) * 6 + ("valid",) * 2 + ("test",)


def chord_sound(root: int, is_minor: bool) -> FloatArray:
    """One bar of four notes with six harmonics each, a bass below them."""
    time_s = np.arange(round(BEAT_S * BEATS_PER_BAR * RATE)) / RATE
    pitches = [36 + root, *(60 + (root + step) % 12 for step in (0, 3 if is_minor else 4, 7))]
    tones = [
        np.sin(2 * np.pi * 440 * 2 ** ((midi - 69) / 12) * number * time_s) / number
        for midi in pitches
        for number in range(1, 7)
    ]
    return (0.05 * np.sum(tones, axis=0) * np.exp(-time_s)).astype(np.float32)


def clicks() -> FloatArray:
    """A bar of noise bursts, the first one louder."""
    bar = np.zeros(round(BEAT_S * BEATS_PER_BAR * RATE), np.float32)
    burst = np.random.default_rng(0).standard_normal(400).astype(np.float32) * np.exp(-np.arange(400) / 80)
    for beat in range(BEATS_PER_BAR):
        start = round(beat * BEAT_S * RATE)
        bar[start : start + 400] += burst.astype(np.float32) * np.float32(0.2 if beat == 0 else 0.08)
    return bar


def write_chord_set(root: Path, splits: tuple[Split, ...] = SPLITS) -> Path:
    """As many tracks as `splits` asks for, of a guitar and a kit."""
    free = count(1)
    for wanted in splits:
        number = next(number for number in free if split_of(f"Track{number:05d}") == wanted)
        rng, track = np.random.default_rng(number), root / f"Track{number:05d}"
        (track / "stems").mkdir(parents=True)
        chords = [(int(rng.integers(12)), bool(rng.integers(2))) for _ in range(NUM_BARS)]
        stems = np.concatenate([chord_sound(*chord) for chord in chords]), np.tile(clicks(), NUM_BARS)
        for name, stem in zip(("stems/S00", "stems/S01", "mix"), (*stems, stems[0] + stems[1]), strict=True):
            soundfile.write(track / f"{name}.wav", stem, RATE, subtype="FLOAT")
        facts = [
            {"inst_class": name, "program_num": program, "is_drum": program == 128}
            for name, program in (("Guitar", 24), ("Drums", 128))
        ]
        (track / "metadata.yaml").write_text(yaml.safe_dump({"stems": dict(zip(("S00", "S01"), facts, strict=True))}))
        told = {
            "beats_s": [BEAT_S * beat for beat in range(NUM_BARS * BEATS_PER_BAR + 1)],
            "bar_chords": [PITCH_CLASSES[at] + "m" * is_minor for at, is_minor in chords],
            "parts": [{"stem": "S00", "role": "chords"}, {"stem": "S01", "role": "drums"}],
            "duration_s": BEAT_S * BEATS_PER_BAR * NUM_BARS,
        }
        (track / "composer.json").write_text(json.dumps(told))
    return root
