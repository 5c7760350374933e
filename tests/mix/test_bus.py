from __future__ import annotations

import hashlib
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from ensemble.audio.loudness import integrated_lufs
from ensemble.audio.wav_writer import PCM_STEPS
from ensemble.config import MixSettings
from ensemble.errors import AudioError
from ensemble.mix.bus import MAX_GAIN_DB, lift_of_leader_db, lifted, mix_files
from ensemble.mix.gain import CENTRE
from ensemble.mix.stem_sum import StemSum

RATE = 48_000


def write(path: Path, sound: np.ndarray, rate: int = RATE) -> Path:
    """sound [channels, samples] as a 24-bit WAV."""
    soundfile.write(path, sound.T, rate, subtype="PCM_24")
    return path


def decoded(path: Path) -> np.ndarray:
    return soundfile.read(path, always_2d=True)[0].T


def tone(hz: float, level: float, seconds: float) -> np.ndarray:
    time_s = np.arange(round(seconds * RATE)) / RATE
    return level * np.sin(2 * np.pi * hz * time_s)


def mixed(leader: Path, stems: list[Path], out: Path, settings: MixSettings | None = None) -> float:
    """Mix a leader and stems, and return the gain."""
    with closing(summed(leader.parent, stems)) as total:
        return mix_files(leader, total, out, settings or MixSettings())[1]


def summed(folder: Path, stems: list[Path]) -> StemSum:
    """The sum of stems, added in pieces of different lengths."""
    total = StemSum(folder, max((soundfile.info(stem).frames for stem in stems), default=0))
    for number, stem in enumerate(stems, 1):
        start = 0
        for piece in soundfile.blocks(stem, 10_007 * number, dtype="int32", always_2d=True):
            total.add(start, piece >> 8)
            start += len(piece)
    return total


@pytest.fixture
def band(tmp_path: Path) -> tuple[Path, list[Path]]:
    """A mono leader of 3 s and two stems that ring on for 0.7 s."""
    leader = write(tmp_path / "leader.wav", tone(440, 0.2, 3.0)[None])
    bass, drums = tone(110, 0.15, 3.7), np.random.default_rng(2).standard_normal(round(3.7 * RATE)) * 0.03
    stems = [
        write(tmp_path / "bass.wav", np.stack([bass, bass])),
        write(tmp_path / "drums.wav", np.stack([drums, drums / 3])),
    ]
    return leader, stems


def expected_sum(leader: Path, stems: list[Path], leader_gain_db: float = 0.0) -> np.ndarray:
    total = sum(decoded(stem) for stem in stems)
    alone = decoded(leader) * CENTRE * 10 ** (leader_gain_db / 20)
    total[:, : alone.shape[1]] += alone
    return total


def test_the_mix_is_the_sum_of_the_decoded_files_times_the_gain(band, tmp_path):
    leader, stems = band
    settings = MixSettings(target_lufs=-20.0, leader_gain_db=-2.5)
    gain_db = mixed(leader, stems, tmp_path / "mix.wav", settings)
    mix = decoded(tmp_path / "mix.wav")
    np.testing.assert_allclose(mix, expected_sum(leader, stems, -2.5) * 10 ** (gain_db / 20), atol=2**-24 + 1e-12)
    assert integrated_lufs([mix], RATE) == pytest.approx(-20.0, abs=0.01)
    info = soundfile.info(tmp_path / "mix.wav")
    assert (info.format, info.subtype, info.channels, info.frames) == ("WAV", "PCM_24", 2, round(3.7 * RATE))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_leader_is_raised_to_be_as_far_in_front_as_asked(band, tmp_path, channels):
    leader, stems = band
    write(leader, np.repeat(decoded(leader), channels, axis=0))
    together = integrated_lufs([sum(decoded(stem) for stem in stems)], RATE)
    alone = integrated_lufs([np.repeat(decoded(leader)[:1], 2, axis=0) * CENTRE], RATE)
    with closing(summed(tmp_path, stems)) as parts, closing(StemSum(tmp_path, RATE)) as silence:
        for ahead_lu in (-6.0, 0.0, 6.0):
            settings = MixSettings(leader_ahead_lu=ahead_lu)
            lift_db = lift_of_leader_db(leader, parts, settings)
            assert lift_db == pytest.approx(max(ahead_lu + together - alone, 0.0), abs=0.01)
            assert lifted(settings, lift_db).leader_gain_db == lift_db
        assert lift_of_leader_db(leader, silence, MixSettings(leader_ahead_lu=6)) == 0.0
        assert lift_of_leader_db(leader, parts, MixSettings()) == 0.0


