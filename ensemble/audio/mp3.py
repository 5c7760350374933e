"""MP3 files and waveform envelopes for the report's page: a file is read once for all that the page shows of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile
from numpy.typing import NDArray

from ensemble.audio.disk import disk_errors, sound_file
from ensemble.errors import OutputError
from ensemble.threads import num_threads
from ensemble.types.music import PIECE_SAMPLES, FloatArray

COLUMNS = 1200
"""Number of columns of an envelope over a whole file."""
SPAN_COLUMNS = 600
"""Number of columns of an envelope over a span."""
QUALITY = 0.5
"""libsndfile's compression level for MP3 with a variable rate: about 100 to 130 kbit/s for music."""

T = TypeVar("T")


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
        infos = [soundfile.info(os.fsencode(wav)) for wav in wavs]
    except (OSError, soundfile.LibsndfileError) as error:
        missing = next((wav for wav in wavs if not wav.is_file()), wavs[0])
        raise OutputError(str(missing), "is missing or damaged", "render again") from error
    return max(info.frames for info in infos), int(infos[0].samplerate)


def encode_all(
    wavs: Sequence[Path], mp3s: Sequence[Path], num_samples: int, hear: Callable[[Iterator[FloatArray], int, int], T]
) -> list[tuple[Envelope, T]]:
    """Encode every file, compute its envelope, and let something else hear it meanwhile, one file per core.

    Args:
        wavs: the files to read, each once.
        mp3s: the file to write for each.
        num_samples: the length that the envelopes cover.
        hear: gets the pieces of a file ([channels, samples] each), its rate in Hz and its samples per channel, and
            reads all pieces.

    Returns:
        Of each file its envelope, and what `hear` made of it.
    """
    with ThreadPoolExecutor(num_threads()) as pool:
        return list(pool.map(lambda wav, mp3: _encode(wav, mp3, num_samples, hear), wavs, mp3s))


def _encode(
    wav: Path, mp3: Path, num_samples: int, hear: Callable[[Iterator[FloatArray], int, int], T]
) -> tuple[Envelope, T]:
    column_samples = max(1, -(-num_samples // COLUMNS))
    columns_per_chunk = max(1, PIECE_SAMPLES // column_samples)
    envelope = Envelope(low=np.zeros(COLUMNS, np.float32), high=np.zeros(COLUMNS, np.float32))
    with sound_file(wav) as source:
        sink = sound_file(
            mp3, "w", source.samplerate, source.channels, "MPEG_LAYER_III", format="MP3",
            compression_level=QUALITY, bitrate_mode="VARIABLE",
        )  # fmt: skip

        def pieces() -> Iterator[FloatArray]:
            column = 0
            for chunk in source.blocks(columns_per_chunk * column_samples, dtype="float32", always_2d=True):
                sink.write(chunk)
                starts = np.arange(0, len(chunk), column_samples)
                here = slice(column, column + len(starts))
                envelope.low[here] = np.minimum.reduceat(chunk.min(axis=1), starts)
                envelope.high[here] = np.maximum.reduceat(chunk.max(axis=1), starts)
                column += len(starts)
                yield np.ascontiguousarray(chunk.T)

        with disk_errors(mp3), sink:
            heard = hear(pieces(), int(source.samplerate), int(source.frames))
    return envelope, heard


def span_envelope(wav: Path, start_s: float, length_s: float) -> Envelope:
    """The envelope of a span of a file, all channels together; zero after the file's end."""
    with sound_file(wav) as sound:
        samples = np.zeros(round(length_s * sound.samplerate), np.float32)
        sound.seek(min(round(start_s * sound.samplerate), sound.frames))
        read = sound.read(len(samples), dtype="float32", always_2d=True).mean(axis=1)
        samples[: len(read)] = read
    columns = samples[: len(samples) // SPAN_COLUMNS * SPAN_COLUMNS].reshape(SPAN_COLUMNS, -1)
    return Envelope(low=columns.min(axis=1), high=columns.max(axis=1))
