"""MP3 files and waveform envelopes for the report's page: a file is read once for both."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ensemble.audio.disk import disk_errors
from ensemble.errors import OutputError
from ensemble.threads import num_threads
from ensemble.types.music import PIECE_SAMPLES

COLUMNS = 1200
"""Number of columns of an envelope over a whole file."""
SPAN_COLUMNS = 600
"""Number of columns of an envelope over a span."""
QUALITY = 0.5
"""libsndfile's compression level for MP3 with a variable rate: about 100 to 130 kbit/s for music."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A waveform reduced to columns; zero after the sound's end."""

    low: NDArray[np.float32]
    """Lowest sample of each column, full scale is 1.  [columns]"""
    high: NDArray[np.float32]
    """Highest sample of each column.  [columns]"""


def timeline_samples(wavs: Sequence[Path]) -> tuple[int, int]:
    """Length of the longest file in samples, and the sample rate.

    Raises:
        OutputError: a file of the render is missing or damaged.
    """
    try:
        infos = [soundfile.info(wav) for wav in wavs]
    except (OSError, soundfile.LibsndfileError) as error:
        missing = next((wav for wav in wavs if not wav.is_file()), wavs[0])
        raise OutputError(str(missing), "is missing or damaged", "render again") from error
    return max(info.frames for info in infos), int(infos[0].samplerate)


def encode_all(wavs: Sequence[Path], mp3s: Sequence[Path], num_samples: int) -> list[Envelope]:
    """Encode every file and compute its envelope, one file per core.

    Args:
        wavs: the files to read.
        mp3s: the file to write for each.
        num_samples: the length that the envelopes cover.
    """
    with ThreadPoolExecutor(num_threads()) as pool:
        return list(pool.map(lambda wav, mp3: _encode(wav, mp3, num_samples), wavs, mp3s))


def _encode(wav: Path, mp3: Path, num_samples: int) -> Envelope:
    column_samples = max(1, -(-num_samples // COLUMNS))
    columns_per_chunk = max(1, PIECE_SAMPLES // column_samples)
    low, high = np.zeros(COLUMNS, np.float32), np.zeros(COLUMNS, np.float32)
    with soundfile.SoundFile(wav) as source:
        sink = soundfile.SoundFile(
            mp3, "w", source.samplerate, source.channels, "MPEG_LAYER_III", format="MP3",
            compression_level=QUALITY, bitrate_mode="VARIABLE",
        )  # fmt: skip
        with disk_errors(mp3), sink:
            column = 0
            for chunk in source.blocks(columns_per_chunk * column_samples, dtype="float32", always_2d=True):
                sink.write(chunk)
                starts = np.arange(0, len(chunk), column_samples)
                here = slice(column, column + len(starts))
                low[here] = np.minimum.reduceat(chunk.min(axis=1), starts)
                high[here] = np.maximum.reduceat(chunk.max(axis=1), starts)
                column += len(starts)
    return Envelope(low=low, high=high)


def span_envelope(wav: Path, start_s: float, length_s: float) -> Envelope:
    """The envelope of a span of a file, all channels together; zero after the file's end."""
    with soundfile.SoundFile(wav) as sound:
        samples = np.zeros(round(length_s * sound.samplerate), np.float32)
        sound.seek(min(round(start_s * sound.samplerate), sound.frames))
        read = sound.read(len(samples), dtype="float32", always_2d=True).mean(axis=1)
        samples[: len(read)] = read
    columns = samples[: len(samples) // SPAN_COLUMNS * SPAN_COLUMNS].reshape(SPAN_COLUMNS, -1)
    return Envelope(low=columns.min(axis=1), high=columns.max(axis=1))
