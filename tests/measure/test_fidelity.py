"""The measures of a voice, on sounds whose faults are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ensemble.clock import seams
from ensemble.measure import fidelity
from ensemble.measure.contenders import evaluate, play, resynthesised, with_rest
from ensemble.measure.patches import patches, told_apart
from ensemble.play.naive import NaiveVoice
from ensemble.play.noise import filtered_noise, noise_key
from ensemble.play.seeded import seeded_voice
from ensemble.play.voice_file import VOICE
from ensemble.train.player.analysis import frame_hnr_db, known_median, median_hnr_db, window_samples
from ensemble.types.instruments import instrument
from tests.train.teacher import phrase

PROMISED = {
    "voice", "mss", "mss_naive", "mss_ratio", "log_mel_ratio", "loudness_error_db", "hnr_error_db",
    "hnr_held_error_db", "silence_db",
    "brightness_slope_ratio", "click_ratio", "f0_outlier_rate",
    "two_sample_auc", "two_sample_auc_naive",
}  # fmt: skip


@pytest.fixture(scope="module")
def truth():
    return phrase(11, num_frames=800)


@pytest.fixture(scope="module")
def naive(truth):
    return play(NaiveVoice(instrument("violin")), truth.f0_hz, truth.loudness_db, truth.sample_rate)


def breath(truth) -> np.ndarray:
    """A voice that has turned its harmonics off: noise of the right loudness."""
    level = np.append(10 ** (truth.loudness_db / 20), 0)[:, None] * np.ones((1, 65))
    return filtered_noise(level.astype(np.float32), noise_key(0, "breath"), 0, truth.sample_rate)


def test_the_truth_has_no_distance_and_half_of_it_is_6_db_off(truth):
    same = fidelity.distances(truth.samples, truth)
    assert same.mss.max() == same.log_mel.max() == same.loudness_error_db.max() == 0.0
    half = fidelity.distances(truth.samples * np.float32(0.5), truth)
    np.testing.assert_allclose(half.loudness_error_db, 20 * np.log10(2), atol=0.05)
    assert half.mss.min() > 0.1


def test_nearer_sounds_are_nearer(truth, naive):
    means = [
        fidelity.distances(sound, truth).mss.mean()
        for sound in (resynthesised(truth), naive, np.zeros_like(truth.samples))
    ]
    assert means[0] < 0.5 * means[1] < 0.5 * means[2]


def test_a_voice_of_noise_alone_is_found_out_by_its_harmonics(truth):
    noise = breath(truth)
    assert median_hnr_db(truth.samples, truth) - median_hnr_db(noise, truth) > 15.0
    assert fidelity.outlier_rate(noise, truth, fidelity.swift_tracker, 60.0) > 0.5
    assert fidelity.outlier_rate(truth.samples, truth, fidelity.swift_tracker, 60.0) < 0.01


def test_low_notes_that_break_off_look_noisy_at_their_edges_and_not_within(truth):
    time_s = np.arange(800 * 160) / 16_000
    tone = sum(0.1 / k * np.sin(2 * np.pi * 60.0 * k * time_s) for k in range(1, 11))
    sounds = np.arange(800) % 50 < 45
    notes = replace(
        truth, samples=(tone * np.repeat(sounds, 160)).astype(np.float32), is_voiced=sounds,
        f0_hz=np.full(800, 60.0, np.float32), loudness_db=np.where(sounds, -30.0, -100.0).astype(np.float32),
    )  # fmt: skip
    ratios_db = frame_hnr_db(notes.samples, notes)
    half = window_samples(notes.f0_hz, 16_000) // 320 + 1
    held = fidelity.steady_frames(notes, half)
    assert half > fidelity.EDGE_FRAMES
    assert held.any()
    assert known_median(ratios_db[held]) > known_median(ratios_db[~held]) + 10.0


def test_a_voice_a_semitone_off_is_all_outliers(truth):
    spec = instrument("violin")
    off, barely = (
        play(NaiveVoice(spec), truth.f0_hz * np.float32(2 ** (cents / 1200)), truth.loudness_db, truth.sample_rate)
        for cents in (100.0, 20.0)
    )
    assert fidelity.outlier_rate(off, truth, fidelity.swift_tracker, 60.0) > 0.95
    assert fidelity.outlier_rate(barely, truth, fidelity.swift_tracker, 60.0) < 0.03


def test_torchcrepe_hears_the_same(truth, naive):
    pytest.importorskip("torchcrepe")
    assert fidelity.outlier_rate(naive, truth, fidelity.crepe_tracker, 4.0) < 0.05


def test_brightness_follows_the_teacher_s_dynamics_and_not_the_formula_s(truth, naive):
    slope = fidelity.brightness_slope(truth.samples, truth)
    assert slope > 0.01
    assert abs(fidelity.brightness_slope(naive, truth)) < 0.3 * slope
    assert fidelity.brightness_slope(truth.samples * np.float32(0.1), truth) == pytest.approx(slope, rel=0.02)


def test_a_burst_in_a_rest_is_found(truth):
    rested = with_rest(truth)
    is_silent = np.arange(rested.num_frames) >= truth.num_frames
    sound = rested.samples.copy()
    assert fidelity.loudest_silence_db(sound, 16_000, is_silent) == -120.0
    sound[-8000:-7200] += np.float32(0.01)
    assert fidelity.loudest_silence_db(sound, 16_000, is_silent) == pytest.approx(-40.0, abs=0.5)


def test_a_step_at_a_join_is_a_click():
    tone = (0.1 * np.sin(np.arange(32_000) * 0.1)).astype(np.float32)
    assert fidelity.worst_click(tone, 16_000) < 1.1
    at_a_join, elsewhere = (np.where(np.arange(32_000) >= at, np.float32(0.02), 0) for at in (9_440, 11_200))
    assert fidelity.worst_click(tone + at_a_join, 16_000) > 10.0
    assert fidelity.worst_click(tone + elsewhere, 16_000) < 1.1


def test_a_sharp_moment_is_a_click_only_where_it_comes_from_the_join():
    """A pulse that both have is the sound's own; a step that only one has was made where its quanta join."""
    pulses = np.zeros(16_000, np.float32)
    pulses[::100] = 0.1
    join = seams(100, 16_000)[1]
    pulses[join] += 0.15
    assert fidelity.worst_click(pulses, 16_000) > 1.5
    assert fidelity.worst_seam(pulses, pulses, 16_000) < 1.1
    step = np.where(np.arange(16_000) >= join, 1.0, 0.0).astype(np.float32)
    assert fidelity.worst_seam(pulses + step, pulses, 16_000) > 2.0


