"""What the beat network says of clicks, and that it says the same however the sound comes."""

from __future__ import annotations

import numpy as np

from ensemble.audio import spectra
from ensemble.listen.pulse import hear_pulse
from tests.listen.leader_sounds import RATE, clicks

NUM_FRAMES = 1200


def test_beats_are_where_clicks_are():
    heard = hear_pulse(clicks(100, 12.0, first_s=0.3).astype(np.float32), RATE, NUM_FRAMES)
    assert heard.shape == (2, NUM_FRAMES)
    beat = heard.sum(axis=0)[300:]
    place = (np.arange(300, NUM_FRAMES) - 30) % 60
    assert beat[(place < 6)].mean() > 4 * beat[(place > 20) & (place < 50)].mean()
    assert beat.max() <= 1.0001


def test_silence_has_no_beat():
    assert hear_pulse(np.zeros(12 * RATE, np.float32), RATE, NUM_FRAMES)[:, 200:].max() < 0.3


def test_pieces_of_any_length_give_the_same_bytes(monkeypatch):
    samples = clicks(100, 12.0).astype(np.float32)
    whole = hear_pulse(samples, RATE, NUM_FRAMES)
    monkeypatch.setattr(spectra, "CHUNK_FRAMES", 70)
    assert hear_pulse(samples, RATE, NUM_FRAMES).tobytes() == whole.tobytes()


def test_half_a_second_is_enough():
    assert hear_pulse(clicks(100, 0.5).astype(np.float32), RATE, 50).shape == (2, 50)
