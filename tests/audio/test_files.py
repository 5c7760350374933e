"""Reading, preparing and writing recordings: what is refused, in one line, and what comes back unchanged."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ensemble.audio.files import LEADER_LUFS, PEAK_CEILING, prepared_clip, printable, read_clip, write_clip
from ensemble.audio.loudness import integrated_lufs
from ensemble.errors import AudioError
from ensemble.types.music import AudioClip

RATE = 16_000
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def sine(duration_s: float = 1.0, sample_rate: int = RATE, channels: int = 1, peak: float = 0.5) -> np.ndarray:
    time_s = np.arange(round(duration_s * sample_rate)) / sample_rate
    return (peak * np.sin(2 * np.pi * 440 * time_s)[:, None] * np.ones(channels)).astype(np.float32)


def clip_of(samples: np.ndarray, sample_rate: int = RATE) -> AudioClip:
    return AudioClip(samples=np.ascontiguousarray(samples.T), sample_rate=sample_rate)


@pytest.fixture
def wav(tmp_path) -> Path:
    path = tmp_path / "tone.wav"
    soundfile.write(path, sine(), RATE, subtype="PCM_16")
    return path


@pytest.fixture
def without_ffmpeg(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))


def refusal(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        read_clip(path)
    message = str(caught.value)
    assert message.isprintable(), "one line, nothing that a terminal would act on"
    assert printable(path) in message
    return message


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [("wav", "PCM_16", 1e-4), ("wav", "FLOAT", 0), ("wav", "PCM_U8", 0.01), ("flac", "PCM_24", 1e-6),
     ("aiff", "PCM_16", 1e-4), ("rf64", "PCM_16", 1e-4), ("ogg", "VORBIS", 0.05)],
)  # fmt: skip
@pytest.mark.parametrize(("sample_rate", "channels"), [(8_000, 1), (44_100, 2), (192_000, 6)])
def test_what_was_written_is_read(tmp_path, suffix, subtype, tolerance, sample_rate, channels):
    samples = sine(0.6, sample_rate, channels)
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, samples, sample_rate, subtype=subtype)
    clip = read_clip(path)
    assert (clip.sample_rate, clip.num_channels) == (sample_rate, channels)
    assert np.abs(clip.samples[:, : len(samples)].T - samples)[200:-200].max() <= tolerance


def test_an_mp3_is_read(tmp_path):
    soundfile.write(tmp_path / "tone.mp3", sine(1.0, 44_100), 44_100, format="MP3")
    clip = read_clip(tmp_path / "tone.mp3")
    assert clip.duration_s == pytest.approx(1.0, abs=0.05)
    assert np.sqrt(np.square(clip.samples).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


@needs_ffmpeg
def test_what_libsndfile_cannot_read_goes_through_ffmpeg(tmp_path, wav):
    path = tmp_path / "-tone with space.m4a"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(wav), "file:" + str(path)], check=True)
    clip = read_clip(path)
    assert clip.duration_s == pytest.approx(1.0, abs=0.1)
    assert np.sqrt(np.square(clip.samples).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


@needs_ffmpeg
def test_a_playlist_opens_nothing_else(tmp_path, wav):
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{wav}\n#EXT-X-ENDLIST\n")
    assert "not a recording" in refusal(playlist)


@needs_ffmpeg
def test_what_ffmpeg_decodes_is_refused_when_it_is_too_long(tmp_path):
    path = tmp_path / "long.mov"
    source = ["-f", "lavfi", "-i", "sine=f=440:r=4000:d=7200"]
    subprocess.run(["ffmpeg", "-v", "error", *source, "-c:a", "pcm_u8", str(path)], check=True)
    assert "120.0 min" in refusal(path)


def test_without_ffmpeg_the_cure_names_it(tmp_path, without_ffmpeg):
    (tmp_path / "tone.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(4000))
    assert "install ffmpeg" in refusal(tmp_path / "tone.m4a")


def test_no_file_a_folder_a_pipe_and_an_empty_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.wav")
    assert "folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe.wav")
    assert "not a file" in refusal(tmp_path / "pipe.wav")
    (tmp_path / "empty.wav").touch()
    assert "is empty" in refusal(tmp_path / "empty.wav")
    assert "cannot be opened" in refusal(tmp_path / ("x" * 5000))


def test_a_file_that_may_not_be_read(open_folder, as_nobody):
    assert "permissions" in refusal(open_folder / "locked.wav")


@pytest.mark.parametrize(
    "name", ["a\nb.wav", "bell\a.wav", b"latin\xe9.wav".decode("utf-8", "surrogateescape"), "ü.raw"]
)
def test_any_file_name_is_one_printable_line(tmp_path, name):
    path = tmp_path / name
    path.write_text("these are words, not sound")
    assert "not a recording" in refusal(path)
    soundfile.write(str(tmp_path / "tone.wav"), sine(), RATE)
    (tmp_path / "tone.wav").rename(path)
    assert read_clip(path).num_samples == RATE


@pytest.mark.parametrize(
    ("value", "said"), [(np.nan, "not numbers"), (np.inf, "not numbers"), (-np.inf, "not numbers")]
)
def test_samples_that_are_not_numbers(tmp_path, value, said):
    samples = sine()
    samples[12_000] = value
    soundfile.write(tmp_path / "nan.wav", samples, RATE, subtype="FLOAT")
    assert said in refusal(tmp_path / "nan.wav")


def test_silence_and_constants_are_refused_but_quiet_music_is_not(tmp_path):
    path = tmp_path / "still.wav"
    soundfile.write(path, np.zeros(RATE), RATE)
    assert "silent" in refusal(path)
    soundfile.write(path, 0.5 + 1e-4 * sine(peak=1.0), RATE, subtype="FLOAT")
    assert "constant" in refusal(path)
    soundfile.write(path, np.full((RATE, 2), 0.25), RATE)
    assert "constant" in refusal(path)
    soundfile.write(path, 0.1 + sine(peak=0.001), RATE, subtype="PCM_24")
    assert read_clip(path).num_samples == RATE


def test_samples_that_can_only_be_damage(tmp_path):
    soundfile.write(tmp_path / "huge.wav", sine(peak=1e20), RATE, subtype="FLOAT")
    assert "beyond full scale" in refusal(tmp_path / "huge.wav")


def test_too_short_and_too_long(tmp_path):
    path = tmp_path / "length.wav"
    soundfile.write(path, sine(0.49), RATE)
    assert "at least 0.5 s" in refusal(path)
    soundfile.write(path, sine(0.5), RATE)
    assert read_clip(path).duration_s == 0.5


def sparse_wav(path: Path, sample_rate: int, channels: int, duration_s: int) -> None:
    """A true WAV whose sound takes no room on the disk."""
    data_bytes = duration_s * sample_rate * channels * 2
    frame = (1, channels, sample_rate, sample_rate * channels * 2, channels * 2, 16)
    head = b"RIFF" + struct.pack("<I", 36 + data_bytes) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, *frame)
    with path.open("wb") as stream:
        stream.write(head + b"data" + struct.pack("<I", data_bytes))
        stream.truncate(44 + data_bytes)


def test_two_hours_are_refused_at_once(tmp_path):
    sparse_wav(tmp_path / "long.wav", 48_000, 2, 7200)
    assert "120.0 min" in refusal(tmp_path / "long.wav")


def test_what_would_not_fit_into_memory_is_refused_at_once(tmp_path):
    sparse_wav(tmp_path / "wide.wav", 96_000, 8, 1700)
    assert "GiB" in refusal(tmp_path / "wide.wav")


@settings(max_examples=100, deadline=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    head=st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"ID3", b"FORM", b"\xff\xfb", b"RF64"]),
    body=st.binary(min_size=1, max_size=600),
)
def test_any_bytes_are_read_or_refused(tmp_path, without_ffmpeg, head, body):
    path = tmp_path / "any.wav"
    path.write_bytes(head + body)
    read_or_refused(path)


@needs_ffmpeg
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(min_size=1, max_size=600))
def test_any_bytes_are_read_or_refused_by_ffmpeg_too(tmp_path, body):
    path = tmp_path / "any.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + body)
    read_or_refused(path)


@settings(max_examples=80, deadline=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize(
    ("format_name", "subtype"),
    [("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16")],
)
def test_damaged_files_are_read_or_refused(tmp_path, without_ffmpeg, capfd, format_name, subtype, data):
    path = tmp_path / "damaged"
    soundfile.write(path, sine(0.55, 8_000), 8_000, format=format_name, subtype=subtype)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        # Mostly the head, where the lengths and the formats are.
        reach = data.draw(st.sampled_from([64, len(content)]))
        content[data.draw(st.integers(0, min(reach, len(content)) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    read_or_refused(path)


def read_or_refused(path: Path) -> None:
    try:
        clip = read_clip(path)
    except AudioError as error:
        outcome = str(error)
    else:
        outcome = "read" if clip.duration_s >= 0.5 else "too\nshort"
    assert outcome.isprintable()


def test_preparing_resamples_and_keeps_the_tone():
    prepared = prepared_clip(clip_of(sine(1.0, 44_100, 2), 44_100), 48_000)
    assert (prepared.sample_rate, prepared.samples.shape) == (48_000, (2, 48_000))
    spectrum = np.abs(np.fft.rfft(prepared.samples[0] * np.hanning(48_000)))
    assert spectrum.argmax() == 440
    assert integrated_lufs([prepared.samples], 48_000) == pytest.approx(LEADER_LUFS, abs=0.1)


def test_more_than_two_channels_become_their_mean():
    samples = np.concatenate([sine(peak=0.9), np.zeros((RATE, 2), np.float32)], axis=1)
    mean = prepared_clip(clip_of(samples[:, :1] / 3), RATE)
    np.testing.assert_allclose(prepared_clip(clip_of(samples), RATE).samples, mean.samples, atol=2e-7)


@pytest.mark.parametrize("peak", [1e-3, 0.04, 0.5, 1.0, 3.0, 1e9])
@pytest.mark.parametrize("sample_rate", [16_000, 44_100])
def test_a_leader_is_brought_to_its_level_and_preparing_it_again_changes_nothing(peak, sample_rate):
    once = prepared_clip(clip_of(sine(0.5, 44_100, 2, peak), 44_100), sample_rate)
    np.testing.assert_array_equal(once.samples, prepared_clip(once, sample_rate).samples)
    assert integrated_lufs([once.samples], sample_rate) == pytest.approx(LEADER_LUFS, abs=0.12)


def test_peaks_keep_their_room_though_the_leader_stays_softer():
    strokes = sine(4.0, peak=1e-3)
    strokes[::RATE] = 0.5
    once = prepared_clip(clip_of(strokes), RATE)
    np.testing.assert_array_equal(once.samples, prepared_clip(once, RATE).samples)
    assert np.abs(once.samples).max() == pytest.approx(PEAK_CEILING, abs=1e-6)
    assert integrated_lufs([once.samples], RATE) < LEADER_LUFS - 3


def test_what_is_too_short_or_too_soft_to_be_measured_keeps_its_level():
    soft = clip_of(sine(1.0, peak=2e-5))
    np.testing.assert_allclose(prepared_clip(soft, RATE).samples, soft.samples, atol=2e-7)


def test_a_prepared_leader_comes_back_from_its_file_bit_by_bit(tmp_path):
    prepared = prepared_clip(clip_of(sine(0.7, 22_050, 2), 22_050), 48_000)
    first, second = tmp_path / "first.wav", tmp_path / "second.wav"
    write_clip(first, prepared)
    read = read_clip(first)
    np.testing.assert_array_equal(read.samples, prepared.samples)
    write_clip(second, read)
    assert first.read_bytes() == second.read_bytes()
    assert soundfile.info(first).subtype == "PCM_24"


def test_writing_clips_what_is_beyond_full_scale(tmp_path):
    write_clip(tmp_path / "loud.wav", clip_of(sine(0.5, peak=1.5)))
    samples = read_clip(tmp_path / "loud.wav").samples
    assert samples.max() == 1 - 2.0**-23
    assert samples.min() == -1.0


def test_writing_where_there_is_no_folder_is_refused(tmp_path):
    with pytest.raises(AudioError, match="cannot be written"):
        write_clip(tmp_path / "none" / "x.wav", clip_of(sine()))


def test_resampling_gives_the_same_bytes_in_a_fresh_process():
    program = (
        "import hashlib, numpy as np\n"
        "from ensemble.audio.files import prepared\n"
        "from ensemble.types.music import AudioClip\n"
        "x = np.random.default_rng(3).normal(0, 0.1, (2, 44100)).astype(np.float32)\n"
        "pieces = prepared(AudioClip(samples=x, sample_rate=44100), 48000)\n"
        "print(hashlib.sha256(b''.join(piece.tobytes() for piece in pieces)).hexdigest())"
    )
    digests = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in range(2)
    }
    assert len(digests) == 1


def test_a_constant_offset_is_taken_away_and_a_tune_is_left_alone():
    tune = sine(2.0)
    offset = prepared_clip(clip_of(tune * 0.5 + 0.4), RATE)
    assert abs(float(offset.samples.mean())) < 1e-4
    np.testing.assert_allclose(offset.samples, prepared_clip(clip_of(tune * 0.5), RATE).samples, atol=2e-3)
    np.testing.assert_array_equal(prepared_clip(offset, RATE).samples, offset.samples)