def test_intervals_hold_the_ratio_and_never_change():
    draw = np.random.default_rng(1)
    values, baselines = [draw.uniform(0.2, 0.4, 40)], [draw.uniform(0.9, 1.1, 40)]
    low, high = fidelity.ratio_interval(values, baselines)
    assert low < np.mean(values[0]) / np.mean(baselines[0]) < high
    assert high - low < 0.1
    assert (low, high) == fidelity.ratio_interval(values, baselines)


def test_a_formula_is_told_from_its_teacher_and_the_teacher_is_not_from_itself(truth, naive):
    other = phrase(12, num_frames=800)
    formula = play(NaiveVoice(instrument("violin")), other.f0_hz, other.loudness_db, other.sample_rate)
    rate = truth.sample_rate
    recorded = [patches(one.samples, one.samples, rate) for one in (truth, other)]
    played = [
        patches(sound, one.samples, rate) for one, sound in ((truth, naive[: len(truth.samples)]), (other, formula))
    ]
    assert told_apart(recorded, recorded) == 0.5
    found = told_apart(recorded, played)
    assert found is not None
    assert found > 0.8
    assert told_apart(recorded[:1], played[:1]) is None


def test_an_evaluation_keeps_its_promises(tmp_path, truth):
    VOICE.write(tmp_path / "untaught.safetensors", seeded_voice(0, "violin"))
    figures = evaluate(tmp_path / "untaught.safetensors", [truth], fidelity.swift_tracker)
    assert figures.keys() >= PROMISED
    untrained = figures["baselines"]["untrained"]
    assert figures["mss"] == untrained["mss"]
    assert figures["mss_ratio"] == pytest.approx(untrained["mss"] / figures["baselines"]["naive"]["mss"])
    assert figures["baselines"]["resynthesis"]["mss"] < 0.6 * figures["mss"]
    assert figures["baselines"]["silence"]["loudness_error_db"] > 30.0
    assert figures["silence_db"] < -60.0
    assert figures["click_ratio"] < 1.5
