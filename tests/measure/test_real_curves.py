"""Voices on the curves of recordings: figures of a sung line, and what cannot be used is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensemble.audio.files import write_clip
from ensemble.errors import DataError, VoiceError
from ensemble.listen.loudness import loudness_db
from ensemble.measure.real_curves import evaluate_curves, onset_error_ms
from ensemble.types.music import SILENCE_DB, AudioClip
from tests.rendering.test_transform import RATE_HZ, hummed


def test_a_hum_is_played_cleanly_and_noise_is_passed_over(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE_HZ)
    for name, sound in {"hum": hummed(3.0), "noise": noise}.items():
        clip = AudioClip(samples=sound[None].astype(np.float32), sample_rate=RATE_HZ)
        write_clip(tmp_path / f"{name}.wav", clip)
    seen: list[str] = []
    found = evaluate_curves(tmp_path, ["violin"], on_progress=lambda name, *_: seen.append(name))
    assert seen == ["hum.wav", "noise.wav"]
    assert list(found["passed_over"]) == ["noise.wav"]
    figures = found["voices"]["violin"]
    assert figures["recordings"] == 1
    assert 0 < figures["click_ratio"] < 1.5
    assert 0 < figures["burst_db"] < 6
    assert figures["octave_slips"] < 0.02
    assert 0 < figures["noise_share"] < 0.2
    assert 0.01 < figures["peak"] < 1
    assert 0 < figures["onset_ms"] < 25


@pytest.mark.parametrize("late_ms", [0, 12, 40])
def test_a_late_onset_is_measured(late_ms: int) -> None:
    def level_db(starts_s: np.ndarray) -> np.ndarray:
        since_s = np.arange(2 * RATE_HZ)[:, None] / RATE_HZ - starts_s
        notes = ((since_s >= 0) & (since_s < 0.4)).any(axis=1)
        tone = 0.1 * notes * np.sin(2 * np.pi * 440 * np.arange(2 * RATE_HZ) / RATE_HZ)
        return loudness_db(tone.astype(np.float32), RATE_HZ, 200)

    starts_s = np.array([0.5, 1.25])
    asked_db = level_db(starts_s)
    assert onset_error_ms(level_db(starts_s + late_ms / 1000), asked_db) == pytest.approx(late_ms, abs=2)
    assert np.isnan(onset_error_ms(asked_db, np.full(200, SILENCE_DB, np.float32)))


def test_a_folder_without_a_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no sound")
    with pytest.raises(DataError, match="has no recording in which a line is sung"):
        evaluate_curves(tmp_path, ["violin"])


def test_a_folder_that_is_not_there_is_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        evaluate_curves(tmp_path / "absent", ["violin"])


@pytest.mark.parametrize("voice", ["naive", "brushes"])
def test_a_voice_that_learned_nothing_is_refused(voice: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no sound")
    with pytest.raises(VoiceError, match="is built in and has learned nothing"):
        evaluate_curves(tmp_path, [voice])
