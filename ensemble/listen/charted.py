"""What was heard as a chart, and what a chart says in place of what was heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.chart.chart import HOLD, SAME_BAR, Chart, TimeSignature
from ensemble.chart.text import FASTEST_BPM, SLOWEST_BPM, UNITS, parse_chart
from ensemble.clock import FRAME_RATE_HZ
from ensemble.errors import ConfigError
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.doubts import KeySection
from ensemble.types.harmony import NO_CHORD, Chord, Key
from ensemble.types.music import FloatArray, Heard

BARS_PER_LINE = 4
TOLD_BELOW = 0.5
"""A chord that is less probable is written with its second choice as a comment."""
SAME_TEMPO = 0.02
"""A chart's tempo that is so near to the heard one, as a share, leaves the heard beats as they are."""
LONGEST_RATIO, SPARE_BARS = 1.5, 8
"""A chart of more bars than heard times this ratio, and this many more, is of another song."""


class ChartTerms(NamedTuple):
    """What a chart says of tempo, bars and key, where that is not what was heard; None where it is."""

    tempo_bpm: float | None
    """Beats a minute."""
    beats_per_bar: int | None
    """Beats in a bar."""
    key: str | None
    """The key, as `parse_key` reads it."""


def chart_of(heard: Heard, title: str) -> Chart:
    """Write down what was heard; playing by the chart as it stands changes nothing.

    Args:
        heard: with chords.
        title: of the song.
    """
    first = heard.first_downbeat
    downbeat_s = heard.beats_s[first] if first < len(heard.beats_s) else 0.0
    head = [f"title: {' '.join(title.split())}"] if title.strip() else []
    head += [f"tempo: {round(heard.tempo_bpm, 2):g}"] * (SLOWEST_BPM <= round(heard.tempo_bpm, 2) <= FASTEST_BPM)
    head += [
        f"metre: {_signature(heard)}",
        f"first downbeat: {round(float(downbeat_s), 3):g}",
        f"key: {_keys_of_bars(heard)[0]}",
        *["# the score changes its metre: bars are counted as if it did not"] * bool(heard.bar_starts),
        "",
    ]
    per_bar, keys = heard.beats_per_bar, _keys_of_bars(heard)
    chords = list(heard.chords[first:])
    chords += [chords[-1] if chords else NO_CHORD] * (-len(chords) % per_bar or (0 if chords else per_bar))
    bars = [tuple(chords[at : at + per_bar]) for at in range(0, len(chords), per_bar)]
    lines: list[str] = []
    for at in _line_starts(keys):
        if at and keys[at] != keys[at - 1]:
            lines.append(f"key: {keys[at]}")
        here = range(at, next((other for other in _line_starts(keys) if other > at), len(bars)))
        symbols = [
            SAME_BAR if bar > at and bars[bar] == bars[bar - 1] else written_bar(bars[bar], keys[bar]) for bar in here
        ]
        doubts = "; ".join(filter(None, (_doubt(heard, bar) for bar in here)))
        lines.append(f"| {' | '.join(symbols)} |" + f"  # {doubts}" * bool(doubts))
    before = heard.chords[max(first - per_bar + 1, 0) : first]
    if any(chord != NO_CHORD for chord in before):
        lines[0] = f"{' '.join(_name(chord, keys[0]) for chord in before)} {lines[0]}"
    return parse_chart("\n".join([*head, *lines]))


def _signature(heard: Heard) -> TimeSignature:
    """The written metre, or where a chart would count it otherwise than the band does, what the band counts."""
    count, unit = heard.time_signature
    written = TimeSignature(count=count, unit=unit)
    is_counted_so = written.beats_per_bar == heard.beats_per_bar and written.beat_division == heard.beat_division
    if unit in UNITS and is_counted_so:
        return written
    is_compound = heard.beat_division == 3
    return TimeSignature(count=(3 if is_compound else 1) * heard.beats_per_bar, unit=8 if is_compound else 4)


def _keys_of_bars(heard: Heard) -> list[Key]:
    """The key of every bar, from bar 1 on; at least one."""
    return [*heard.keys[heard.first_downbeat :: heard.beats_per_bar]] or [heard.key]


