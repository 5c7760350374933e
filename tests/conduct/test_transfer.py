"""A leader's line where another voice is at home."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ensemble.conduct.melody import transform
from ensemble.conduct.transfer import added_db, is_sung, transfer_to
from ensemble.listen.loudness import loudness_db as measured_db
from ensemble.settings.transfer import Transfer, VoiceRange
from ensemble.types.music import Heard, Key
from tests.conduct.handmade_leader import frames_of

CELLO = VoiceRange(pitch_midi=(40.0, 54.0, 68.0), loudness_db=(-52.0, -38.0, -26.0))


def sung(midi: np.ndarray, loudness_db: np.ndarray) -> Heard:
    """A leader of this pitch (NaN is unvoiced) and loudness."""
    f0_hz = np.where(np.isfinite(midi), 440 * 2 ** ((np.nan_to_num(midi) - 69) / 12), 0.0)
    return Heard(
        frames=frames_of(f0_hz, loudness_db, np.zeros(len(midi)), np.zeros((12, len(midi)))),
        beats_s=np.zeros(0), tempo_bpm=120.0, beats_per_bar=4, first_downbeat=0, key=Key(tonic=0, mode="major"),
        chords=(), tuning_cents=0.0,
    )  # fmt: skip


def test_octave_and_loudness_land_where_the_voice_is_at_home() -> None:
    loudness_db = np.linspace(-34.0, -10.0, 600)
    transfer = transfer_to(sung(np.full(600, 77.3), loudness_db), CELLO)
    assert transfer is not None
    assert transfer.octaves == -2
    played_db = loudness_db + added_db(loudness_db.astype(np.float32), transfer)
    found = np.quantile(played_db, (0.05, 0.5, 0.95))
    np.testing.assert_allclose(found, CELLO.loudness_db, atol=0.2)
    assert (np.diff(played_db) > 0).all()


@pytest.mark.parametrize(("spread_db", "widened"), [(0.0, 1.5), (1.0, 1.5), (80.0, 0.5)])
def test_an_even_leader_does_not_pump_and_a_wild_one_is_tamed_so_far(spread_db: float, widened: float) -> None:
    loudness_db = np.linspace(-45.0 - spread_db / 2, -45.0 + spread_db / 2, 600)
    heard = sung(np.full(600, 57.0), np.clip(loudness_db, -59.0, 0.0))
    transfer = transfer_to(heard, CELLO)
    assert transfer is not None
    assert transfer.louder == widened


def test_glides_and_vibrato_survive_and_breath_does_not_sing() -> None:
    time_s = np.arange(400) / 100
    midi = 70 + 2 * time_s + 0.4 * np.sin(2 * np.pi * 5.5 * time_s)
    midi[200:212] = np.nan  # a consonant
    midi[300:303] = np.nan  # a doubt of the tracker, whose pitch is lost
    heard = sung(midi, np.full(400, -20.0))
    confidence = heard.frames.confidence.copy()
    confidence[350:] = 0.2  # a breath
    heard = replace(heard, frames=replace(heard.frames, confidence=confidence))
    part = transform("cello", heard, (36, 72), 400, transfer_to(heard, CELLO))
    plays = part.f0_hz[0] > 0
    assert plays[is_sung(heard.frames)].all()
    assert not plays[200:209].any()
    assert not plays[350:].any()
    assert plays[:200].all()
    plays = is_sung(heard.frames)
    ratio = heard.frames.f0_hz[plays] / part.f0_hz[0, plays]
    assert set(np.round(np.log2(ratio), 6).tolist()) == {2.0}


@pytest.mark.parametrize("before_db", [-20.0, -90.0])
def test_a_line_out_of_a_rest_rises_as_a_window_hears_what_begins_and_never_above_the_leader(before_db: float) -> None:
    midi = np.full(200, np.nan)
    midi[50:], midi[80:100] = 60.0, np.nan
    loudness_db = np.full(200, -20.0)
    loudness_db[:50] = before_db
    part = transform("cello", sung(midi, loudness_db), (36, 72), 200)
    plays, rises_db = part.f0_hz[0] > 0, part.level_db[0] + loudness_db
    assert np.flatnonzero(plays).tolist() == [*range(47, 80), *range(97, 200)]
    np.testing.assert_allclose(part.f0_hz[0, 47:50], part.f0_hz[0, 50])
    tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000) * (np.arange(16_000) >= 8_000)
    heard_db = measured_db(tone.astype(np.float32), 16_000, 100)[47:54]
    wanted_db = np.minimum(-20.0 + heard_db - heard_db[-1], loudness_db[47:54])
    np.testing.assert_allclose(rises_db[48:54], wanted_db[1:], atol=0.3)
    assert rises_db[47] < -60
    np.testing.assert_allclose(rises_db[98:104], -20.0 + (heard_db - heard_db[-1])[1:], atol=0.3)
    np.testing.assert_array_equal(part.level_db[0, 54:80], 0.0)


def test_a_line_that_is_at_home_stays_in_its_octave() -> None:
    transfer = transfer_to(sung(np.full(200, 50.0), np.full(200, -20.0)), CELLO)
    assert transfer is not None
    assert transfer.octaves == 0


def test_a_note_outside_the_range_stays_with_its_line() -> None:
    midi = np.concatenate([np.full(150, 80.0), np.full(50, 78.0)])
    part = transform("violin", sung(midi, np.full(200, -20.0)), (55, 93), 200, Transfer(octaves=-2))
    played = 69 + 12 * np.log2(part.f0_hz[0, [75, 180]] / 440)
    np.testing.assert_allclose(played, [56.0, 66.0], atol=0.2)


def test_a_blip_of_pitch_in_noise_is_not_played() -> None:
    midi = np.full(200, np.nan)
    midi[50:54] = 70.0
    heard = sung(midi, np.full(200, -30.0))
    assert not is_sung(heard.frames).any()
    assert transfer_to(heard, CELLO) is None


def test_without_a_transfer_a_line_is_as_loud_as_the_leader() -> None:
    heard = sung(np.full(100, 60.0), np.linspace(-40, -10, 100))
    part = transform("cello", heard, (36, 72), 100)
    np.testing.assert_array_equal(part.level_db, 0.0)
    louder = transform("cello", heard, (36, 72), 100, Transfer(leader_db=-25.0, voice_db=-20.0))
    np.testing.assert_allclose(louder.level_db, 5.0, atol=1e-5)
