"""What is heard of a leader that goes on: the leader as recorded, then the sound that follows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen.bars import Bars
from ensemble.listen.chord_network import STEP_FRAMES
from ensemble.listen.understanding import understand
from ensemble.threads import one_thread
from ensemble.types.doubts import ChordDoubt
from ensemble.types.music import FloatArray, Frames, Heard

MIN_BEAT = 0.5
"""Two beats at the join are never nearer to each other than this share of a beat."""


def heard_on(
    heard: Heard, window: Heard, beats_s: NDArray[np.float64], *, begin_frame: int, window_start_frame: int
) -> Heard:
    """Join what is heard of the leader and of what follows it.

    Key, tempo, metre, tuning and everything before the join stay as they were recorded, to the bit, so that all takes
    begin alike. Beats after the join are the new sound's own, or the leader's tempo where it has none.

    Args:
        heard: of the leader as recorded.
        window: of the end of the leader and the new sound together.
        beats_s: of the new sound, in seconds of the whole.
        begin_frame: the control frame that the new sound begins in.
        window_start_frame: the control frame that `window` begins in.
    """
    frames = _joined(heard.frames, window.frames, begin_frame, begin_frame - window_start_frame)
    said = _said(heard, window, begin_frame, window_start_frame)
    begin_s, stop_s = begin_frame / FRAME_RATE_HZ, frames.num_frames / FRAME_RATE_HZ
    kept = heard.beats_s[heard.beats_s < begin_s]
    beats_s = np.concatenate([kept, _own_beats(beats_s, kept, heard.tempo_bpm, stop_s)])
    sections = tuple(one for one in heard.key_sections if one.start_beat < len(kept))
    with one_thread():
        meant = understand(
            frames, beats_s, heard.tuning_cents, follows_pitch=heard.follows_pitch, chord_probability=said,
            key=heard.key, key_sections=sections, bars=Bars.of(heard),
        )  # fmt: skip
    chords = heard.chords[: len(kept)] + meant.chords[len(kept) :]
    known = heard.chord_doubts or (ChordDoubt(confidence=1.0, other=None),) * len(heard.chords)
    confidence = heard.beat_confidence[: len(kept)]
    if confidence.size:  # what follows comes from recordings whose beats are known
        confidence = np.pad(confidence, (0, len(beats_s) - len(kept)), constant_values=np.float32(1.0))
    return replace(
        heard, frames=frames, beats_s=beats_s, chords=chords, chord_probability=said, key_sections=sections,
        chord_doubts=known[: len(kept)] + meant.chord_doubts[len(kept) :], beat_confidence=confidence,
        bar_starts=tuple(beat for beat in heard.bar_starts if beat < len(kept)),
        metre_changes=tuple(one for one in heard.metre_changes if one.beat < len(kept)),
    )  # fmt: skip


def _said(heard: Heard, window: Heard, begin_frame: int, window_start_frame: int) -> FloatArray:
    """What the chord network says of the leader, and from the join on of the window, by the nearest steps.

    Zeros where it was not asked, as of a score.  [classes, steps]
    """
    num_classes, num_steps = window.chord_probability.shape
    begin, start = begin_frame // STEP_FRAMES, round(window_start_frame / STEP_FRAMES)
    before = np.zeros((num_classes, begin), np.float32)
    known = heard.chord_probability[:, :begin]
    before[: len(known), : known.shape[1]] = known
    after = window.chord_probability[:, min(max(begin - start, 0), num_steps) :]
    return np.concatenate([before, after], axis=1)


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
        pulse=joined(before.pulse, after.pulse) if before.pulse.size and after.pulse.size else before.pulse[:, :0],
    )
