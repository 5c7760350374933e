import mir_eval
import numpy as np
import pytest

from ensemble.audio.spectra import mel_bands, power_spectra
from ensemble.clock import SAMPLE_RATES_HZ
from ensemble.play.fitted_kit import FittedKit
from ensemble.play.kit_file import KIT
from ensemble.play.percussion import PercussionPlayer, bounded
from ensemble.play.strokes import NUM_VARIANTS, VELOCITY_STEPS, brushed_stroke
from ensemble.play.strokes import stroke as formula_stroke
from ensemble.play.voice_file import VOICE
from ensemble.types.music import ALL_DRUMS, DRUM_CLASSES, SILENCE_DB, Hit
from tests.play.cues import cut, drum_cue, played, power_db, spectrum


def hit(time_s, drum, velocity=1.0, index=0):
    return Hit(time_s=time_s, drum=drum, velocity=velocity, index=index)


@pytest.fixture(scope="module")
def fitted_stroke():
    return FittedKit(KIT.read(VOICE.path_of("drums"))).stroke


@pytest.fixture(params=["formula", "fitted"])
def stroke(request, fitted_stroke):
    """Every law holds for both kits."""
    return formula_stroke if request.param == "formula" else fitted_stroke


def drummer(stroke, sample_rate=48_000):
    return PercussionPlayer(stroke, sample_rate, 0, "drums")


def centroid_hz(samples, sample_rate):
    hz, power = spectrum(np.pad(samples, len(samples)), sample_rate)
    return (hz * power).sum() / power.sum()


def groove(num_bars=4):
    strokes = [(1.68, "kick", 0.8), (2.44, "tom", 0.7), (4.17, "snare", 0.4), (8.5, "crash", 0.6)][: 2 * num_bars - 4]
    for step in range(num_bars * 8):
        time_s = 0.05 + step * 0.2503
        strokes += [(time_s, "closed_hat", 0.5 + 0.3 * (step % 2))]
        strokes += [(time_s, "kick", 0.9)] if step % 4 == 0 else []
        strokes += [(time_s, "snare", 0.8)] if step % 4 == 2 else []
    return tuple(hit(*values, index=i) for i, values in enumerate(sorted(strokes)))


@pytest.mark.parametrize("sample_rate", SAMPLE_RATES_HZ)
@pytest.mark.parametrize("variant", range(NUM_VARIANTS))
def test_a_kick_is_low_and_a_hat_is_high(sample_rate, variant, stroke):
    hz, power = spectrum(np.pad(stroke("kick", 8, variant, sample_rate), 20_000), sample_rate)
    assert 40 < hz[np.argmax(power)] < 110
    kick_hz = centroid_hz(stroke("kick", 6, variant, sample_rate), sample_rate)
    for drum in ("closed_hat", "open_hat"):
        assert centroid_hz(stroke(drum, 6, variant, sample_rate), sample_rate) > max(3000, 40 * kick_hz)


def test_drums_are_told_apart_by_their_spectra(stroke):
    centroids = {drum: centroid_hz(stroke(drum, 6, 0, 48_000), 48_000) for drum in DRUM_CLASSES}
    assert centroids["kick"] < centroids["tom"] < centroids["snare"] < centroids["ride"] < centroids["crash"]
    assert centroids["crash"] < centroids["closed_hat"]


@pytest.mark.parametrize("drum", DRUM_CLASSES)
def test_a_hard_stroke_is_brighter_not_only_louder(drum, stroke):
    soft, hard = (stroke(drum, step, 0, 48_000) for step in (2, VELOCITY_STEPS))
    assert centroid_hz(hard, 48_000) > 1.02 * centroid_hz(soft, 48_000)


