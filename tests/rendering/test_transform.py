"""A recording as another instrument: one file, in tune with the leader, or one line that says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ensemble
from agents import RayBand
from ensemble.audio.files import read_clip
from ensemble.errors import AudioError, EnsembleError, OutputError, VoiceError
from ensemble.listen.pitch import track_pitch

RATE_HZ = 16_000


def hummed(seconds: float = 2.0, silent: float = 0.5) -> np.ndarray:
    """A voice that glides from A4 to E5 with vibrato, and then breathes."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    f0_hz = 440 * 2 ** ((7 * time_s / seconds + 0.3 * np.sin(2 * np.pi * 5.5 * time_s)) / 12)
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE_HZ
    sound = sum(np.sin(number * phase) / number for number in range(1, 8))
    breath = 0.01 * np.random.default_rng(0).standard_normal(int(silent * RATE_HZ))
    return np.concatenate([0.2 * np.asarray(sound), breath])


def test_a_cello_glides_as_the_singer_does(tmp_path: Path) -> None:
    leader = hummed()
    made = ensemble.transform(leader, tmp_path / "cello.wav", voice="cello", leader_rate=RATE_HZ, sample_rate=RATE_HZ)
    assert made.instrument == "cello"
    played = read_clip(made.path).samples[0]
    given, found = (track_pitch(sound.astype(np.float32), 200) for sound in (leader, played))
    at = slice(30, 190)
    both = (given.f0_hz[at] > 0) & (found.f0_hz[at] > 0)
    assert both.mean() > 0.9
    cents = 1200 * np.log2(found.f0_hz[at][both] / given.f0_hz[at][both]) - 1200 * made.transfer.octaves
    assert np.median(np.abs(cents)) < 15
    sung, breathed = np.abs(played[:RATE_HZ]).max(), np.abs(played[-RATE_HZ // 5 :]).max()
    assert breathed < 0.01 * sung


def refused(tmp_path: Path, **settings: object) -> EnsembleError:
    """What is said, in one line; nothing is written."""
    arguments = {"leader": hummed(0.5, 0.0), "out": tmp_path / "out.wav", "voice": "cello"} | settings
    before = sorted(tmp_path.iterdir())
    with pytest.raises(EnsembleError) as caught:
        ensemble.transform(leader_rate=RATE_HZ, sample_rate=RATE_HZ, **arguments)  # type: ignore[arg-type]
    assert sorted(tmp_path.iterdir()) == before
    assert "\n" not in str(caught.value)
    return caught.value


def test_what_cannot_be_played_is_refused_in_one_line(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE_HZ)
    assert isinstance(refused(tmp_path, voice="kazoo"), VoiceError)
    assert isinstance(refused(tmp_path, voice="drums"), VoiceError)
    for built_in in ("naive", "brushes"):
        assert "choose a shipped voice" in str(refused(tmp_path, voice=built_in))
    assert "has no pitch" in str(refused(tmp_path, leader=noise))
    assert isinstance(refused(tmp_path, leader=np.zeros(RATE_HZ)), AudioError)
    assert isinstance(refused(tmp_path, leader=tmp_path / "absent.wav"), AudioError)
    assert isinstance(refused(tmp_path, out=tmp_path / "out.mp3"), OutputError)
    (tmp_path / "folder.wav").mkdir()
    for out in (tmp_path / "no" / "out.wav", tmp_path / "folder.wav"):
        assert "folder that is there" in str(refused(tmp_path, out=out))
    (tmp_path / "out.wav").write_bytes(b"mine")
    assert "is there already" in str(refused(tmp_path))


@pytest.mark.usefixtures("local_ray")
def test_on_ray_it_sounds_the_same(tmp_path: Path) -> None:
    for name, settings in {"here": {}, "ray": {"band_factory": RayBand}}.items():
        ensemble.transform(
            hummed(0.6, 0.1), tmp_path / f"{name}.wav", voice="cello", leader_rate=RATE_HZ, sample_rate=RATE_HZ,
            **settings,
        )  # fmt: skip
    assert (tmp_path / "here.wav").read_bytes() == (tmp_path / "ray.wav").read_bytes()
