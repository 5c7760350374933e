"""Holds what a MIDI file says against its notes: programs write C major, 120 bpm and 4/4 unasked.

Where notes clearly contradict a label, they win, and both are said.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen.beats import MIN_CLARITY, Beats, track_beats
from ensemble.listen.keys import find_key
from ensemble.scores.melody import MAX_MINUTES, MetreMark, TempoMark, tempo_map
from ensemble.scores.midi_reader import MidiScore
from ensemble.scores.midi_time import Labels
from ensemble.scores.midi_voices import MidiVoice
from ensemble.scores.triple import are_two_dotted, bars_of_three
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.harmony import Key
from ensemble.types.tempo_map import TempoMap

Array = NDArray[np.float64]
MIN_NOTES = 12
"""Fewer contradict nothing."""
OUTSIDE, LESS_OUTSIDE = 0.2, 0.15
"""Share of the sounding time outside a key from which it is contradicted, and by how much less lies outside another."""
UNASKED = Key(tonic=0, mode="major")
"""What programs write where nobody has chosen a key."""
OUTSIDE_UNASKED, LEAST_OUTSIDE = 0.05, 0.005
"""Of that key it is less: F sharps in a tune without a single F."""
LAST_QUARTERS = 4
ON_GRID = 0.4
"""Where so many notes more than by chance lie on the file's grid to the tick, they were written and not performed."""
WRITTEN_PARTS = (8, 12, 5, 7)
"""A quarter in thirty-seconds, in sextuplets of sixteenths, in quintuplets, in septuplets."""
PROBE_S = 180.0
"""The tempo of a long performance is found in its beginning; all of its beats follow."""
CONTRADICTION, AGREEMENT = 0.3, 0.5
"""How much better beats that are found explain performed notes than the file's own, and how well at least."""
BEAT_TICKS = 960
_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 9, 10, 11)
"""Scales; the minor one with both its sixths and sevenths."""


class FoundBeats(NamedTuple):
    """The time of notes that were performed: their own beats, as quarters."""

    tempos: list[TempoMark]
    """From beat to beat."""
    beats_s: Array
    """In seconds, rising.  [beats]"""


def key_by_notes(labels: Labels, voices: Sequence[MidiVoice], score: MidiScore, said: list[Diagnostic]) -> Key | None:
    """The key of the label, or that of the notes where these clearly contradict; None where there is no label."""
    written = labels.keys[0] if labels.keys else None
    edges = np.array([(note.start, note.rings_until) for voice in voices for note in voice.notes], np.float64)
    if written is None or len(set(labels.keys)) > 1 or len(edges) < MIN_NOTES:
        return written
    pitches = np.concatenate([voice.pitches() for voice in voices])
    last = edges[:, 1].max() - LAST_QUARTERS * score.ticks_per_quarter
    whole = np.bincount(pitches % 12, edges[:, 1] - edges[:, 0], 12).astype(np.float64)
    end = np.bincount(pitches % 12, np.maximum(edges[:, 1] - np.maximum(edges[:, 0], last), 0.0), 12)
    found = find_key(whole.astype(np.float32), end.astype(np.float32))
    outside, outside_found = _share_outside(written, whole), _share_outside(found, whole)
    is_clear = outside > OUTSIDE and outside_found < outside - LESS_OUTSIDE
    if written == UNASKED and found.mode == "major":
        is_clear |= outside > OUTSIDE_UNASKED and outside_found < LEAST_OUTSIDE
    lowest_at_end = int(pitches[edges[:, 1] >= edges[:, 1].max() - score.ticks_per_quarter / 8].min())
    is_relative = written.mode == "major" and found == Key(tonic=(written.tonic + 9) % 12, mode="minor")
    if not is_clear and not (is_relative and lowest_at_end % 12 == found.tonic):
        return written
    text = f"The file names {written} as its key, but its notes are in {found}, which is taken."
    said.append(Diagnostic(code="key_contradicted", text=text))
    return found


def metre_by_notes(
    labels: Labels, voices: Sequence[MidiVoice], score: MidiScore, said: list[Diagnostic]
) -> tuple[list[MetreMark], Fraction]:  # fmt: skip
    """The metres of the labels and the length of the upbeat; 3/4 or 6/8 in place of what the notes contradict."""
    written = [mark[1:] for mark in labels.metres]
    first: Fraction | None = labels.pickup if written == [(3, 4)] else None
    if written in ([], [(4, 4)]) and not labels.pickup and (found := bars_of_three(voices, score)) is not None:
        first = Fraction(found)
    if first is None:
        return labels.metres, labels.pickup
    taken, bars = (3, 4), "three quarters"
    if are_two_dotted(voices, score, float(first), are_signed=written == [(3, 4)]):
        taken, bars = (6, 8), "two dotted quarters"
    if written == [taken]:
        return labels.metres, labels.pickup
    text = f"The file says {written[0][0]}/{written[0][1]}" if written else "The file names no metre, which means 4/4"
    text += f", but its notes fall into bars of {bars}: {taken[0]}/{taken[1]} is taken."
    said.append(Diagnostic(code="metre_contradicted", text=text))
    return [MetreMark(Fraction(0), *taken)], first


