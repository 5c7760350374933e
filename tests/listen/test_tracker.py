"""Pitch followed in pieces: what swift-f0 hears of the whole, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.listen.tracker import HOP, WINDOW_FRAMES, PieceTracker

WINDOW = WINDOW_FRAMES * HOP


@pytest.fixture(scope="module")
def tracker() -> PieceTracker:
    return PieceTracker(threads=1, spin=False)


def melody(num_samples: int) -> np.ndarray:
    """A line that wanders over two octaves."""
    time_s = np.arange(num_samples) / 16_000
    phase = 2 * np.pi * np.cumsum(220.0 * 2.0 ** np.sin(0.9 * time_s)) / 16_000
    return (0.6 * np.sin(phase) + 0.2 * np.sin(2 * phase)).astype(np.float32)


@pytest.mark.parametrize(
    ("length", "piece"),
    [(1, 1), (HOP - 1, 100), (HOP, 7), (5 * HOP + 17, 1000), (WINDOW, 65_536), (WINDOW + 1, 10**7),
     (WINDOW + 10 * HOP, 4001), (WINDOW + 11 * HOP, 65_536), (2 * WINDOW + 3 * HOP + 5, 65_536)],
)  # fmt: skip
def test_following_in_pieces_equals_detecting_whole(tracker: PieceTracker, length: int, piece: int) -> None:
    sound = melody(length)
    whole = tracker.detect(sound, 16_000)
    time_s, pitch_hz, confidence = tracker.follow(sound[start : start + piece] for start in range(0, length, piece))
    np.testing.assert_array_equal(pitch_hz, whole.pitch_hz)
    np.testing.assert_array_equal(confidence, whole.confidence)
    np.testing.assert_array_equal(time_s, whole.timestamps)


def test_it_hears_the_pitch(tracker: PieceTracker) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000).astype(np.float32)
    _, pitch_hz, confidence = tracker.follow([tone[:5000], tone[5000:]])
    assert np.median(np.abs(1200 * np.log2(pitch_hz / 440))) < 5
    assert np.median(confidence) > 0.5
