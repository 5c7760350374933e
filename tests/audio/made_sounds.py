"""Sound files of every kind that is read, made at random: real-looking, small, and now and then streamed or chained."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable

import numpy as np
import soundfile

RATES_HZ = (8_000, 16_000, 22_050, 44_100, 48_000)
PCM = ("PCM_16", "PCM_24", "PCM_U8", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM", "MS_ADPCM")
FORMS = {
    "wav": ("WAV", PCM),
    "rf64": ("RF64", PCM[:5]),
    "w64": ("W64", PCM[:5]),
    "aiff": ("AIFF", ("PCM_16", "PCM_24", "PCM_S8", "FLOAT", "ULAW")),
    "flac": ("FLAC", ("PCM_16", "PCM_24", "PCM_S8")),
    "mp3": ("MP3", ("MPEG_LAYER_III",)),
    "ogg": ("OGG", ("VORBIS", "OPUS")),
}
"""Formats of libsndfile, and what they may hold."""


def tune(rng: np.random.Generator, sample_rate: int, num_channels: int) -> np.ndarray:
    """Some decaying notes and a little noise.  [samples, channels]"""
    time_s = np.arange(round(rng.uniform(0.3, 1.5) * sample_rate)) / sample_rate
    sound = rng.normal(0, 0.01, (len(time_s), num_channels))
    for start_s in np.arange(0, time_s[-1], 0.25):
        late_s = np.maximum(time_s - start_s, 0)
        note = np.sin(2 * np.pi * rng.uniform(80, 2_000) * late_s) * np.exp(-6 * late_s) * (time_s >= start_s)
        sound += 0.2 * note[:, None] * rng.uniform(0.2, 1, num_channels)
    return sound.astype(np.float32)


def made_sound(kind: str) -> Callable[[np.random.Generator], bytes]:
    """What makes files of a kind in `FORMS`."""
    form, subtypes = FORMS[kind]

    def made(rng: np.random.Generator) -> bytes:
        subtype, rate, num_channels = rng.choice(subtypes), int(rng.choice(RATES_HZ)), int(rng.integers(1, 3))
        rate = 48_000 if subtype == "OPUS" else rate
        more = {"bitrate_mode": "VARIABLE", "compression_level": 0.5} if form == "MP3" else {}
        file = io.BytesIO()
        soundfile.write(file, tune(rng, rate, num_channels), rate, format=form, subtype=str(subtype), **more)
        content = file.getvalue()
        if form == "MP3" and rng.random() < 0.5:
            content = content[content.index(content[:2], 4) :]  # without the frame that counts the others
        return content * int(rng.integers(1, 3)) if form in ("MP3", "OGG") else content

    return made


def made_m4a(rng: np.random.Generator) -> bytes:
    """An AAC file, half of them with the table of packets in front; ffmpeg makes it."""
    rate, num_channels = int(rng.choice(RATES_HZ)), int(rng.integers(1, 3))
    wav = io.BytesIO()
    soundfile.write(wav, tune(rng, rate, num_channels), rate, format="WAV")
    flags = "frag_keyframe+empty_moov" if rng.random() < 0.5 else "frag_keyframe+faststart"
    command = ["ffmpeg", "-v", "error", "-i", "-", "-c:a", "aac", "-movflags", flags, "-f", "mp4", "-"]
    return subprocess.run(command, input=wav.getvalue(), capture_output=True, check=True).stdout
