"""A real recording played back slower is a recording of an instrument tuned lower, and is followed there."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from ensemble.audio.files import read_clip
from ensemble.listen.listener import Listener
from tests.listen.leader_sounds import clip_of


@pytest.mark.parametrize("a4_hz", [435, 446])
def test_a_real_guitar_tuned_otherwise_is_heard_so_and_means_the_same(shared_audio, a4_hz):
    clip = read_clip(shared_audio / "guitar_20s.wav")
    retuned = soxr.resample(clip.samples[0], a4_hz, 440, quality="HQ")  # as many cents, and so much slower or faster
    plain, heard = Listener().listen(clip), Listener().listen(clip_of(retuned, clip.sample_rate))
    assert heard.tuning_cents - plain.tuning_cents == pytest.approx(1200 * np.log2(a4_hz / 440), abs=3)
    assert heard.key == plain.key
    assert heard.tempo_bpm == pytest.approx(plain.tempo_bpm * a4_hz / 440, rel=0.01)
    alike = [
        len(set(one.tones) & set(other.tones)) >= 2 for one, other in zip(plain.chords, heard.chords, strict=False)
    ]
    assert np.mean(alike) > 0.8