def performance_of(
    labels: Labels, tempos: list[TempoMark], voices: Sequence[MidiVoice], score: MidiScore, said: list[Diagnostic]
) -> FoundBeats | None:  # fmt: skip
    """The beats of performed notes whose file has a tempo that has nothing to do with them; None where it has.

    Notes that lie exactly on the file's grid are believed, and so are tempos that change.
    """
    starts = np.sort(np.array([note.start for voice in voices for note in voice.notes], np.float64))
    quarters = starts / score.ticks_per_quarter
    if len(tempos) > 1 or len(starts) < MIN_NOTES or (not score.counts_seconds and _is_written(starts, score)):
        return None
    onsets_s = tempo_map(tempos).seconds(quarters)
    if onsets_s[-1] > 60 * MAX_MINUTES:
        return None
    found = _beats(onsets_s)
    if found.clarity < MIN_CLARITY or len(found.times_s) < 2:
        return None
    own = _agreement(np.interp(onsets_s, found.times_s, np.arange(len(found.times_s))))
    if own < AGREEMENT or (not score.counts_seconds and own < _agreement(quarters) + CONTRADICTION):
        return None
    written = f"{float(tempos[0].quarter_bpm):g} quarters a minute"
    if score.counts_seconds:
        text = f"The file counts frames of film: beats at {found.tempo_bpm:.0f} a minute are found in its notes."
        said.append(Diagnostic(code="tempo_assumed", text=text))
    else:
        text = f"The file says {written}" if labels.tempos else f"The file names no tempo, which means {written}"
        text += f", but its notes have beats at {found.tempo_bpm:.0f} a minute, which are taken, with bars to suit."
        said.append(Diagnostic(code="tempo_contradicted", text=text))
    return FoundBeats(_through(found.times_s), found.times_s)


def _beats(onsets_s: Array) -> Beats:
    """The beats that a listener finds where notes begin."""
    onset = np.zeros(int(onsets_s[-1] * FRAME_RATE_HZ) + FRAME_RATE_HZ, np.float32)
    onset[np.rint(onsets_s * FRAME_RATE_HZ).astype(np.int64)] = 1.0
    first = int(onsets_s[0] * FRAME_RATE_HZ)
    probe = onset[first : first + round(PROBE_S * FRAME_RATE_HZ)]
    found = track_beats(probe, len(probe) / FRAME_RATE_HZ)
    if len(probe) == len(onset) or found.clarity < MIN_CLARITY:
        return found
    return track_beats(onset, len(onset) / FRAME_RATE_HZ, known_bpm=found.tempo_bpm)


def _share_outside(key: Key, sounding: Array) -> float:
    scale = [(key.tonic + step) % 12 for step in (_MAJOR if key.mode == "major" else _MINOR)]
    return 1.0 - float(sounding[scale].sum() / sounding.sum())


def _is_written(starts: Array, score: MidiScore) -> bool:
    """Whether far more notes than chance would have it lie on the file's grid to the tick."""
    by_chance = float(_on_grid(np.arange(score.ticks_per_quarter), score.ticks_per_quarter).mean())
    return float(_on_grid(starts, score.ticks_per_quarter).mean()) > by_chance + ON_GRID * (1 - by_chance)


def _on_grid(ticks: NDArray[np.generic], ticks_per_quarter: int) -> NDArray[np.bool_]:
    """Whether each tick is the nearest one to a part of a quarter that is written.  [ticks]"""
    parts = np.array(WRITTEN_PARTS)[:, None]
    steps = parts * ticks.astype(np.float64) / ticks_per_quarter
    off_ticks = np.abs(steps - np.rint(steps)) * ticks_per_quarter / parts
    return np.asarray((off_ticks <= 0.5).any(axis=0))


def _agreement(places: Array) -> float:
    """How well notes keep to beats or half beats, 0 to 1: the resultant length of their phases."""
    return max(float(np.abs(np.exp(2j * np.pi * parts * places).mean())) for parts in (1, 2))


def _through(beats_s: Array) -> list[TempoMark]:
    """Tempos under which every found beat is a quarter; the first quarter begins with the file."""
    plain_s = float(np.median(np.diff(beats_s)))
    ends_s = beats_s[beats_s >= 0.5 * plain_s].tolist()
    tempos = TempoMap.through(ends_s, 1e-3)
    return [
        TempoMark(Fraction(at), Fraction(60_000_000, us))
        for at, us in zip(tempos.quarters.tolist(), tempos.quarter_us, strict=True)
    ]
