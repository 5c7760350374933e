"""Sound in pieces gives the bytes of the whole, however it is cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from ensemble.audio.clip_file import keep_in_file
from ensemble.audio.files import (
    LEADER_LUFS,
    PCM_STEPS,
    PEAK_CEILING,
    prepared,
    prepared_clip,
    read_clip,
    write_clip,
    write_pieces,
)
from ensemble.audio.loudness import integrated_lufs
from ensemble.audio.recording import opened
from ensemble.audio.sound import mean_of_channels, regrouped, resampled
from ensemble.audio.spectra import CHUNK_FRAMES, band_rise_db
from ensemble.errors import AudioError
from ensemble.listen.listener import at_analysis_rate
from ensemble.rendering.leader import take_in
from ensemble.types.music import PIECE_SAMPLES, AudioClip

RATE = 48_000


def music(num_channels: int, seconds: float, rate: int = RATE, level: float = 0.2, offset: float = 0.0) -> AudioClip:
    """Channels that have little in common: a tone each, and noise."""
    random, time_s = np.random.default_rng(num_channels), np.arange(round(seconds * rate)) / rate
    tones = np.sin(2 * np.pi * np.outer(110.0 * (2 + np.arange(num_channels)), time_s))
    noise = random.standard_normal(tones.shape) / 5
    return AudioClip(samples=(level * (tones + noise) + offset).astype(np.float32), sample_rate=rate)


@dataclass
class Cut:
    """A clip that comes in pieces of another length."""

    clip: AudioClip
    length: int

    @property
    def sample_rate(self) -> int:
        return self.clip.sample_rate

    @property
    def num_channels(self) -> int:
        return self.clip.num_channels

    @property
    def num_samples(self) -> int:
        return self.clip.num_samples

    def pieces(self) -> Iterator[np.ndarray]:
        for start in range(0, self.num_samples, self.length):
            yield self.clip.samples[:, start : start + self.length]


def whole_leader(clip: AudioClip, sample_rate: int) -> np.ndarray:
    """What preparing comes to, on everything at once."""
    samples = clip.samples.mean(axis=0, keepdims=True) if clip.num_channels > 2 else clip.samples
    if clip.sample_rate != sample_rate:
        samples = np.stack([soxr.resample(channel, clip.sample_rate, sample_rate, "HQ") for channel in samples])
    loudness_lufs = integrated_lufs([samples - samples[:, :1]], sample_rate)
    offset = samples.mean(axis=1, dtype=np.float64, keepdims=True)
    if np.abs(offset).max() > 1e-3:
        samples = samples - offset.astype(np.float32)
    peak = float(np.abs(samples).max())
    gain = min(10 ** ((LEADER_LUFS - loudness_lufs) / 20), PEAK_CEILING / peak)
    return np.clip(np.rint(samples * np.float32(gain * PCM_STEPS)), -PCM_STEPS, PCM_STEPS - 1) / np.float32(PCM_STEPS)


LEADERS = {
    "mono": music(1, 3.3),
    "stereo at another rate": music(2, 3.1, 44_100),
    "six channels at a higher rate": music(6, 1.9, 96_000),
    "nine channels, loud": music(9, 2.2, 32_000, level=3.0),
    "with an offset": music(2, 3.0, offset=0.05),
    "too loud, with an offset": music(2, 2.9, 22_050, level=1.5, offset=-0.2),
    "shorter than a piece": music(2, 0.6),
}


@pytest.mark.parametrize("length", [997, 8192, PIECE_SAMPLES, PIECE_SAMPLES + 1, 10**6])
@pytest.mark.parametrize("name", LEADERS)
def test_preparing_in_pieces_equals_preparing_whole(name: str, length: int) -> None:
    clip = LEADERS[name]
    in_pieces = np.concatenate(list(prepared(Cut(clip, length), RATE)), axis=1)
    np.testing.assert_array_equal(in_pieces, whole_leader(clip, RATE))
    np.testing.assert_array_equal(prepared_clip(clip, RATE).samples, in_pieces)


@pytest.mark.parametrize("length", [7, 1000, 65_537])
@pytest.mark.parametrize(("from_hz", "to_hz"), [(44_100, 48_000), (48_000, 16_000), (11_025, 44_100), (96_000, 32_000)])
def test_a_stream_is_resampled_as_the_whole_is(from_hz: int, to_hz: int, length: int) -> None:
    clip = music(2, 0.7, from_hz)
    stream = np.concatenate(list(resampled(Cut(clip, length).pieces(), from_hz, to_hz)), axis=1)
    np.testing.assert_array_equal(stream, [soxr.resample(one, from_hz, to_hz, "HQ") for one in clip.samples])


@pytest.mark.parametrize("num_channels", [1, 2, 3, 8, 17])
def test_the_mean_of_channels_does_not_depend_on_the_length(num_channels: int) -> None:
    samples = music(num_channels, 0.5).samples
    whole = samples.mean(axis=0, keepdims=True)
    for length in (1, 7, 1000):
        pieces = [mean_of_channels(samples[:, start : start + length]) for start in range(0, 3000, length)]
        np.testing.assert_array_equal(np.concatenate(pieces, axis=1)[:, :3000], whole[:, :3000])


@pytest.mark.parametrize("lengths", [(5,), (1,) * 23, (10, 10, 3), (0, 9, 0, 30, 1), (10,), (40, 1)])
def test_regrouping_keeps_every_sample_in_its_order(lengths: tuple[int, ...]) -> None:
    samples = np.arange(2 * sum(lengths), dtype=np.float32).reshape(2, -1)
    pieces = np.split(samples, np.cumsum(lengths)[:-1], axis=1)
    grouped = list(regrouped(pieces, 10))
    np.testing.assert_array_equal(np.concatenate(grouped, axis=1), samples)
    assert all(piece.shape[1] == 10 for piece in grouped[:-1])
    assert 0 < grouped[-1].shape[1] <= 10


@pytest.mark.parametrize("length", [997, PIECE_SAMPLES, 10**6])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_what_is_listened_to_does_not_depend_on_the_pieces(length: int, sign: float) -> None:
    """Also where the channels cancel, and the louder one is heard."""
    one = music(1, 2.7, 44_100).samples
    clip = AudioClip(samples=np.concatenate([0.9 * one, sign * one]).astype(np.float32), sample_rate=44_100)
    expected = clip.samples.mean(axis=0) if sign > 0 else clip.samples[1]
    heard = at_analysis_rate(Cut(clip, length))
    np.testing.assert_array_equal(heard.samples[0], soxr.resample(expected, 44_100, 16_000, "HQ"))


@pytest.mark.parametrize("num_channels", [1, 2])
def test_a_clip_in_its_file_is_the_clip_that_was_written(tmp_path: Path, num_channels: int) -> None:
    clip = prepared_clip(music(num_channels, 3.4), RATE)
    write_clip(tmp_path / "clip.wav", clip)
    kept = keep_in_file(tmp_path / "clip.wav")
    assert (kept.digest, kept.num_samples, kept.num_channels) == (clip.digest, clip.num_samples, num_channels)
    np.testing.assert_array_equal(np.concatenate(list(kept.pieces()), axis=1), clip.samples)
    for start, stop in [(0, 1), (70_001, 160_000), (clip.num_samples - 5, clip.num_samples), (9, 9)]:
        np.testing.assert_array_equal(kept.span(start, stop).samples, clip.samples[:, start:stop])
    np.testing.assert_array_equal(at_analysis_rate(kept).samples, at_analysis_rate(clip).samples)


def test_a_clip_whose_file_became_another_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    write_clip(path, music(2, 1.0))
    kept = keep_in_file(path)
    write_clip(path, music(2, 2.0))
    with pytest.raises(AudioError, match=r"clip\.wav: was changed"):
        kept.span(0, 10)
    path.unlink()
    with pytest.raises(AudioError, match=r"clip\.wav: is gone"):
        list(kept.pieces())


@pytest.mark.parametrize("length", [1, 999, PIECE_SAMPLES, 10**6])
def test_a_file_written_in_pieces_is_the_same_file(tmp_path: Path, length: int) -> None:
    clip = AudioClip(samples=music(2, 2.0).samples[:, :70_000], sample_rate=RATE)
    write_clip(tmp_path / "whole.wav", clip)
    write_pieces(tmp_path / "pieces.wav", Cut(clip, length).pieces(), RATE, 2)
    assert (tmp_path / "pieces.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()


def test_a_recording_is_the_same_every_time_it_is_gone_through(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.mp3", music(2, 4.0, 44_100).samples.T, 44_100)
    with opened(tmp_path / "song.mp3") as recording:
        first, second = (np.concatenate(list(recording.pieces()), axis=1) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, read_clip(tmp_path / "song.mp3").samples)


@pytest.mark.parametrize("name", LEADERS)
def test_a_leader_is_taken_in_as_it_is_prepared(tmp_path: Path, name: str) -> None:
    clip = LEADERS[name]
    soundfile.write(tmp_path / "given.wav", clip.samples.T, clip.sample_rate, subtype="FLOAT")
    lead = take_in(tmp_path / "given.wav", RATE, tmp_path)
    expected = whole_leader(clip, RATE)
    kept = soundfile.read(tmp_path / "leader.wav", dtype="float32", always_2d=True)[0].T
    np.testing.assert_array_equal(kept[:, : expected.shape[1]], expected)
    assert not kept[:, expected.shape[1] :].any()
    assert kept.shape[1] == -(-expected.shape[1] // 480) * 480
    assert lead.clip.digest == AudioClip(samples=np.ascontiguousarray(kept), sample_rate=RATE).digest


def test_a_leader_that_ends_early_is_taken_in_with_a_doubt(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "given.wav", music(2, 2.0).samples.T, RATE, subtype="PCM_16")
    whole = (tmp_path / "given.wav").read_bytes()
    (tmp_path / "given.wav").write_bytes(whole[: len(whole) // 2])
    lead = take_in(tmp_path / "given.wav", RATE, tmp_path)
    assert lead.clip.duration_s == pytest.approx(1.0, abs=0.01)
    assert [found.code for found in lead.doubts] == ["cut_short"]


@pytest.mark.parametrize("num_frames", [1, 3, CHUNK_FRAMES - 1, CHUNK_FRAMES, CHUNK_FRAMES + 1, 2 * CHUNK_FRAMES + 3])
@pytest.mark.parametrize("lag", [2, 4])
def test_bands_rise_alike_in_chunks_and_at_once(num_frames: int, lag: int) -> None:
    level = np.random.default_rng(lag).lognormal(-8, 3, (num_frames, 40)).astype(np.float32)
    level_db = 10 * np.log10(np.maximum(level / level.max(), np.float32(1e-6)))
    before = np.full_like(level_db, -60.0)
    neighbours = np.pad(level_db, ((0, 0), (1, 1)), mode="edge")
    before[lag:] = np.maximum(np.maximum(neighbours[:, :-2], level_db), neighbours[:, 2:])[:-lag]
    np.testing.assert_array_equal(band_rise_db(level, 60.0, lag), np.maximum(level_db - before, 0.0).mean(axis=1))


@pytest.mark.parametrize("form", ["wav", "flac", "ogg"])
def test_a_span_of_a_recording_holds_the_samples_of_a_whole_reading(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"music.{form}"
    soundfile.write(path, music(2, 3.0).samples.T, RATE)
    whole = read_clip(path).samples
    with opened(path) as recording:
        for start, stop in ((0, 100), (48_001, 90_000), (140_000, 10 * RATE), (9 * RATE, 10 * RATE)):
            np.testing.assert_array_equal(recording.span(start, stop), whole[:, start:stop])