def _line_starts(keys: list[Key]) -> list[int]:
    """The bars with which a line begins: every fourth, and those with a new key."""
    starts = [0]
    for bar in range(1, len(keys)):
        if bar - starts[-1] == BARS_PER_LINE or keys[bar] != keys[bar - 1]:
            starts.append(bar)
    return starts


def _doubt(heard: Heard, bar: int) -> str:
    """What is said beside a bar: its most doubtful chord, where that may well be another."""
    first = heard.first_downbeat + bar * heard.beats_per_bar
    beats = range(first, min(first + heard.beats_per_bar, len(heard.chord_doubts)))
    beat = min(beats, key=lambda at: heard.chord_doubts[at].confidence, default=None)
    if beat is None or heard.chord_doubts[beat].confidence >= TOLD_BELOW or heard.chord_doubts[beat].other is None:
        return ""
    percent = 100 * heard.chord_doubts[beat].confidence
    return f"bar {bar + 1}: {heard.chord_names[beat]} {percent:.0f} %, or {heard.other_chord_names[beat]}"


def terms_of(chart: Chart, heard: Heard) -> ChartTerms:
    """What has to be heard anew, because the chart says otherwise."""
    tempo_bpm, metre = chart.tempo_bpm, chart.metre
    keys = {bar.key for bar in chart.bars}
    key = keys.pop() if len(keys) == 1 else None
    is_same_tempo = tempo_bpm is None or abs(tempo_bpm / heard.tempo_bpm - 1) <= SAME_TEMPO
    return ChartTerms(
        tempo_bpm=None if is_same_tempo else tempo_bpm,
        beats_per_bar=None if metre.beats_per_bar == heard.beats_per_bar else metre.beats_per_bar,
        key=None if key is None or {key} == set(_keys_of_bars(heard)) else str(key),
    )


def tempo_map(chart: Chart, heard: Heard) -> tuple[float, NDArray[np.float64]] | None:
    """The middle tempo of a chart that changes its tempo, and its course, as `tempo_course` gives it; None otherwise.

    Bars last as the chart says from its first downbeat on; a chart that ends earlier begins again.
    """
    tempos = [note.tempo_bpm for note in chart.notes if note.tempo_bpm is not None]
    if len(set(tempos)) < 2 or len(tempos) < len(chart.bars):
        return None
    num_frames, first = heard.frames.num_frames, heard.first_downbeat
    heard_s = float(heard.beats_s[first]) if first < len(heard.beats_s) else 0.0
    at_s = heard_s if chart.first_downbeat_s is None else chart.first_downbeat_s
    period_s = np.full(num_frames, 60 / tempos[0])
    for bpm in cycle(tempos):
        period_s[round(at_s * FRAME_RATE_HZ) :] = 60 / bpm
        at_s += chart.metre.beats_per_bar * 60 / bpm
        if at_s * FRAME_RATE_HZ >= num_frames:
            break
    middle_s = float(np.exp(np.log(period_s).mean()))
    return 60 / middle_s, period_s / middle_s


def with_chart(heard: Heard, chart: Chart) -> Heard:
    """What was heard, with the chart's metre as it is written, and its first downbeat on the nearest beat.

    Raises:
        ConfigError: the first downbeat lies after the recording.
    """
    metre, at_s = chart.metre, chart.first_downbeat_s
    if (metre.count, metre.unit) != heard.time_signature:
        heard = replace(heard, beat_division=metre.beat_division, written_metre=(metre.count, metre.unit))
    if at_s is None or not len(heard.beats_s):
        return heard
    if at_s > heard.beats_s[-1]:
        problem = f"has its first downbeat at {at_s:g} s, after the last beat at {heard.beats_s[-1]:.2f} s"
        raise ConfigError("the chart", problem, "is it of another recording?")
    first = int(np.argmin(np.abs(heard.beats_s - at_s)))
    if first == heard.first_downbeat:
        return heard
    return replace(
        heard,
        bar_starts=(),
        metre_changes=(),
        first_downbeat=first,
        bar_confidence=heard.bar_confidence[:0],
        second_bars=None,
    )