def test_a_mono_leader_and_its_stereo_copy_give_the_same_mix(band, tmp_path):
    leader, stems = band
    twin = write(tmp_path / "twin.wav", np.repeat(decoded(leader), 2, axis=0))
    mixed(leader, stems, tmp_path / "mono.wav")
    mixed(twin, stems, tmp_path / "stereo.wav")
    assert (tmp_path / "mono.wav").read_bytes() == (tmp_path / "stereo.wav").read_bytes()


def test_the_order_of_the_stems_and_a_second_run_give_the_same_bytes(band, tmp_path):
    leader, stems = band
    outs = [tmp_path / f"{name}.wav" for name in ("once", "again", "swapped")]
    gains = [mixed(leader, order, out) for order, out in zip((stems, stems, stems[::-1]), outs, strict=True)]
    assert len(set(gains)) == 1
    assert len({hashlib.sha256(out.read_bytes()).hexdigest() for out in outs}) == 1


def test_bursts_are_limited_and_the_loudness_is_made_up(band, tmp_path):
    leader, stems = band
    drums = decoded(stems[1])
    drums[:, 20_000:120_000:24_000] += 0.7
    write(stems[1], drums)
    settings = MixSettings(target_lufs=-9.0, ceiling_dbtp=-1.0)
    mixed(leader, stems, tmp_path / "mix.wav", settings)
    mix = decoded(tmp_path / "mix.wav")
    peak = np.abs(scipy.signal.resample_poly(mix, 4, 1, axis=1, window=("kaiser", 8.0))).max()
    assert -1.3 < 20 * np.log10(peak) <= -0.9
    assert integrated_lufs([mix], RATE) == pytest.approx(-9.0, abs=0.5)


def test_silence_is_left_alone_and_a_whisper_is_not_raised_without_end(tmp_path):
    silent = write(tmp_path / "silent.wav", np.zeros((2, RATE)))
    assert mixed(silent, [silent], tmp_path / "mix.wav") == 0.0
    assert not decoded(tmp_path / "mix.wav").any()
    whisper = write(tmp_path / "whisper.wav", tone(440, 0.003, 2.0)[None])
    assert mixed(whisper, [], tmp_path / "mix.wav") == MAX_GAIN_DB


def test_a_sum_is_exact_at_full_scale_and_silent_where_nothing_was_added(tmp_path):
    loudest = np.full((70_000, 2), -PCM_STEPS, np.int32)
    with closing(StemSum(tmp_path, 70_005)) as total:
        for _ in range(255):
            total.add(5, loudest)
        found = np.concatenate(list(total.pieces()), axis=1).T
        assert not list(tmp_path.iterdir()), "it has a name in the folder"
    assert not found[:5].any()
    assert (found[5:] == -255).all()
    assert len(found) == 70_005


def test_refuses_what_is_not_of_this_mix(band, tmp_path):
    leader, stems = band
    quad = write(tmp_path / "quad.wav", np.zeros((4, 100)))
    with pytest.raises(AudioError, match="has 4 channels"):
        mixed(quad, stems, tmp_path / "mix.wav")
    with pytest.raises(AudioError, match=r"absent\.wav: is missing"):
        mixed(tmp_path / "absent.wav", stems, tmp_path / "mix.wav")
    with pytest.raises(AudioError, match="cannot be written"):
        mixed(leader, stems, tmp_path / "nowhere" / "mix.wav")


MEMORY = """
import resource, sys
from pathlib import Path
from ensemble.config import MixSettings
from tests.mix.test_bus import mixed
folder = Path(sys.argv[1])
peaks = []
for name in ("short", "short", "long"):
    sound = folder / f"{name}.wav"
    mixed(sound, [sound], folder / "mix.wav", MixSettings(target_lufs=-12))
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(peaks[2] - peaks[1])
"""


def test_memory_does_not_grow_with_the_duration(tmp_path):
    noise = 0.3 * np.random.default_rng(6).standard_normal((2, 5 * RATE))
    write(tmp_path / "short.wav", noise)
    write(tmp_path / "long.wav", np.tile(noise, 24))  # two minutes: 92 MB a file in float64
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path)], check=True, capture_output=True, text=True, timeout=120
    )
    assert int(run.stdout) < 20_000  # kB
