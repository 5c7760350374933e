"""The voices in the box: whole, licensed, and better than the formula by their own cards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensemble.config import FollowerSettings, load_band, located, weights_dir, weights_in
from ensemble.play.player import make_player
from ensemble.play.voice_file import VOICE
from ensemble.types.music import SILENCE_DB, Cue


def played(voice: str, loudness_db: float, num_frames: int = 150) -> np.ndarray:
    """One and a half seconds of A4 (or silence) through a shipped voice at 48 kHz."""
    card = VOICE.load(voice).card
    follower = FollowerSettings(name="part", instrument=card.instrument, role="transform", voice=voice)
    player = make_player(follower, 48_000, seed=0)
    cue = Cue(
        part="part", start_frame=0, is_last=True,
        f0_hz=np.full((1, num_frames), 440.0, np.float32),
        level_db=np.zeros((1, num_frames), np.float32),
        loudness_db=np.full(num_frames, loudness_db, np.float32),
    )  # fmt: skip
    return player.play(cue, player.start())[0].clip.samples[0]


def test_a_violin_is_in_the_box_and_the_quartet_plays_it() -> None:
    assert "violin" in weights_in(weights_dir("voice"))
    assert load_band("quartet").followers[0].voice == "violin"
    assert located("voice", "violin", Path("/anywhere"), "voice") == "violin"


BARS = (
    ("loudness_error_db", 1.5, "loudness"),
    ("f0_outlier_rate", 0.03, "second tracker"),
    ("hnr_error_db", 3.0, "Noisiness"),
    ("brightness_slope_ratio", 4 / 3, "brightness"),
)
"""What a voice should reach, and the word by which its card owns up to a fault."""
PITCHED = [voice for voice in weights_in(weights_dir("voice")) if voice != "drums"]


@pytest.mark.parametrize("voice", PITCHED)
def test_its_card_says_what_it_learned_from_and_how_well(voice: str) -> None:
    card = VOICE.load(voice).card
    assert card.weights_sha256 == VOICE.sha256_of(voice)
    assert card.training_data
    assert "Apache-2.0" in card.licence
    assert card.metrics["mss_ratio"] <= 0.40
    assert card.metrics["log_mel_ratio"] <= 0.45
    assert card.metrics["silence_db"] <= -60
    faults = " ".join(card.known_faults)
    for name, bar, confession in BARS:
        assert card.metrics[name] <= bar or confession in faults, f"{name} is above {bar}, and the card is silent"


@pytest.mark.parametrize("voice", PITCHED)
def test_it_sounds_the_note_asked_for_and_keeps_silence(voice: str) -> None:
    sound = played(voice, -25.0)[24_000:72_000]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    hz = np.fft.rfftfreq(len(sound), 1 / 48_000)
    step = VOICE.load(voice).card.fundamental  # its partials are multiples of this much of the pitch
    near = [spectrum[np.abs(hz - 440 * k) < 8].max() for k in (1, 2, 3)]
    others = [spectrum[np.abs(hz - 440 * k) < 8].max() for k in np.arange(step, 4, step) if k % 1]
    between = [
        spectrum[np.abs(hz - 440 * (k + 0.5) * step) < 60 * step].max() for k in range(round(1 / step), round(4 / step))
    ]
    assert min(near) > 10 * max(between)
    assert min(near) > 5 * max(others, default=0.0), "a rank between is softer than the pitch's own partials"
    assert 0.005 < np.abs(sound).max() < 0.95
    assert np.abs(played(voice, SILENCE_DB)).max() == 0.0
    loud, soft = (np.sqrt(np.mean(played(voice, level)[24_000:] ** 2)) for level in (-20.0, -40.0))
    assert 10 < 20 * np.log10(loud / soft) < 30
