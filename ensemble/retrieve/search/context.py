"""What came before a join: the tail that a candidate's own past is compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.retrieve.search import feature_layout, pulse, transition
from ensemble.retrieve.search.describe import HEAD_S, check_listening, level_over
from ensemble.retrieve.search.outline import RATE_HZ, SpectralOutline, outline
from ensemble.threads import one_thread
from ensemble.types.arrays import FloatArray
from ensemble.types.described import Described
from ensemble.types.music import SILENCE_DB, AudioClip, Heard

SILENT_BELOW_PEAK_DB = 50.0
"""A tail this far below the loudest moment has ended."""
LATE_SILENCE_S = 0.3
"""Silence before the join that is no longer than this is a breath, and part of the tail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinContext:
    """What came before a join, as far as search needs it.

    recording_sha256: of the recording it lies in; empty for a leader that is no file of the store. at_s: the join, in
    that recording's time. sounds_until_s: where its sound ends, before the join if it ends in silence. tempo_bpm:
    around the join, 0 without a beat. off_beat_ms: how far the join lies from a beat, None without one. level_db,
    low_db: A-weighted and of the bass band, of the last two sounding seconds. recent: the last 8.5 sounding seconds.
    blocks: unit rows by block; the ones around it are of its tail. seam [SEAM_WIDTH]. edge: what a head is joined to.
    own: what each term measures at the recording's own transitions, magnitudes, sorted, by name.
    """

    recording_sha256: str
    at_s: float
    sounds_until_s: float
    tempo_bpm: float
    off_beat_ms: float | None
    level_db: float
    low_db: float
    recent: SpectralOutline
    blocks: dict[str, FloatArray]
    seam: FloatArray
    edge: transition.Edges
    own: dict[str, FloatArray]

    @property
    def is_silent(self) -> bool:
        """Whether nothing sounded: every candidate suits as well as any other."""
        return self.level_db <= feature_layout.LOWEST_DB

    @property
    def look_backs_s(self) -> tuple[float, ...]:
        """Those that what came before is long enough for; the shortest always."""
        longest_s = max(self.sounds_until_s, feature_layout.LOOK_BACKS_S[0])
        return tuple(look_back_s for look_back_s in feature_layout.LOOK_BACKS_S if look_back_s <= longest_s)


def context_of_leader(heard: Heard, leader: AudioClip, at_s: float, *, recording_sha256: str = "") -> JoinContext:
    """What came before `at_s` in a leader.

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
        course = outline(past, heard)
    beats_s = heard.beats_s if pulse.has_beat(heard.frames.onset, heard.beats_s) else np.empty(0)
    moments_s = beats_s if len(beats_s) else np.arange(0.0, at_s, pulse.EVEN_STEP_S)
    own = transition.natural(course, moments_s[moments_s < at_s]) | _beat_jitter(beats_s)
    return _context(course, beats_s, at_s, own, recording_sha256)


def context_of_recording(described: Described, at_s: float) -> JoinContext:
    """What came before `at_s` in a recording of the store: the next hop starts here.

    Raises:
        ValueError: the join lies outside the recording.
    """
    course = SpectralOutline.of(described.details)
    if not 0.0 < at_s <= course.duration_s + 1 / RATE_HZ:
        raise ValueError(f"a join at {at_s} s lies outside {course.duration_s} s")
    own = {name: described.details[f"own_{name}"] for name in transition.UNITS} | _beat_jitter(described.beats_s)
    return _context(course.part(0, round(at_s * RATE_HZ)), described.beats_s, at_s, own, described.recording.sha256)


def _context(
    course: SpectralOutline,
    beats_s: NDArray[np.float64],
    at_s: float,
    own: dict[str, FloatArray],
    recording_sha256: str,
) -> JoinContext:
    until_s = _sounds_until_s(course.level_db, at_s)
    recent = course.part(
        max(round((until_s - feature_layout.LOOK_BACKS_S[-1] - 0.5) * RATE_HZ), 0), round(until_s * RATE_HZ)
    )
    end_s = np.array([recent.num_frames / RATE_HZ])  # in the time of what is recent
    period_s = pulse.period_around(beats_s, np.array([at_s]))
    means = feature_layout.Course(recent)
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
        own=own,
    )


def _sounds_until_s(level_db: FloatArray, at_s: float) -> float:
    """Where the sound before the join ends; the join itself unless there is a silence of some length before it."""
    floor_db = max(feature_layout.LOWEST_DB, float(level_db.max(initial=SILENCE_DB)) - SILENT_BELOW_PEAK_DB)
    sounding = np.flatnonzero(level_db > floor_db)
    if not len(sounding):
        return at_s
    until_s = float(sounding[-1] + 1) / RATE_HZ
    return until_s if at_s - until_s > LATE_SILENCE_S else at_s


def _beat_jitter(beats_s: NDArray[np.float64]) -> dict[str, FloatArray]:
    """How far a recording's beats come from where an even pulse puts them, sorted."""
    if len(beats_s) < 3:
        return {"beat_phase_ms": np.empty(0, dtype=np.float32)}
    late_s = np.diff(beats_s) - pulse.period_around(beats_s, beats_s[1:])
    return {"beat_phase_ms": np.sort(1000 * np.abs(late_s)).astype(np.float32)}
