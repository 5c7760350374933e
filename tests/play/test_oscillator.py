import numpy as np
import pytest
import torch

from ensemble.play import torch_synth
from ensemble.play.oscillator import harmonic_bank, nyquist_taper
from tests.play.cues import power_db, spectrum

K = 100


def melody(num_frames, sample_rate, low_hz=180.0):
    time_s = np.arange(num_frames) / 100
    f0 = (low_hz * 2 ** (0.8 + 0.8 * np.sin(2 * time_s))).astype(np.float32)
    levels = np.abs(np.sin(np.arange(1, K + 1) * (1 + time_s[:, None]))) / np.arange(1, K + 1)
    loudness = 1 - np.abs(np.sin(37 * time_s))[:, None] ** 9  # now and then a note is damped in a frame
    levels = (loudness * levels / levels.sum(axis=1, keepdims=True)).astype(np.float32)
    return f0, levels * nyquist_taper(f0, K, sample_rate)


def in_quanta(f0, amplitudes, sample_rate, phase=0.0):
    phases, pieces = np.array([phase]), []
    for at in range(0, len(f0) - 1, 20):
        stop = min(at + 20, len(f0) - 1)
        samples, phases = harmonic_bank(
            f0[None, at:stop], f0[None, at + 1 : stop + 1], amplitudes[None, at : stop + 1], phases, sample_rate
        )
        pieces.append(samples)
    return np.concatenate(pieces), phases[0]


def exact(f0, amplitudes, sample_rate, first_frame=0):
    """The convention in float64: frames linear in frequency, the phase summed without wrapping; amplitudes straight or,
    where all of them together more than halve or double, along a cubic that is level at both ends.
    """
    hop = sample_rate // 100
    f0, amplitudes = f0.astype(np.longdouble), amplitudes.astype(np.float64)
    rise = np.diff(f0)
    before = np.concatenate([[0], np.cumsum(f0[:-1] * hop + rise * (hop - 1) / 2)]) / sample_rate
    j = np.arange(hop)
    pieces = []
    for i in range(first_frame, len(f0) - 1):
        phi = before[i] + (f0[i] * (j + 1) + rise[i] * j * (j + 1) / (2 * hop)) / sample_rate
        sines = np.sin(2 * np.pi * (phi % 1).astype(np.float64)[:, None] * np.arange(1, K + 1))
        ramp = (j / hop)[:, None]
        here, there = amplitudes[i].sum(), amplitudes[i + 1].sum()
        if max(here, there) > 2 * min(here, there):
            ramp = 3 * ramp**2 - 2 * ramp**3
        pieces.append((sines * (amplitudes[i] + ramp * (amplitudes[i + 1] - amplitudes[i]))).sum(axis=1))
    return np.concatenate(pieces)


@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
@pytest.mark.parametrize("low_hz", [40.0, 180.0])
def test_it_is_within_110_db_of_float64_in_the_last_second_of_a_minute(sample_rate, low_hz):
    f0, amplitudes = melody(6001, sample_rate, low_hz)
    samples, _ = in_quanta(f0, amplitudes, sample_rate)
    truth = exact(f0, amplitudes, sample_rate, first_frame=5900)
    error = samples[-len(truth) :] - truth
    assert power_db(truth) > -30
    assert power_db(truth) - power_db(error) >= 110


@pytest.mark.parametrize("f0_hz", [233.1, 1234.5, 3456.7])
def test_nothing_folds_back_from_above_nyquist(f0_hz):
    sample_rate = 16_000
    f0 = np.full(201, f0_hz, np.float32)
    amplitudes = (0.2 / np.arange(1, K + 1, dtype=np.float32))[None] * nyquist_taper(f0, K, sample_rate)
    samples, _ = in_quanta(f0, amplitudes, sample_rate)
    hz, power = spectrum(samples, sample_rate)
    from_a_partial = np.abs(hz - f0_hz * np.maximum(np.round(hz / f0_hz), 1))
    assert 10 * np.log10(power[from_a_partial > 30].sum() / power.sum()) < -80


