"""The kit's fitting on strokes whose truth is known, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ensemble.data.compose.fluidsynth import SOUNDFONT
from ensemble.errors import DataError, OutputError
from ensemble.measure.kit import distance, enveloped_noise
from ensemble.play.fitted_kit import FittedDrum, knot_samples
from ensemble.play.kit_file import DrumCard, KitCard, KitWeights
from ensemble.train.kit.fit import SOUGHT, fit_drum, fit_kit
from ensemble.train.kit.hits import (
    FITTED,
    FROM_SOUNDFONT,
    HARD_VELOCITY,
    SOFT_VELOCITY,
    RecordedHit,
    check_licences,
    cut,
    read_hits,
    read_struck,
)
from ensemble.train.kit.levels import tilt_db
from ensemble.train.kit.modes import ModeLimits, find_modes
from ensemble.train.kit.noise import falling, noise_levels_db
from ensemble.types.music import ALL_DRUMS
from tests.data.composed import needs_renderer

RATE = 48_000
LIMITS = ModeLimits(num_modes=3, low_hz=40.0, high_hz=1_000.0, shortest_s=0.02, longest_s=0.4, glides=True)


def white(num_samples: int, seed: int = 0) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).standard_normal(num_samples)


def struck(velocity: float, seed: int = 0) -> np.ndarray:
    """A tom of our own: three modes that glide, brighter noise the harder it is struck."""
    time = np.arange(RATE // 2) / RATE
    reach = time + 0.25 * 0.03 * (1 - np.exp(-time / 0.03))
    sound = np.zeros(len(time))
    for hz, level, decay_s in ((110.0, 1.0, 0.15), (181.0, 0.4, 0.09), (263.0, 0.2, 0.06)):
        sound += level * np.exp(-time / decay_s) * np.sin(2 * np.pi * hz * reach)
    return sound + 0.3 * velocity**1.5 * np.exp(-time / 0.015) * white(len(time), seed)


def test_a_drums_modes_and_their_glide_are_found() -> None:
    modes = find_modes([struck(0.1)], LIMITS)
    np.testing.assert_allclose(modes.hz, [110.0, 181.0, 263.0], rtol=0.03)
    assert np.hypot(modes.cosine, modes.sine)[0].argmax() == 0
    assert 0.1 <= modes.glides[0].share <= 0.5
    left = struck(0.1) - modes.sounded(0, RATE // 2)
    assert np.square(left).sum() < 0.1 * np.square(struck(0.1)).sum()


def test_noise_is_measured_band_by_band() -> None:
    time = np.arange(RATE // 2) / RATE
    levels_db = noise_levels_db(white(len(time)) * np.exp(-time / 0.1), len(time))
    knots_s = knot_samples(len(time)) / RATE
    audible = slice(10, 28)  # bands wide enough for so short a sound
    inside = (knots_s > 0.01) & (knots_s < 0.4)
    slope = np.polyfit(knots_s[inside], levels_db[audible, inside].mean(axis=0), 1)[0]
    assert slope == pytest.approx(-20 / np.log(10) / 0.1, rel=0.08)
    rise = levels_db[audible, 8].astype(float)
    assert np.polyfit(np.arange(len(rise)), rise, 1)[0] > 0.2  # wider bands hold more of white noise


def test_what_was_struck_only_falls_and_goes_on_falling_after_the_recording() -> None:
    knots = np.array([0, 10, 20, 30, 50, 90])
    heard = np.array([[-20.0, 0.0, -10.0, -5.0, 0.0, 0.0]])
    after = falling(heard, knots, recorded=4)[0]
    evened_db = 10 * np.log10((0.1 + 10**-0.5) / 2)
    np.testing.assert_allclose(after[:4], [-20.0, 0.0, evened_db, evened_db])
    slope = evened_db / 20
    np.testing.assert_allclose(after[4:], [evened_db + 20 * slope, evened_db + 60 * slope])


def test_a_darker_stroke_has_a_tilt_and_a_softer_one_none() -> None:
    hard = white(RATE // 2)
    spectrum = np.fft.rfft(hard)
    octaves = np.log2(1 + np.fft.rfftfreq(len(hard), 1 / RATE) / 200)
    darker = np.fft.irfft(spectrum * 10 ** (-3.0 * octaves / 20), len(hard))
    assert tilt_db(darker, hard, 1.5) == pytest.approx(2.0, abs=0.2)
    assert tilt_db(0.1 * hard, hard, 1.5) == pytest.approx(0.0, abs=0.01)


def test_a_fitted_drum_is_nearer_than_noise_and_keeps_both_its_strokes() -> None:
    hits = [
        RecordedHit(name=name, drum="tom", velocity=velocity, samples=cut(struck(hardness)))
        for name, velocity, hardness in (("soft", SOFT_VELOCITY, 0.05), ("hard", HARD_VELOCITY, 1.0))
    ]
    tensors = {f"tom/{name}": one for name, one in fit_drum(hits, 0.5, LIMITS, 0.0).items()}
    card = KitCard(drums={"tom": DrumCard(layers=2, modes=3, duration_s=0.5)}, training_data="own", licence="own")
    drum = FittedDrum("tom", KitWeights(card=card, tensors=tensors))
    for hit, other in zip(hits, reversed(hits), strict=True):
        truth = hit.samples / np.abs(hit.samples).max()
        near, far = (drum.made(one.velocity, 2)[: len(truth)] / np.abs(one.samples).max() for one in (hit, other))
        assert distance(near, truth) < 0.5 * distance(enveloped_noise(truth), truth)
        assert distance(near, truth) < 0.8 * distance(far, truth)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A miniature of the package: every recording, and a copyright file that frees it."""
    folder = tmp_path / "samples"
    folder.mkdir()
    stanzas = ["Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"]
    for name in {name for names in FITTED.values() for name in names}:
        soundfile.write(folder / f"{name}.flac", 0.5 * struck(0.5)[:9_600], 44_100)
        stanzas.append(f"Files: etc/samples/{name}.flac\nCopyright: 2026 us\nLicense: CC0")
    (folder / "copyright").write_text("\n\n".join(stanzas))
    return folder