@pytest.mark.parametrize("drum", DRUM_CLASSES)
def test_the_same_stroke_is_heard_at_every_rate(drum, stroke):
    wanted = None
    for sample_rate in (48_000, 44_100, 32_000, 16_000):
        wave = stroke(drum, 7, 1, sample_rate)
        assert np.isfinite(wave).all()
        assert 0.01 < np.abs(wave).max() < 0.95
        assert np.abs(wave[-5:]).max() < 1e-3
        power = np.abs(np.fft.rfft(wave.astype(np.float64), sample_rate * 4)) ** 2 / sample_rate**2
        hz = np.fft.rfftfreq(sample_rate * 4, 1 / sample_rate)
        level_db = 10 * np.log10(power[hz < 7000].sum())
        wanted = level_db if wanted is None else wanted
        assert level_db == pytest.approx(wanted, abs=0.1)


def heard_onsets_s(sound, sample_rate):
    """Where the spectrum rises in many bands at once, to 2 ms."""
    hop, window_samples = sample_rate // 500, sample_rate // 50
    bands = mel_bands(24, window_samples, sample_rate, 150.0, 8000.0)
    power = np.concatenate([power for _, power in power_spectra(sound, len(sound) // hop, hop, window_samples)])
    level = np.log10(1.0 + 1e5 * power @ bands)
    rise = np.maximum(level[4:] - level[:-4], 0.0).mean(axis=1)
    tops = [at for at in range(len(rise)) if rise[at] == rise[max(at - 40, 0) : at + 40].max() > 0.05]
    return (np.array(tops) + 2) / 500


@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
def test_every_stroke_is_heard_when_it_was_written(sample_rate, stroke):
    hits = groove()
    onsets = heard_onsets_s(played(drummer(stroke, sample_rate), drum_cue(hits, 900)), sample_rate)
    written = np.unique([one.time_s for one in hits])
    onsets = onsets[onsets < written[-1] + 0.1]  # the last crash shimmers long after
    f_measure, _, _ = mir_eval.onset.f_measure(written, onsets, window=0.01)
    assert f_measure == 1.0


def test_a_stroke_begins_at_its_exact_sample(stroke):
    sound = played(drummer(stroke), drum_cue((hit(0.12345, "snare"),), 60))
    start = round(0.12345 * 48_000)
    assert np.abs(sound[:start]).max() == 0
    heard = sound[start:].astype(np.float64)
    waves = [stroke("snare", 8, variant, 48_000)[: len(heard)] for variant in range(NUM_VARIANTS)]
    likeness = [heard @ wave / np.sqrt((heard @ heard) * (wave @ wave)) for wave in waves]
    assert max(likeness) > 0.99


@pytest.mark.parametrize("velocity", [0.1, 0.6, 1.0])
@pytest.mark.parametrize("drum", ["snare", "closed_hat", "high_conga"])
def test_the_same_stroke_never_sounds_twice_but_is_as_loud(drum, velocity, stroke):
    waves = [played(drummer(stroke), drum_cue((hit(0.1, drum, velocity, index),), 60)) for index in range(24)]
    assert len({wave.tobytes() for wave in waves}) == len(waves)
    assert np.ptp([power_db(wave) for wave in waves]) < 2.5


@pytest.mark.parametrize(
    ("struck", "drum"),
    [(formula_stroke, drum) for drum in ALL_DRUMS[7:]] + [(brushed_stroke, drum) for drum in ("snare", "ride", "tom")],
)
def test_percussion_and_brushes_are_struck_like_drums(struck, drum):
    soft, hard = (struck(drum, step, 0, 48_000) for step in (2, VELOCITY_STEPS))
    assert centroid_hz(hard, 48_000) > 1.02 * centroid_hz(soft, 48_000)
    assert 0.05 < np.abs(hard).max() < 0.95
    assert np.abs(hard[-5:]).max() < 1e-3
    at_low_rate = struck(drum, VELOCITY_STEPS, 0, 16_000)
    assert len(at_low_rate) == len(hard) // 3


def test_percussion_is_told_apart():
    centroids = {drum: centroid_hz(formula_stroke(drum, 6, 0, 48_000), 48_000) for drum in ALL_DRUMS}
    assert centroids["low_tom"] < centroids["tom"] < centroids["high_tom"] < centroids["rim"]
    assert centroids["low_conga"] < centroids["high_conga"] < centroids["woodblock"] < centroids["shaker"]
    assert centroids["crash"] < centroids["crash_2"]


def test_a_clap_is_several_hands():
    level = np.abs(formula_stroke("clap", 8, 0, 48_000))
    loud = [level[round(start_s * 48_000) :][:96].mean() for start_s in (0.001, 0.007, 0.010, 0.017, 0.020)]
    assert loud[0] > 1.5 * loud[1]
    assert loud[2] > 1.5 * loud[1]
    assert loud[4] > 1.5 * loud[3]


def test_brushes_begin_softly_and_rustle():
    sticks, brushes = (struck("snare", 6, 0, 48_000).astype(np.float64) for struck in (formula_stroke, brushed_stroke))
    share = [np.square(one[:96]).sum() / np.square(one).sum() for one in (sticks, brushes)]
    assert share[1] < 0.3 * share[0]
    assert centroid_hz(brushes, 48_000) > centroid_hz(sticks, 48_000)


def test_a_closed_hat_silences_an_open_one_within_five_milliseconds(stroke):
    opened = (hit(0.1, "open_hat"),)
    alone = played(drummer(stroke), drum_cue(opened, 120))
    closed_alone = played(drummer(stroke), drum_cue((hit(0.35, "closed_hat", index=1),), 120))
    both = played(drummer(stroke), drum_cue((*opened, hit(0.35, "closed_hat", index=1)), 120))
    at, choke = round(0.35 * 48_000), round(0.005 * 48_000)
    np.testing.assert_array_equal(both[:at], alone[:at])
    np.testing.assert_array_equal(both[at + choke :], closed_alone[at + choke :])
    assert np.abs(alone[at + choke : at + 4800]).max() > 0.02
    left = (both - closed_alone)[at : at + choke].astype(np.float64)
    assert np.abs(np.diff(left)).max() <= np.abs(np.diff(alone[at - 4800 : at])).max()


def test_drums_follow_the_dynamics_of_the_frame_they_are_struck_in(stroke):
    hits = groove(2)
    loud, soft = (power_db(played(drummer(stroke), drum_cue(hits, 450, level))) for level in (-20.0, -35.0))
    assert loud - soft == pytest.approx(15.0, abs=0.3)
    assert np.abs(played(drummer(stroke), drum_cue(hits, 450, SILENCE_DB))).max() == 0


def test_a_harder_stroke_is_louder(stroke):
    levels = [
        power_db(played(drummer(stroke), drum_cue((hit(0.1, "snare", velocity),), 100)))
        for velocity in (0.25, 0.5, 0.75, 1)
    ]
    assert np.diff(levels).min() > 2


def test_the_state_holds_strokes_and_never_their_sound(stroke):
    player = drummer(stroke)
    first, _ = cut(drum_cue(groove(), 900), 700)
    _, state = player.play(first, player.start())
    assert 0 < len(state.ringing) < 10
    assert sum(array.nbytes for array in state.memory.values()) < 200


def test_many_strokes_at_once_stay_below_full_scale(stroke):
    hits = tuple(hit(0.1 + 0.001 * i, DRUM_CLASSES[i % 7], index=i) for i in range(60))
    sound = played(drummer(stroke), drum_cue(hits, 100, 0.0))
    assert np.isfinite(sound).all()
    assert 0.8 < np.abs(sound).max() < 1.0


def test_the_bound_leaves_what_is_quiet_alone():
    quiet = np.linspace(-0.8, 0.8, 101).astype(np.float32)
    np.testing.assert_array_equal(bounded(quiet), quiet)
    loud = bounded(np.array([0.9, 1.5, 20.0, -20.0], np.float32))
    assert (np.diff(loud[:3]) > 0).all()
    assert np.abs(loud).max() < 1
