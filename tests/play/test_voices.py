from dataclasses import replace

import numpy as np
import pytest
import torch

from ensemble.audio.spectra import a_weighting
from ensemble.files.weights import state_tensors
from ensemble.play.controls import noise_rms
from ensemble.play.naive import NaiveVoice, unit_noise
from ensemble.play.noise import filtered_noise, noise_key
from ensemble.play.pitched import KernelSynthesizer, PitchedPlayer
from ensemble.play.seeded import seeded_voice
from ensemble.play.torch_player import TorchSynthesizer, TorchVoice
from ensemble.play.voice_kernel import NeuralVoice, tanh32
from ensemble.play.voice_network import NeuralSynthesizer
from ensemble.threads import one_thread
from ensemble.types.instruments import CATALOGUE, instrument
from tests.play.cues import phrase, played

CPU = torch.device("cpu")
PITCHED = [name for name, spec in CATALOGUE.items() if spec.family != "drums"]


def some_frames(num_frames=20):
    time_s = np.arange(num_frames) / 100
    f0 = (300 * 2 ** np.sin(9 * time_s)).astype(np.float32)
    return f0, (-30 + 20 * np.sin(5 * time_s)).astype(np.float32)


def harmonic_loudness_db(controls):
    number = np.arange(1, controls.harmonics.shape[-1] + 1)
    levels = controls.amplitude[0][:, None] * controls.harmonics[0]
    heard = a_weighting(controls.f0_hz[0][:, None].astype(np.float64) * number)
    return 10 * np.log10((levels**2 * heard).sum(axis=1))


