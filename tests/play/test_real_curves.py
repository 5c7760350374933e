"""Trained voices asked by what real players and a speaking machine do: nothing bursts, clicks or leaves full scale."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ensemble.audio.files import read_clip
from ensemble.config import weights_dir, weights_in
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.measure.contenders import play
from ensemble.measure.fidelity import worst_click
from ensemble.play.voice_file import VOICE
from ensemble.play.voice_kernel import NeuralVoice
from ensemble.types.instruments import instrument
from ensemble.types.music import SILENCE_DB, FloatArray

RATE = 48_000
RECORDINGS = ("guitar_20s.wav", "tinysol_Fl-ord-C4-mf-N-T14d.wav", "tinysol_Cb-ord-A2-mf-2c-N.wav", "espeak")
PITCHED = [voice for voice in weights_in(weights_dir("voice")) if voice != "drums"]


@pytest.fixture(scope="module")
def curves(shared_audio: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Pitch and loudness of every recording, ten seconds at most."""
    found = {}
    for name in RECORDINGS:
        path = shared_audio / name
        if name == "espeak":
            if shutil.which("espeak-ng") is None:
                continue
            path = tmp_path_factory.mktemp("speech") / "speech.wav"
            text = "Listen to me, and then go on without me for as long as you like."
            subprocess.run(["espeak-ng", "-w", str(path), text], check=True)
        frames = Listener().listen(at_analysis_rate(read_clip(path))).frames
        found[name] = frames.f0_hz[:1000], frames.loudness_db[:1000]
    return found


def into_range(f0_hz: FloatArray, low_midi: int, high_midi: int) -> FloatArray:
    """Octave by octave; before the first pitch, the first; through a gap, the one before it."""
    voiced = np.flatnonzero(f0_hz > 0)
    held = f0_hz[voiced[np.maximum(np.searchsorted(voiced, np.arange(len(f0_hz)), side="right") - 1, 0)]]
    midi = 69 + 12 * np.log2(held / 440)
    midi = midi + 12 * np.ceil(np.maximum(low_midi - midi, 0) / 12) - 12 * np.ceil(np.maximum(midi - high_midi, 0) / 12)
    return (440 * 2 ** ((midi - 69) / 12)).astype(np.float32)


@pytest.mark.parametrize("recording", RECORDINGS)
@pytest.mark.parametrize("voice", PITCHED)
def test_a_real_curve_is_played_without_a_burst_or_a_click(
    voice: str, recording: str, curves: dict[str, tuple[FloatArray, FloatArray]]
) -> None:
    if recording not in curves:
        pytest.skip("SKIPPED LOUDLY: espeak-ng is missing (apt install espeak-ng)")
    f0_hz, loudness_db = curves[recording]
    weights = VOICE.load(voice)
    low, high = instrument(weights.card.instrument).range_midi
    sound = play(NeuralVoice(weights), into_range(f0_hz, low, high), loudness_db, RATE)
    assert np.isfinite(sound).all()
    assert 0.001 < np.abs(sound).max() < 1.0
    assert worst_click(sound, RATE) < 1.5
    quiet = np.repeat(loudness_db <= SILENCE_DB, RATE // 100)
    held = np.convolve(~quiet, np.ones(RATE // 10), mode="full")[: len(quiet)] > 0  # tails of a tenth of a second
    assert np.abs(sound[~held]).max(initial=0.0) < 1e-3