def with_chart_keys(heard: Heard, chart: Chart) -> Heard:
    """What was heard, with the keys of a chart that changes its key, where these are not the heard ones."""
    keys = _keys_of_bars(heard)
    laid = [chart.bars[at % len(chart.bars)].key or keys[at] for at in range(len(keys))]
    if len({bar.key for bar in chart.bars}) == 1 or laid == keys:
        return heard
    starts = [at for at in range(len(laid)) if at == 0 or laid[at] != laid[at - 1]]
    sections = [
        KeySection(start_beat=heard.first_downbeat + at * heard.beats_per_bar if at else 0, key=laid[at])
        for at in starts
    ]
    return replace(heard, key=max(laid, key=laid.count), key_sections=tuple(sections))


def chords_of(chart: Chart, heard: Heard) -> tuple[list[tuple[int, str]], tuple[Diagnostic, ...]]:
    """Lay the bars of a chart on the heard beats, from the first downbeat on.

    A chart that ends earlier begins again. Beats before its pick-up keep what was heard.

    Returns:
        Beats on which a chord begins, and the chords; and what to tell where the chart is shorter or longer than the
        song.

    Raises:
        ConfigError: the chart is so long that it must be of another song.
    """
    per_bar, first = heard.beats_per_bar, heard.first_downbeat
    num_beats = len(heard.beats_s) - first
    num_bars = -(-num_beats // per_bar)
    if len(chart.bars) > LONGEST_RATIO * num_bars + SPARE_BARS:
        raise ConfigError(
            "the chart", f"has {len(chart.bars)} bars, and the recording {num_bars}", "is it of another song?"
        )
    pickup = chart.pickup[-first:] if first else ()
    laid = [*pickup, *(chord for at in range(num_bars) for chord in chart.bars[at % len(chart.bars)].chords)]
    laid = laid[: len(pickup) + num_beats]
    changes = [at for at in range(len(laid)) if at == 0 or laid[at] != laid[at - 1]]
    return [(first - len(pickup) + at, laid[at]) for at in changes], _told(
        len(chart.bars), num_beats // per_bar, num_bars
    )


def energies_of(chart: Chart, heard: Heard) -> FloatArray:
    """How much the band gives on each beat, laid as the chords are; NaN where the chart does not say.  [beats]

    Empty for a chart that says nothing of it.
    """
    if all(bar.energy is None for bar in chart.bars):
        return np.zeros(0, np.float32)
    laid = np.full(len(heard.beats_s), np.nan, np.float32)
    for beat in range(heard.first_downbeat, len(laid)):
        said = chart.bars[(beat - heard.first_downbeat) // heard.beats_per_bar % len(chart.bars)].energy
        laid[beat] = np.nan if said is None else said
    return laid


def _told(written: int, whole: int, begun: int) -> tuple[Diagnostic, ...]:
    """What to tell of a chart of so many bars, where so many are heard whole, or at least begun."""
    if written < whole:
        text = f"the chart has {written} bars and the recording {whole}: it begins again after its end"
        return (Diagnostic(code="chart_repeats", text=text),)
    if written > begun:
        text = f"the recording ends in bar {begun} of the chart, which has {written}"
        return (Diagnostic(code="chart_not_finished", text=text),)
    return ()


def written_bar(chords: Sequence[Chord], key: Key) -> str:
    """A bar of one chord for each beat, in as few symbols as say it."""
    runs = [(chord, len(tuple(same))) for chord, same in groupby(chords)]
    for count in (1, 2):
        share = len(chords) // count
        if len(chords) % count == 0 and all(length % share == 0 for _, length in runs):
            return " ".join(_name(chord, key) for chord, length in runs for _ in range(length // share))
    return " ".join(" ".join([_name(chord, key), *[HOLD] * (length - 1)]) for chord, length in runs)


def _name(chord: Chord, key: Key) -> str:
    return "N" if chord == NO_CHORD else chord.spelled(key)
