from __future__ import annotations

import numpy as np
import pytest

from ensemble.listen.loudness import loudness_db
from ensemble.types.music import SILENCE_DB
from tests.listen.leader_sounds import RATE, sine


@pytest.mark.parametrize(
    ("frequency_hz", "level_db", "heard_db"), [(1000.0, 0.0, 0.0), (1000.0, -20.0, -20.0), (100.0, 0.0, -19.1)]
)
def test_the_scale_is_fixed(frequency_hz, level_db, heard_db):
    samples = sine(frequency_hz, 1.0, peak=10 ** (level_db / 20)).astype(np.float32)
    np.testing.assert_allclose(loudness_db(samples, RATE, 100)[10:-10], heard_db, atol=0.3)


def test_silence_is_the_floor_and_a_note_begins_where_it_begins():
    samples = np.concatenate([np.zeros(RATE // 2), sine(1000.0, 0.5)]).astype(np.float32)
    heard = loudness_db(samples, RATE, 100)
    assert (heard[:46] == SILENCE_DB).all()
    assert heard[50] == pytest.approx(-9.03, abs=0.3)  # centred on the edge: half the power
    np.testing.assert_allclose(heard[55:94], -6.02, atol=0.1)