def test_the_taper_is_whole_below_and_silent_from_nyquist_on():
    taper = nyquist_taper(np.array([1000.0], np.float32), 10, 16_000)[0]
    np.testing.assert_allclose(taper, [1, 1, 1, 1, 1, 1, 1, 0, 0, 0], atol=1e-6)
    assert nyquist_taper(np.array([7600.0], np.float32), 1, 16_000)[0, 0] == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("sample_rate", [16_000, 44_100, 48_000])
def test_torch_and_the_kernel_agree(sample_rate):
    f0, amplitudes = melody(41, sample_rate, low_hz=60.0)
    samples, phase = in_quanta(f0, amplitudes, sample_rate, phase=0.3)
    reference, torch_phase = torch_synth.harmonic_bank(
        torch.tensor(f0[None, :-1]),
        torch.tensor(f0[None, 1:]),
        torch.tensor(amplitudes[None]),
        torch.tensor([0.3], dtype=torch.float64),
        sample_rate,
    )
    assert np.abs(samples).max() > 0.1
    np.testing.assert_allclose(samples, reference[0].numpy(), atol=1e-5)
    assert phase == pytest.approx(float(torch_phase[0]), abs=1e-9)


def test_gradients_reach_the_amplitudes_through_torch():
    f0, amplitudes = melody(4, 16_000)
    levels = torch.tensor(amplitudes[None, :, :10], dtype=torch.float32, requires_grad=True)
    phase = torch.zeros(1, dtype=torch.float64)
    f0 = torch.tensor(f0[None])

    def loss(levels):
        return torch_synth.harmonic_bank(f0[:, :-1], f0[:, 1:], levels, phase, 16_000)[0].square().sum()

    loss(levels).backward()
    nudge = torch.zeros_like(levels)
    nudge[0, 1, 3] = 0.01
    with torch.no_grad():
        measured = (loss(levels + nudge) - loss(levels - nudge)) / 0.02
    assert float(levels.grad[0, 1, 3]) == pytest.approx(float(measured), rel=1e-2)


@pytest.mark.parametrize("fade", [[1, 0], [1, 0.2, 0], [1, 0.45, 0.2, 0], [0, 1, 0.45]])
def test_a_low_note_that_is_damped_within_a_frame_has_no_knee(fade):
    """The largest second difference, in 50 notes of every phase, against that of the note held at its loudest."""
    hop, worst = 480, 0.0
    shape = np.repeat(fade, [20] + [1] * (len(fade) - 2) + [20]).astype(np.float32)
    for f0_hz in np.linspace(41.2, 82.4, 50):
        f0 = np.full(len(shape), f0_hz, np.float32)
        held, faded = (
            in_quanta(f0, (level[:, None] * [0.5, 0.2]).astype(np.float32), 100 * hop)[0]
            for level in (np.ones_like(shape), shape)
        )
        worst = max(worst, np.abs(np.diff(faded, 2)).max() / np.abs(np.diff(held, 2)).max())
    assert worst < 1.5


def test_a_fade_over_several_frames_does_not_ripple():
    """Sidebands at 100 Hz of a tone that loses 3 dB a frame, its fade divided out, against the tone."""
    hop, decay_db = 480, 3.0
    f0 = np.full(41, 1000.0, np.float32)
    level = 10 ** (-decay_db / 20 * np.arange(41, dtype=np.float32))
    samples, _ = in_quanta(f0, level[:, None].astype(np.float32), 100 * hop)
    even = samples / 10 ** (-decay_db / 20 * np.arange(len(samples)) / hop)
    power = np.square(np.abs(np.fft.rfft(even * np.hanning(len(even)))))
    hz = np.fft.rfftfreq(len(even), 1 / (100 * hop))
    carrier, sideband = (power[np.abs(hz - at) < 20].max() for at in (1000, 1100))
    assert 10 * np.log10(sideband / carrier) < -45


def test_the_phase_runs_on_through_silence():
    f0 = np.full(41, 441.7, np.float32)
    loud = np.full((41, 1), 0.5, np.float32)
    gap = loud.copy()
    gap[10:30] = 0
    whole, _ = in_quanta(f0, loud, 16_000)
    broken, _ = in_quanta(f0, gap, 16_000)
    assert np.abs(broken[10 * 160 : 29 * 160]).max() == 0
    np.testing.assert_allclose(broken[30 * 160 :], whole[30 * 160 :], atol=1e-6)
