from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ensemble.audio.files import write_clip
from ensemble.data.compose import stems
from ensemble.data.compose.brightness import colour_of, slope
from ensemble.data.compose.colour import tilted
from ensemble.data.compose.labels import read_labels, write_labels
from ensemble.data.compose.orchestra import ORCHESTRA
from ensemble.data.compose.performance import ComposedPerformance, PlayedNote
from ensemble.data.compose.piece import PlayerTraits
from ensemble.data.compose.truth import played_f0_hz
from ensemble.listen.loudness import loudness_db
from ensemble.types.music import AudioClip

RATE = 16_000
F0_HZ = 400.0


def tone(seconds: float, level_db: np.ndarray | float = -20.0, harmonics: int = 12) -> np.ndarray:
    """Harmonics of 400 Hz with amplitudes 1/k; level_db per second-long step or one for all."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * F0_HZ * k * time_s + k) / k for k in range(1, harmonics + 1))
    gain = 10 ** (np.interp(time_s, np.arange(np.size(level_db)), np.atleast_1d(level_db)) / 20)
    return (0.5 * wave * gain).astype(np.float32)


def curve(seconds: float) -> np.ndarray:
    return np.full(round(seconds * 100), F0_HZ, dtype=np.float32)


def partial_db(samples: np.ndarray, number: int) -> float:
    middle = samples[RATE // 2 : -RATE // 2] * np.hanning(len(samples) - RATE)
    at_s = np.arange(len(middle)) / RATE
    return float(20 * np.log10(np.abs(np.vdot(np.exp(2j * np.pi * number * F0_HZ * at_s), middle))))


def test_no_tilt_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    sound = rng.normal(0, 0.1, 2 * RATE).astype(np.float32)
    np.testing.assert_allclose(tilted(sound, RATE, curve(2.0), 0.0, -30.0), sound, atol=2e-6)


@pytest.mark.parametrize("number", [2, 4, 8])
@pytest.mark.parametrize("level_db", [-40.0, -20.0])
def test_each_partial_moves_by_its_octaves_above_the_fundamental(number: int, level_db: float) -> None:
    sound = tone(3.0, level_db)
    heard_db = float(np.median(loudness_db(sound, RATE, 300)))
    coloured = tilted(sound, RATE, curve(3.0), 0.2, -30.0)
    tilt_db = 0.2 * (heard_db + 30.0)
    octaves = min(np.log2(number), 2.0) if tilt_db > 0 else np.log2(number)
    against_first = lambda wave: partial_db(wave, number) - partial_db(wave, 1)  # noqa: E731
    assert against_first(coloured) - against_first(sound) == pytest.approx(tilt_db * octaves, abs=0.4)


def test_the_tilt_leaves_loudness_alone() -> None:
    sound = tone(6.0, np.array([-50.0, -10.0, -40.0, -15.0, -60.0, -20.0, -20.0]))
    before, after = (loudness_db(x, RATE, 600) for x in (sound, tilted(sound, RATE, curve(6.0), 0.4, -35.0)))
    assert np.abs(after - before)[10:-10].max() < 0.5


def test_silence_stays_silent_and_length_stays() -> None:
    sound = np.concatenate([tone(1.0), np.zeros(RATE // 3 + 7, dtype=np.float32)])
    coloured = tilted(sound, RATE, curve(len(sound) / RATE), 0.5, -40.0)
    assert len(coloured) == len(sound)
    assert np.abs(coloured[RATE + RATE // 20 :]).max() == 0.0


def test_brightness_of_a_scaled_tone_is_flat_and_rises_once_tilted() -> None:
    sound = tone(8.0, np.linspace(-50, -5, 9))
    f0_hz = curve(8.0)
    flat, _ = slope([colour_of(sound, RATE, f0_hz)])
    risen, tightness = slope([colour_of(tilted(sound, RATE, f0_hz, 0.25, -30.0), RATE, f0_hz)])
    assert abs(flat) < 0.2
    assert 2.0 < risen < 6.0
    assert tightness > 0.95


@pytest.mark.parametrize("note_hz", [55.0, 220.0, 1200.0])
def test_the_played_pitch_is_found_though_another_was_asked(note_hz: float) -> None:
    frame_s = np.arange(300) / 100
    time_s = np.arange(3 * RATE) / RATE
    width_cents = 8 if note_hz < 100 else 25  # nobody shakes a low string wider
    cents = lambda t: 12 + width_cents * np.sin(2 * np.pi * 5.0 * t)  # noqa: E731
    phase = 2 * np.pi * np.cumsum(note_hz * 2 ** (cents(time_s) / 1200)) / RATE
    wave = sum(np.sin(number * phase) / number for number in range(1, 5)) * ((time_s > 0.5) & (time_s < 2.5))
    asked = round(69 + 12 * np.log2(note_hz / 440))
    off_cents = 1200 * np.log2(note_hz / 440) - 100 * (asked - 69)
    note = PlayedNote(onset_s=0.5, stop_s=2.5, midi=asked, velocity=90, loudest_db=0.0)
    part = PlayerTraits(player=ORCHESTRA[0], role="tune", lag_beats=0.0, gain=1.0, detune_cents=0.0)
    performance = ComposedPerformance(
        part=part, notes=(note,), bend_cents=np.full(300, off_cents), level_db=np.zeros(300)
    )  # fmt: skip
    found = played_f0_hz(performance, wave.astype(np.float32), RATE)
    voiced = np.arange(50, 250)
    np.testing.assert_array_equal(np.flatnonzero(found), voiced)
    error = 1200 * np.log2(found[voiced] / note_hz) - cents(frame_s[voiced])
    limit_cents = 5.0 if note_hz < 100 else 3.0  # six periods of a low note smear a vibrato
    assert np.abs(error)[8:-8].max() < limit_cents


def test_stems_are_levelled_where_they_sound() -> None:
    sparse = np.concatenate([tone(1.0, -31.0), np.zeros(5 * RATE, dtype=np.float32)])
    assert stems.active_rms_db(stems.levelled(sparse, RATE), RATE) == pytest.approx(stems.LEVEL_DB, abs=0.01)


def test_the_mix_is_the_exact_sum_and_files_hold_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    parts = [rng.normal(0, 0.3, 4000).astype(np.float32) for _ in range(5)]
    gain = stems.headroom_gain(parts)
    assert gain < 1
    steps = [stems.quantised(part * np.float32(gain)) for part in parts]
    for index, stem in enumerate([*steps, stems.mixed(steps)]):
        write_clip(tmp_path / f"{index}.wav", AudioClip(samples=stem[None], sample_rate=RATE))
    read = [soundfile.read(tmp_path / f"{index}.wav", dtype="int32")[0] for index in range(6)]
    np.testing.assert_array_equal(np.sum(read[:5], axis=0, dtype=np.int64), read[5])
    assert np.abs(read[5] / 2**31).max() < 0.9
    np.testing.assert_array_equal(steps[0], soundfile.read(tmp_path / "0.wav", dtype="float32")[0])


def test_equal_labels_give_equal_bytes_and_no_pickle(tmp_path: Path) -> None:
    arrays = {"f0_hz": curve(1.0), "hit_class": np.array(["kick", "closed_hat"], dtype="<U10")}
    write_labels(tmp_path / "a.npz", arrays)
    write_labels(tmp_path / "b.npz", arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert read_labels(tmp_path / "a.npz")["hit_class"].tolist() == ["kick", "closed_hat"]
