from __future__ import annotations

import numpy as np
import pytest

from ensemble.audio.joins import overlap_add
from ensemble.audio.seams import SeamFacts, click_ratio, f0_hz, natural_transitions, percentiles, seam_facts

RATE = 48_000
AT = RATE
FADE = 1200


def tone(hz: float, seconds: float = 2.0, level: float = 0.2, phase: float = 0.4) -> np.ndarray:
    time_s = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * k * hz * time_s + phase * k) / k for k in range(1, 7))
    return (level * wave)[None].astype(np.float32)


def plucked(hz: float, seconds: float, level: float = 0.2) -> np.ndarray:
    time_s = np.arange(round(seconds * RATE)) / RATE
    return tone(hz, seconds, level) * (np.minimum(1, time_s / 0.002) * np.exp(-4 * time_s)).astype(np.float32)


def notes(pitches: list[float], seconds: float = 0.5) -> np.ndarray:
    return np.concatenate([plucked(hz, seconds) for hz in pitches], axis=1)


def spliced(before: np.ndarray, after: np.ndarray, fade: int) -> np.ndarray:
    return overlap_add(before[:, : AT + fade], after[:, AT:], fade)


@pytest.mark.parametrize("hz", [82.4, 220.0, 440.0])
def test_a_hard_cut_clicks_and_a_fade_does_not(hz):
    before, after = tone(hz), tone(hz * 1.5, phase=2.0)
    cut = np.concatenate([before[:, :AT], after[:, AT:]], axis=1)
    assert click_ratio(cut, RATE, AT - 2, AT + 2) > 3
    assert click_ratio(spliced(before, after, FADE), RATE, AT, AT + FADE) < 1.1


@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize("level", [0.5, 0.002])
def test_the_ratio_of_an_unbroken_sound_is_near_one_at_any_level_and_rate(rate, level):
    sound = (level * np.sin(2 * np.pi * 300 * np.arange(2 * rate) / rate))[None].astype(np.float32)
    assert 0.7 < click_ratio(sound, rate, rate, rate + rate // 40) < 1.3


def test_a_click_in_one_channel_is_found():
    both = np.concatenate([tone(200.0), 0.5 * tone(200.0)])
    both[1, AT + 300 :] += 0.05
    assert click_ratio(both, RATE, AT, AT + FADE) > 5


def test_silence_does_not_click():
    assert click_ratio(np.zeros((1, 2 * RATE), dtype=np.float32), RATE, AT, AT + FADE) == 0.0


@pytest.mark.parametrize(("factor", "step_db"), [(2.0, 6.02), (0.5, -6.02), (1.0, 0.0)])
def test_the_level_step_is_what_was_made(factor, step_db):
    facts = seam_facts(spliced(tone(220.0), factor * tone(220.0), FADE), RATE, AT, AT + FADE)
    assert facts.level_step_db == pytest.approx(step_db, abs=0.2)
    assert facts.spectral_distance_db < 1.0
    assert facts.pitch_step_cents == pytest.approx(0.0, abs=3.0)


@pytest.mark.parametrize("cents", [-700.0, -30.0, 100.0, 1200.0])
def test_the_pitch_step_is_what_was_made(cents):
    facts = seam_facts(spliced(tone(220.0), tone(220.0 * 2 ** (cents / 1200)), FADE), RATE, AT, AT + FADE)
    assert facts.pitch_step_cents == pytest.approx(cents, abs=5.0)


def test_another_colour_is_further_than_another_level():
    dull = (0.2 * np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE))[None].astype(np.float32)
    louder = seam_facts(spliced(tone(220.0), 0.3 * tone(220.0), FADE), RATE, AT, AT + FADE)
    duller = seam_facts(spliced(tone(220.0), dull, FADE), RATE, AT, AT + FADE)
    assert duller.spectral_distance_db > 5 * louder.spectral_distance_db


@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize("hz", [55.0, 82.4, 440.0, 1200.0])
def test_f0_of_a_short_tone(hz, rate):
    time_s = np.arange(rate // 10) / rate
    piece = (0.1 * sum(np.sin(2 * np.pi * k * hz * time_s + k) / k for k in (1, 2, 3))).astype(np.float32)
    assert abs(1200 * np.log2(f0_hz(piece, rate) / hz)) < 10


def test_noise_and_silence_have_no_pitch():
    noise = (0.1 * np.random.default_rng(1).standard_normal(4800)).astype(np.float32)
    assert f0_hz(noise, RATE) == 0.0
    assert f0_hz(np.zeros(4800, dtype=np.float32), RATE) == 0.0
    facts = seam_facts(spliced(tone(220.0), np.zeros((1, 2 * RATE), dtype=np.float32), FADE), RATE, AT, AT + FADE)
    assert facts.pitch_step_cents is None


def test_a_tunes_own_transitions_do_not_click_though_every_note_is_struck():
    tune = notes([220.0, 247.0, 262.0, 294.0, 330.0, 294.0, 262.0, 247.0])
    beats = [number * RATE // 2 for number in range(8)]
    natural = natural_transitions(tune, RATE, beats, FADE)
    assert len(natural) == 7  # the first has nothing before it
    assert max(one.click_ratio for one in natural) < 1.1
    whole_tone = 1200 * np.log2(247 / 220)
    assert natural[0].pitch_step_cents == pytest.approx(whole_tone, abs=10)


def test_a_leap_stands_out_among_steps_and_a_step_does_not():
    natural = tuple(
        SeamFacts(click_ratio=0.5, level_step_db=2.0, spectral_distance_db=3.0, pitch_step_cents=cents)
        for cents in (100.0, -200.0, 200.0, -100.0)
    )
    leap = SeamFacts(click_ratio=2.0, level_step_db=-2.0, spectral_distance_db=1.0, pitch_step_cents=-1900.0)
    placed = percentiles(leap, natural)
    assert placed == {
        "click_ratio": 100.0,
        "level_step_db": 50.0,
        "spectral_distance_db": 0.0,
        "pitch_step_cents": 100.0,
    }


def test_without_transitions_or_pitch_there_is_no_percentile():
    facts = SeamFacts(click_ratio=1.0, level_step_db=0.0, spectral_distance_db=0.0, pitch_step_cents=None)
    assert percentiles(facts, ()) == dict.fromkeys(percentiles(facts, ()), None)
    assert percentiles(facts, (facts,))["pitch_step_cents"] is None


@pytest.mark.parametrize(("start", "stop"), [(0, 100), (500, 500), (2 * RATE - 10, 2 * RATE)])
def test_a_seam_outside_the_sound_is_refused(start, stop):
    with pytest.raises(ValueError, match="joins nothing"):
        seam_facts(tone(220.0), RATE, start, stop)
