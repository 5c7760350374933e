"""What is measured and hashed while it is written is what the files say when they are read."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ensemble import clock
from ensemble.audio.loudness import integrated_lufs
from ensemble.config import FollowerSettings
from ensemble.manifest import Manifest
from ensemble.mix.levels import LevelMeter
from ensemble.rendering.edits import Edits
from ensemble.rendering.exports import file_receipt
from ensemble.rendering.redo import redo
from ensemble.rendering.render import render
from ensemble.rendering.stem_writer import StemWriter
from ensemble.types.music import AudioClip, Stem


@pytest.fixture(scope="module")
def rendered(short_leader_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    out = tmp_path_factory.mktemp("recorded") / "out"
    return out, render(short_leader_file, out, sample_rate=16_000)


def test_receipts_are_those_of_the_files(rendered: tuple[Path, Manifest]) -> None:
    out, manifest = rendered
    kept = manifest.takes["take-00"].files
    assert {"mix.wav", "stems/bass.wav", "parts/bass.mid", "dynamics.csv"} <= kept.keys()
    for name, receipt in kept.items():
        assert file_receipt(out / "take-00" / name) == receipt, name


def test_levels_are_those_of_the_files(rendered: tuple[Path, Manifest]) -> None:
    out, manifest = rendered
    num_frames = round(manifest.execution.duration_s * clock.FRAME_RATE_HZ)
    for part, facts in manifest.takes["take-00"].facts.items():
        path = out / "take-00" / ("mix.wav" if part == "mix" else f"stems/{part}.wav")
        joins = () if part in ("mix", "room") else clock.seams(num_frames, 16_000)
        meter = LevelMeter(16_000, 2, joins)
        with soundfile.SoundFile(path) as file:
            meter.push(file.read(dtype="float64", always_2d=True))
        assert meter.facts() == facts, part
        assert facts.peak_dbfs > -60.0


def test_the_band_lies_under_the_leader(rendered: tuple[Path, Manifest]) -> None:
    out, manifest = rendered
    files = sorted((out / "take-00" / "stems").glob("*.wav"))
    parts = [soundfile.read(path, always_2d=True)[0].T for path in files if path.stem != "room"]
    leader = soundfile.read(out / "leader.wav", always_2d=True)[0].T
    under_lu = integrated_lufs([leader], 16_000) - integrated_lufs([sum(parts)], 16_000)
    in_the_mix_lu = under_lu + manifest.takes["take-00"].leader_lift_db
    assert in_the_mix_lu == pytest.approx(max(under_lu, 3.0), abs=0.01)  # `rock` asks for 3 LU
    assert 2.5 < under_lu < 8.0  # the levels of the parts alone come near it


def test_the_sum_as_played_does_not_know_of_gains(tmp_path: Path) -> None:
    sound = np.random.default_rng(4).uniform(-0.5, 0.5, (2, 1, 100 * 160)).astype(np.float32)
    sums = []
    for gains_db in ((0.0, 0.0), (-60.0, 6.0)):
        followers = [
            FollowerSettings(name=name, instrument="flute", role="counter", gain_db=gain_db, pan=pan)
            for name, gain_db, pan in zip(("one", "other"), gains_db, (-0.5, 0.2), strict=True)
        ]
        writer = StemWriter(tmp_path / str(gains_db), followers, 16_000, 100, {})
        for follower, samples in zip(followers, sound, strict=True):
            clip = AudioClip(samples=samples, sample_rate=16_000)
            writer.append(Stem(part=follower.name, start_sample=0, clip=clip))
        writer.close()
        sums.append([np.concatenate(list(one.pieces()), axis=1) for one in (writer.played, writer.sum)])
        writer.close_sums()
    np.testing.assert_allclose(sums[1][0], sums[0][0], atol=2e-4)  # of 24 bits that lay 60 dB lower
    assert np.abs(sums[1][1] - sums[0][1]).max() > 0.1


def test_dry_has_the_same_stems_without_effects_and_no_room(rendered: tuple[Path, Manifest], tmp_path: Path) -> None:
    out, manifest = rendered
    assert "stems/room.wav" in manifest.takes["take-00"].files
    dry = redo(Path(shutil.copytree(out, tmp_path / "dry")), Edits(dry=True), report=False)
    kept = {name: was.sha256 for name, was in manifest.takes["take-00"].files.items() if name != "stems/room.wav"}
    now = {name: one.sha256 for name, one in dry.takes["take-00"].files.items()}
    assert kept.keys() == now.keys()
    assert [name for name in kept if kept[name] != now[name]] == ["mix.wav", "stems/drums.wav"]
    assert "room" not in dry.takes["take-00"].facts
