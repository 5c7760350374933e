"""A trained conductor in a band: equal bytes for any block, causal, and sober whoever leads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ensemble.clock import blocks
from ensemble.conduct.conductor import Conductor
from ensemble.conduct.conductor_features import NUM_ROWS, conductor_features
from ensemble.conduct.conductor_file import CONDUCTOR
from ensemble.conduct.dynamics import DynamicsModel, LeaderGain
from ensemble.conduct.foretell import foretell_strokes
from ensemble.conduct.learned import FURTHEST_DB, LearnedDynamics
from ensemble.config import BandSettings, FollowerSettings, load_band, weights_dir, weights_in
from ensemble.errors import ConductorError
from ensemble.listen.listener import Listener
from ensemble.types.music import DRUM_CLASSES, Arrangement, AudioClip, ConductorState, Dynamics, Heard
from ensemble.wire import pack, unpack
from tests.conduct.handmade_leader import heard_of
from tests.conduct.small_conductor import small_conductor

FOLLOWERS = (
    FollowerSettings(name="bass", instrument="electric_bass", role="bass", level_db=-4),
    FollowerSettings(name="piano", instrument="piano", role="pad", level_db=-8),
    FollowerSettings(name="drums", instrument="drums", role="drums"),
)


@pytest.fixture(scope="module")
def band(tmp_path_factory) -> BandSettings:
    path = tmp_path_factory.mktemp("conductor") / "small.safetensors"
    CONDUCTOR.write(path, small_conductor())
    return BandSettings(name="test", followers=FOLLOWERS, conductor=str(path))


def conducted(band: BandSettings, heard: Heard, block_frames: int, *, afresh: bool = False) -> list[Dynamics]:
    conductor = Conductor(band, seed=4)
    arrangement = conductor.arrange(heard, heard.frames.num_frames + 90)
    state, found = conductor.start(), []
    for block in blocks(arrangement.num_frames, block_frames):
        if afresh:  # another process goes on with what was on the wire
            conductor = Conductor(band, seed=4)
            arrangement, state = unpack(pack(arrangement), Arrangement), unpack(pack(state), ConductorState)
        score, state = conductor.conduct(arrangement, block, state)
        found.append(score.dynamics)
    return found


def joined(found: list[Dynamics]) -> np.ndarray:
    names = ("loudness_db", "low_db", "high_db")
    return np.stack([np.concatenate([getattr(one, name) for one in found], axis=1) for name in names])


@pytest.mark.parametrize("block_frames", [7, 100])
def test_blocks_and_restarts_do_not_change_a_byte(band, block_frames):
    heard = heard_of(bars=2)
    whole = joined(conducted(band, heard, 10_000))
    assert joined(conducted(band, heard, block_frames)).tobytes() == whole.tobytes()
    assert joined(conducted(band, heard, 150, afresh=True)).tobytes() == whole.tobytes()
    assert np.ptp(whole[0, 0, 100:300]) > 0.5  # it does something


def leaders() -> dict[str, np.ndarray]:
    rng = np.random.Generator(np.random.Philox(5))
    time = np.arange(8 * 16_000) / 16_000
    syllables = (np.sin(2 * np.pi * 4 * time) > 0) * rng.random(len(time)).round()
    return {
        "silence": np.zeros_like(time),
        "noise": 0.3 * rng.standard_normal(len(time)),
        "drone": 0.5 * np.sin(2 * np.pi * 110 * time),
        "clicks": (np.arange(len(time)) % 8_000 < 40) * 0.9,
        "speech-like": 0.2 * syllables * np.sin(2 * np.pi * (120 + 40 * np.sin(3 * time)) * time),
        "full scale": np.sign(np.sin(2 * np.pi * 220 * time)),
        "faint": 1e-4 * np.sin(2 * np.pi * 220 * time),
    }


@pytest.mark.parametrize("name", sorted(leaders()))
@pytest.mark.parametrize("which", ["small", "shipped"])
def test_the_band_is_sober_whoever_leads(band, name, which):
    settings = band if which == "small" else band.model_copy(update={"conductor": "learned"})
    samples = leaders()[name].astype(np.float32)
    heard = Listener().listen(AudioClip(samples=samples[None], sample_rate=16_000))
    loudness, low, high = joined(conducted(settings, heard, 500))
    assert np.isfinite([loudness, low, high]).all()
    assert (low <= loudness + 1e-4).all()  # lines between clipped values are drawn in float32
    assert (loudness <= high + 1e-4).all()
    assert loudness.max() <= -6.0
    if name in ("silence", "faint"):
        assert loudness.max() == -100.0
    else:
        sounding = loudness[0, 100:700]
        level = np.median(heard.frames.loudness_db[100:700][heard.frames.loudness_db[100:700] > -70])
        assert (np.abs(np.median(sounding) - (np.clip(level, -60, -6) - 4)) < FURTHEST_DB + 6).all()
        assert sounding.min() >= -60.0


def test_the_band_rests_long_after_the_leader_has_stopped(band):
    heard = heard_of(bars=2)
    model = LearnedDynamics(small_conductor(), FOLLOWERS)
    features = model.features(heard, heard.frames.num_frames + 3000)
    memory, curve = model.start(), []
    for start in range(0, features.shape[1], 5):
        predicted, memory = model.predict(features[:, start : start + 5], memory)
        curve.append(predicted.loudness_db)
    loudness = np.concatenate(curve, axis=1)
    end = heard.frames.num_frames // 4
    assert loudness[:, end + 25].min() > -60.0
    assert (np.diff(loudness[:, end + 300 :]).max(axis=1) < 3.0).all()
    assert loudness[:, -5:].max() < -80.0


def test_the_bands_own_balance_decides_how_loud_a_follower_is():
    heard = heard_of(bars=2)
    curves = []
    for level_db in (-2.0, -9.0):
        followers = [FOLLOWERS[0].model_copy(update={"level_db": level_db})]
        model = LearnedDynamics(small_conductor(spread=0.05), followers)
        features, memory = model.features(heard, 200), model.start()
        predicted, _ = model.predict(features[:, 30:35], memory)
        curves.append(predicted.loudness_db)
    np.testing.assert_allclose(curves[0] - curves[1], 7.0, atol=1e-4)


def test_half_an_hour_is_conducted_like_its_first_minute():
    rng = np.random.Generator(np.random.Philox(2))
    model = LearnedDynamics(small_conductor(), FOLLOWERS)
    minute = rng.standard_normal((NUM_ROWS, 1500)).astype(np.float32)
    memory, first, last = model.start(), [], []
    for turn in range(30):
        for start in range(0, 1500, 5) if turn in (0, 1, 29) else range(1100, 1500, 5):
            predicted, memory = model.predict(minute[:, start : start + 5], memory)
            if turn in (1, 29):
                (first if turn == 1 else last).append(predicted.loudness_db)
    np.testing.assert_array_equal(np.concatenate(first, axis=1)[:, 100:], np.concatenate(last, axis=1)[:, 100:])


def test_strokes_are_foretold_on_the_sixteenths_of_the_leader():
    heard = heard_of(bars=4, bpm=120.0)
    num_frames = heard.frames.num_frames
    found = foretell_strokes(small_conductor(), heard, num_frames, conductor_features(heard, num_frames, 12))
    assert np.diff(found.time_s).round(4).tolist() == [0.125] * (len(found.time_s) - 1)
    assert found.probability.shape == found.velocity.shape == (len(found.time_s), 7)
    assert (found.probability > 0).all()
    assert (found.probability < 1).all()
    assert np.ptp(found.probability) > 0.2


def test_a_band_s_drums_strike_what_its_conductor_is_sure_of():
    heard = heard_of(bars=4, bpm=120.0)
    sure = small_conductor()
    sure.tensors["strokes.weight"][:] = 0.0
    sure.tensors["strokes.bias"][:] = 0.0  # a chance of one half: not sure
    sure.tensors["strokes.bias"][DRUM_CLASSES.index("snare")] = 3.0
    drums = FollowerSettings(name="drums", instrument="drums", role="drums")
    band = BandSettings(name="test", followers=(drums,), conductor="leader-gain")

    def snares(model: DynamicsModel) -> int:
        (part,) = Conductor(band, seed=0, model=model).arrange(heard, heard.frames.num_frames).parts
        return sum(hit.drum == "snare" for hit in part.hits)

    assert snares(LearnedDynamics(sure, band.followers)) >= 50
    assert snares(LeaderGain([0.0])) < 20
    never_met = replace(
        sure, card=sure.card.model_copy(update={"instruments": ("cello", "double_bass", "flute", "viola")})
    )
    assert snares(LearnedDynamics(never_met, band.followers)) == snares(LeaderGain([0.0]))


def test_nothing_is_foretold_of_no_time_at_all():
    heard = heard_of(bars=1)
    found = foretell_strokes(small_conductor(), heard, 0, conductor_features(heard, 0, 12))
    assert found.probability.shape == (0, 7)


def test_an_unknown_conductor_is_refused_with_a_cure(band):
    with pytest.raises(ConductorError, match="choose one of leader-gain, learned"):
        Conductor(band.model_copy(update={"conductor": "karajan"}), seed=0)


def test_a_bands_file_may_name_a_conductor_beside_it(tmp_path):
    CONDUCTOR.write(tmp_path / "mine.safetensors", small_conductor())
    text = "name: duo\nconductor: mine.safetensors\nfollowers:\n  - {name: sax, instrument: tenor_sax, role: counter}\n"
    (tmp_path / "band.yaml").write_text(text)
    band = load_band(str(tmp_path / "band.yaml"))
    assert band.conductor == str(tmp_path / "mine.safetensors")
    Conductor(band, seed=0)


def test_the_shipped_conductor_is_whole_small_and_says_what_it_learned():
    assert weights_in(weights_dir("conductor")) == ("learned",)
    path = CONDUCTOR.path_of("learned")
    card = CONDUCTOR.read(path).card
    assert path.stat().st_size < 8e6
    assert sum(tensor.size for tensor in CONDUCTOR.read(path).tensors.values()) <= 4e6
    assert card.couples
    assert card.does_not_couple
    assert len(card.held_out_sha256) >= 10
    assert 0.75 <= card.metrics["test"]["coverage_80"] <= 0.85
    assert card.metrics["test"]["error_db"] < card.metrics["test"]["best_baseline_error_db"]


@pytest.mark.parametrize(("learned", "late", "told"), [(100, 44, -0.88), (30, 44, -0.6), (0, 44, 0.24), (100, 0, 0.24)])
def test_a_network_is_told_how_late_it_hears_the_leader_as_far_as_it_has_learned_that(learned, late, told):
    heard = heard_of(bars=2)
    features = LearnedDynamics(small_conductor(max_late_frames=learned), FOLLOWERS).features(heard, 200, late)
    np.testing.assert_allclose(features[-1], told)
    np.testing.assert_array_equal(features[:-1], conductor_features(heard, 200, 12)[:-1])
