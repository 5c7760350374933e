"""Changes to a chart's text, one bar or one line at a time: everything else stays as it was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ensemble.chart.chart import HOLD, SAME_BAR, Chart, ChartBar, ChartLine, unrolled
from ensemble.chart.text import parse_chart, write_chart
from ensemble.errors import ConfigError


def with_bar(chart: Chart, number: int, symbols: Sequence[str]) -> Chart:
    """The chart with other chords in one bar; in a repeat, in each of its passes.

    Args:
        chart: as it was.
        number: of the bar as it is played, from 1 on.
        symbols: as `ChartBar` has them.

    Raises:
        ConfigError: there is no such bar, or the symbols do not fit.
    """
    bars, at = _bars(chart), _written(chart, number)
    before = at
    while before and bars[before].symbols == (SAME_BAR,):
        before -= 1
    following = bars[at + 1] if at + 1 < len(bars) else None
    if following is not None and following.symbols == (SAME_BAR,):
        bars[at + 1] = replace(following, symbols=bars[before].symbols)
    elif following is not None and following.symbols[0] == HOLD:
        held = chart.bars[number - 1].chords[-1]
        bars[at + 1] = replace(following, symbols=(held, *following.symbols[1:]))
    bars[at] = replace(bars[at], symbols=tuple(symbols))
    return _with_lines(chart, _with_bars(chart, bars))


def with_chord(chart: Chart, number: int, beat: int, chord: str) -> Chart:
    """The chart with another chord from a beat of a bar, counted from 1, to the next change in that bar.

    Raises:
        ConfigError: there is no such beat, or no such chord.
    """
    _written(chart, number)
    chords = [*chart.bars[number - 1].chords]
    if not 1 <= beat <= len(chords):
        raise ConfigError(f"bar {number}", f"has no beat {beat}", f"its beats are 1 to {len(chords)}")
    was, at = chords[beat - 1], beat - 1
    while at < len(chords) and chords[at] == was:
        chords[at] = chord
        at += 1
    changes = [name if at == 0 or name != chords[at - 1] else HOLD for at, name in enumerate(chords)]
    return with_bar(chart, number, changes if len({*chords}) > 1 else chords[:1])


def with_section(chart: Chart, number: int, name: str) -> Chart:
    """The chart with a section that begins with a bar; an empty name takes one away.

    Raises:
        ConfigError: there is no such bar.
    """
    lines, at = _split(chart, number)
    start = _head(lines, at)
    kept = [line for line in lines[start:at] if not line.section]
    return _with_lines(chart, [*lines[:start], *([ChartLine(section=name)] if name else []), *kept, *lines[at:]])


def with_energy(chart: Chart, number: int, energy: float) -> Chart:
    """The chart with another energy, 0 to 1, of the section that a bar lies in.

    Raises:
        ConfigError: there is no such bar.
    """
    lines, at = _split(chart, number)
    first_bars = next(index for index, line in enumerate(lines) if line.bars)
    sections = [index for index, line in enumerate(lines[:at]) if line.section]
    start = sections[-1] + 1 if sections else _head(lines, first_bars)
    stop = next((index for index in range(at, len(lines)) if lines[index].section), len(lines))
    kept = [line for line in lines[start:stop] if line.setting is None or line.setting[0] != "energy"]
    said = ChartLine(setting=("energy", f"{energy:g}"))
    return _with_lines(chart, [*lines[:start], said, *kept, *lines[stop:]])


def with_setting(chart: Chart, name: str, value: str) -> Chart:
    """The chart with another value of a setting that stands above its bars.

    Raises:
        ConfigError: the value is none.
    """
    lines = list(chart.lines)
    first_bars = next(index for index, line in enumerate(lines) if line.bars)
    said = ChartLine(setting=(name, value))
    found = next((at for at, line in enumerate(lines[:first_bars]) if line.setting and line.setting[0] == name), None)
    if found is None:
        lines.insert(0, said)
    else:
        lines[found] = replace(said, comment=lines[found].comment)
    return _with_lines(chart, lines)


def _bars(chart: Chart) -> list[ChartBar]:
    return [bar for line in chart.lines for bar in line.bars]


def _written(chart: Chart, number: int) -> int:
    """Where a bar that is played is written: its index among the bars of all lines."""
    if not 1 <= number <= len(chart.bars):
        raise ConfigError(f"bar {number}", "is not in the chart", f"its bars are 1 to {len(chart.bars)}")
    bars = _bars(chart)
    return [*unrolled(bars, [""] * len(bars))][number - 1]


def _with_bars(chart: Chart, bars: Sequence[ChartBar]) -> list[ChartLine]:
    """The lines of a chart with other bars, of the same number."""
    rest = iter(bars)
    return [replace(line, bars=tuple(next(rest) for _ in line.bars)) for line in chart.lines]


def _split(chart: Chart, number: int) -> tuple[list[ChartLine], int]:
    """The lines, such that one begins with a bar, and the index of that line."""
    lines, before = list(chart.lines), _written(chart, number)
    for index, line in enumerate(lines):
        if before < len(line.bars):
            if before:
                first, rest = replace(line, bars=line.bars[:before], comment=""), line.bars[before:]
                lines[index : index + 1] = [first, replace(line, bars=rest, pickup=())]
            return lines, index + (before > 0)
        before -= len(line.bars)
    raise AssertionError("a bar that is written stands in a line")


def _head(lines: Sequence[ChartLine], at: int) -> int:
    """Where what stands directly above a line of bars begins: its section and energy, without blank lines."""
    start = at
    while start and (lines[start - 1].section or (lines[start - 1].setting or ("",))[0] == "energy"):
        start -= 1
    return start


def _with_lines(chart: Chart, lines: Sequence[ChartLine]) -> Chart:
    """The chart with other lines, checked."""
    return parse_chart(write_chart(replace(chart, lines=tuple(lines))))
