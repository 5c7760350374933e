"""The context of a join: the sound before it, which a candidate's own past is compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.retrieve.search import feature_layout, pulse, transition
from ensemble.retrieve.search.describe import HEAD_S, check_listening, level_over
from ensemble.retrieve.search.outline import RATE_HZ, SpectralOutline, spectral_outline
from ensemble.threads import one_thread
from ensemble.types.arrays import FloatArray
from ensemble.types.described import Described, Metre
from ensemble.types.music import SILENCE_DB, AudioClip, Heard

SILENT_BELOW_PEAK_DB = 50.0
"""Sound this far below the loudest moment has ended."""
LATE_SILENCE_S = 0.3
"""Silence before the join that is no longer than this is part of the sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinContext:
    """What came before a join, as far as search needs it."""

    recording_sha256: str
    """Of the recording that the join lies in; empty for a leader that is no file of the store."""
    at_s: float
    """The join, in that recording's time."""
    sounds_until_s: float
    """Where the sound ends: before the join if there is silence before it."""
    tempo_bpm: float
    """Around the join, 0 without a beat."""
    off_beat_ms: float | None
    """From the nearest beat to the join, None without a beat."""
    level_db: float
    """A-weighted level of the last two sounding seconds."""
    low_db: float
    """Level of the bass band there."""
    recent: SpectralOutline
    """The last 8.5 sounding seconds."""
    blocks: dict[str, FloatArray]
    """Unit rows by the name of their feature block; `chroma_after` and `timbre_after` are of the last four seconds."""
    seam: FloatArray
    """Seam features.  [SEAM_WIDTH]"""
    edge: transition.Edges
    """The last moments, to which a candidate's first ones are joined."""
    metres: tuple[Metre, ...]
    """As `Described.metres`."""
    own: dict[str, FloatArray]
    """What each term measures at the recording's own transitions, by name: magnitudes, sorted."""

    @property
    def is_silent(self) -> bool:
        """Whether nothing sounded: every candidate suits as well as any other."""
        return self.level_db <= feature_layout.LOWEST_DB

    @property
    def look_backs_s(self) -> tuple[float, ...]:
        """The look-backs that the sound before the join is long enough for; the shortest always."""
        longest_s = max(self.sounds_until_s, feature_layout.LOOK_BACKS_S[0])
        return tuple(look_back_s for look_back_s in feature_layout.LOOK_BACKS_S if look_back_s <= longest_s)


def context_of_leader(heard: Heard, leader: AudioClip, at_s: float, *, recording_sha256: str = "") -> JoinContext:
    """The context of a join in a leader.

    Args:
        heard: what was understood of the leader.
        leader: the leader as it is listened to: mono, 16 kHz.
        at_s: the join; nothing later is looked at, but for beats.
        recording_sha256: of the leader's file, if the store may hold it too.

    Raises:
        ValueError: the clip is not mono at 16 kHz, or the join lies outside it.
    """
    check_listening(leader)
    if not 0.0 < at_s <= leader.duration_s + 1 / FRAME_RATE_HZ:
        raise ValueError(f"a join at {at_s} s lies outside {leader.duration_s} s")
    past = AudioClip(samples=leader.samples[:, : round(at_s * leader.sample_rate)], sample_rate=leader.sample_rate)
    with one_thread():
        outline = spectral_outline(past, heard)
    beats_s = pulse.played_beats_s(heard)
    moments_s = pulse.moments_s(beats_s, at_s)
    own = transition.natural(outline, moments_s[moments_s < at_s]) | _beat_jitter(beats_s)
    return _context(outline, beats_s, at_s, own, pulse.metres_of(heard, beats_s), recording_sha256)


def context_of_recording(described: Described, at_s: float) -> JoinContext:
    """The context of a join in a recording of the store, where the next hop begins.

    Raises:
        ValueError: the join lies outside the recording.
    """
    outline = SpectralOutline.of(described.details)
    if not 0.0 < at_s <= outline.duration_s + 1 / RATE_HZ:
        raise ValueError(f"a join at {at_s} s lies outside {outline.duration_s} s")
    own = {name: described.details[f"own_{name}"] for name in transition.UNITS} | _beat_jitter(described.beats_s)
    before = outline.part(0, round(at_s * RATE_HZ))
    return _context(before, described.beats_s, at_s, own, described.metres, described.recording.sha256)


def _context(
    outline: SpectralOutline,
    beats_s: NDArray[np.float64],
    at_s: float,
    own: dict[str, FloatArray],
    metres: tuple[Metre, ...],
    recording_sha256: str,
) -> JoinContext:
    until_s = _sounds_until_s(outline.level_db, at_s)
    recent = outline.part(
        max(round((until_s - feature_layout.LOOK_BACKS_S[-1] - 0.5) * RATE_HZ), 0), round(until_s * RATE_HZ)
    )
    end_s = np.array([recent.num_frames / RATE_HZ])  # in the time of `recent`
    period_s = pulse.period_around(beats_s, np.array([at_s]))
    means = feature_layout.OutlineMeans(recent)
    off_beat_s = pulse.off_beat_s(beats_s, at_s)
    return JoinContext(
        recording_sha256=recording_sha256,
        at_s=at_s,
        sounds_until_s=until_s,
        tempo_bpm=float(60 / period_s[0]) if period_s[0] > 0 else 0.0,
        off_beat_ms=None if off_beat_s is None else 1000 * off_beat_s,
        level_db=float(level_over(recent.level_db, end_s - HEAD_S, end_s)[0]),
        low_db=float(level_over(recent.low_db, end_s - HEAD_S, end_s)[0]),
        recent=recent,
        blocks=feature_layout.blocks_before(means, end_s, period_s)
        | feature_layout.blocks_around(means, np.maximum(end_s - feature_layout.AFTER_S, 0.0), end_s),
        seam=feature_layout.seam_before(means, end_s)[0],
        edge=transition.tails(recent, end_s),
        metres=metres,
        own=own,
    )


def _sounds_until_s(level_db: FloatArray, at_s: float) -> float:
    """Where the sound before the join ends: at the join, unless there is a longer silence before it."""
    floor_db = max(feature_layout.LOWEST_DB, float(level_db.max(initial=SILENCE_DB)) - SILENT_BELOW_PEAK_DB)
    sounding = np.flatnonzero(level_db > floor_db)
    if not len(sounding):
        return at_s
    until_s = float(sounding[-1] + 1) / RATE_HZ
    return until_s if at_s - until_s > LATE_SILENCE_S else at_s


def _beat_jitter(beats_s: NDArray[np.float64]) -> dict[str, FloatArray]:
    """How far each beat lies from where an even pulse puts it: magnitudes, sorted."""
    if len(beats_s) < 3:
        return {"beat_phase_ms": np.empty(0, dtype=np.float32)}
    late_s = np.diff(beats_s) - pulse.period_around(beats_s, beats_s[1:])
    return {"beat_phase_ms": np.sort(1000 * np.abs(late_s)).astype(np.float32)}