@pytest.mark.parametrize("size", ["starter", "large"])
def test_the_kernels_and_torch_are_one_network(size):
    voice = seeded_voice(5, "violin", size)
    f0, loudness = (curve.reshape(2, 30) for curve in some_frames(60))
    kernels, network = NeuralVoice(voice), TorchVoice(voice, CPU)
    ours, theirs = (np.stack([one.hidden()] * 2) for one in (kernels, network))
    for at in range(0, 30, 10):
        part = slice(at, at + 10)
        mine, ours = kernels.controls(f0[:, part], loudness[:, part], ours)
        reference, theirs = network.controls(f0[:, part], loudness[:, part], theirs)
        for name in ("amplitude", "harmonics", "noise"):
            np.testing.assert_allclose(getattr(mine, name), getattr(reference, name), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert np.abs(ours).max() > 0.01


def test_a_voice_plays_the_same_whoever_sounds_beside_it():
    kernels = NeuralVoice(seeded_voice(5, "piano"))
    f0, loudness = (curve.reshape(6, 20) for curve in some_frames(120))
    hidden = np.stack([kernels.hidden()] * 6)
    together, after = kernels.controls(f0, loudness, hidden)
    for voice in range(6):
        only = slice(voice, voice + 1)
        alone, after_alone = kernels.controls(f0[only], loudness[only], hidden[only])
        for name in ("amplitude", "harmonics", "noise"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[voice])
        np.testing.assert_array_equal(after_alone[0], after[voice])


def test_what_is_heard_is_the_same_on_torch():
    voice, cue = seeded_voice(5, "cello"), phrase(130, num_voices=2)
    kernels = PitchedPlayer(NeuralVoice(voice), KernelSynthesizer(), 16_000, 1, "cello")
    reference = PitchedPlayer(TorchVoice(voice, CPU), TorchSynthesizer(CPU), 16_000, 1, "cello")
    sound = played(kernels, cue)
    assert np.abs(sound).max() > 0.02
    np.testing.assert_allclose(sound, played(reference, cue), atol=1e-4)


def test_partials_at_halves_of_the_pitch():
    plain, cue = seeded_voice(5, "organ"), phrase(50, num_voices=2)
    halves = replace(plain, card=plain.card.model_copy(update={"fundamental": 0.5}))
    lower, high = (PitchedPlayer(NeuralVoice(one), KernelSynthesizer(), 16_000, 1, "organ") for one in (halves, plain))
    sound = played(lower, cue)
    np.testing.assert_array_equal(sound, played(high, replace(cue, f0_hz=cue.f0_hz / np.float32(2))))
    assert not np.array_equal(sound, played(high, cue))
    np.testing.assert_array_equal(sound, played(lower, cue, 7))


def test_torch_plays_the_same_bytes_in_any_blocks():
    cue = phrase(50)
    player = PitchedPlayer(TorchVoice(seeded_voice(5, "cello"), CPU), TorchSynthesizer(CPU), 16_000, 1, "cello")
    with one_thread():
        whole = played(player, cue)
        for block_frames in (1, 7, 33):
            np.testing.assert_array_equal(played(player, cue, block_frames), whole)


def test_tanh_is_exact_to_float32():
    x = np.linspace(-15, 15, 3001).astype(np.float32)
    np.testing.assert_allclose([tanh32(value) for value in x], np.tanh(x.astype(np.float64)), atol=3e-7)


@pytest.mark.parametrize("name", PITCHED)
def test_a_naive_voice_has_the_loudness_asked_for(name):
    low, high = instrument(name).range_midi
    f0 = (440 * 2 ** ((np.linspace(max(low, 52), high, 20) - 69) / 12)).astype(np.float32)
    asked = np.full(20, -24, np.float32)
    voice = NaiveVoice(instrument(name))
    controls, _ = voice.controls(f0[None], asked[None], voice.hidden()[None])
    np.testing.assert_allclose(controls.harmonics.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(harmonic_loudness_db(controls), asked, atol=0.2)


def test_a_note_too_deep_for_its_loudness_stays_bounded():
    voice = NaiveVoice(instrument("electric_bass"))
    controls, _ = voice.controls(np.full((1, 20), 41, np.float32), np.zeros((1, 20), np.float32), voice.hidden()[None])
    assert controls.amplitude.max() == pytest.approx(0.7)


def test_breath_noise_has_the_power_its_magnitudes_say():
    magnitudes = unit_noise(-10.0)
    samples = filtered_noise(np.tile(magnitudes, (501, 1)), noise_key(0, "a"), 0, 48_000)
    assert samples.std() == pytest.approx(float(noise_rms(magnitudes)), rel=0.05)
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2 * 2 / len(samples) ** 2
    heard = (spectrum * a_weighting(np.fft.rfftfreq(len(samples), 1 / 48_000))).sum() / 0.5
    assert 10 * np.log10(heard) == pytest.approx(-10.0, abs=0.5)


@pytest.mark.parametrize("name", PITCHED)
def test_a_seeded_voice_follows_loudness_and_stays_near_it(name):
    voice = NeuralVoice(seeded_voice(11, name))
    low, high = instrument(name).range_midi
    f0 = np.full((1, 20), 440 * 2 ** (((low + high) / 2 - 69) / 12), np.float32)
    quiet, _ = voice.controls(f0, np.full((1, 20), -50, np.float32), voice.hidden()[None])
    loud, _ = voice.controls(f0, np.full((1, 20), -20, np.float32), voice.hidden()[None])
    rise = harmonic_loudness_db(loud)[-1] - harmonic_loudness_db(quiet)[-1]
    assert 24 < rise < 36
    assert abs(harmonic_loudness_db(loud)[-1] + 20) < 12


def test_seeds_and_instruments_are_different_and_repeatable():
    def weights(seed, name):
        return seeded_voice(seed, name).card.weights_sha256

    assert weights(1, "violin") == weights(1, "violin")
    assert len({weights(1, "violin"), weights(2, "violin"), weights(1, "cello")}) == 3


def test_a_network_gives_back_the_weights_it_was_made_from():
    voice = seeded_voice(2, "flute")
    again = state_tensors(NeuralSynthesizer.from_weights(voice))
    assert again.keys() == voice.tensors.keys()
    for name, tensor in voice.tensors.items():
        np.testing.assert_array_equal(again[name], tensor)


def test_the_network_trains():
    network = NeuralSynthesizer.from_weights(seeded_voice(2, "flute"))
    f0, loudness = (torch.tensor(values[None]) for values in some_frames())
    amplitude, harmonics, noise, _ = network(f0, loudness)
    (amplitude.sum() + (harmonics**2).sum() + noise.sum()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().max() > 0, name
