"""Steps at a join with known answers, and where they lie among a recording's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ensemble.retrieve.search import feature_layout, pulse, relevance, transition
from ensemble.retrieve.search.outline import NUM_CEPSTRA, SpectralOutline
from tests.retrieve.two_takes import BRIGHT, PLAIN, RATE, note, plain, play, take_of


def outline_of(*notes: tuple[float, float]) -> SpectralOutline:
    """Half-second notes by pitch and gain, then as the listener and the outline have them."""
    samples = np.concatenate([gain * note(midi, 0.5, PLAIN) for midi, gain in notes])
    return SpectralOutline.of(take_of(samples, "notes", 0.5).described.details)


def test_a_third_up_is_four_hundred_cents_and_a_fifth_of_the_power_seven_decibels() -> None:
    course = outline_of((60, 1), (60, 1), (64, 1), (64, 0.4472), (64, 0.4472), (64, 0.4472))
    at_s = np.array([0.5, 1.0, 1.5])
    before, after = transition.tails(course, at_s), transition.heads(course, at_s)
    measured = transition.steps(before, after)
    np.testing.assert_allclose(measured["pitch_step_cents"], [0, 400, 0], atol=15)
    decay_db = measured["level_step_db"][0]  # a note dies away, and the next one begins
    np.testing.assert_allclose(measured["level_step_db"] - decay_db, [0, 0, -7], atol=2.0)
    assert measured["chroma"][1] > measured["chroma"][0] + 0.3


def test_transposing_a_head_moves_its_pitch_and_chroma() -> None:
    course = outline_of((60, 1), (62, 1), (60, 1), (62, 1))
    at_s = np.array([0.5, 0.5])
    heads = transition.heads(course, at_s).transposed(np.array([0, -2]))
    measured = transition.steps(transition.tails(course, at_s), heads)
    np.testing.assert_allclose(measured["pitch_step_cents"], [200, 0], atol=15)
    assert measured["chroma"][1] < 0.1
    assert measured["chroma"][0] > 0.5


def test_where_nothing_has_a_pitch_there_is_no_step_of_pitch() -> None:
    samples = 0.1 * np.random.Generator(np.random.Philox(4)).standard_normal(3 * RATE)
    course = SpectralOutline.of(take_of(samples, "hiss", 0.5).described.details)
    at_s = np.array([1.0])
    measured = transition.steps(transition.tails(course, at_s), transition.heads(course, at_s))
    assert np.isnan(measured["pitch_step_cents"]).all()
    assert all(np.isfinite(values).all() for name, values in measured.items() if name != "pitch_step_cents")


def test_another_instruments_colour_is_no_step_but_a_change_of_it_is() -> None:
    course = SpectralOutline.of(plain(0).described.details)
    at_s = plain(0).described.start_s[40:44]
    colour = np.linspace(-20, 20, NUM_CEPSTRA, dtype=np.float32)[:, None]
    other = replace(course, cepstra=course.cepstra + colour)
    late = np.arange(course.num_frames) >= round(float(at_s[0]) * 25)
    changing = replace(course, cepstra=course.cepstra + colour * late)
    before = transition.tails(course, at_s)
    own, coloured, changed = (
        transition.steps(before, transition.heads(one, at_s))["spectral_distance"] for one in (course, other, changing)
    )
    np.testing.assert_allclose(coloured, own, atol=1e-3)
    assert changed[0] > own[0] + 1


def test_the_cost_of_two_seams_leaves_their_colours_out_and_nothing_else() -> None:
    rng = np.random.Generator(np.random.Philox(7))
    seam = rng.standard_normal((3, feature_layout.SEAM_WIDTH)).astype(np.float32)
    colour = np.zeros(feature_layout.SEAM_WIDTH, dtype=np.float32)
    colour[feature_layout.SEAM_CHROMA : feature_layout.SEAM_CHROMA + 4 * NUM_CEPSTRA] = np.tile(
        np.arange(NUM_CEPSTRA), 4
    )
    np.testing.assert_allclose(
        feature_layout.without_colour(seam + colour), feature_layout.without_colour(seam), atol=1e-5
    )
    for at in (0, feature_layout.SEAM_CHROMA + 3, feature_layout.SEAM_WIDTH - 1):
        moved = seam.copy()
        moved[:, at] += 1.0
        assert np.square(feature_layout.without_colour(moved - seam)).sum(axis=1) == pytest.approx(1.0, abs=0.3)


def test_steps_as_large_as_a_recordings_own_cost_nothing() -> None:
    steps = {"level_step_db": np.zeros(4, dtype=np.float32), "pitch_step_cents": np.array([np.nan, np.nan, 0, 0])}
    among = {"level_step_db": np.array([10.0, 74.0, 100.0, 87.5]), "pitch_step_cents": np.array([0, 0, 100.0, 0])}
    np.testing.assert_allclose(transition.ease(steps, among), [1.0, 1.0, 0.0, 0.75])
    np.testing.assert_allclose(transition.ease(steps, {}), 0.5)


def test_struck_strings_are_more_like_struck_ones_than_like_a_bow_of_their_own_colour() -> None:
    """Same pitches and levels: notes that die away, the same an octave brighter, and notes that swell and are held."""

    def past_of(name: str, harmonics: tuple[float, ...], *, is_held: bool) -> relevance.Past:
        samples = np.concatenate([note(60 + step, 0.5, harmonics) for step in (0, 4, 7, 4, 2, 5, 9, 5) * 3])
        if is_held:
            time_s = np.arange(len(samples)) / RATE
            samples *= np.exp(2.0 * (time_s % 0.5)) * (0.3 + 0.7 * np.sin(2 * np.pi * 1.0 * time_s) ** 2)
        course = SpectralOutline.of(take_of(samples, name, 0.5).described.details)
        return relevance.past(course, np.array([12.0]), np.ones(1))

    struck = past_of("struck", PLAIN, is_held=False)
    likeness = [
        relevance.alike(struck, other, np.zeros(1, dtype=np.int64))["articulation"][0]
        for other in (struck, past_of("bright", BRIGHT, is_held=False), past_of("held", PLAIN, is_held=True))
    ]
    assert likeness[0] == pytest.approx(1.0, abs=1e-3)
    assert likeness[1] > 0.7
    assert likeness[2] < likeness[1] - 0.2


def test_a_beat_of_few_hard_and_many_soft_strokes_is_one_but_even_noise_has_none() -> None:
    beats_s = 0.5 + 0.5 * np.arange(40)
    onset = np.zeros(2100, dtype=np.float32)
    for number, beat in enumerate(np.arange(80)):
        at = 50 + 25 * int(beat)
        onset[at - 2 : at + 3] = 20.0 if number % 16 == 0 else 1.0
    assert pulse.has_beat(onset, beats_s)
    noise = np.abs(np.random.Generator(np.random.Philox(8)).standard_normal(2100)).astype(np.float32)
    assert not pulse.has_beat(noise, beats_s)
    assert not pulse.has_beat(np.ones(2100, dtype=np.float32), beats_s)


def test_percentiles_count_ties_half_and_need_enough_to_compare_with() -> None:
    own = np.arange(10, dtype=np.float32)
    np.testing.assert_allclose(transition.percentiles(np.array([-1.0, 4.0, 4.5, 99.0]), own), [0, 45, 50, 100])
    assert transition.percentiles(np.array([1.0]), own[:7]) is None


def test_a_recordings_own_transitions_lie_around_their_own_median() -> None:
    details = plain(0).described.details
    own = details["own_level_step_db"]
    assert len(own) > 40
    assert (np.diff(own) >= 0).all()
    percentiles = transition.percentiles(own, own)
    assert percentiles is not None
    assert percentiles.mean() == pytest.approx(50.0)


def test_a_candidate_is_bent_to_the_tempo_it_takes_over() -> None:
    needed = pulse.needed_ratios(120.0, np.array([120.0, 116.0, 61.0, 236.0, 90.0, 0.0]))
    np.testing.assert_allclose(needed, [1.0, 120 / 116, 60 / 61, 240 / 236, 120 / 90, 1.0])
    played = pulse.played_ratios(needed, 0.08)
    np.testing.assert_allclose(played, [1.0, 120 / 116, 60 / 61, 240 / 236, 1.0, 1.0])
    assert pulse.played_ratios(np.array([1.005]), 0.08)[0] == 1.0


def test_the_pulse_goes_on_past_the_last_beat() -> None:
    beats_s = 0.3 + 0.5 * np.arange(20)
    np.testing.assert_allclose(pulse.period_around(beats_s, np.array([0.0, 5.0, 60.0])), 0.5)
    assert pulse.off_beat_s(beats_s, 11.37) == pytest.approx(0.07)
    assert pulse.off_beat_s(beats_s, 5.25) == pytest.approx(-0.05)
    assert pulse.off_beat_s(np.empty(0), 5.25) is None


def test_played_beats_are_a_beat_and_a_grid_beside_them_is_none() -> None:
    take = plain(0)
    assert pulse.has_beat(take.heard.frames.onset, take.heard.beats_s)
    assert not pulse.has_beat(take.heard.frames.onset, take.heard.beats_s + 0.25)
    assert len(play(0, tempo_bpm=120)) == 24 * RATE
