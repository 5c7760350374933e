"""The takes of one render: the leader as given, and every way in which it goes on; what the band hears of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen.understanding import understand
from ensemble.threads import one_thread
from ensemble.types.music import AudioClip, Dynamics, FloatArray, Frames, Heard, Hits, Part

AS_GIVEN = "take-00"
HEARD_BEFORE_S = 4.0
"""Of the leader before the join, that is heard again with what follows: trackers need a run-up."""
MIN_BEAT = 0.5
"""The join may not make two beats nearer to each other than this share of one."""


def take_name(number: int) -> str:
    """take-00 is the leader as given, take-01 its best continuation."""
    return f"take-{number:02d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedLead:
    """A leader that goes on, as its take's `leader.wav` holds it.

    num_samples: of the whole file. begin_frame: the control frame that the new sound begins in. window: the sound from
    control frame `window_start_frame` to the end, as it is listened to (mono, 16 kHz). beats_s: of the new sound.
    sha256: of the file's samples.
    """

    name: str
    num_samples: int
    begin_frame: int
    window: AudioClip
    window_start_frame: int
    beats_s: NDArray[np.float64]
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One take as it was understood, written and predicted; what was played went to the recorder."""

    name: str
    heard: Heard
    parts: tuple[Part | Hits, ...]
    dynamics: Dynamics
    num_frames: int


def heard_on(heard: Heard, lead: ExtendedLead, window: Heard) -> Heard:
    """What is heard of a leader that goes on: the leader as recorded up to the join, then the new sound.

    Key, tempo, metre, tuning and everything before the join stay as they were recorded, to the bit, so that all takes
    begin alike. Beats after the join are the new sound's own, or the leader's tempo where it has none.

    Args:
        heard: of the leader as recorded.
        lead: the leader that goes on.
        window: of `lead.window`.
    """
    frames = _joined(heard.frames, window.frames, lead.begin_frame, lead.begin_frame - lead.window_start_frame)
    begin_s, stop_s = lead.begin_frame / FRAME_RATE_HZ, frames.num_frames / FRAME_RATE_HZ
    kept = heard.beats_s[heard.beats_s < begin_s]
    beats_s = np.concatenate([kept, _own_beats(lead.beats_s, kept, heard.tempo_bpm, stop_s)])
    with one_thread():
        meant = understand(
            frames, beats_s, heard.tuning_cents, follows_pitch=heard.follows_pitch, key=heard.key,
            beats_per_bar=heard.beats_per_bar, first_downbeat=heard.first_downbeat,
        )  # fmt: skip
    return replace(heard, frames=frames, beats_s=beats_s, chords=heard.chords[: len(kept)] + meant.chords[len(kept) :])


def _own_beats(
    beats_s: NDArray[np.float64], before_s: NDArray[np.float64], tempo_bpm: float, stop_s: float
) -> NDArray[np.float64]:
    """The new sound's beats, or those of the leader's tempo."""
    if not len(before_s) or tempo_bpm <= 0:
        return beats_s[beats_s < stop_s]
    period_s = 60.0 / tempo_bpm
    later: NDArray[np.float64] = beats_s[(beats_s > before_s[-1] + MIN_BEAT * period_s) & (beats_s < stop_s)]
    if len(later):
        return later
    grid: NDArray[np.float64] = np.arange(before_s[-1] + period_s, stop_s, period_s)
    return grid


def _joined(before: Frames, after: Frames, begin_frame: int, skipped: int) -> Frames:
    def joined(one: FloatArray, other: FloatArray) -> FloatArray:
        whole: FloatArray = np.concatenate([one[..., :begin_frame], other[..., skipped:]], axis=-1)
        return whole

    return Frames(
        f0_hz=joined(before.f0_hz, after.f0_hz),
        loudness_db=joined(before.loudness_db, after.loudness_db),
        confidence=joined(before.confidence, after.confidence),
        onset=joined(before.onset, after.onset),
        chroma=joined(before.chroma, after.chroma),
    )
