"""What the user says of the recording in place of what was heard: a tempo, bars, a key, chords."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from ensemble.chart.chart import Chart
from ensemble.chart.text import parse_chart, without_comments, write_chart
from ensemble.chart.transposing import transposed, transposed_key, transposed_symbols
from ensemble.clock import FRAME_RATE_HZ
from ensemble.config import Settings
from ensemble.errors import ConfigError
from ensemble.listen.bars import Bars
from ensemble.listen.beats import track_beats
from ensemble.listen.charted import (
    chart_of,
    chords_of,
    energies_of,
    tempo_map,
    terms_of,
    with_chart,
    with_chart_keys,
)
from ensemble.listen.doubts import with_doubts
from ensemble.listen.swing import find_swing
from ensemble.listen.understanding import understand
from ensemble.threads import one_thread
from ensemble.types.diagnostics import Diagnostic, DiagnosticCode
from ensemble.types.doubts import ChordDoubt
from ensemble.types.harmony import NO_CHORD, Key
from ensemble.types.music import Heard
from ensemble.types.names import parse_key, read_chord

SLOWEST_BPM, FASTEST_BPM = 20.0, 400.0
FEWEST_BEATS, MOST_BEATS = 2, 12
"""Beats of a bar that is looked for; bars of a score may have fewer or more."""
MAX_CHORDS = 20_000


class ChordAt(Settings):
    """A chord that holds from a moment on."""

    at: float = Field(ge=0.0, allow_inf_nan=False)
    """Seconds, or beats as they are heard, counted from 1."""
    unit: Literal["s", "beat"] = "s"
    """Which of the two."""
    chord: str
    """As it was written, and as `read_chord` reads it."""

    @field_validator("chord")
    @classmethod
    def _playable(cls, chord: str) -> str:
        read_chord(chord)
        return chord


class Overrides(Settings):
    """What replaces what is heard; what is None or empty stays as heard."""

    tempo_bpm: float | None = Field(default=None, ge=SLOWEST_BPM, le=FASTEST_BPM, allow_inf_nan=False)
    """Beats a minute; where they lie, and how the tempo wanders around this, is still heard."""
    beats_per_bar: int | None = Field(default=None, ge=FEWEST_BEATS, le=MOST_BEATS)
    """Where bars begin is still heard."""
    beat_level: Literal["half", "double"] | None = None
    """Beats are half or twice as fast as they are heard."""
    first_downbeat_s: float | None = Field(default=None, ge=0.0, allow_inf_nan=False)
    """Bar 1 begins on the beat nearest to it."""
    key: str | None = None
    """As `parse_key` reads it."""
    chords: tuple[ChordAt, ...] = Field(default=(), max_length=MAX_CHORDS)
    """In rising order, all in one unit."""
    chart: str | None = None
    """The text of a chart, as `parse_chart` reads it; what is given beside it counts more."""

    @field_validator("key")
    @classmethod
    def _known(cls, key: str | None) -> str | None:
        return None if key is None else str(parse_key(key))

    @field_validator("chart")
    @classmethod
    def _readable(cls, chart: str | None) -> str | None:
        return None if chart is None else write_chart(without_comments(parse_chart(chart)))

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(later.at <= earlier.at or later.unit != earlier.unit for earlier, later in pairwise(self.chords)):
            raise ValueError("chords must come in rising order and in one unit")
        return self

    @model_validator(mode="after")
    def _one_metre(self) -> Self:
        if self.chart is not None and self.beats_per_bar is not None:
            counted = parse_chart(self.chart).metre.beats_per_bar
            if counted != self.beats_per_bar:
                raise ValueError(f"{self.beats_per_bar} beats a bar and a chart with {counted} contradict each other")
        return self

    @model_validator(mode="after")
    def _one_tempo(self) -> Self:
        if self.tempo_bpm is not None and self.beat_level is not None:
            raise ValueError("a tempo and half or double the heard one contradict each other; leave one out")
        return self

    def transposed(self, semitones: int) -> Overrides:
        """The same of a recording that is transposed: its chart, key and chords go with it."""
        if not semitones:
            return self
        key = None if self.key is None else str(transposed_key(parse_key(self.key), semitones))
        chart = None if self.chart is None else write_chart(transposed(parse_chart(self.chart), semitones))
        chords = tuple(
            one.model_copy(
                update={
                    "chord": transposed_symbols((one.chord,), semitones, None if key is None else parse_key(key))[0]
                }
            )
            for one in self.chords
        )
        return self.model_copy(update={"key": key, "chart": chart, "chords": chords})

    @property
    def is_empty(self) -> bool:
        """Whether nothing is replaced."""
        return self == Overrides()


@one_thread()
def with_overrides(heard: Heard, overrides: Overrides) -> Heard:
    """Replace what was heard by what the user says, and find anew what depends on it.

    A tempo, or half or double the heard one: the beats that fit the recording best at that tempo are found, and the
    bars. A metre: the bars are found, unless it is the heard one without a doubt. A first downbeat: bars are counted
    from there. A key: the chords are found in that key. Given chords hold from the beat nearest to each; before the
    first, what was heard stays. A chart: all of these, where it says anything else than what was heard. The same input
    gives the same result in any process.

    Raises:
        ConfigError: a chart is of another recording.
    """
    if overrides.is_empty:
        return heard
    settled: list[DiagnosticCode] = ["one_chord"] if overrides.chords or overrides.chart else []
    return with_doubts(_replaced(heard, overrides), settled)


def _replaced(heard: Heard, overrides: Overrides) -> Heard:
    if overrides.chart is None:
        return _with_chords(_heard_anew(heard, overrides), overrides.chords)
    chart = parse_chart(overrides.chart)
    given = overrides.model_dump(exclude={"chart", "chords"}, exclude_none=True)
    said = terms_of(chart, heard)._asdict() | ({"tempo_bpm": None} if "beat_level" in given else {}) | given
    course = None
    if not given.keys() & {"tempo_bpm", "beat_level"} and (found := tempo_map(chart, heard)) is not None:
        said["tempo_bpm"], course = found
    if said["tempo_bpm"] is not None or "beat_level" in said:
        said["beats_per_bar"] = chart.metre.beats_per_bar  # beats are found anew, and the metre is known
    if not FEWEST_BEATS <= (said.get("beats_per_bar") or FEWEST_BEATS) <= MOST_BEATS:
        problem = f"is in {chart.metre}, and bars of {FEWEST_BEATS} to {MOST_BEATS} beats can be found in a recording"
        raise ConfigError("the chart", problem, "count other beats, or leave metre and tempo as they were heard")
    if "first_downbeat_s" in given:
        chart = replace(chart, first_downbeat_s=None)
    heard = with_chart(_heard_anew(heard, Overrides(**said), course), chart)
    heard = heard if "key" in given else with_chart_keys(heard, chart)
    changes, told = chords_of(chart, heard)
    laid = tuple(ChordAt(at=beat + 1, unit="beat", chord=chord) for beat, chord in changes)
    heard = replace(heard, diagnostics=(*heard.diagnostics, *told), energy=energies_of(chart, heard))
    return _with_chords(_with_chords(heard, laid), overrides.chords)


def chart_as_played(overrides: Overrides, heard: Heard, title: str) -> Chart:
    """The chart that a recording was played by, with its sections and tempos; without one what was heard."""
    if overrides.chart is None or overrides != Overrides(chart=overrides.chart):
        return chart_of(heard, title)
    head = f"title: {' '.join(title.split())}\n" if title.strip() else ""
    return parse_chart(head + overrides.chart)


def _heard_anew(heard: Heard, overrides: Overrides, course: NDArray[np.float64] | None = None) -> Heard:
    """Find anew what depends on a tempo (and its course, where it changes), a metre or a key."""
    if overrides == Overrides(chords=overrides.chords):
        return heard
    tempo_bpm = overrides.tempo_bpm
    if overrides.beat_level is not None:
        times = 0.5 if overrides.beat_level == "half" else 2.0
        tempo_bpm = float(np.clip(times * heard.tempo_bpm, SLOWEST_BPM, FASTEST_BPM))
    doubted = heard.second_bars[0] if heard.second_bars else heard.beats_per_bar
    keeps_bars = tempo_bpm is None and (
        overrides.beats_per_bar is None or overrides.beats_per_bar == heard.beats_per_bar == doubted
    )
    if tempo_bpm is not None:
        onset = heard.frames.onset
        duration_s = heard.frames.num_frames / FRAME_RATE_HZ
        beats = track_beats(onset, duration_s, heard.frames.pulse, tempo_bpm, course)
        starts = [0, *np.searchsorted(beats.times_s, [heard.beats_s[one.start_beat] for one in heard.key_sections[1:]])]
        sections = tuple(
            replace(section, start_beat=int(start))
            for section, start in zip(heard.key_sections, starts, strict=False)
            if start < len(beats.times_s)
        )
        heard = replace(
            heard, beats_s=beats.times_s, tempo_bpm=beats.tempo_bpm, swing=find_swing(onset, beats.times_s),
            chords=(NO_CHORD,) * len(beats.times_s), chord_doubts=(), key_sections=sections,
            beat_confidence=beats.confidence, tempo_confidence=1.0, second_tempo_bpm=None,
        )  # fmt: skip
    understood = partial(
        understand, heard.frames, heard.beats_s, heard.tuning_cents, follows_pitch=heard.follows_pitch,
        chord_probability=heard.chord_probability, beat_confidence=heard.beat_confidence,
        key=heard.key if overrides.key is None else parse_key(overrides.key),
        key_sections=heard.key_sections if overrides.key is None else (),
    )  # fmt: skip
    found = understood(beats_per_bar=overrides.beats_per_bar, bars=Bars.of(heard) if keeps_bars else None)
    if overrides.first_downbeat_s is not None:
        if overrides.first_downbeat_s > heard.frames.num_frames / FRAME_RATE_HZ:
            problem = f"{overrides.first_downbeat_s:g} s lies after the recording"
            raise ConfigError("--first-downbeat", problem, "name a moment within it")
        first = int(np.abs(heard.beats_s - overrides.first_downbeat_s).argmin())
        found = understood(bars=Bars(found.bars.beats_per_bar, first, found.bars.beat_division))
    if not keeps_bars or overrides.first_downbeat_s is not None:
        heard = replace(heard, written_metre=None, bar_starts=(), metre_changes=())
    return replace(heard, **found.fields)


def _with_chords(heard: Heard, given: tuple[ChordAt, ...]) -> Heard:
    """The given chords, each from the beat nearest to where it stands to the next one's; tells of all that is lost."""
    chords, starts = list(heard.chords), [_beat_of(one, heard) for one in given]
    doubts = [*heard.chord_doubts[: min(starts, default=len(chords))]]
    doubts += [ChordDoubt(confidence=1.0, other=None)] * (len(chords) - len(doubts))
    bars: dict[str, dict[str, None]] = {}
    left_out: list[Diagnostic] = []
    for one, start, stop in zip(given, starts, [*starts[1:], len(chords)], strict=False):
        chord, is_exact = read_chord(one.chord)
        chords[start:] = [chord] * (len(chords) - start)
        if start >= min(stop, len(chords)):
            if chord != NO_CHORD:
                left_out.append(_left_out(one, is_late=start >= len(chords)))
        elif not is_exact:
            bar = bisect_right(heard.downbeats, start)
            bars.setdefault(one.chord, {})[str(bar)] = None
    simplified = [_simplified(written, tuple(bars[written]), heard.key) for written in bars]
    return replace(
        heard,
        chords=tuple(chords),
        chord_doubts=tuple(doubts),
        diagnostics=(*heard.diagnostics, *simplified, *left_out),
    )


