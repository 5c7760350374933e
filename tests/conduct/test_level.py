"""The band is the same for a recording at any level, and begins no louder than it goes on."""

from __future__ import annotations

import numpy as np

from ensemble.audio.files import prepared_clip, read_clip
from ensemble.clock import blocks
from ensemble.conduct.conductor import Conductor
from ensemble.config import load_band
from ensemble.leaders import leader_path
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.types.music import Arrangement, AudioClip, FloatArray, Hits

RATE = 16_000


def conducted(samples: np.ndarray) -> tuple[Arrangement, FloatArray]:
    clip = at_analysis_rate(prepared_clip(AudioClip(samples=samples[None], sample_rate=RATE), RATE))
    heard = Listener().listen(clip)
    conductor = Conductor(load_band("rock"), seed=0)
    arrangement, state, curves = conductor.arrange(heard, heard.frames.num_frames), conductor.start(), []
    for block in blocks(heard.frames.num_frames, 200):
        score, state = conductor.conduct(arrangement, block, state)
        curves.append(score.dynamics.loudness_db)
    return arrangement, np.concatenate(curves, axis=1)


def power_db(loudness_db: FloatArray) -> np.ndarray:
    return 10 * np.log10((10 ** (loudness_db.astype(np.float64) / 10)).mean(axis=-1))


def test_a_recording_at_any_level_gets_the_same_band_from_its_first_second_on() -> None:
    guitar = at_analysis_rate(read_clip(leader_path())).samples[0]
    middle = guitar[6 * RATE : 14 * RATE] * np.float32(0.21 / np.abs(guitar).max())  # begins in the middle of a song
    soft, soft_db = conducted(middle)
    loud, loud_db = conducted(middle * np.float32(4.0))
    for one, other in zip(soft.parts, loud.parts, strict=True):
        if isinstance(one, Hits):
            assert [hit.drum for hit in one.hits] == [hit.drum for hit in other.hits]
        else:
            assert [(note.start_frame, note.pitch_midi) for note in one.notes] == [
                (note.start_frame, note.pitch_midi) for note in other.notes
            ]
    np.testing.assert_allclose(soft_db, loud_db, atol=0.1)
    leader_db = power_db(soft.leader_db)
    first_db = power_db(soft_db[:, :100]) - power_db(soft.leader_db[:100])
    assert (first_db < power_db(soft_db) - leader_db + 2.0).all()
