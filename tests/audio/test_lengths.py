"""How long a recording is, is what can be decoded of it; a header says so, says something else, or says nothing."""

from __future__ import annotations

import re
import resource
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ensemble.audio import ffmpeg
from ensemble.audio.files import read_clip
from ensemble.audio.recording import Recording, opened
from ensemble.audio.spliced import SplicedFile
from ensemble.errors import AudioError
from ensemble.types.music import AudioClip

RATE = 16_000
NUM_SAMPLES = 6 * RATE
MPEG_FRAME = 576
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def music(seed: int = 1) -> np.ndarray:
    """A quiet tone, then noise: an encoder with a variable rate spends little on the beginning."""
    time_s = np.arange(NUM_SAMPLES) / RATE
    noise = np.random.default_rng(seed).normal(0, 0.1, NUM_SAMPLES)
    return np.where(time_s < 2, 0.1 * np.sin(2 * np.pi * 440 * time_s), noise).astype(np.float32)


def written(path: Path, samples: np.ndarray | None = None, rate: int = RATE, **form: object) -> bytes:
    soundfile.write(path, music() if samples is None else samples, rate, **form)
    return path.read_bytes()


def mp3(path: Path, seed: int = 1) -> tuple[bytes, bytes]:
    """An MP3 of variable rate, and the same without the frame that counts the others."""
    whole = written(path, music(seed), format="MP3", bitrate_mode="VARIABLE", compression_level=0.5)
    return whole, whole[whole.index(whole[:2], 4) :]


def heard(path: Path) -> tuple[AudioClip, list[str]]:
    """What is decoded, and the sentences about the file."""
    with opened(path) as recording:
        clip = recording.clip()
    assert all(found.code == "cut_short" for found in recording.diagnostics)
    return clip, [found.text for found in recording.diagnostics]


def test_an_mp3_that_does_not_count_its_frames_is_heard_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    whole, uncounted = mp3(path)
    expected = read_clip(path)
    assert (expected.num_samples, read_clip(path).digest) == (NUM_SAMPLES, expected.digest)
    path.write_bytes(uncounted)
    assert soundfile.info(path).frames < NUM_SAMPLES / 2, "the estimate from the first frame is far off"
    clip, said = heard(path)
    assert not said
    assert 0 <= clip.num_samples - NUM_SAMPLES < 4 * MPEG_FRAME
    assert clip.num_samples == Recording(path, "a", 60.0).num_samples, "frames are counted before any is decoded"
    late = int(np.argmax(np.correlate(clip.samples[0, 3 * RATE : 4 * RATE + 4000], music()[3 * RATE : 4 * RATE])))
    assert late < 4 * MPEG_FRAME
    path.write_bytes(whole.replace(b"Info", b"Nope").replace(b"Xing", b"Nope"))
    assert heard(path)[0].num_samples == pytest.approx(NUM_SAMPLES, abs=6 * MPEG_FRAME)


