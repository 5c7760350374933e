from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from ensemble.audio.stretch import stretch, stretched_length

RATE = 48_000


def plucked(midi: float, duration_s: float) -> np.ndarray:
    time_s = np.arange(round(duration_s * RATE)) / RATE
    hz = 440 * 2 ** ((midi - 69) / 12)
    wave = sum(np.sin(2 * np.pi * k * hz * time_s + k * k) / k * np.exp(-k * time_s) for k in range(1, 9))
    return 0.2 * wave * np.minimum(1, time_s / 0.003) * np.minimum(1, (duration_s - time_s) / 0.02)


def tune(tempo_bpm: float = 120.0, semitones: float = 0.0) -> np.ndarray:
    notes = (60, 64, 67, 72, 71, 67, 65, 62, 60, 55)
    beat_s = 60 / tempo_bpm
    sound = np.zeros(round(RATE * beat_s * (len(notes) + 1)))
    for number, midi in enumerate(notes):
        note = plucked(midi + semitones, beat_s)
        start = round(number * beat_s * RATE)
        sound[start : start + len(note)] += note
    return sound[None].astype(np.float32)


def mel_db(sound: np.ndarray) -> np.ndarray:
    """[bands, frames]: third octaves of 21 ms frames."""
    frames = np.lib.stride_tricks.sliding_window_view(sound[0], 1024)[::480] * np.hanning(1024)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)))
    edges = np.unique(np.round(1024 / RATE * 200 * 2 ** (np.arange(18) / 3)).astype(int))
    return np.stack([10 * np.log10(power[:, low:high].mean(axis=1) + 1e-4) for low, high in pairwise(edges)])


def partial_hz(sound: np.ndarray, near_hz: float) -> float:
    piece = sound[0, RATE : 3 * RATE] * np.hanning(2 * RATE)
    size = 1 << 21
    spectrum = np.abs(np.fft.rfft(piece, size))
    low, high = (round(near_hz * factor * size / RATE) for factor in (0.97, 1.03))
    return (low + int(np.argmax(spectrum[low:high]))) * RATE / size


def test_unchanged_means_the_very_same_bits():
    sound = tune()
    np.testing.assert_array_equal(stretch(sound, RATE), sound)


@pytest.mark.parametrize("tempo_ratio", [0.92, 0.97, 1.03, 1.08])
@pytest.mark.parametrize("semitones", [-6.0, 0.0, 5.0])
def test_it_sounds_like_the_tune_played_in_that_key_and_tempo(semitones, tempo_ratio):
    played = tune(120.0 * tempo_ratio, semitones)
    changed = stretch(tune(), RATE, semitones=semitones, tempo_ratio=tempo_ratio)
    length = min(played.shape[1], changed.shape[1]) - RATE // 2
    error_db = np.abs(mel_db(changed[:, :length]) - mel_db(played[:, :length])).mean()
    unchanged_db = np.abs(mel_db(tune()[:, :length]) - mel_db(played[:, :length])).mean()
    assert error_db < 2.6
    assert error_db < 0.5 * unchanged_db


@pytest.mark.parametrize("semitones", [-6.0, -1.0, 0.5, 6.0])
def test_every_note_of_a_chord_moves_by_the_same_interval(semitones):
    time_s = np.arange(4 * RATE) / RATE
    chord = 0.1 * sum(np.sin(2 * np.pi * hz * time_s) for hz in (110.0, 277.18, 659.26))
    changed = stretch(chord[None].astype(np.float32), RATE, semitones=semitones, tempo_ratio=1.05)
    for hz in (110.0, 277.18, 659.26):
        wanted = hz * 2 ** (semitones / 12)
        assert abs(1200 * np.log2(partial_hz(changed, wanted) / wanted)) < 1.0


@pytest.mark.parametrize(("semitones", "tempo_ratio"), [(0.0, 1.07), (0.0, 0.93), (3.0, 1.0), (-4.0, 1.05)])
def test_strokes_fall_where_the_new_tempo_puts_them(semitones, tempo_ratio):
    sound = np.zeros((1, 5 * RATE), dtype=np.float32)
    times_s = np.arange(0.5, 4.6, 0.5)
    burst = np.random.default_rng(3).standard_normal(2400) * np.exp(-np.arange(2400) / 400)
    for time_s in times_s:
        sound[0, round(time_s * RATE) : round(time_s * RATE) + 2400] += (0.3 * burst).astype(np.float32)
    changed = stretch(sound, RATE, semitones=semitones, tempo_ratio=tempo_ratio)
    energy = np.convolve(np.square(changed[0]), np.ones(240), "same")
    for time_s in times_s / tempo_ratio:
        around = slice(round((time_s - 0.1) * RATE), round((time_s + 0.1) * RATE))
        heard_s = (around.start + int(np.argmax(energy[around] > 0.25 * energy[around].max()))) / RATE
        assert abs(heard_s - time_s) < 0.012


def test_the_length_is_the_tempos_and_the_channels_stay_together():
    sound = np.concatenate([tune(), 0.5 * tune()])
    changed = stretch(sound, RATE, semitones=2.0, tempo_ratio=1.04)
    assert changed.shape == (2, stretched_length(sound.shape[1], 1.04))
    np.testing.assert_allclose(changed[1], 0.5 * changed[0], atol=2e-3)


def test_it_adds_no_clicks():
    time_s = np.arange(3 * RATE) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 220 * time_s))[None].astype(np.float32)
    changed = stretch(tone, RATE, semitones=3.0, tempo_ratio=1.03)[:, 6000:-6000]
    rough = np.abs(np.diff(changed[0], 2))
    assert rough.max() < 1.5 * np.percentile(rough, 99)
    assert 0.95 < np.std(changed) / np.std(tone) < 1.05


def test_the_same_bytes_in_another_process():
    program = (
        "import hashlib, numpy as np; from ensemble.audio.stretch import stretch;"
        "x = np.random.Generator(np.random.Philox(5)).standard_normal((2, 24000)).astype('f4') * np.float32(0.1);"
        "print(hashlib.sha256(stretch(x, 16000, semitones=-3, tempo_ratio=1.05).tobytes()).hexdigest())"
    )
    answers = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(answers) == 1
    assert len(answers.pop().strip()) == 64


@pytest.mark.parametrize(("semitones", "tempo_ratio"), [(13.0, 1.0), (0.0, 0.5), (0.0, 2.0), (float("nan"), 1.0)])
def test_too_far_is_refused(semitones, tempo_ratio):
    with pytest.raises(ValueError, match="too far"):
        stretch(tune(), RATE, semitones=semitones, tempo_ratio=tempo_ratio)
