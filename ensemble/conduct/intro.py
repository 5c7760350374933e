"""Intros: a count-in, or the last four bars of the song, before the leader.

An intro ends where the leader's first whole bar begins; what the leader plays before that lies over its last bar. The
leader's recording gets as much silence before it as that takes.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

import numpy as np

from ensemble.clock import FRAME_RATE_HZ
from ensemble.settings.style import Manner
from ensemble.types.music import SILENCE_DB, FloatArray, Frames, Heard

_BARS = {"count-1": 1, "count-2": 2, "last-4": 4}
_STEP_FRAMES = 10  # the chord network's steps stay whole
_LEAD_S = 0.05  # silence before the first stroke
_INTERVALS = 8


def count_bars(manner: Manner) -> int:
    """How many bars are counted in."""
    return 0 if manner.intro in (None, "last-4") else _BARS[str(manner.intro)]


def intro_frames(heard: Heard, manner: Manner) -> int:
    """How many control frames of silence the leader gets before it; 0 without an intro, or without beats to count."""
    if manner.intro is None or len(heard.beats_s) < 2:
        return 0
    added = _added(heard, _num_beats(heard, manner))
    needed_s = _LEAD_S + _period_s(heard) * added - float(heard.beats_s[0])
    return max(-(-round(needed_s * FRAME_RATE_HZ) // _STEP_FRAMES) * _STEP_FRAMES, 0) if added else 0


def with_intro(heard: Heard, manner: Manner, num_frames: int) -> Heard:
    """What is heard of the leader after so many frames of silence, with the beats of the intro.

    In the intro no pitch is heard. It is as loud as the bars that it stands for: those that it repeats, or the first.
    After a count-in bar 1 is the leader's first whole bar; the last four bars are bars of their own, with their chords.

    Args:
        heard: of the leader alone.
        manner: says which intro.
        num_frames: as `intro_frames` found.
    """
    num_beats = _num_beats(heard, manner)
    if manner.intro is None or not num_beats:
        return heard
    first, moved_s = heard.first_downbeat, num_frames / FRAME_RATE_HZ
    added = _added(heard, num_beats)
    beats_s = heard.beats_s + moved_s
    before_s = beats_s[0] - _period_s(heard) * np.arange(added, 0, -1)
    chords, source = list(heard.chords[:1] * added + heard.chords), first
    starts_at = added + first - num_beats
    if manner.intro == "last-4":
        source = first + (len(heard.beats_s) - first) // heard.beats_per_bar * heard.beats_per_bar - num_beats
        chords[starts_at : added + first] = heard.chords[source : source + num_beats]
    doubts = heard.chord_doubts[:1] * added + heard.chord_doubts
    later = (replace(one, start_beat=one.start_beat + added) for one in heard.key_sections[1:])
    sections = (*heard.key_sections[:1], *later)
    bars_more = num_beats // heard.beats_per_bar if manner.intro == "last-4" else 0
    starts = tuple(beat + added for beat in heard.bar_starts)
    if bars_more and starts:
        opened = range(starts_at, added + first, heard.beats_per_bar)
        starts = (*opened, *(at for at in starts if at >= added + first))
    return replace(
        heard,
        frames=_frames(heard, num_frames, float(heard.beats_s[source]), num_beats),
        beats_s=np.concatenate([before_s, beats_s]),
        first_downbeat=starts_at if bars_more else added + first,
        chords=tuple(chords),
        chord_doubts=doubts,
        key_sections=sections,
        bar_starts=starts,
        metre_changes=tuple(replace(one, beat=one.beat + added if one.beat else 0) for one in heard.metre_changes),
        beat_confidence=_led(heard.beat_confidence, added, 1.0),
        bar_confidence=_led(heard.bar_confidence, bars_more, 1.0),
        chord_probability=_led(heard.chord_probability, num_frames // _STEP_FRAMES, 0.0),
        energy=_led(heard.energy, added, np.nan),
    )


def leaders_bar_one(heard: Heard, manner: Manner) -> int:
    """The beat on which the leader's first whole bar begins, in what `with_intro` gives."""
    if manner.intro != "last-4":
        return heard.first_downbeat
    bars = (len(heard.beats_s) - heard.first_downbeat) // heard.beats_per_bar
    return heard.first_downbeat + min(_BARS["last-4"], bars // 2) * heard.beats_per_bar


def without_intro(heard: Heard, manner: Manner, num_frames: int) -> Heard:
    """Beats, bars, chords and keys of the leader alone, from its pick-up on: what a chart of the recording says.

    Args:
        heard: as `with_intro` gives it.
        manner: says which intro.
        num_frames: of the intro.
    """
    if manner.intro is None or not num_frames:
        return heard
    first, beats_s = leaders_bar_one(heard, manner), heard.beats_s - num_frames / FRAME_RATE_HZ
    start = max(first - heard.beats_per_bar + 1, 0)
    start = min(start + int((beats_s[start:first] < 0).sum()), first)
    sections = [replace(one, start_beat=max(one.start_beat - start, 0)) for one in heard.key_sections]
    return replace(
        heard,
        beats_s=beats_s[start:],
        first_downbeat=first - start,
        chords=heard.chords[start:],
        chord_doubts=heard.chord_doubts[start:],
        key_sections=tuple(one for one, after in zip_longest(sections, sections[1:]) if not after or after.start_beat),
        bar_starts=tuple(beat - start for beat in heard.bar_starts if beat >= first),
        metre_changes=tuple(
            replace(one, beat=max(one.beat - start, 0))
            for one in heard.metre_changes
            if one.beat >= first or not one.beat
        ),
        beat_confidence=heard.beat_confidence[start:],
        energy=heard.energy[start:],
    )


def _num_beats(heard: Heard, manner: Manner) -> int:
    """Beats of the intro; of a song of fewer bars than four as many as it has."""
    bars = _BARS.get(str(manner.intro), 0)
    if manner.intro == "last-4":
        bars = min(bars, (len(heard.beats_s) - heard.first_downbeat) // heard.beats_per_bar)
    return bars * heard.beats_per_bar if len(heard.beats_s) > 1 else 0


def _added(heard: Heard, num_beats: int) -> int:
    """Beats that the intro has before the leader's first beat."""
    return max(num_beats - heard.first_downbeat, 0)


def _period_s(heard: Heard) -> float:
    return float(np.median(np.diff(heard.beats_s[: _INTERVALS + 1])))


def _led(values: FloatArray, num_before: int, value: float) -> FloatArray:
    """The values with as many of one kind before them; nothing stays nothing."""
    if not values.size:
        return values
    before = np.full((*values.shape[:-1], num_before), value, values.dtype)
    return np.concatenate([before, values], axis=-1)


def _frames(heard: Heard, num_frames: int, source_s: float, num_beats: int) -> Frames:
    """The leader's frames after silence that is as loud as the bars that begin at `source_s`, up to the first downbeat.

    Where those are other bars than the first, the band also takes its busyness from them.
    """
    frames, downbeat_s = heard.frames, float(heard.beats_s[heard.first_downbeat])
    loudness, onset = _led(frames.loudness_db, num_frames, SILENCE_DB), _led(frames.onset, num_frames, 0.0)
    stop = min(num_frames + round(downbeat_s * FRAME_RATE_HZ), len(loudness))
    length = min(round(num_beats * _period_s(heard) * FRAME_RATE_HZ), stop)
    source = np.minimum(round(source_s * FRAME_RATE_HZ) + np.arange(length), frames.num_frames - 1)
    inside = slice(stop - length, stop)
    loudness[inside] = np.maximum(loudness[inside], frames.loudness_db[source])
    if source_s > downbeat_s:
        onset[inside] = np.maximum(onset[inside], frames.onset[source])
    return Frames(
        f0_hz=_led(frames.f0_hz, num_frames, 0.0), loudness_db=loudness, onset=onset,
        confidence=_led(frames.confidence, num_frames, 0.0), chroma=_led(frames.chroma, num_frames, 0.0),
        pulse=_led(frames.pulse, num_frames, 0.0),
    )  # fmt: skip