def test_an_uncounted_mp3_is_refused_by_what_it_holds_and_not_by_an_estimate(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    samples = np.concatenate([music()[2 * RATE : 3 * RATE], np.zeros(9 * RATE, np.float32)])  # dense, then nothing
    whole = written(path, samples, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5)
    path.write_bytes(bytes(whole[whole.index(whole[:2], 4) :]))
    with opened(path, max_duration_s=11.0) as recording:
        assert recording.clip().duration_s == pytest.approx(10.0, abs=0.2)
    with pytest.raises(AudioError, match=r"lasts 0[.]2 min; cut it to 0 min or less"), opened(path, max_duration_s=9.0):
        pass


def test_mp3s_in_a_row_are_heard_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    (one, uncounted), (two, _) = mp3(path), mp3(path, seed=2)
    id3 = b"ID3\4\0\0\0\0\1\0" + bytes(128)
    for content, slack in ((one + two, 0), (id3 + one + b"TAG" + bytes(125) + id3 + two, 0), (uncounted * 2, 6)):
        path.write_bytes(content)
        clip, said = heard(path)
        assert not said
        assert clip.num_samples == pytest.approx(2 * NUM_SAMPLES, abs=slack * MPEG_FRAME)
        assert np.abs(clip.samples[0, NUM_SAMPLES + RATE : NUM_SAMPLES + 2 * RATE]).max() == pytest.approx(
            0.1, abs=0.05
        )
    with opened(path) as recording:
        np.testing.assert_array_equal(recording.span(90_000, 110_000), clip.samples[:, 90_000:110_000])


@pytest.mark.parametrize("front", [bytes(20_000), b"ID3\3\0\0\x7f\x7f\x7f\x7f", b"ID3\3\0\0\0\0\0\x0a" + bytes(3_000)])
def test_an_mp3_begins_behind_zeros_and_behind_a_tag_that_lies(tmp_path: Path, front: bytes) -> None:
    path = tmp_path / "a.mp3"
    whole, _ = mp3(path)
    expected = read_clip(path)
    path.write_bytes(front + whole)
    clip, said = heard(path)
    assert (clip.digest, said) == (expected.digest, [])


def test_an_mp3_goes_on_after_what_is_no_frame(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    whole, uncounted = mp3(path)
    middle = whole.index(whole[:2], len(whole) // 2)
    path.write_bytes(whole[:middle] + bytes(5_000) + whole[middle:])
    clip, said = heard(path)
    assert (clip.num_samples, said) == (NUM_SAMPLES, []), "all frames that are counted are there"
    path.write_bytes(whole[:middle] + bytes(5_000) + whole[middle + 5_000 :])
    clip, (said,) = heard(path)
    assert 4 < clip.duration_s < 5.9
    assert re.fullmatch(r"The file is damaged: \S+ of 6[.]0 s are missing[.]", said)
    path.write_bytes(uncounted[:middle] + bytes(5_000) + uncounted[middle + 5_000 :])
    assert heard(path)[1] == ["The file is damaged in 1 place: what stood there is missing."]


@pytest.mark.parametrize("count", [b"\xff\xff\xff\xff", b"\x3b\x9a\xca\x00"])
def test_a_count_of_frames_that_takes_days_is_no_count(tmp_path: Path, count: bytes) -> None:
    path = tmp_path / "a.mp3"
    whole, _ = mp3(path)
    at = max(whole.find(b"Info"), whole.find(b"Xing")) + 8
    path.write_bytes(whole[:at] + count + whole[at + 4 :])
    clip, said = heard(path)
    assert (clip.num_samples, said) == (NUM_SAMPLES, [])


@pytest.mark.parametrize("share", [0.9, 0.4])
def test_an_mp3_that_ends_early_says_how_much_is_missing(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.mp3"
    whole, _ = mp3(path)
    path.write_bytes(whole[: int(len(whole) * share)])
    clip, (said,) = heard(path)
    missing_s = 6.0 - clip.duration_s
    assert missing_s > 0.3
    numbers = re.fullmatch(r"The file ends early: (\S+) of (\S+) s are missing[.]", said)
    assert numbers is not None
    assert [float(number) for number in numbers.groups()] == pytest.approx([missing_s, 6.0], abs=0.15)


@pytest.mark.parametrize(("form", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS")])
def test_a_chain_is_heard_to_its_end_at_the_rate_of_its_beginning(tmp_path: Path, form: str, subtype: str) -> None:
    path = tmp_path / "a.ogg"
    one = written(path, format=form, subtype=subtype)
    rate, length = read_clip(path).sample_rate, read_clip(path).num_samples
    two = written(path, np.stack([music(2), -0.5 * music(2)], axis=1), 24_000, format=form, subtype=subtype)
    path.write_bytes(one + two)
    clip, said = heard(path)
    assert not said
    assert (clip.sample_rate, clip.num_channels) == (rate, 1)
    assert clip.num_samples == pytest.approx(length + NUM_SAMPLES * rate / 24_000, abs=2)
    path.write_bytes(one + two[:-100])
    assert "lacks the mark of its end" in heard(path)[1][0]


SIZES = [0, 0x7FFFF000, 0x80000000, 0xFFFFFFFF]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["WAV", "RIFX", "RF64", "AIFF", "W64", "CAF", "AU"])
def test_a_length_that_a_pipe_could_not_know_is_no_length(tmp_path: Path, kind: str, size: int) -> None:
    path = tmp_path / "a"
    form = {"format": "WAV", "endian": "BIG"} if kind == "RIFX" else {"format": kind}
    content = bytearray(written(path, **form, subtype="PCM_16"))
    long = size if size < 0xFFFFFFFF else 2**64 - 1
    match kind:
        case "WAV":
            at = content.index(b"data") + 4
            content[at : at + 4] = struct.pack("<I", size)
        case "RIFX":
            at = content.index(b"data") + 4
            content[at : at + 4] = struct.pack(">I", size)
        case "RF64":
            at = content.index(b"ds64") + 8
            content[at : at + 24] = struct.pack("<3Q", long, long, 0)
        case "AIFF":
            at, frames_at = content.index(b"SSND") + 4, content.index(b"COMM") + 10
            content[4:8] = content[at : at + 4] = content[frames_at : frames_at + 4] = struct.pack(">I", size)
        case "W64":
            at = content.index(b"data") + 16
            content[at : at + 8] = struct.pack("<Q", long)
        case "CAF":
            at = content.index(b"data") + 4
            content[at : at + 8] = struct.pack(">Q", long)
        case "AU":
            content[8:12] = struct.pack(">I", size)
    path.write_bytes(content)
    clip, said = heard(path)
    assert not said
    np.testing.assert_allclose(clip.samples[0, :NUM_SAMPLES], music(), atol=1e-4)
    assert clip.num_samples - NUM_SAMPLES in range(8)
    with opened(path) as recording:
        np.testing.assert_array_equal(recording.span(500, 900), clip.samples[:, 500:900])


@pytest.mark.parametrize("form", ["WAV", "RF64", "AIFF", "W64", "AU", "FLAC"])
def test_a_file_that_ends_early_is_heard_as_far_as_it_goes(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a"
    whole = written(path, format=form, subtype="PCM_16")
    path.write_bytes(whole[: len(whole) * 3 // 4])
    clip, (said,) = heard(path)
    assert clip.duration_s == pytest.approx(4.5, abs=0.7)
    np.testing.assert_allclose(clip.samples[0], music()[: clip.num_samples], atol=1e-4)
    assert said == f"The file ends early: {6 - clip.duration_s:.1f} of 6.0 s are missing."
    path.write_bytes(whole[: len(whole) * 19 // 20])
    assert heard(path)[0].duration_s > clip.duration_s + 0.7
    path.write_bytes(whole[:3000])
    with pytest.raises(AudioError, match=r"is cut short or damaged, 0[.][0-4]. s are left"):
        read_clip(path)


def test_a_length_that_rf64_keeps_in_the_old_place_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    content = bytearray(written(path, format="RF64", subtype="PCM_16"))
    at = content.index(b"ds64") + 8
    content[at : at + 24] = bytes(24)
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", 2 * NUM_SAMPLES)
    path.write_bytes(content)
    clip, said = heard(path)
    assert (clip.num_samples, said) == (NUM_SAMPLES, [])


@pytest.mark.parametrize("size", [*SIZES, 1000])
def test_of_two_lengths_in_rf64_the_long_one_counts_where_it_is_given(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.wav"
    content = bytearray(written(path, format="RF64", subtype="PCM_16"))
    long_at, at = content.index(b"ds64") + 16, content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", size)
    for long in (2 * NUM_SAMPLES, *((0, 2**64 - 1) if size != 1000 else ())):
        content[long_at : long_at + 8] = struct.pack("<Q", long)
        path.write_bytes(content)
        clip, said = heard(path)
        assert (clip.num_samples, said) == (NUM_SAMPLES, [])


@pytest.mark.parametrize("rate", [1, 500, 100_000_000])
def test_a_sample_rate_that_nothing_has_is_named(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.wav"
    content = bytearray(written(path))
    content[24:28] = struct.pack("<I", rate)
    path.write_bytes(content)
    with pytest.raises(AudioError, match=f"has a sample rate of {rate:,} Hz by its header"):
        read_clip(path)


def test_a_length_just_below_the_least_is_not_rounded_up_to_it(tmp_path: Path) -> None:
    written(tmp_path / "a.wav", music()[: RATE // 2 - 1])
    with pytest.raises(AudioError, match=r"lasts 0[.]49 s; give at least 0[.]5 s"):
        read_clip(tmp_path / "a.wav")


def test_a_flac_that_was_streamed_declares_no_total(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    content = bytearray(written(path, subtype="PCM_16"))
    content[21] &= 0xF0  # STREAMINFO: 36 bits, the number of samples
    content[22:26] = bytes(4)
    path.write_bytes(content)
    clip, said = heard(path)
    assert (clip.num_samples, said) == (NUM_SAMPLES, [])
    with opened(path) as recording:
        np.testing.assert_array_equal(recording.span(90_000, 200_000), clip.samples[:, 90_000:])
    with pytest.raises(AudioError, match="lasts more than 0 min"), opened(path, max_duration_s=5.0) as recording:
        recording.clip()
    path.write_bytes(content[: len(content) // 2])
    clip, (said,) = heard(path)
    assert said == f"The file is damaged at {clip.duration_s:.1f} s: what followed is missing."


def test_a_flac_that_declares_days_is_neither_refused_for_that_nor_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    content = bytearray(written(path, subtype="PCM_16"))
    content[21:26] = bytes([content[21] | 0x07]) + b"\xff" * 4  # 2**35 samples: no memory holds them
    path.write_bytes(content)
    clip, said = heard(path)
    assert (clip.num_samples, said) == (NUM_SAMPLES, [])


@pytest.mark.parametrize("num_declared", [1, NUM_SAMPLES // 2, NUM_SAMPLES - 1])
def test_a_flac_that_declares_too_few_samples_is_heard_to_its_end(tmp_path: Path, num_declared: int) -> None:
    path = tmp_path / "a.flac"
    content = bytearray(written(path, subtype="PCM_16"))
    content[21] &= 0xF0
    content[22:26] = struct.pack(">I", num_declared)
    path.write_bytes(b"ID3\4\0\0\0\0\1\0" + bytes(128) + content + b"TAG" + bytes(125))
    clip, said = heard(path)
    assert (clip.num_samples, said) == (NUM_SAMPLES, [])


def test_a_flac_that_ends_in_silence_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"  # its last frames take a few bytes each
    written(path, np.concatenate([music(), np.zeros(3 * RATE + 5, np.float32)]), subtype="PCM_16")
    clip, said = heard(path)
    assert (clip.num_samples, said) == (NUM_SAMPLES + 3 * RATE + 5, [])


def test_flacs_in_a_row_are_heard_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    one = written(path, subtype="PCM_16")
    two = written(path, np.stack([music(2), -0.5 * music(2)], axis=1), RATE // 2, subtype="PCM_24")
    path.write_bytes(one + two)
    clip, said = heard(path)
    assert (clip.num_channels, clip.num_samples, said) == (1, 3 * NUM_SAMPLES, [])
    with opened(path) as recording:
        np.testing.assert_array_equal(recording.span(90_000, 110_000), clip.samples[:, 90_000:110_000])


def frames_of(content: bytes, num_skipped: int) -> bytes:
    """A FLAC without its first frames, as a program leaves it that copies a part; frames hold 4096 samples."""
    heads = [one.start() for one in re.finditer(rb"\xff\xf8[\x10-\xff]", content)]
    first = heads[0]
    behind = next(
        at
        for at in heads
        if content[at + 2 : at + 4] == content[first + 2 : first + 4] and content[at + 4] == num_skipped
    )
    return content[:first] + content[behind:]


@pytest.mark.parametrize("has_own_total", [False, True])
def test_a_part_that_was_copied_out_of_a_flac_is_whole(tmp_path: Path, *, has_own_total: bool) -> None:
    path = tmp_path / "a.flac"
    whole = written(path, subtype="PCM_16")
    expected, skipped = read_clip(path).samples, 13 * 4096
    part = bytearray(frames_of(whole, 13))
    if has_own_total:
        part[22:26] = struct.pack(">I", NUM_SAMPLES - skipped)
    path.write_bytes(part)
    clip, said = heard(path)
    assert not said
    np.testing.assert_array_equal(clip.samples, expected[:, skipped:])
    with opened(path) as recording:
        np.testing.assert_array_equal(recording.span(30_000, 40_000), clip.samples[:, 30_000:40_000])
    path.write_bytes(part[:-5_000])
    clip, (said,) = heard(path)
    assert said.startswith("The file ends early")


def test_a_flac_that_is_cut_within_its_last_frame_ends_early(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(written(path, subtype="PCM_16")[:-500])
    clip, (said,) = heard(path)
    assert 0 < NUM_SAMPLES - clip.num_samples <= 4096
    assert said == f"The file ends early: {6 - clip.duration_s:.1f} of 6.0 s are missing."


def test_after_a_flac_that_was_cut_the_next_one_is_heard_and_not_called_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    one, two = written(path, subtype="PCM_16"), written(path, music(2), subtype="PCM_16")
    path.write_bytes(one[: len(one) // 2] + two)
    clip, said = heard(path)
    assert 8 < clip.duration_s < 11
    np.testing.assert_allclose(clip.samples[0, -NUM_SAMPLES:], music(2), atol=1e-4)
    assert said == ["The file is damaged in 1 place: what stood there is missing."]
    path.write_bytes(one + two[: len(two) // 2])
    clip, (said,) = heard(path)
    assert said == f"The file is damaged at {clip.duration_s:.1f} s: what followed is missing."


def test_a_flac_that_is_damaged_in_the_middle_does_not_end_early(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    content = bytearray(written(path, subtype="PCM_16"))
    content[len(content) // 2 : len(content) // 2 + 300] = bytes(300)
    path.write_bytes(content)
    clip, (said,) = heard(path)
    assert 1 < clip.duration_s < 5
    assert said == f"The file is damaged: {6 - clip.duration_s:.1f} of 6.0 s are missing."


@needs_ffmpeg
def test_what_ffprobe_estimates_refuses_nothing(tmp_path: Path) -> None:
    written(tmp_path / "a.wav")
    command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "a.wav")]
    subprocess.run([*command, "-c:a", "aac", str(tmp_path / "a.aac")], check=True)
    subprocess.run([*command, "-c:a", "aac", "-movflags", "faststart", str(tmp_path / "a.m4a")], check=True)
    clip, said = heard(tmp_path / "a.aac")
    assert (said, clip.duration_s) == ([], pytest.approx(6.0, abs=0.2))
    whole = (tmp_path / "a.m4a").read_bytes()
    (tmp_path / "a.m4a").write_bytes(whole[: len(whole) * 2 // 3])
    clip, (said,) = heard(tmp_path / "a.m4a")
    assert said == f"The file ends early: {6 - clip.duration_s:.1f} of 6.0 s are missing."


@needs_ffmpeg
def test_what_ends_early_is_told_whoever_decodes_it(tmp_path: Path) -> None:
    written(tmp_path / "a.wav")
    path = tmp_path / "a.oga"
    command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "a.wav"), "-c:a"]
    subprocess.run([*command, "flac", str(path)], check=True)  # of a kind that libsndfile does not read
    assert heard(path)[1] == []
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert "lacks the mark of its end" in heard(path)[1][0]
    subprocess.run([*command, "aac", str(tmp_path / "a.m4a")], check=True)
    whole = (tmp_path / "a.m4a").read_bytes()
    (tmp_path / "a.m4a").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioError, match=r"is cut short before the table \(moov\)"):
        read_clip(tmp_path / "a.m4a")


@needs_ffmpeg
@pytest.mark.parametrize(
    "front", [b"\0\0\0\x14ftypqt  \0\0\2\0qt  \0\0\0\x08wide", b"\0\0\0\x08wide", b"\0\0\0\x08free", b""]
)
def test_a_recording_that_was_never_finished_lacks_its_table(tmp_path: Path, front: bytes) -> None:
    path = tmp_path / "a.m4a"
    path.write_bytes(front + b"\0\0\0\0mdat" + bytes(range(256)) * 400)
    with pytest.raises(AudioError, match=r"is cut short before the table \(moov\)"):
        read_clip(path)


@needs_ffmpeg
@pytest.mark.parametrize(("name", "codec"), [("a.webm", "libopus"), ("a.mka", "flac"), ("a.tta", "tta")])
def test_a_file_of_ffmpeg_s_that_ends_early_says_how_much_is_missing(tmp_path: Path, name: str, codec: str) -> None:
    written(tmp_path / "a.wav")
    path = tmp_path / name
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(tmp_path / "a.wav"), "-c:a", codec, str(path)], check=True)
    clip, said = heard(path)
    assert (said, clip.duration_s) == ([], pytest.approx(6.0, abs=0.1))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    clip, (said,) = heard(path)
    assert 6 - clip.duration_s > 1
    assert float(said.split()[4]) == pytest.approx(6 - clip.duration_s, abs=0.1)


@pytest.mark.parametrize("form", ["WAV", "AIFF"])
def test_chunks_of_odd_length_may_lack_their_pad_and_only_the_first_sound_is_heard(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.wav"
    whole = written(path, format=form, subtype="PCM_16")
    order, sound = (">", b"SSND") if form == "AIFF" else ("<", b"data")
    odd = b"note" + struct.pack(f"{order}I", 7) + b"1234567"
    another = sound + struct.pack(f"{order}I", 800) + bytes(800)
    expected = read_clip(path).samples
    for content in (whole[:12] + odd + odd + whole[12:], whole[:12] + odd + b"\0" + whole[12:] + another):
        path.write_bytes(content)
        clip, said = heard(path)
        assert not said
        np.testing.assert_array_equal(clip.samples, expected)


def test_what_the_decoder_says_of_a_damaged_file_is_not_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.mp3"
    whole, _ = mp3(path)
    path.write_bytes(whole[:2000] + bytes(500) + whole[2500:9000] + whole[:3000])
    heard(path)
    assert capfd.readouterr() == ("", "")


@needs_ffmpeg
def test_a_full_disk_is_not_taken_for_a_bad_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "a.wav")
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(tmp_path / "a.wav"), str(tmp_path / "a.m4a")], check=True)
    monkeypatch.setattr(ffmpeg, "FULL_BELOW_BYTES", 2**62)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(AudioError, match=r"cannot be decoded, .* is full; make room there, or set TMPDIR"):
            read_clip(tmp_path / "a.m4a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_spliced_file_reads_as_if_it_had_been_copied(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(range(200)))
    copied = bytes(range(10)) + b"between" + bytes(range(50, 200))
    with path.open("rb") as stream:
        spliced = SplicedFile(stream, ((0, 10), b"between", (20, 20), (50, 200)))
        assert spliced.read() == copied
        for at, length in ((0, 5), (8, 12), (15, 40), (160, 100), (500, 3)):
            spliced.seek(at)
            assert spliced.read(length) == copied[at : at + length]
        assert spliced.seek(-3, 2) == len(copied) - 3
        assert spliced.read() == copied[-3:]


def test_a_span_of_a_damaged_flac_that_cannot_be_searched_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    content = bytearray(written(path, subtype="PCM_16"))
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    content[len(content) // 2 :] = bytes(len(content) // 2)
    path.write_bytes(content)
    clip = read_clip(path)
    with opened(path) as recording:
        np.testing.assert_array_equal(recording.span(1_000, 9_000), clip.samples[:, 1_000:9_000])
        assert recording.span(NUM_SAMPLES, NUM_SAMPLES + 10).shape == (1, 0)


def test_a_chunk_that_would_end_beyond_all_files_is_not_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.w64"
    content = bytearray(written(path, format="W64", subtype="PCM_16"))
    at = content.index(b"fmt ") + 16
    content[at : at + 8] = b"\xff" * 7 + b"\x7f"
    path.write_bytes(content)
    with pytest.raises(AudioError, match="is not a recording"):
        read_clip(path)


def test_an_address_in_place_of_a_path_is_to_be_downloaded() -> None:
    with pytest.raises(AudioError, match="there is no such file; download it"):
        read_clip(Path("https://example.org/a.wav"))
