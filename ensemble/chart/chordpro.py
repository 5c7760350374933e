"""ChordPro in and out: songs with chords over their words, and grids of bars.

Source: the ChordPro format, version 6, chordpro.org.
"""

from __future__ import annotations

import re

from ensemble.chart.chart import Chart
from ensemble.chart.text import parse_chart, written_bars
from ensemble.chart.transposing import transposed
from ensemble.errors import ConfigError

SUFFIXES = (".cho", ".crd", ".chopro", ".chordpro", ".pro")
DIRECTIVE = re.compile(r"\{\s*([\w-]+)\s*[:\s]?\s*([^{}]*)\}")
_SHORT = {"t": "title", "c": "comment", "sov": "start_of_verse", "soc": "start_of_chorus", "sob": "start_of_bridge",
          "sog": "start_of_grid", "eog": "end_of_grid", "sot": "start_of_tab", "eot": "end_of_tab"}  # fmt: skip
_SETTINGS = {"title": "title", "key": "key", "tempo": "tempo", "time": "metre"}
_INLINE = re.compile(r"\[([^\[\]*][^\[\]]*)\]")
"""A chord over the words; `[*softly]` is a remark."""
_LABEL = re.compile(r'label\s*=\s*"([^"]*)"')
_MARGIN = re.compile(r"^[^|]*?(?=:?\|)|(?<=[|:])(?!\s*x\d+\s*$)[^|:]*$")
"""What a grid has before its first bar line and after its last."""


def is_chordpro(text: str) -> bool:
    """Whether a text has a line that only a ChordPro song has."""
    return any(DIRECTIVE.fullmatch(line.strip()) for line in text.splitlines())


def read_chordpro(text: str, name: str) -> Chart:
    """Read a song; every chord over the words is taken for a bar, a grid is read as it is written.

    Raises:
        ConfigError: a line is wrong; with the line's number.
    """
    lines: list[str] = []
    is_grid, is_tab, capo = False, False, 0
    for number, line in enumerate(text.splitlines(), 1):
        match = DIRECTIVE.fullmatch(line.strip())
        if match is None:
            lines.append("" if is_tab else _grid(line) if is_grid else _bars_over_words(line))
            continue
        directive, value = _SHORT.get(match[1].lower(), match[1].lower()), match[2].strip()
        if directive.endswith("_of_grid"):
            is_grid = directive.startswith("start")
        if directive.endswith("_of_tab"):
            is_tab = directive.startswith("start")
        if directive == "chorus":
            raise ConfigError(f"{name}:{number}", "plays the chorus again", "write its chords there")
        capo = int(value) if directive == "capo" and value.isdigit() else capo
        lines.append(_as_line(directive, value))
    return transposed(parse_chart("\n".join(lines), name), capo)


def write_chordpro(chart: Chart) -> str:
    """The chart as a ChordPro song of grids; a pick-up becomes a comment."""
    names = {written: name for name, written in _SETTINGS.items()}
    lines: list[str] = []
    is_grid = False
    for line in chart.lines:
        if line.bars:
            lines += [] if is_grid else ["{start_of_grid}"]
            lines += [f"{{comment: pick-up {' '.join(line.pickup)}}}"] if line.pickup else []
            lines.append(written_bars(line.bars))
            is_grid = True
        elif line.section or (line.setting is not None and line.setting[0] in names):
            lines += ["{end_of_grid}"] if is_grid else []
            is_grid = bool(line.section)
            if line.section:
                lines.append(f"{{start_of_grid: {line.section}}}")
            elif line.setting is not None:
                lines.append(f"{{{names[line.setting[0]]}: {line.setting[1]}}}")
        if line.comment:
            lines.append(f"{{comment: {line.comment}}}")
    return "\n".join([*lines, *["{end_of_grid}"] * is_grid, ""])


def _as_line(directive: str, value: str) -> str:
    """A directive as a line of a chart; blank where it says nothing of the music, so that lines keep their numbers."""
    if directive in _SETTINGS:
        return f"{_SETTINGS[directive]}: {value}"
    if directive.startswith("start_of_"):
        label = _LABEL.search(value)
        given, kind = label[1] if label else value, directive.removeprefix("start_of_")
        section = given or ("" if kind == "grid" else kind.capitalize())
        return f"[{section}]" if section else ""
    return f"# {value}" if directive == "comment" else ""


def _grid(line: str) -> str:
    return _MARGIN.sub("", line.replace("|.", "|"))


def _bars_over_words(line: str) -> str:
    chords = [] if line.lstrip().startswith("#") else _INLINE.findall(line)
    return f"| {' | '.join(chords)} |" if chords else ""