def _simplified(written: str, bars: tuple[str, ...], key: Key) -> Diagnostic:
    whole = [bar for bar in bars if bar != "0"]
    numbered = (
        f"bar {whole[0]}" if len(whole) == 1 else f"bars {', '.join(whole[:-1])} and {whole[-1]}" if whole else ""
    )
    places = " and ".join(filter(None, ["the pick-up" if "0" in bars else "", numbered]))
    text = f"{written} in {places} is played as {read_chord(written).chord.spelled(key)}, the nearest chord."
    return Diagnostic(code="chord_simplified", text=text)


def _left_out(one: ChordAt, *, is_late: bool) -> Diagnostic:
    at = f"at {one.at:g} s" if one.unit == "s" else f"on beat {one.at:g}"
    why = "it lies after the last beat" if is_late else "the next one begins on the same beat"
    return Diagnostic(code="chord_left_out", text=f"{one.chord} {at} is not played: {why}.")


def _beat_of(one: ChordAt, heard: Heard) -> int:
    """The beat from which a chord holds; the number of beats where it lies after the recording."""
    if one.unit == "beat":
        return min(max(round(one.at) - 1, 0), len(heard.beats_s))
    if one.at >= heard.frames.num_frames / FRAME_RATE_HZ:
        return len(heard.beats_s)
    return int(np.searchsorted((heard.beats_s[:-1] + heard.beats_s[1:]) / 2, one.at))
