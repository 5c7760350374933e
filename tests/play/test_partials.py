"""Stretched partials: where they lie, that both synthesizers agree on them, and that no block size is heard."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from ensemble.play import torch_synth
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.oscillator import harmonic_bank, nyquist_taper
from ensemble.play.pitched import KernelSynthesizer, PitchedPlayer
from ensemble.play.seeded import seeded_voice
from ensemble.play.voice_file import VoiceWeights
from ensemble.play.voice_kernel import NeuralVoice
from ensemble.types.music import PlayerState
from ensemble.wire import pack, unpack
from tests.play.cues import cut, phrase, played, power_db, spectrum

K = 100
STRINGS = Inharmonicity(pitch_midi=(40.0, 60.0, 84.0), coefficient=(2e-4, 4e-4, 2e-3))


def glide(num_frames: int, sample_rate: int, low_hz: float = 110.0) -> tuple[np.ndarray, np.ndarray]:
    """A moving pitch and amplitudes that are now and then damped within a frame.  [frames], [frames, K]"""
    time_s = np.arange(num_frames) / 100
    f0 = (low_hz * 2 ** (0.5 + 0.5 * np.sin(2 * time_s))).astype(np.float32)
    levels = np.abs(np.sin(np.arange(1, K + 1) * (1 + time_s[:, None]))) / np.arange(1, K + 1)
    levels *= 1 - np.abs(np.sin(37 * time_s))[:, None] ** 9
    levels = (0.5 * levels / levels.sum(axis=1, keepdims=True).max()).astype(np.float32)
    return f0, levels * nyquist_taper(f0, K, sample_rate, STRINGS)


def in_quanta(f0: np.ndarray, amplitudes: np.ndarray, sample_rate: int, phases: np.ndarray) -> np.ndarray:
    pieces = []
    for at in range(0, len(f0) - 1, 20):
        stop = min(at + 20, len(f0) - 1)
        samples, phases = harmonic_bank(
            f0[None, at:stop],
            f0[None, at + 1 : stop + 1],
            amplitudes[None, at : stop + 1],
            phases,
            sample_rate,
            STRINGS,
        )
        pieces.append(samples)
    return np.concatenate(pieces)


def test_every_partial_lies_where_a_stiff_string_has_it() -> None:
    f0_hz, coefficient = 440 * 2 ** ((60 - 69) / 12), 4e-4
    amplitudes = np.zeros((101, K), np.float32)
    amplitudes[:, [0, 4, 19]] = 0.1
    sound = in_quanta(np.full(101, f0_hz, np.float32), amplitudes, 48_000, np.zeros((1, K)))
    hz, power = spectrum(sound, 48_000)
    for number in (1, 5, 20):
        expected_hz = number * f0_hz * np.sqrt(1 + coefficient * number**2)
        near = np.abs(hz - expected_hz) < 60
        assert hz[near][np.argmax(power[near])] == pytest.approx(expected_hz, abs=1.0)
    assert 20 * f0_hz < expected_hz - 300  # a whole multiple would be far off


def test_b_is_known_between_its_pitches_and_held_beyond_them() -> None:
    f0_hz = 440 * 2 ** ((np.array([20.0, 50.0, 60.0, 100.0]) - 69) / 12)
    np.testing.assert_allclose(STRINGS.at(f0_hz), [2e-4, np.sqrt(2e-4 * 4e-4), 4e-4, 2e-3], rtol=1e-6)


def test_nearly_no_stiffness_sounds_like_whole_multiples() -> None:
    f0, amplitudes = glide(41, 48_000)
    ends = (f0[None, :-1], f0[None, 1:], amplitudes[None])
    plain, _ = harmonic_bank(*ends, np.zeros(1), 48_000)
    none = Inharmonicity(pitch_midi=(60.0,), coefficient=(1e-7,))
    assert power_db(plain) > -30
    low = amplitudes.copy()
    low[:, 10:] = 0  # the lowest partials are not moved yet
    plain, _ = harmonic_bank(*ends[:2], low[None], np.zeros(1), 48_000)
    stiff, _ = harmonic_bank(*ends[:2], low[None], np.zeros((1, K)), 48_000, none)
    assert power_db(plain) - power_db(plain - stiff) > 40


@pytest.mark.parametrize("sample_rate", [16_000, 44_100, 48_000])
def test_torch_and_the_kernel_agree(sample_rate: int) -> None:
    f0, amplitudes = glide(41, sample_rate)
    phases = np.linspace(0, 0.9, K)[None]
    sound = in_quanta(f0, amplitudes, sample_rate, phases)
    start, stop, levels, before = (torch.tensor(one) for one in (f0[None, :-1], f0[None, 1:], amplitudes[None], phases))
    reference, after = torch_synth.harmonic_bank(start, stop, levels, before, sample_rate, STRINGS)
    assert np.abs(sound).max() > 0.1
    assert after.shape == (1, K)
    np.testing.assert_allclose(sound, reference[0].numpy(), atol=2e-5)


def test_it_is_as_exact_in_the_last_second_of_a_minute_as_in_the_first() -> None:
    f0, amplitudes = glide(6001, 16_000)
    sound = in_quanta(f0, amplitudes, 16_000, np.zeros((1, K)))
    start, stop = (torch.tensor(one[None]) for one in (f0[:-1], f0[1:]))
    levels = torch.tensor(amplitudes[None]).double()
    truth = torch_synth.harmonic_bank(start, stop, levels, torch.zeros(1, K).double(), 16_000, STRINGS)[0][0].numpy()
    error = (sound - truth)[-16_000:]
    assert power_db(truth[-16_000:]) - power_db(error) >= 110


def stiff_player(sample_rate: int) -> PitchedPlayer:
    voice = seeded_voice(3, "piano")
    stiff = VoiceWeights(card=voice.card.model_copy(update={"inharmonicity": STRINGS}), tensors=voice.tensors)
    return PitchedPlayer(NeuralVoice(stiff), KernelSynthesizer(), sample_rate, seed=3, part="part")


@pytest.mark.parametrize("sample_rate", [16_000, 44_100])
def test_blocks_of_any_size_give_the_bytes_of_the_whole(sample_rate: int) -> None:
    player, cue = stiff_player(sample_rate), phrase(113, num_voices=3)
    whole = played(player, cue)
    assert 0.02 < np.abs(whole).max() < 1.0
    for block_frames in (1, 7, 20, 100):
        np.testing.assert_array_equal(played(player, cue, block_frames), whole)


def test_its_state_can_be_stored() -> None:
    player = stiff_player(16_000)
    first, second, *_ = cut(phrase(113, num_voices=2), 50)
    _, state = player.play(first, player.start())
    there = unpack(pack(state), PlayerState)
    np.testing.assert_array_equal(
        player.play(second, there)[0].clip.samples, player.play(second, state)[0].clip.samples
    )


@pytest.mark.parametrize(
    ("pitches", "coefficients"), [((60.0,), (1e-4, 2e-4)), ((62.0, 60.0), (1e-4, 2e-4)), ((60.0,), (0.3,)), ((), ())]
)
def test_a_card_that_makes_no_sense_is_refused(pitches: tuple[float, ...], coefficients: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        Inharmonicity(pitch_midi=pitches, coefficient=coefficients)
