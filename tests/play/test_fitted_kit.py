"""The kit in the box: what it is made from, how velocity changes it, and what a kit file must not be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from ensemble.audio.spectra import mel_bands, power_spectra
from ensemble.config import FollowerSettings, load_band, weights_dir
from ensemble.errors import VoiceError
from ensemble.measure.kit import cleanliness
from ensemble.play.fitted_kit import FittedDrum, FittedKit
from ensemble.play.kit_file import KIT
from ensemble.play.player import make_player
from ensemble.play.strokes import NUM_VARIANTS
from ensemble.play.voice_file import VOICE
from ensemble.train.kit.levels import loudness
from ensemble.types.music import ALL_DRUMS, DRUM_CLASSES, Hit
from tests.play.cues import drum_cue, played, power_db

SHIPPED = weights_dir("voice") / "drums.safetensors"


def follower(voice: str) -> FollowerSettings:
    return FollowerSettings(name="drums", instrument="drums", role="drums", voice=voice)


@pytest.fixture(scope="module")
def kit():
    return KIT.read(SHIPPED)


def bands_db(samples: np.ndarray) -> np.ndarray:
    """Mean level in 16 bands over the first 50 ms, the loudest band at 0 dB.  [16]"""
    bands = mel_bands(16, 512, 48_000, 60.0, 16_000.0)
    power = np.concatenate([one for _, one in power_spectra(samples.astype(np.float32), 20, 120, 512)]) @ bands
    level = 10 * np.log10(power.mean(axis=0) + 1e-12)
    return level - level.max()


def test_the_rock_band_plays_it_and_naive_stays_the_formula() -> None:
    assert load_band("rock").followers[-1].voice == "drums"
    cue = drum_cue((Hit(time_s=0.1, drum="snare", velocity=0.8, index=0),), 80)
    fitted, formula = (played(make_player(follower(voice), 48_000, 0), cue) for voice in ("drums", "naive"))
    assert power_db(fitted) == pytest.approx(power_db(formula), abs=6.0)
    assert np.abs(bands_db(fitted[4_800:]) - bands_db(formula[4_800:])).max() > 3.0


def test_its_card_says_what_it_was_fitted_to_and_that_it_beats_noise(kit) -> None:
    card = kit.card
    assert card.weights_sha256 == VOICE.sha256_of("drums")
    assert "CC0" in card.licence
    assert "ensemble train kit" in card.command
    assert SHIPPED.stat().st_size + SHIPPED.with_suffix(".json").stat().st_size < 300_000
    for drum, most in {"kick": 0.4, "tom": 0.4, "snare": 0.8}.items():
        for hit in card.drums[drum].hits:
            assert card.metrics[f"mss {hit}"] <= most * card.baselines["noise"][f"mss {hit}"]
            assert card.metrics[f"mss {hit}"] < card.baselines["formula"][f"mss {hit}"]


def test_every_recording_it_was_fitted_to_is_in_the_notice(kit) -> None:
    root = Path(__file__).parents[2]
    notice = (root / "NOTICE").read_text(encoding="utf-8")
    for drum in kit.card.drums.values():
        assert all(hit in notice for hit in drum.hits if not hit.startswith("FluidR3"))
    assert {*kit.card.drums} == {*ALL_DRUMS}


@pytest.mark.parametrize("sample_rate", [16_000, 44_100, 48_000])
def test_it_keeps_time_and_stays_clean(kit, sample_rate: int) -> None:
    found = cleanliness(FittedKit(kit).stroke, sample_rate)
    assert found["onset_error_ms"] < 5.0
    assert found["click_ratio"] < 1.5
    assert 0.5 < found["peak"] < 1.0
    assert found["offset_db"] < -40.0
    assert found["end_db"] < -90.0


@pytest.mark.parametrize("drum", DRUM_CLASSES)
def test_velocity_changes_the_timbre_and_not_only_the_level(kit, drum) -> None:
    one = FittedDrum(drum, kit)
    soft, hard = (bands_db(one.made(velocity, 0)) for velocity in (0.25, 1.0))
    assert np.abs(hard - soft).max() > 3.0


def test_a_hard_tom_begins_higher_than_it_ends(kit) -> None:
    hard = FittedDrum("tom", kit).made(1.0, 0)

    def pitch_hz(first_s: float) -> float:
        part = hard[round(first_s * 48_000) :][:4_800]
        return float(np.argmax(np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 17))) * 48_000 / (1 << 17))

    assert 1.05 * pitch_hz(0.35) < pitch_hz(0.02) < 1.4 * pitch_hz(0.35)


def test_three_toms_have_their_own_strokes_or_are_sizes_of_one(kit) -> None:
    seven = replace(kit, card=kit.card.model_copy(update={"drums": {one: kit.card.drums[one] for one in DRUM_CLASSES}}))
    tops_hz = {}
    for name, one in {"own": kit, "sizes": seven}.items():
        stroke = FittedKit(one).stroke
        strokes = [stroke(drum, 7, 0, 48_000).astype(np.float64) for drum in ("low_tom", "tom", "high_tom")]
        tops_hz[name] = np.array([np.argmax(np.abs(np.fft.rfft(one[9_600:], 48_000))) for one in strokes])
    assert (np.diff(tops_hz["own"]) > 0).all()
    np.testing.assert_allclose(tops_hz["sizes"] / tops_hz["sizes"][1], [0.73, 1.0, 1.45], rtol=0.05)
    low, middle, high = (10 * np.log10(loudness(one)) for one in strokes)
    assert abs(low - middle) < 3.0
    assert abs(high - middle) < 3.0


@pytest.mark.parametrize("drum", DRUM_CLASSES)
def test_hands_differ_but_are_of_one_drum(kit, drum) -> None:
    hands = [FittedDrum(drum, kit).made(0.75, variant) for variant in range(NUM_VARIANTS)]
    again = FittedDrum(drum, kit).made(0.75, 1)
    np.testing.assert_array_equal(hands[1], again)
    for hand in hands[1:]:
        assert np.abs(hand - hands[0]).max() > 0.005
        assert power_db(hand) == pytest.approx(power_db(hands[0]), abs=1.5)


@pytest.fixture
def copied(kit, tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    KIT.write(path, kit)
    return path


def edit_card(path: Path, **changes: object) -> None:
    card = path.with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | changes))


def test_a_kit_survives_the_trip(kit, copied: Path) -> None:
    read = KIT.read(copied)
    assert read.card == kit.card
    for name, tensor in load_file(copied).items():
        np.testing.assert_array_equal(tensor, kit.tensors[name])


def test_another_file_under_the_card_is_refused(copied: Path) -> None:
    copied.write_bytes(copied.read_bytes()[:-4])
    with pytest.raises(VoiceError, match="sha256 differs"):
        KIT.read(copied)


def test_a_card_without_a_drum_or_of_another_kind_is_refused(kit, copied: Path) -> None:
    drums = kit.card.model_dump(mode="json")["drums"]
    edit_card(copied, drums={name: one for name, one in drums.items() if name != "ride"})
    with pytest.raises(VoiceError, match="has no ride"):
        KIT.read(copied)
    edit_card(copied, drums=drums, format_version=99)
    with pytest.raises(VoiceError, match="kit format 99"):
        KIT.read(copied)
    edit_card(copied, kind="voice")
    with pytest.raises(VoiceError, match="no drum kit"):
        KIT.read(copied)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("kick/glide_s", np.nan, "kick/glide_s has values that are not finite"),
        ("kick/glide", 9.0, "kick/glide leaves"),
        ("snare/mode_hz", 30_000.0, "snare/mode_hz leaves"),
        ("tom/velocity", 0.5, "tom/velocity does not rise"),
    ],
)
def test_numbers_that_no_drum_has_are_refused(kit, tmp_path: Path, name: str, value: float, complaint: str) -> None:
    wrong = replace(kit, tensors=kit.tensors | {name: np.full_like(kit.tensors[name], value)})
    with pytest.raises(VoiceError, match=complaint):
        KIT.write(tmp_path / "wrong.safetensors", wrong)
    assert not list(tmp_path.iterdir())


def test_a_missing_a_surplus_and_a_misshapen_tensor_are_named(kit, tmp_path: Path) -> None:
    path = tmp_path / "wrong.safetensors"
    less = {name: one for name, one in kit.tensors.items() if name != "kick/gain"}
    for tensors, complaint in [
        (less, "kick/gain is missing"),
        (kit.tensors | {"kick/soul": np.ones(1, np.float32)}, "kick/soul is not part"),
        (kit.tensors | {"kick/gain": np.ones(2, np.float32)}, r"is \[2\]"),
    ]:
        with pytest.raises(VoiceError, match=complaint):
            KIT.write(path, replace(kit, tensors=tensors))


def test_voices_and_kits_are_told_apart() -> None:
    with pytest.raises(VoiceError, match="role is drums"):
        VOICE.load("drums")
    with pytest.raises(VoiceError, match="no drum kit"):
        make_player(follower("violin"), 48_000, 0)