def test_a_recording_of_another_licence_is_not_fitted_to(package: Path, tmp_path: Path) -> None:
    check_licences(package, ("drum_bass_hard",))
    stanzas = (package / "copyright").read_text()
    (package / "copyright").write_text(stanzas.replace("drum_snare_hard.flac\nCopyright: 2026 us\nLicense: CC0", "x"))
    with pytest.raises(DataError, match=r"does not put drum_snare_hard\.flac under CC0"):
        fit_kit(package, tmp_path / "kit.safetensors")
    (package / "copyright").unlink()
    with pytest.raises(DataError, match="no copyright file"):
        fit_kit(package, tmp_path / "kit.safetensors")
    with pytest.raises(DataError, match="no copyright file"):
        fit_kit(Path("/nowhere"), tmp_path / "kit.safetensors")
    with pytest.raises(OutputError, match="not named like a kit"):
        fit_kit(package, tmp_path / "kit.bin")
    assert not list(tmp_path.glob("kit*"))


def test_a_missing_a_broken_and_a_silent_recording_are_named(package: Path) -> None:
    names = FITTED["kick"]
    (package / "drum_bass_hard.flac").write_bytes(b"fLaC, but not really")
    with pytest.raises(DataError, match=r"drum_bass_hard\.flac: cannot be read"):
        read_hits(package, "kick", names)
    (package / "drum_bass_hard.flac").unlink()
    with pytest.raises(DataError, match=r"drum_bass_hard\.flac: is missing; .*sonic-pi-samples"):
        read_hits(package, "kick", names)
    soundfile.write(package / "drum_bass_soft.flac", np.zeros(9_600), 44_100)
    with pytest.raises(DataError, match="is silent"):
        read_hits(package, "kick", names)


def test_strokes_are_cut_where_they_begin_and_brought_to_one_energy(package: Path) -> None:
    late = np.concatenate([1e-4 * white(4_800), 0.2 * struck(0.1)])
    early = cut(0.9 * struck(0.1))
    assert np.argmax(np.abs(cut(late)) > 0.1) == pytest.approx(np.argmax(np.abs(early) > 0.1), abs=48)
    first = slice(0, 7_200)
    assert np.square(cut(late)[first]).sum() == pytest.approx(np.square(early[first]).sum(), rel=0.01)


def test_every_drum_has_somewhere_to_look() -> None:
    assert {*SOUGHT} == {*FITTED, *FROM_SOUNDFONT} == {*ALL_DRUMS}
    assert all(limits.longest_s < duration_s for duration_s, limits in SOUGHT.values())


@needs_renderer
def test_a_soundfonts_stroke_is_cut_where_it_begins_and_another_file_is_refused(tmp_path: Path) -> None:
    clap = read_struck(SOUNDFONT, "clap")
    assert clap.name == f"{SOUNDFONT.stem} 39"
    sounds = np.abs(clap.samples) > 0.03 * np.abs(clap.samples).max()
    assert np.argmax(sounds) <= 48
    assert 0.2 < len(clap.samples) / RATE < 1.0
    (tmp_path / "none.sf2").write_bytes(b"RIFF")
    with pytest.raises(DataError, match="is not a soundfont"):
        read_struck(tmp_path / "none.sf2", "clap")
