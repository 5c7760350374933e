from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ensemble.audio.clicks import click_ratio

RATE = 48_000
JOINS = range(0, 2 * RATE, 9600)


def ratio_of(tmp_path: Path, sound: np.ndarray, joins: object = JOINS) -> float | None:
    """sound [samples] or [samples, channels], as 24 bits."""
    soundfile.write(tmp_path / "stem.wav", sound, RATE, subtype="PCM_24")
    with soundfile.SoundFile(tmp_path / "stem.wav") as file:
        return click_ratio(file, joins)


def sine(hz: float = 110.0, level: float = 0.3) -> np.ndarray:
    return level * np.sin(2 * np.pi * hz * np.arange(2 * RATE) / RATE + 0.4)


def stepped(sound: np.ndarray, at: int, step: float) -> np.ndarray:
    after = sound.copy()
    after[at:] += step
    return after


@pytest.mark.parametrize("hz", [41.2, 440.0, 9000.0])
@pytest.mark.parametrize("level", [0.9, 0.01])
def test_an_unbroken_sine_has_no_clicks(tmp_path, hz, level):
    ratio = ratio_of(tmp_path, sine(hz, level))
    assert ratio is not None
    assert 0.1 < ratio <= 1.5


def test_a_step_at_a_join_stands_out_and_one_elsewhere_does_not(tmp_path):
    assert ratio_of(tmp_path, stepped(sine(), 5 * 9600, 0.01)) > 10
    assert ratio_of(tmp_path, stepped(sine(), 5 * 9600 + 700, 0.01)) <= 1.5


def test_a_lost_phase_at_a_join_stands_out(tmp_path):
    broken = np.concatenate([sine()[: 4 * 9600], sine()[100 : 2 * RATE - 4 * 9600]])
    assert ratio_of(tmp_path, broken) > 10


def test_noise_alone_is_smooth_and_a_step_in_it_is_found(tmp_path):
    noise = 0.005 * np.random.default_rng(7).standard_normal(2 * RATE)
    assert ratio_of(tmp_path, sine() + noise) <= 1.5
    assert ratio_of(tmp_path, stepped(sine() + noise, 3 * 9600, 0.2)) > 4


def test_a_click_in_one_channel_is_found(tmp_path):
    both = np.stack([sine(), 0.5 * sine()], axis=1)
    both[:, 1] = stepped(both[:, 1], 2 * 9600, 0.02)
    assert ratio_of(tmp_path, both) > 10


def test_clicks_at_every_join_do_not_hide_each_other(tmp_path):
    sound, joins = sine(), range(480, 2 * RATE, 480)
    for join in joins:
        sound = stepped(sound, join, 0.01 * (-1) ** (join // 480))
    assert ratio_of(tmp_path, sound, joins) > 10


def test_a_click_in_silence_is_found(tmp_path):
    assert ratio_of(tmp_path, stepped(np.zeros(2 * RATE), 9600, 0.01)) > 10


@pytest.mark.parametrize("joins", [(), [0], [2 * RATE], range(0)])
def test_without_joins_inside_there_is_nothing_to_say(tmp_path, joins):
    assert ratio_of(tmp_path, stepped(sine(), 9600, 0.2), joins) is None


def test_silence_has_no_ratio(tmp_path):
    assert ratio_of(tmp_path, np.zeros(2 * RATE)) is None
