"""A chart in another key."""

from __future__ import annotations

import re
from dataclasses import replace

from ensemble.chart.chart import Chart, ChartLine
from ensemble.chart.text import parse_chart, written_line
from ensemble.types.harmony import Key, tone_name
from ensemble.types.names import parse_chord, parse_key

_TONE = re.compile(r"(?:^|(?<=/))[A-G][#b\N{MUSIC SHARP SIGN}\N{MUSIC FLAT SIGN}]{0,2}")
"""The root of a chord, or the tone in its bass."""


def transposed(chart: Chart, semitones: int) -> Chart:
    """Every chord and key so many semitones higher; tones are named as is usual in the new key."""
    if not semitones:
        return chart
    key = None if chart.key is None else transposed_key(chart.key, semitones)
    lines: list[ChartLine] = []
    for line in chart.lines:
        setting = line.setting
        if setting is not None and setting[0] == "key":
            key = transposed_key(parse_key(setting[1]), semitones)
            setting = ("key", str(key))
        bars = tuple(replace(bar, symbols=transposed_symbols(bar.symbols, semitones, key)) for bar in line.bars)
        lines.append(replace(line, setting=setting, pickup=transposed_symbols(line.pickup, semitones, key), bars=bars))
    return parse_chart("\n".join(map(written_line, lines)))


def transposed_key(key: Key, semitones: int) -> Key:
    """A key so many semitones higher."""
    return replace(key, tonic=(key.tonic + semitones) % 12)


def transposed_symbols(symbols: tuple[str, ...], semitones: int, key: Key | None) -> tuple[str, ...]:
    """Chords so many semitones higher; signs stay. Tones are named as is usual in the new key."""

    def moved(tone: re.Match[str]) -> str:
        return tone_name((parse_chord(tone[0]).root + semitones) % 12, key)

    return tuple(_TONE.sub(moved, symbol) for symbol in symbols)
