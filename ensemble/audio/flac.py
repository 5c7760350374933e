"""FLAC files and waveform envelopes for the report's page: a file is read once for all that the page shows of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, TypeVar

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
COMPRESSION = 0.5
"""libsndfile's compression level for FLAC: a quarter of the size of 16-bit WAV for stems, in a 700th of their time."""
PCM_BYTES = 2
"""Of a 16-bit sample, as the page holds them."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A waveform reduced to columns; zero after the sound's end."""

    low: NDArray[np.float32]
    """Lowest sample of each column, full scale is 1.  [columns]"""
    high: NDArray[np.float32]
    """Highest sample of each column.  [columns]"""


class Timeline(NamedTuple):
    """How long some files are together."""

    num_samples: int
    """Length of the longest, per channel."""
    sample_rate: int
    """In Hz."""
    pcm_bytes: int
    """What all of them take as 16-bit samples."""


def timeline(wavs: Sequence[Path]) -> Timeline:
    """Measure some files of one sample rate.

    Raises:
        OutputError: a file of the render is missing or damaged.
    """
    try:
        infos = [soundfile.info(os.fsencode(wav)) for wav in wavs]
    except (OSError, soundfile.LibsndfileError) as error:
        missing = next((wav for wav in wavs if not wav.is_file()), wavs[0])
        raise OutputError(str(missing), "is missing or damaged", "render again") from error
    pcm_bytes = sum(PCM_BYTES * info.frames * info.channels for info in infos)
    return Timeline(max(info.frames for info in infos), int(infos[0].samplerate), pcm_bytes)


def read_all(
    wavs: Sequence[Path],
    num_samples: int,
    hear: Callable[[Iterator[FloatArray], int, int], T],
    flacs: Sequence[Path] | None,
    on_read: Callable[[], None],
) -> list[tuple[Envelope, T]]:
    """Compute the envelope of every file, let something else hear it meanwhile, and encode it; one file per core.

    Args:
        wavs: the files to read, each once.
        num_samples: the length that the envelopes cover.
        hear: gets the pieces of a file ([channels, samples] each), its rate in Hz and its samples per channel, and
            reads all pieces.
        flacs: the file to write for each, of 16-bit samples; None to write none.
        on_read: called after each file.

    Returns:
        Of each file its envelope, and what `hear` made of it.
    """
    found: list[tuple[Envelope, T]] = []
    with ThreadPoolExecutor(num_threads()) as pool:
        targets: Sequence[Path | None] = flacs or [None] * len(wavs)
        for result in pool.map(lambda wav, flac: _read(wav, flac, num_samples, hear), wavs, targets):
            found.append(result)
            on_read()
    return found


def _read(
    wav: Path, flac: Path | None, num_samples: int, hear: Callable[[Iterator[FloatArray], int, int], T]
) -> tuple[Envelope, T]:
    column_samples = max(1, -(-num_samples // COLUMNS))
    columns_per_chunk = max(1, PIECE_SAMPLES // column_samples)
    envelope = Envelope(low=np.zeros(COLUMNS, np.float32), high=np.zeros(COLUMNS, np.float32))
    with sound_file(wav) as source, ExitStack() as stack:
        sink = stack.enter_context(_flac_sink(flac, source)) if flac else None

        def pieces() -> Iterator[FloatArray]:
            column = 0
            for chunk in source.blocks(columns_per_chunk * column_samples, dtype="float32", always_2d=True):
                if sink is not None:
                    sink.write(chunk)
                starts = np.arange(0, len(chunk), column_samples)
                here = slice(column, column + len(starts))
                envelope.low[here] = np.minimum.reduceat(chunk.min(axis=1), starts)
                envelope.high[here] = np.maximum.reduceat(chunk.max(axis=1), starts)
                column += len(starts)
                yield np.ascontiguousarray(chunk.T)

        heard = hear(pieces(), int(source.samplerate), int(source.frames))
    return envelope, heard


@contextmanager
def _flac_sink(path: Path, source: soundfile.SoundFile) -> Iterator[soundfile.SoundFile]:
    sink = sound_file(
        path, "w", source.samplerate, source.channels, "PCM_16", format="FLAC", compression_level=COMPRESSION
    )
    with disk_errors(path), sink:
        yield sink


def begin_as_flac(wav: Path, length_s: float) -> bytes:
    """The first seconds of a file as a FLAC file of 16-bit samples."""
    with sound_file(wav) as sound:
        samples = sound.read(round(length_s * sound.samplerate), dtype="int16")
        encoded = BytesIO()
        soundfile.write(encoded, samples, sound.samplerate, format="FLAC", subtype="PCM_16")
    return encoded.getvalue()


def span_envelope(wav: Path, start_s: float, length_s: float) -> Envelope:
    """The envelope of a span of a file, all channels together; zero after the file's end."""
    with sound_file(wav) as sound:
        samples = np.zeros(round(length_s * sound.samplerate), np.float32)
        sound.seek(min(round(start_s * sound.samplerate), sound.frames))
        read = sound.read(len(samples), dtype="float32", always_2d=True).mean(axis=1)
        samples[: len(read)] = read
    columns = samples[: len(samples) // SPAN_COLUMNS * SPAN_COLUMNS].reshape(SPAN_COLUMNS, -1)
    return Envelope(low=columns.min(axis=1), high=columns.max(axis=1))
