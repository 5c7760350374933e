"""What is heard of whole leaders, made ones and real ones."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ensemble.audio.files import prepared_clip, read_clip
from ensemble.clock import frames_for
from ensemble.listen.listener import Listener
from ensemble.types.music import Heard, Key
from tests.listen.leader_sounds import RATE, TWINKLE, TWINKLE_BEATS, chords, clicks, clip_of, sine, tone, tune, vibrato

C, F, G = (48, 60, 64, 67), (41, 60, 65, 69), (43, 59, 62, 67)


def listen(samples: np.ndarray, sample_rate: int = RATE) -> Heard:
    return Listener().listen(clip_of(samples, sample_rate))


def names(heard: Heard) -> list[str]:
    return [str(chord) for chord in heard.chords]


def codes(heard: Heard) -> list[str]:
    return [found.code for found in heard.diagnostics]


def digest(heard: Heard) -> str:
    frames = (getattr(heard.frames, field.name).tobytes() for field in dataclasses.fields(heard.frames))
    rest = (heard.beats_s.tobytes(), repr((heard.tempo_bpm, heard.tuning_cents, heard.key, heard.chords)).encode())
    return hashlib.sha256(b"".join((*frames, *rest))).hexdigest()


@pytest.fixture(scope="module")
def twinkle() -> Heard:
    return listen(tune(TWINKLE, TWINKLE_BEATS, 100))


def test_a_clean_tune_is_understood_without_a_warning(twinkle):
    assert twinkle.diagnostics == ()
    assert twinkle.key == Key(tonic=0, mode="major")
    assert twinkle.tempo_bpm == pytest.approx(100, rel=0.01)
    assert (twinkle.beats_per_bar, twinkle.first_downbeat) == (4, 0)
    assert np.abs(twinkle.beats_s[1:48] - np.arange(1, 48) * 0.6).max() < 0.03
    assert {"C", "F", "G"} <= set(names(twinkle)) <= {"C", "Dm", "Em", "F", "G", "G7", "Am"}


def test_its_chords_hold_its_notes(twinkle):
    tones = {"maj": (0, 4, 7), "min": (0, 3, 7), "7": (0, 4, 7, 10)}
    on_beat = np.repeat(TWINKLE, TWINKLE_BEATS)[: len(twinkle.chords)]
    fits = [
        (note - chord.root) % 12 in tones[chord.quality] for note, chord in zip(on_beat, twinkle.chords, strict=True)
    ]
    assert np.mean(fits) > 0.9


def test_a_tune_at_435_hz_is_20_cents_low_and_in_the_same_key():
    flat = 12 * np.log2(435 / 440)
    heard = listen(tune(np.array(TWINKLE) + 9 + flat, TWINKLE_BEATS, 100))
    assert heard.tuning_cents == pytest.approx(-19.8, abs=3)
    assert heard.key == Key(tonic=9, mode="major")


@pytest.mark.parametrize("depth_cents", [30, 100])
def test_a_wide_vibrato_hides_neither_key_nor_tuning_and_is_no_speech(depth_cents):
    notes = zip(TWINKLE[:14], TWINKLE_BEATS[:14], strict=True)
    heard = listen(np.concatenate([vibrato(midi + 0.25, 0.6 * long, depth_cents) for midi, long in notes]))
    assert heard.diagnostics == ()
    assert heard.key == Key(tonic=0, mode="major")
    assert heard.tuning_cents == pytest.approx(25, abs=5)


@pytest.mark.parametrize("beats_per_chord", [4, 2])
def test_triads_are_heard_as_chords_and_as_many_voices(beats_per_chord):
    played = [triad for triad in (C, F, G, C) * 2 for _ in range(beats_per_chord)]
    heard = listen(chords(played, 0.5))
    assert heard.key == Key(tonic=0, mode="major")
    expected = np.repeat(["C", "F", "G", "C"] * 2, beats_per_chord).tolist()
    assert names(heard)[: len(expected)] == expected
    assert heard.first_downbeat == 0
    assert "several_notes" in codes(heard)


def test_a_recording_that_changes_key_has_two_keys_and_every_beat_a_doubt():
    up = [tuple(midi + 3 for midi in triad) for triad in (C, F, G, C)]
    heard = listen(
        chords([triad for triad in [(C, F, G, C)[bar % 4] for bar in range(12)] + up * 3 for _ in range(2)], 0.5)
    )
    assert [(section.key.tonic, section.key.mode) for section in heard.key_sections] == [(0, "major"), (3, "major")]
    assert (heard.keys[0].tonic, heard.keys[-1].tonic) == (0, 3)
    assert len(heard.chord_doubts) == len(heard.chords)
    assert np.mean([doubt.confidence for doubt in heard.chord_doubts]) > 0.8


def test_detuned_triads_tell_their_tuning():
    heard = listen(chords([np.array(triad) + 0.3 for triad in (C, F, G, C)], 1.0))
    assert heard.tuning_cents == pytest.approx(30, abs=3)
    assert heard.key == Key(tonic=0, mode="major")


def test_a_waltz_has_three_beats():
    bars = [(48, 64, 64), (48, 64, 64), (43, 62, 62), (43, 62, 62)] * 5
    heard = listen(tune(np.ravel(bars), [1] * 60, 150))
    assert (heard.beats_per_bar, heard.first_downbeat) == (3, 0)


@pytest.mark.parametrize("rest_s", [0.2, 0.6, 1.5, 4.1])
def test_bars_are_counted_from_where_the_leader_begins(rest_s):
    heard = listen(np.concatenate([np.zeros(round(rest_s * RATE)), tune(TWINKLE, TWINKLE_BEATS, 100)]))
    assert heard.beats_s[heard.first_downbeat] == pytest.approx(rest_s, abs=0.05)
    assert {"C", "F", "G"} <= set(names(heard)[heard.first_downbeat :])


@pytest.mark.parametrize("hiss_db", [-45, -55, -65])
def test_hiss_before_and_after_the_music_is_silence(hiss_db):
    bars = chords([triad for triad in (C, F, G, C) for _ in range(4)], 0.5)
    played = np.concatenate([np.zeros(2 * RATE), bars, np.zeros(2 * RATE)])
    heard = listen(played + np.random.default_rng(3).normal(0, 10 ** (hiss_db / 20), len(played)))
    assert (heard.frames.loudness_db[:190] == -100).mean() > 0.9
    assert (heard.frames.loudness_db[-180:] == -100).mean() > 0.9
    assert (heard.frames.loudness_db[205:990] > -100).mean() > 0.95
    assert heard.beats_s[heard.first_downbeat] == pytest.approx(2.0, abs=0.05)


def test_soft_music_is_not_hiss():
    swell = np.geomspace(0.01, 1.0, 8 * RATE)  # 40 dB
    heard = listen(chords([C, F, G, C] * 4, 0.5)[: len(swell)] * swell)
    assert heard.frames.loudness_db[5:-5].min() > -80


@pytest.mark.parametrize(("last", "expected"), [((43, 55, 67), "G"), ((43, 59, 62, 65), "G7")])
def test_music_comes_to_rest_on_a_triad_unless_its_seventh_is_played(last, expected):
    loop = [(43, 59, 62, 67), (48, 60, 64, 67), (50, 60, 62, 66), (43, 59, 62, 65)]
    heard = listen(chords([*[triad for triad in loop * 2 for _ in range(4)], *[last] * 4], 0.5))
    assert str(heard.key) == "G major"
    assert set(names(heard)[28:31]) == {"G7"}
    assert set(names(heard)[32:]) == {expected}


def test_a_leader_who_rests_on_downbeats_is_counted_from_where_it_begins():
    bar = [tone(60, 0.3), np.zeros(round(0.3 * RATE)), *[tone(midi, 0.6) for midi in (64, 67)],
           np.zeros(round(0.3 * RATE)), tone(60, 0.3)]  # fmt: skip
    rests = [np.zeros(round(0.6 * RATE)), *bar[2:]]
    heard = listen(np.concatenate([np.zeros(RATE), *bar, *rests * 8, *bar * 2]))
    assert heard.first_downbeat <= 1 + heard.beats_per_bar


@pytest.mark.parametrize("tempo_bpm", [90, 120, 150])
def test_a_metronome_gives_the_tempo_and_is_no_tune(tempo_bpm):
    heard = listen(clicks(tempo_bpm, 10.0, accents=(1.0, 0.6, 0.6, 0.6)))
    assert heard.tempo_bpm == pytest.approx(tempo_bpm, rel=0.02)
    for click_s in np.arange(0.3, 9.9, 60 / tempo_bpm):
        assert np.abs(heard.beats_s - click_s).min() < 0.03
    assert heard.first_downbeat == 0
    assert codes(heard)[0] == "little_pitch"


def test_noise_is_called_noise_without_a_beat():
    heard = listen(np.random.default_rng(0).normal(0, 0.1, 8 * RATE))
    assert codes(heard) == ["little_pitch", "no_clear_beat"]


@pytest.mark.parametrize("noise_db", [-40, -30])
def test_a_little_noise_changes_nothing(noise_db, twinkle):
    samples = tune(TWINKLE, TWINKLE_BEATS, 100)
    heard = listen(samples + np.random.default_rng(2).normal(0, 10 ** (noise_db / 20), len(samples)))
    assert (heard.key, heard.diagnostics, heard.first_downbeat) == (twinkle.key, (), 0)
    assert heard.tempo_bpm == pytest.approx(100, rel=0.01)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="SKIPPED LOUDLY: espeak-ng is missing")
def test_speech_is_told(tmp_path):
    text = "Guten Abend, meine Damen und Herren, heute regnet es wieder den ganzen Tag, und niemand will hinaus gehen."
    subprocess.run(["espeak-ng", "-v", "de", "-w", str(tmp_path / "speech.wav"), text], check=True)
    assert codes(Listener().listen(read_clip(tmp_path / "speech.wav"))) == ["gliding_pitch", "no_clear_beat"]


def test_a_tune_over_a_bass_is_two_voices():
    melody = tune(TWINKLE, TWINKLE_BEATS, 100)
    bass = np.concatenate([tone(midi, 1.2) for midi in (48, 53, 48, 43) * 6])[: len(melody)]
    assert "several_notes" in codes(listen(melody[: len(bass)] + bass))


@pytest.mark.parametrize(
    "sample_rate", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000]
)
@pytest.mark.parametrize("duration_s", [0.5, 1.23])
def test_every_rate_and_the_shortest_leader(sample_rate, duration_s):
    clip = clip_of(sine(440.0, duration_s, sample_rate=sample_rate), sample_rate)
    heard = Listener().listen(clip)
    assert heard.frames.num_frames == -(-clip.num_samples * 100 // sample_rate)
    middle = slice(15, heard.frames.num_frames - 15)
    assert np.abs(1200 * np.log2(heard.frames.f0_hz[middle] / 440)).max() < 5
    np.testing.assert_allclose(heard.frames.loudness_db[middle], -6.02 - 4.1, atol=0.1)
    assert (heard.frames.chroma.argmax(axis=0)[middle] == 9).all()
    assert len(heard.beats_s) >= 2
    prepared = prepared_clip(clip, 48_000)
    assert Listener().listen(prepared).frames.num_frames == frames_for(prepared.num_samples, 48_000)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6])
def test_any_number_of_channels_is_one_leader(channels):
    one = sine(440.0, 1.0)
    heard = listen(np.tile(one, (channels, 1)))
    np.testing.assert_allclose(heard.frames.loudness_db, listen(one).frames.loudness_db, atol=1e-3)


def test_channels_that_cancel_are_heard_all_the_same():
    one = sine(440.0, 1.0)
    heard = listen(np.stack([one, -one]))
    np.testing.assert_array_equal(heard.frames.f0_hz, listen(one).frames.f0_hz)
    assert heard.frames.loudness_db[50] == pytest.approx(-10.1, abs=0.1)


def test_chroma_is_scaled_per_frame_and_silent_in_silence():
    samples = np.concatenate([np.zeros(RATE), tone(69, 1.0), np.zeros(RATE)])
    chroma = listen(samples).frames.chroma
    assert not chroma[:, :90].any()
    assert not chroma[:, 210:].any()
    np.testing.assert_array_equal(chroma[:, 105:195].max(axis=0), 1.0)
    assert (chroma[:, 105:195].argmax(axis=0) == 9).all()


def test_a_leader_is_heard_alike_wherever_it_lies_and_frames_are_centred():
    samples = tune([60, 64, 67, 72], [1] * 4, 120)
    early, late = listen(samples).frames, listen(np.concatenate([np.zeros(8 * RATE), samples])).frames
    np.testing.assert_allclose(late.loudness_db[800:], early.loudness_db, atol=0.01)
    both = (late.f0_hz[800:] > 0) & (early.f0_hz > 0)
    assert both.mean() > 0.95
    assert np.median(np.abs(1200 * np.log2(late.f0_hz[800:][both] / early.f0_hz[both]))) < 3


def test_the_same_bytes_in_fresh_processes_on_any_number_of_threads():
    program = (
        "from tests.listen.leader_sounds import *\nfrom tests.listen.test_listener import listen, digest, C, F\n"
        "print(digest(listen(np.concatenate([tune([60, 64, 67], [1] * 3, 100), chords([C, F], 1.0)]))))"
    )
    digests = set()
    for threads in ("1", "4"):
        limits = {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        environment = os.environ | limits | {"PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


def test_a_real_flute(shared_audio):
    clip = read_clip(shared_audio / "tinysol_Fl-ord-C4-mf-N-T14d.wav")
    heard = Listener().listen(clip)
    voiced = heard.frames.f0_hz[heard.frames.f0_hz > 0]
    c4_hz = 440 * 2 ** (-9 / 12)
    assert np.median(voiced) == pytest.approx(c4_hz, rel=20 / 1731)  # 20 cents; measured: 262.6 Hz, 6 cents above
    assert np.abs(1200 * np.log2(voiced / c4_hz)).max() < 60
    assert set(codes(heard)) <= {"no_clear_beat"}


def test_a_real_double_bass(shared_audio):
    clip = read_clip(shared_audio / "tinysol_Cb-ord-A2-mf-2c-N.wav")
    heard = Listener().listen(clip)
    voiced = heard.frames.f0_hz[heard.frames.f0_hz > 0]
    assert np.median(voiced) == pytest.approx(110.0, rel=25 / 1731)  # measured: 110.6 Hz, 9 cents above
    assert np.abs(1200 * np.log2(voiced / 110)).max() < 100
    assert set(codes(heard)) <= {"no_clear_beat"}


def test_the_real_guitar(shared_audio):
    """Its figure repeats every 4.035 s, eight beats: 118.95 bpm. It plays around G, C, D and Em: G major."""
    heard = Listener().listen(read_clip(shared_audio / "guitar_20s.wav"))
    assert heard.tempo_bpm == pytest.approx(118.96, rel=0.01)
    assert heard.key == Key(tonic=7, mode="major")
    assert {"G", "C"} <= set(names(heard))
    assert np.abs(np.diff(heard.beats_s) - 0.504).max() < 0.08
    assert "several_notes" in codes(heard)
    assert abs(heard.tuning_cents) < 15
