"""Mixes the leader and the sum of the stems: brings the whole to a loudness, and limits its true peak."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.delivered import delivered, form_of
from ensemble.audio.loudness import integrated_lufs
from ensemble.audio.wav_writer import PCM_STEPS
from ensemble.config import MixSettings
from ensemble.errors import AudioError
from ensemble.files.receipts import WrittenSound
from ensemble.mix.gain import CENTRE
from ensemble.mix.limiter import Limiter
from ensemble.mix.sound_writer import SoundWriter
from ensemble.mix.stem_sum import StemSum

MAX_GAIN_DB = 30.0
"""Highest gain of a mix."""
TOLERANCE_LU = 0.5
"""How far the limiter may bring the mix below its target loudness before it is written again with more gain."""
MAX_RETRIES = 2
"""How often a mix is written again with more gain."""

Chunk = NDArray[np.float64]
"""A piece of the mix.  [2, samples]"""


def lift_of_leader_db(leader: Path, parts: StemSum, settings: MixSettings) -> float:
    """By how much the leader must be raised to stay in front of the band.

    Args:
        leader: one or two channels.
        parts: the sum of all parts as they were played, without the gains that were asked for; its integrated
            loudness is held against the leader's.
        settings: say how far in front.

    Returns:
        The lift in dB; 0 where nothing is to be done, or nothing can be measured.

    Raises:
        AudioError: the leader cannot be read.
    """
    if settings.leader_ahead_lu is None:
        return 0.0
    sample_rate = form_of(leader).sample_rate
    both = (CENTRE * np.broadcast_to(piece, (2, piece.shape[1])) for piece in delivered(leader))
    ahead_lu = integrated_lufs(both, sample_rate) - integrated_lufs(parts.pieces(), sample_rate)
    missing_lu = settings.leader_ahead_lu - ahead_lu
    return round(missing_lu, 2) if 0.0 < missing_lu < math.inf else 0.0


def mix_files(
    leader: Path, stems: StemSum, out: Path, settings: MixSettings, gain_db: float | None = None
) -> tuple[WrittenSound, float]:
    """Mix a leader and the stems that accompany it into a 24-bit stereo WAV, as long as the longer of the two.

    Everything is read in pieces, so memory does not depend on the duration.

    Args:
        leader: one or two channels; it is panned to the centre.
        stems: their sum, at the leader's rate, after gain and pan.
        out: the file to write.
        settings: the leader's level, the target loudness (ITU-R BS.1770-4) and the ceiling of the true peak.
        gain_db: gain of the mix, where another take's mix decided it; the target loudness is then ignored.

    Returns:
        The written mix with its measured levels; and its gain in dB, which brings the loudness to its target:
        `MAX_GAIN_DB` at most, 0 where nothing is loud enough to be measured.

    Raises:
        AudioError: the leader cannot be read or has more than two channels, or `out` cannot be written.
        OSError: the disk is full.
    """
    if (num_channels := form_of(leader).num_channels) > 2:
        raise AudioError(str(leader), f"has {num_channels} channels", "a leader has one or two")
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


def lifted(settings: MixSettings, lift_db: float) -> MixSettings:
    """The same mix with a louder leader."""
    return settings.model_copy(update={"leader_gain_db": settings.leader_gain_db + lift_db})


def _first_gain_db(leader: Path, stems: StemSum, settings: MixSettings) -> float:
    loudness_lufs = integrated_lufs(_summed(leader, stems, settings), form_of(leader).sample_rate)
    return 0.0 if math.isinf(loudness_lufs) else min(settings.target_lufs - loudness_lufs, MAX_GAIN_DB)


def _write(
    leader: Path, stems: StemSum, out: Path, settings: MixSettings, gain_db: float
) -> tuple[WrittenSound, float]:
    """Write the mix at one gain; returns it with its loudness in LUFS, not rounded."""
    gain = 10 ** (gain_db / 20)
    with ExitStack() as files:
        sample_rate, _, num_samples = form_of(leader)
        limiter = Limiter(settings.ceiling_dbtp, sample_rate)
        try:
            mix = SoundWriter(out, sample_rate, max(num_samples, stems.num_samples))
        except (FileNotFoundError, PermissionError) as error:
            raise AudioError(str(out), "cannot be written", "is the render's folder complete and writable?") from error
        files.callback(mix.abandon)

        def put(limited: Chunk) -> None:
            mix.write(np.clip(np.rint(limited.T * PCM_STEPS), -PCM_STEPS, PCM_STEPS - 1).astype(np.int32))

        for chunk in _summed(leader, stems, settings):
            put(limiter.push(chunk * gain))
        put(limiter.flush())
        return mix.close(), mix.loudness_lufs


def _summed(leader: Path, stems: StemSum, settings: MixSettings) -> Iterator[Chunk]:
    """The sum of leader and stems, piece by piece; the shorter one is silent after its end.  [2, samples]"""
    gain = CENTRE * 10 ** (settings.leader_gain_db / 20)
    nothing = np.zeros((2, 0))
    for of_stems, of_leader in zip_longest(stems.pieces(), delivered(leader), fillvalue=nothing):
        total = np.zeros((2, max(of_stems.shape[1], of_leader.shape[1])))
        total[:, : of_stems.shape[1]] += of_stems
        total[:, : of_leader.shape[1]] += of_leader.astype(np.float64) * gain
        yield total
