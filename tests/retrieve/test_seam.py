from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ensemble.audio.seams import click_ratio
from ensemble.retrieve.join.material import JoinMaterial
from ensemble.retrieve.join.seam import join, own_transitions, terms_of
from tests.retrieve.tunes import note, tune

RATE = 48_000
BEAT = RATE // 2
FADE_S = 0.025


def sounding(samples: np.ndarray) -> np.ndarray:
    return np.atleast_2d(samples).astype(np.float32)


def material(samples: np.ndarray, at_sample: int) -> JoinMaterial:
    return JoinMaterial(samples=sounding(samples), sample_rate=RATE, at_sample=at_sample)


def steady(hz: float, seconds: float = 3.0, level: float = 0.2, phase: float = 0.0) -> np.ndarray:
    time_s = np.arange(round(seconds * RATE)) / RATE
    return level * sum(np.sin(2 * np.pi * k * hz * time_s + k * phase) / k for k in range(1, 6))


def tunes(seed: int, *, level: float = 0.1) -> np.ndarray:
    return tune(seed, 12, tempo_bpm=120.0, rate=RATE, level=level)


@pytest.mark.parametrize("seed", range(6))
def test_a_joined_tune_keeps_its_beats_and_does_not_click(seed):
    leader, follower = sounding(tunes(seed)), tunes(seed + 50)
    joined = join(leader, 8 * BEAT, material(follower, 4 * BEAT), FADE_S)
    assert not joined.clicks
    assert joined.facts.click_ratio <= 1.1
    assert joined.start < joined.stop <= 8 * BEAT
    assert abs(joined.late_samples) <= 0.012 * RATE
    np.testing.assert_array_equal(joined.sound[:, : joined.start], leader[:, : joined.start])
    begins = 8 * BEAT + joined.late_samples
    np.testing.assert_allclose(
        joined.sound[0, begins : begins + BEAT], np.float32(joined.gain) * follower[4 * BEAT : 5 * BEAT], atol=1e-6
    )


def test_the_new_sounds_attack_is_whole_and_the_old_ones_is_not_heard():
    quiet = np.zeros(3 * RATE)
    struck_late = quiet.copy()
    struck_late[RATE - 960 : RATE - 960 + RATE] += 0.1 * note(60, 1.0, RATE, 1.0)  # 20 ms before its beat
    struck_early = quiet.copy()
    struck_early[RATE - 480 : RATE - 480 + RATE] += 0.1 * note(67, 1.0, RATE, 1.0)
    joined = join(sounding(struck_late), RATE, material(struck_early, RATE), FADE_S)
    assert joined.stop <= RATE - 960 + 48
    old = joined.sound[0, : joined.stop]
    assert np.abs(old[: RATE - 970]).max() == 0.0
    begins = RATE - 480 + joined.late_samples
    np.testing.assert_allclose(
        joined.sound[0, begins : begins + 4800],
        np.float32(joined.gain) * struck_early[RATE - 480 : RATE + 4320],
        atol=1e-6,
    )


@pytest.mark.parametrize("phase", np.linspace(0, 2 * np.pi, 7)[:-1])
def test_a_held_note_that_goes_on_in_another_recording_is_seamless(phase):
    joined = join(sounding(steady(220.0)), RATE, material(steady(220.0, phase=phase), RATE + 1234), FADE_S)
    envelope = np.sqrt(np.convolve(np.square(joined.sound[0]), np.ones(1200) / 1200, "valid"))
    around = envelope[joined.start - 4800 : joined.stop + 4800]
    assert 20 * np.log10(around.max() / around.min()) < 1.0
    assert joined.facts.click_ratio < 1.1
    assert abs(joined.facts.level_step_db) < 0.3
    assert joined.facts.pitch_step_cents == pytest.approx(0.0, abs=5.0)


