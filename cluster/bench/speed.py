"""How fast and how exact the synthesizer is, as ratios to a plain one that is measured beside it.

Conventions: CPU time of this process on one thread; the two sides take turns, and the median of the turns counts. The
plain synthesizer is the textbook's: controls interpolated to every sample, phase by a running sum in float32, a hundred
sines and a sum; noise by one Fourier transform per frame, unseeded. "Real time" is seconds of sound per second of CPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ, QUANTUM_FRAMES, hop_samples
from ensemble.play import torch_synth
from ensemble.play.noise import filtered_noise, noise_key
from ensemble.play.oscillator import harmonic_bank, nyquist_taper
from ensemble.play.pitched import KernelSynthesizer, PitchedPlayer
from ensemble.play.seeded import seeded_voice
from ensemble.play.sizes import NUM_BANDS, NUM_HARMONICS
from ensemble.play.voice_kernel import NeuralVoice
from ensemble.threads import one_thread
from ensemble.types.music import Cue, FloatArray

TURNS = 5
MINUTE_FRAMES = 60 * FRAME_RATE_HZ


def bench_synth() -> dict[str, float]:
    """Measure the synthesizer.

    Returns:
        harmonic_ratio_16k, harmonic_ratio_48k: how many times faster than the plain bank, on a melody;
        harmonic_snr_db: against float64, in the last second of a minute; noise_ratio: how many times faster than the
        plain filter, at 48 kHz; instrument_realtime_16k, instrument_realtime_48k: network and synthesizer, one voice.
    """
    with one_thread(), torch.inference_mode():
        return {
            "harmonic_ratio_16k": _harmonic_ratio(16_000),
            "harmonic_ratio_48k": _harmonic_ratio(48_000),
            "harmonic_snr_db": _harmonic_snr_db(48_000),
            "noise_ratio": _noise_ratio(48_000),
            "instrument_realtime_16k": _instrument_realtime(16_000),
            "instrument_realtime_48k": _instrument_realtime(48_000),
        }


def _harmonic_snr_db(sample_rate: int) -> float:
    """Signal to error of the compiled bank against float64, in the last second of a minute."""
    f0_hz, amplitudes = _melody(MINUTE_FRAMES + 1, sample_rate)
    late = MINUTE_FRAMES - FRAME_RATE_HZ
    truth = _float64_bank(f0_hz, amplitudes, sample_rate, late)
    error = _compiled_bank(f0_hz, amplitudes, sample_rate)[-len(truth) :] - truth
    return float(10 * np.log10(np.square(truth).sum() / np.square(error).sum()))


def _float64_bank(f0_hz: FloatArray, amplitudes: FloatArray, sample_rate: int, first: int) -> NDArray[np.float64]:
    """The reference bank in float64, from frame `first` on; the phase until there is summed in extended precision."""
    hop = hop_samples(sample_rate)
    until = f0_hz[: first + 1].astype(np.longdouble)
    cycles = (until[:-1] * hop + np.diff(until) * (hop - 1) / 2).sum() / sample_rate
    f0, levels = torch.from_numpy(f0_hz[None, first:]), torch.from_numpy(amplitudes[None, first:]).double()
    phase = torch.tensor([float(cycles % 1)], dtype=torch.float64)
    return torch_synth.harmonic_bank(f0[:, :-1], f0[:, 1:], levels, phase, sample_rate)[0][0].numpy()


def _melody(num_frames: int, sample_rate: int) -> tuple[FloatArray, FloatArray]:
    """A line between 180 and 550 Hz with a moving 1/k spectrum: f0 [frames], amplitudes [frames, num_harmonics]."""
    time_s = np.arange(num_frames) / FRAME_RATE_HZ
    f0_hz = (180.0 * 2.0 ** (0.8 + 0.8 * np.sin(2 * time_s))).astype(np.float32)
    number = np.arange(1, NUM_HARMONICS + 1)
    levels = (1.1 + np.sin(number * 0.7 + 3 * time_s[:, None])) / number
    levels = (0.5 * levels / levels.sum(axis=1, keepdims=True)).astype(np.float32)
    return f0_hz, levels * nyquist_taper(f0_hz, NUM_HARMONICS, sample_rate)


def _compiled_bank(f0_hz: FloatArray, amplitudes: FloatArray, sample_rate: int) -> FloatArray:
    """In quanta, as players do."""
    phase_cycles, pieces = np.zeros(1), []
    for at in range(0, len(f0_hz) - 1, QUANTUM_FRAMES):
        part = f0_hz[None, at : at + QUANTUM_FRAMES + 1]
        levels = amplitudes[None, at : at + QUANTUM_FRAMES + 1]
        samples, phase_cycles = harmonic_bank(part[:, :-1], part[:, 1:], levels, phase_cycles, sample_rate)
        pieces.append(samples)
    return np.concatenate(pieces)


def _plain_bank(f0_hz: torch.Tensor, amplitudes: torch.Tensor, sample_rate: int) -> torch.Tensor:
    hop = hop_samples(sample_rate)

    def per_sample(controls: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(controls.T[None], scale_factor=hop, mode="linear")[0].T

    phase = torch.cumsum(2 * torch.pi * per_sample(f0_hz[:, None]) / sample_rate, dim=0)
    number = torch.arange(1, amplitudes.shape[1] + 1)
    return (torch.sin(phase * number) * per_sample(amplitudes)).sum(dim=1)


def _plain_noise(magnitudes: torch.Tensor, sample_rate: int) -> torch.Tensor:
    hop = hop_samples(sample_rate)
    num_taps = 2 * (magnitudes.shape[1] - 1)
    size = 1 << (hop + num_taps - 2).bit_length()
    taps = torch.fft.irfft(magnitudes, num_taps).roll(num_taps // 2, dims=-1) * torch.hann_window(num_taps)
    white = 2 * torch.rand(len(magnitudes), hop) - 1
    heard = torch.fft.irfft(torch.fft.rfft(white, size) * torch.fft.rfft(taps, size), size)
    length = (len(magnitudes) - 1) * hop + size
    return torch.nn.functional.fold(heard.T[None], (1, length), (1, size), stride=(1, hop)).flatten()


def _harmonic_ratio(sample_rate: int) -> float:
    f0_hz, amplitudes = _melody(201, sample_rate)
    plain_f0, plain_amplitudes = torch.from_numpy(f0_hz[:-1]), torch.from_numpy(amplitudes[:-1])
    return _times_faster(
        lambda: _compiled_bank(f0_hz, amplitudes, sample_rate),
        lambda: _plain_bank(plain_f0, plain_amplitudes, sample_rate),
        repeats=50,
    )


def _noise_ratio(sample_rate: int) -> float:
    levels = np.exp(-np.arange(NUM_BANDS) / 20) * (1.1 + np.sin(np.arange(401)[:, None] / 9))
    magnitudes = levels.astype(np.float32)
    plain = torch.from_numpy(magnitudes[:-1])
    key, hop = noise_key(0, "bench"), hop_samples(sample_rate)

    def compiled() -> None:
        for at in range(0, len(magnitudes) - 1, QUANTUM_FRAMES):
            filtered_noise(magnitudes[at : at + QUANTUM_FRAMES + 1], key, at * hop, sample_rate)

    return _times_faster(compiled, lambda: _plain_noise(plain, sample_rate), repeats=10, plain_repeats=10)


def _instrument_realtime(sample_rate: int) -> float:
    num_frames = 10 * FRAME_RATE_HZ
    f0_hz, _ = _melody(num_frames, sample_rate)
    cue = Cue(
        part="bench",
        start_frame=0,
        f0_hz=f0_hz[None],
        level_db=np.zeros((1, num_frames), np.float32),
        loudness_db=np.full(num_frames, -20.0, np.float32),
        is_last=True,
    )
    player = PitchedPlayer(NeuralVoice(seeded_voice(0, "violin")), KernelSynthesizer(), sample_rate, 0, "bench")
    player.play(cue, player.start())
    spent_s = median(_cpu_s(lambda: player.play(cue, player.start()), repeats=3) for _ in range(TURNS))
    return num_frames / FRAME_RATE_HZ / spent_s


def _times_faster(
    ours: Callable[[], object], plain: Callable[[], object], repeats: int, plain_repeats: int = 1
) -> float:
    ours()
    plain()
    turns = [(_cpu_s(ours, repeats), _cpu_s(plain, plain_repeats)) for _ in range(TURNS)]
    return median(plain_s for _, plain_s in turns) / median(ours_s for ours_s, _ in turns)


def _cpu_s(task: Callable[[], object], repeats: int) -> float:
    """Mean CPU seconds of one call."""
    began = time.process_time()
    for _ in range(repeats):
        task()
    return (time.process_time() - began) / repeats
