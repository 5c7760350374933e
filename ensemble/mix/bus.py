"""Mixes the files of the leader and the stems: sums them, brings the sum to a loudness, and limits its true peak."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ensemble.audio.wav_writer import PCM_STEPS
from ensemble.config import MixSettings
from ensemble.errors import AudioError
from ensemble.files.receipts import WrittenSound
from ensemble.mix.gain import CENTRE
from ensemble.mix.limiter import Limiter
from ensemble.mix.loudness import integrated_lufs
from ensemble.mix.sound_writer import SoundWriter
from ensemble.types.music import PIECE_SAMPLES

MAX_GAIN_DB = 30.0
"""Highest gain of a mix."""
TOLERANCE_LU = 0.5
"""How far the limiter may bring the mix below its target loudness before it is written again with more gain."""
MAX_RETRIES = 2
"""How often a mix is written again with more gain."""

Chunk = NDArray[np.float64]
"""A piece of the mix.  [2, samples]"""


def mix_files(
    leader: Path, stems: Sequence[Path], out: Path, settings: MixSettings, gain_db: float | None = None
) -> tuple[WrittenSound, float]:
    """Mix a leader and the stems that accompany it into a 24-bit stereo WAV.

    Files are read in pieces, so memory does not depend on the duration. Sums of 24-bit samples are exact in float64, so
    the order of the stems does not change the bytes. A file that is shorter than the others is silent after its end.

    Args:
        leader: one or two channels; it is panned to the centre.
        stems: stereo, at the leader's rate, after gain and pan.
        out: the file to write.
        settings: the leader's level, the target loudness (ITU-R BS.1770-4) and the ceiling of the true peak.
        gain_db: gain of the mix, where another take's mix decided it; the target loudness is then ignored.

    Returns:
        The written mix with its measured levels; and its gain in dB, which brings the loudness to its target:
        `MAX_GAIN_DB` at most, 0 where nothing is loud enough to be measured.

    Raises:
        AudioError: a file cannot be read, or has another rate or number of channels; or `out` cannot be written.
        OSError: the disk is full.
    """
    if gain_db is not None:
        return _write(leader, stems, out, settings, gain_db)[0], gain_db
    gain_db = _first_gain_db(leader, stems, settings)
    for retries_left in reversed(range(MAX_RETRIES + 1)):
        written, loudness_lufs = _write(leader, stems, out, settings, gain_db)
        missing_lu = settings.target_lufs - loudness_lufs
        if not retries_left or not TOLERANCE_LU < missing_lu < math.inf or gain_db == MAX_GAIN_DB:
            break
        gain_db = min(gain_db + missing_lu, MAX_GAIN_DB)
    return written, gain_db


def _first_gain_db(leader: Path, stems: Sequence[Path], settings: MixSettings) -> float:
    with ExitStack() as files:
        bus = _Bus(leader, stems, settings, files)
        loudness_lufs = integrated_lufs(bus.chunks(), bus.sample_rate)
    return 0.0 if math.isinf(loudness_lufs) else min(settings.target_lufs - loudness_lufs, MAX_GAIN_DB)


def _write(
    leader: Path, stems: Sequence[Path], out: Path, settings: MixSettings, gain_db: float
) -> tuple[WrittenSound, float]:
    """Write the mix at one gain; returns it with its loudness in LUFS, not rounded."""
    gain = 10 ** (gain_db / 20)
    with ExitStack() as files:
        bus = _Bus(leader, stems, settings, files)
        limiter = Limiter(settings.ceiling_dbtp, bus.sample_rate)
        try:
            mix = SoundWriter(out, bus.sample_rate, bus.num_samples)
        except (FileNotFoundError, PermissionError) as error:
            raise AudioError(str(out), "cannot be written", "is the render's folder complete and writable?") from error
        files.callback(mix.abandon)

        def put(limited: Chunk) -> None:
            mix.write(np.clip(np.rint(limited.T * PCM_STEPS), -PCM_STEPS, PCM_STEPS - 1).astype(np.int32))

        for chunk in bus.chunks():
            put(limiter.push(chunk * gain))
        put(limiter.flush())
        return mix.close(), mix.loudness_lufs


class _Bus:
    """The open files of one pass over the leader and the stems."""

    def __init__(self, leader: Path, stems: Sequence[Path], settings: MixSettings, files: ExitStack) -> None:
        self._leader = files.enter_context(_opened(leader))
        self._stems = [files.enter_context(_opened(stem)) for stem in stems]
        self._leader_gain = CENTRE * 10 ** (settings.leader_gain_db / 20)
        self.sample_rate = int(self._leader.samplerate)
        if self._leader.channels > 2:
            raise AudioError(str(leader), f"has {self._leader.channels} channels", "a leader has one or two")
        for path, stem in zip(stems, self._stems, strict=True):
            if (stem.samplerate, stem.channels) != (self.sample_rate, 2):
                found = f"has {stem.channels} channels at {stem.samplerate} Hz"
                raise AudioError(str(path), found, f"a stem of this mix has 2 at {self.sample_rate}")

        self.num_samples = max(int(file.frames) for file in (self._leader, *self._stems))

    def chunks(self) -> Iterator[Chunk]:
        """The sum of leader and stems, piece by piece, as long as the longest file.  [2, samples]"""
        for start in range(0, self.num_samples, PIECE_SAMPLES):
            length = min(PIECE_SAMPLES, self.num_samples - start)
            total = np.zeros((length, 2))
            for stem in self._stems:
                sound = stem.read(length, dtype="float64", always_2d=True)
                total[: len(sound)] += sound
            sound = self._leader.read(length, dtype="float64", always_2d=True)
            total[: len(sound)] += sound * self._leader_gain
            yield np.ascontiguousarray(total.T)


def _opened(path: Path) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(path)
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(str(path), "cannot be read", "is the render's folder complete?") from error