@pytest.mark.parametrize(("theirs_db", "gain_db"), [(-2.0, 2.0), (2.5, -2.5), (-10.0, 3.0), (10.0, -3.0), (0.0, 0.0)])
def test_the_level_is_matched_within_three_decibels(theirs_db, gain_db):
    new = material(10 ** (theirs_db / 20) * steady(330.0, level=0.05), RATE)
    joined = join(sounding(steady(220.0, level=0.05)), RATE, new, FADE_S)
    assert 20 * np.log10(joined.gain) == pytest.approx(gain_db, abs=0.3)


def test_a_full_scale_recording_never_exceeds_full_scale():
    loud = material(0.99 * np.sign(steady(110.0)) * np.minimum(1, np.abs(steady(110.0)) * 8), RATE)
    joined = join(sounding(0.9 * np.sin(np.arange(2 * RATE))), RATE, loud, FADE_S)
    assert np.abs(joined.sound[:, joined.stop :]).max() <= 10 ** (-1 / 20) + 1e-6


@pytest.mark.parametrize(
    ("at_seam", "own_attack", "clicks"), [(2.0, 1.0, True), (2.0, 2.1, False), (0.99, 0.2, False), (1.05, 0.2, True)]
)
def test_a_seam_clicks_that_is_rougher_than_its_surroundings_and_the_new_sounds_attack(at_seam, own_attack, clicks):
    joined = join(sounding(tunes(1)), 6 * BEAT, material(tunes(2), 4 * BEAT), FADE_S)
    facts = replace(joined.facts, click_ratio=at_seam)
    assert replace(joined, facts=facts, attack_click_ratio=own_attack).clicks == clicks


def test_a_crackle_of_the_new_sound_is_not_faded_over():
    spoilt = steady(220.0, phase=1.0)
    spoilt[RATE - 300 : RATE - 298] += 0.3
    joined = join(sounding(steady(220.0)), RATE, material(spoilt, RATE), FADE_S)
    assert joined.stop <= RATE - 300 + joined.late_samples
    assert joined.facts.click_ratio < 1.1
    assert joined.attack_click_ratio > 10  # the recording's own, and the evaluation says so


def test_a_recording_that_begins_with_its_first_note_is_joined_out_of_nothing():
    struck = 0.1 * note(64, 2.0, RATE, 1.0)
    joined = join(sounding(tunes(3)), 6 * BEAT, material(struck, 0), FADE_S)
    assert joined.late_samples <= 0.012 * RATE
    assert not joined.clicks
    assert joined.sound.shape[1] == pytest.approx(6 * BEAT + len(struck), abs=0.012 * RATE)


def test_the_channels_are_joined_alike():
    left, right = tunes(1), 0.5 * tunes(1)
    new = JoinMaterial(samples=sounding(np.stack([tunes(7), 0.5 * tunes(7)])), sample_rate=RATE, at_sample=4 * BEAT)
    joined = join(sounding(np.stack([left, right])), 6 * BEAT, new, FADE_S)
    np.testing.assert_allclose(joined.sound[1], 0.5 * joined.sound[0], atol=1e-6)


def test_every_measure_becomes_a_term_and_an_ordinary_join_is_ordinary():
    leader = sounding(tunes(2))
    own = own_transitions(leader, RATE, [beat * BEAT for beat in range(12)], FADE_S)
    terms = terms_of(join(leader, 8 * BEAT, material(tunes(9), 4 * BEAT), FADE_S), RATE, own)
    assert {name: term.unit for name, term in terms.items()} == {
        "click_ratio": "ratio",
        "attack_click_ratio": "ratio",
        "joined_level_step_db": "dB",
        "joined_spectral_distance_db": "dB",
        "joined_beat_phase_ms": "ms",
    } | ({"joined_pitch_step_cents": "cents"} if "joined_pitch_step_cents" in terms else {})
    assert abs(terms["joined_beat_phase_ms"].value) <= 12.5
    assert 0.0 <= terms["click_ratio"].percentile <= 100.0


def test_the_click_ratio_is_the_measures_own():
    leader = sounding(tunes(4))
    joined = join(leader, 8 * BEAT, material(tunes(5), 4 * BEAT), FADE_S)
    assert joined.facts.click_ratio == click_ratio(joined.sound, RATE, joined.start, joined.stop)
